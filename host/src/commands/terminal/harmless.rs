//! Output on which no terminal acts, whatever strangers have written into it.
//!
//! What is harmful is written as JSON writes it, `\u009b`. JSON holds such characters only inside of strings, where that
//! means the same: programs read what they would have read without it.

use std::io::{self, Write};
use std::str;

use fanfold::diagnostic::is_harmful;

/// Writes text with harmful characters escaped; line ends and tabs are kept.
pub(super) struct Harmless<W> {
    out: W,
    /// The first bytes of a character whose others have not been written yet.
    begun: Vec<u8>,
}

impl<W: Write> Harmless<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }

    fn write_text(&mut self, text: &str) -> io::Result<()> {
        for piece in text.split_inclusive(is_escaped) {
            match piece.chars().next_back().filter(|it| is_escaped(*it)) {
                Some(harmful) => {
                    self.out.write_all(&piece.as_bytes()[..piece.len() - harmful.len_utf8()])?;
                    write!(self.out, "\\u{:04x}", u32::from(harmful))?;
                }
                None => self.out.write_all(piece.as_bytes())?,
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let joined = [&std::mem::take(&mut self.begun)[..], bytes].concat();
        for chunk in joined.utf8_chunks() {
            self.write_text(chunk.valid())?;
            // What is no text is left out, unless it is the end and may become some.
            let may_go_on = str::from_utf8(chunk.invalid()).is_err_and(|error| error.error_len().is_none());
            self.begun = if may_go_on { chunk.invalid().to_vec() } else { Vec::new() };
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn is_escaped(it: char) -> bool {
    is_harmful(it) && !matches!(it, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pieces: &[&[u8]]) -> String {
        let mut out = Harmless::new(Vec::new());
        for piece in pieces {
            out.write_all(piece).unwrap();
        }
        String::from_utf8(out.out).unwrap()
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped_and_means_the_same() {
        let text = "{\"a\": \"\u{9b}31m \u{7f} \u{202e} \u{e9} \u{1f980}\"}\n\t";
        let shown = written(&[text.as_bytes()]);
        assert_eq!(shown, "{\"a\": \"\\u009b31m \\u007f \\u202e \u{e9} \u{1f980}\"}\n\t");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(text));
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(written(&bytes), shown, "in any pieces");
        assert_eq!(written(&[b"\x1b[2J\r"]), "\\u001b[2J\\u000d");
    }

    #[test]
    fn what_is_no_text_is_left_out() {
        assert_eq!(written(&[b"a\xffb\xe2\x82c\xe2\x82"]), "abc");
    }
}
