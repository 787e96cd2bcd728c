//! What is wrong with a text that a person wrote: all of it, each problem at its place, up to a bound.
//!
//! Invariant: however hostile a text is, what is found in it stays readable and cheap to say.

use fanfold_graph::name::nearest;

use crate::diagnostic::Diagnostic;

/// Problems that are told; the others are counted.
const MAX_FOUND: usize = 50;
/// Words that a hint lists.
const MAX_LISTED: usize = 16;

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: Vec<Diagnostic>,
    more: usize,
}

impl Findings {
    /// Notes a problem. It is put into words only if it will be told.
    pub(crate) fn add(&mut self, problem: impl FnOnce() -> Diagnostic) {
        if self.found.len() < MAX_FOUND { self.found.push(problem()) } else { self.more += 1 }
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `value` if there were no problems; else these, in the order of their places, those without one last.
    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Vec<Diagnostic>> {
        let Self { mut found, more } = self;
        if found.is_empty() {
            return Ok(value);
        }
        found.sort_by(|left, right| key(left).cmp(&key(right)));
        if more > 0 {
            found.push(Diagnostic::new(format!("there are {more} more problems like these")));
        }
        Err(found)
    }
}

fn key(problem: &Diagnostic) -> (bool, Option<(&str, usize, usize)>) {
    let place = problem.place.as_ref().map(|place| (place.file.as_str(), place.line, place.column));
    (place.is_none(), place)
}

/// A hint for an unknown key: the nearest known one, and all that there are.
pub(crate) fn keys_hint(wanted: &str, known: &[&str]) -> Option<String> {
    if known.is_empty() {
        return None;
    }
    let mut keys = known.iter().copied().take(MAX_LISTED).collect::<Vec<_>>().join(", ");
    if known.len() > MAX_LISTED {
        keys = format!("{keys} and {} more", known.len() - MAX_LISTED);
    }
    Some(match nearest(wanted, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? keys: {keys}"),
        None => format!("keys: {keys}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source_text::SourceText;

    #[test]
    fn problems_are_bounded_and_in_the_order_of_the_text() {
        let source = SourceText { name: "a.toml".into(), text: "x\ny\n".into() };
        let mut findings = Findings::default();
        findings.add(|| Diagnostic::new("somewhere"));
        findings.add(|| Diagnostic::new("second").at(source.place(&(2..3))));
        findings.add(|| Diagnostic::new("first").at(source.place(&(0..1))));
        for _ in 0..100 {
            findings.add(|| Diagnostic::new("again").at(source.place(&(2..3))));
        }
        let found = findings.into_result(()).unwrap_err();
        assert_eq!([&*found[0].message, &*found[1].message], ["first", "second"]);
        assert_eq!(found[49].message, "somewhere");
        assert_eq!(found.last().unwrap().message, "there are 53 more problems like these");
        assert_eq!(Findings::default().into_result(3), Ok(3));
    }

    #[test]
    fn a_hint_lists_a_bounded_number_of_keys() {
        assert_eq!(keys_hint("fial", &["fail"]).unwrap(), "did you mean `fail`? keys: fail");
        assert_eq!(keys_hint("x", &["fail", "num"]).unwrap(), "keys: fail, num");
        assert_eq!(keys_hint("x", &[]), None);
        let many: Vec<String> = (0..20).map(|number| format!("key_{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let hint = keys_hint("x", &many).unwrap();
        assert!(hint.ends_with("key_15 and 4 more"), "{hint}");
    }
}
