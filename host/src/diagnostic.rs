//! What went wrong, for the person who can do something about it: what, where, why, what next.
//!
//! One form for everything that people write (pipelines, settings, run configs, arguments), so that every message looks
//! the same. Text that strangers wrote is shown with its control characters escaped.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One problem. Displays as several lines, without a newline at the end:
///
/// ```text
/// error: plugin `files` has no solid `process_fle`
///   --> process_directory.star:1:44
///    |
///  1 | load("plugin:files", "files_in_directory", "process_fle")
///    |                                            ^^^^^^^^^^^^^
/// hint: did you mean `process_file`?
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// What is wrong: one sentence, names in backticks, without a final period.
    pub message: String,
    /// Where.
    pub place: Option<Box<Place>>,
    /// Why, from the nearest cause to the deepest.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A place in a text file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file, as the person named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// The line's text and how many characters of it are meant; none if only the place is known.
    pub excerpt: Option<(String, usize)>,
}

/// The longest line that is shown, in characters: generated files have lines of megabytes.
const MAX_EXCERPT: usize = 200;

impl Diagnostic {
    /// A problem without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, causes: Vec::new(), hint: None }
    }

    /// A problem that another error caused: its message and those beneath it.
    pub fn caused_by(message: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let chain = std::iter::successors(Some(error), |error| error.source());
        Self { causes: chain.map(ToString::to_string).collect(), ..Self::new(message) }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(Box::new(place)), ..self }
    }

    /// The same with what to do about it, where something is known.
    #[must_use]
    pub fn hint(self, hint: impl Into<Option<String>>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    /// The same with the nearest known word as its hint, else the known words themselves.
    #[must_use]
    pub fn did_you_mean<'a>(self, wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        self.hint(did_you_mean(wanted, &known))
    }
}

impl Place {
    /// The place of the bytes `start..end` of `text`, which is the file's content. Offsets beyond it mean its end.
    pub fn of_bytes(file: impl Into<String>, text: &str, start: usize, end: usize) -> Self {
        let start = text.floor_char_boundary(start);
        let end = text.floor_char_boundary(end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        let width = text[start..end.min(line_end).max(start)].chars().count().max(1);
        Self {
            file: file.into(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            excerpt: Some((text[line_start..line_end].trim_end_matches('\r').to_owned(), width)),
        }
    }
}

/// A hint: the nearest known word, else the known words themselves; none if there are none.
pub fn did_you_mean(wanted: &str, known: &[&str]) -> Option<String> {
    const MAX_LISTED: usize = 12;
    if let Some(near) = fanfold_graph::name::nearest(wanted, known.iter().copied()) {
        return Some(format!("did you mean `{}`?", printable(near)));
    }
    let mut listed: Vec<String> =
        known.iter().take(MAX_LISTED).map(|word| format!("`{}`", printable(word))).collect();
    if known.len() > MAX_LISTED {
        listed.push(format!("{} more", known.len() - MAX_LISTED));
    }
    (!listed.is_empty()).then(|| format!("there is {}", listed.join(", ")))
}

/// A number of bytes as people read it: `96 MiB`, `1.5 KiB`, `12 bytes`.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, size)) = UNITS.into_iter().find(|(_, size)| bytes >= *size) else {
        return format!("{bytes} bytes");
    };
    if bytes.is_multiple_of(size) {
        return format!("{} {unit}", bytes / size);
    }
    let tenths = bytes / (size / 10).max(1);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Whether a terminal would act on a character instead of showing it: control characters, and what reorders text.
pub fn is_harmful(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A stranger's text, safe to print on a terminal: what is [harmful](is_harmful) is escaped.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for it in text.chars() {
        if is_harmful(it) { shown.extend(it.escape_default()) } else { shown.push(it) }
    }
    shown
}

/// [`printable`] that keeps line breaks.
fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable_lines(&self.message))?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
            if let Some((text, width)) = &place.excerpt {
                write_excerpt(f, place, text, *width)?;
            }
        }
        for cause in &self.causes {
            write!(f, "\n  caused by: {}", printable_lines(cause))?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {}", printable_lines(hint)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", printable(&self.file), self.line, self.column)
    }
}

fn write_excerpt(f: &mut fmt::Formatter<'_>, place: &Place, text: &str, width: usize) -> fmt::Result {
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    // Of a long line, the part around what is meant.
    let skipped = (place.column - 1).saturating_sub(MAX_EXCERPT / 2);
    let shown: Vec<char> = text.chars().skip(skipped).take(MAX_EXCERPT).collect();
    let before = (place.column - 1 - skipped).min(shown.len());
    let width = width.clamp(1, (shown.len() - before).max(1));
    let printed = |part: &[char]| printable(&part.iter().collect::<String>().replace('\t', " "));
    let (line, indent) = (printed(&shown), " ".repeat(printed(&shown[..before]).chars().count()));
    write!(f, "\n {margin} |\n {number} | {line}\n {margin} | {indent}{}", "^".repeat(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_well() {
        assert_eq!(bytes_text(12), "12 bytes");
        assert_eq!(bytes_text(1536), "1.5 KiB");
        assert_eq!(bytes_text(96 << 20), "96 MiB");
        assert_eq!(bytes_text((64 << 20) + 1), "64.0 MiB");
    }

    #[test]
    fn a_problem_shows_its_place_and_the_nearest_word() {
        let text = "load(\"plugin:files\", \"process_fle\")\n";
        let start = text.find("\"process_fle").unwrap();
        let place = Place::of_bytes("a.star", text, start, start + 13);
        let problem = Diagnostic::new("plugin `files` has no solid `process_fle`")
            .at(place)
            .did_you_mean("process_fle", ["process_file", "summarize"]);
        assert_eq!(
            problem.to_string(),
            "error: plugin `files` has no solid `process_fle`\n  --> a.star:1:22\n   |\n 1 | load(\"plugin:files\", \"process_fle\")\n   |                      ^^^^^^^^^^^^^\nhint: did you mean `process_file`?"
        );
    }

    #[test]
    fn hostile_text_is_shown_and_not_obeyed() {
        let text = format!("{}\u{1b}[2J\u{202e}\tx", "y".repeat(5000));
        let place = Place::of_bytes("\u{7}.star", &text, 5006, 9000);
        let shown = Diagnostic::new("a\u{1b}b").at(place).to_string();
        assert!(shown.chars().all(|it| it == '\n' || !it.is_control()), "{shown:?}");
        assert!(shown.len() < 1000, "{shown}");
        assert!(!shown.contains('\u{202e}'));
    }

    #[test]
    fn places_beyond_the_end_are_the_end() {
        let place = Place::of_bytes("a", "one\ntwö", 99, 120);
        assert_eq!((place.line, place.column), (2, 4));
        assert_eq!(Place::of_bytes("a", "", 0, 0).line, 1);
        _ = Diagnostic::new("x").at(place).to_string();
    }

    #[test]
    fn causes_are_told_from_near_to_deep() {
        let io = std::io::Error::other("disk full");
        let told = Diagnostic::caused_by("cannot write the log", &io).to_string();
        assert_eq!(told, "error: cannot write the log\n  caused by: disk full");
    }
}
