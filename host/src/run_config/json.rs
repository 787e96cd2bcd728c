//! JSON with the place of every value and key. Strict: what other readers of JSON refuse is refused here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Range;

use serde_json::Value as Json;

use super::number;
use super::tree::{Content, Entry, Node, Origin, TextId};
use crate::diagnostic::Diagnostic;
use crate::source_text::SourceText;

/// How deep values may nest.
const MAX_DEPTH: usize = 127;

/// Reads the one value that `source` holds from the byte `start` on.
pub(super) fn parse(source: &SourceText, text: TextId, start: usize) -> Result<Node, Diagnostic> {
    let mut parser = Parser { source, text, at: start, depth: 0 };
    let node = parser.value()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.unexpected("the end")),
    }
}

struct Parser<'a> {
    source: &'a SourceText,
    text: TextId,
    at: usize,
    depth: usize,
}

type Parsed<T> = Result<T, Diagnostic>;

impl Parser<'_> {
    fn value(&mut self) -> Parsed<Node> {
        if self.depth == MAX_DEPTH {
            return Err(self.problem("this nests too deep", self.at..self.at + 1));
        }
        self.depth += 1;
        let (first, start) = (self.peek(), self.at);
        let content = match first {
            Some(b'{') => self.map()?,
            Some(b'[') => self.list()?,
            Some(b'"') => Content::Scalar(Json::String(self.string()?)),
            _ => Content::Scalar(self.word()?),
        };
        self.depth -= 1;
        Ok(Node { origin: Some(self.origin(start)), content })
    }

    fn map(&mut self) -> Parsed<Content> {
        let mut entries = BTreeMap::new();
        self.at += 1;
        if self.takes(b'}') {
            return Ok(Content::Map(entries));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let start = self.at;
            let name = self.string()?;
            let key = self.origin(start);
            if !self.takes(b':') {
                return Err(self.unexpected("`:`"));
            }
            let node = self.value()?;
            match entries.entry(name) {
                Slot::Vacant(slot) => _ = slot.insert(Entry { key: Some(key), node }),
                Slot::Occupied(first) => return Err(given_twice(self.source, &key.range, &first)),
            }
            if self.takes(b'}') {
                return Ok(Content::Map(entries));
            }
            if !self.takes(b',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    fn list(&mut self) -> Parsed<Content> {
        let mut items = Vec::new();
        self.at += 1;
        if self.takes(b']') {
            return Ok(Content::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.takes(b']') {
                return Ok(Content::List(items));
            }
            if !self.takes(b',') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn string(&mut self) -> Parsed<String> {
        let start = self.at;
        let mut is_escaped = false;
        let inside = self.rest()[1..].iter().position(|byte| {
            let ends = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            ends
        });
        let Some(inside) = inside else {
            return Err(self.problem("this text has no closing quote", start..start + 1));
        };
        self.at += inside + 2;
        let range = start..self.at;
        serde_json::from_str(&self.source.text[range.clone()]).map_err(|_| {
            let hint =
                "escape it: control characters as `\\n` or `\\u0007`, a backslash as `\\\\`".to_owned();
            self.problem("this text has a character or an escape that JSON does not have", range).hint(hint)
        })
    }

    /// A number or one of the words `true`, `false` and `null`.
    fn word(&mut self) -> Parsed<Json> {
        let start = self.at;
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:[]{}\"".contains(byte);
        let length = self.rest().iter().position(ends).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.unexpected("a value"));
        }
        self.at += length;
        let (range, word) = (start..self.at, &self.source.text[start..self.at]);
        match serde_json::from_str(word) {
            Ok(Json::Number(_)) => number::parse(word).map_err(|problem| self.problem(problem, range)),
            Ok(value) => Ok(value),
            Err(_) => {
                let hint = "a text stands in double quotes".to_owned();
                Err(self.problem("this is no JSON value", range).hint(hint))
            }
        }
    }

    fn takes(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// The next byte that is no white space, if any.
    fn peek(&mut self) -> Option<u8> {
        let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.rest().iter().take_while(is_space).count();
        self.rest().first().copied()
    }

    fn rest(&self) -> &[u8] {
        &self.source.text.as_bytes()[self.at..]
    }

    fn origin(&self, start: usize) -> Origin {
        Origin { text: self.text, range: start..self.at }
    }

    fn unexpected(&self, expected: &str) -> Diagnostic {
        self.problem(&format!("expected {expected} here"), self.at..self.at + 1)
    }

    fn problem(&self, problem: &str, range: Range<usize>) -> Diagnostic {
        Diagnostic::new(problem).at(self.source.place(&range))
    }
}

/// A key that is given a second time in one map.
pub(super) fn given_twice(
    source: &SourceText,
    range: &Range<usize>,
    first: &std::collections::btree_map::OccupiedEntry<'_, String, Entry>,
) -> Diagnostic {
    let earlier = first.get().key.as_ref().map(|origin| source.place(&origin.range));
    let earlier = earlier.map_or_else(String::new, |place| format!(", first at {place}"));
    Diagnostic::new(format!("`{}` is given twice{earlier}", first.key())).at(source.place(range))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Json, String> {
        let source = SourceText { name: "a.json".into(), text: text.into() };
        parse(&source, TextId(0), 0).map(|node| node.to_json()).map_err(|problem| problem.message)
    }

    #[test]
    fn what_is_no_json_is_named() {
        let cases = [
            ("", "expected a value here"),
            ("{a: 1}", "expected a key in double quotes here"),
            ("{\"a\" 1}", "expected `:` here"),
            ("{\"a\": 1,}", "expected a key in double quotes here"),
            ("{\"a\": 1 \"b\"", "expected `,` or `}` here"),
            ("[1 2]", "expected `,` or `]` here"),
            ("[1,]", "expected a value here"),
            ("1 2", "expected the end here"),
            ("\"a", "this text has no closing quote"),
            ("\"\\x\"", "this text has a character or an escape that JSON does not have"),
            ("nul", "this is no JSON value"),
            ("NaN", "this is no JSON value"),
            ("[-1e999]", "the number is too large"),
            ("18446744073709551616", "the number has more digits than fit in 64 bits"),
            ("{\"a\": 1, \"a\": 2}", "`a` is given twice, first at a.json:1:2"),
        ];
        for (text, problem) in cases {
            assert_eq!(read(text).unwrap_err(), problem, "{text}");
        }
        assert!(read(&"[".repeat(1 << 20)).unwrap_err().contains("too deep"));
    }

    /// Numbers as what they mean: `1e1` and `10` are one.
    fn normal(value: Json) -> Json {
        match value {
            Json::Number(number) => Json::from(format!("number {:e}", number.as_f64().unwrap() + 0.0)),
            Json::Array(items) => items.into_iter().map(normal).collect(),
            Json::Object(entries) => entries.into_iter().map(|(key, value)| (key, normal(value))).collect(),
            other => other,
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_reads(text in r#"[\[\]{}:,"\\ a-cu0-2.eE+\-\n]{0,24}|(\[|\{"a":|1|"é\\n"|,|\]|\}|true| ){0,12}"#) {
            match (read(&text), serde_json::from_str::<Json>(&text)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(normal(ours), normal(theirs)),
                (Err(_), Err(_)) => {}
                (Err(problem), Ok(_)) => prop_assert!(
                    ["given twice", "digits", "too large"].iter().any(|it| problem.contains(it)), "{}", problem
                ),
                (Ok(_), Err(error)) => prop_assert!(false, "{} is refused by serde: {}", text, error),
            }
        }
    }
}
