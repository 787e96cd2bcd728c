//! YAML 1.2 with the place of every value and key, as far as it means JSON.
//!
//! Deliberately absent: tags, anchors and aliases (a short text could mean a huge value), merge keys, several documents
//! in one text, keys that are no texts, infinite numbers. Plain words have the types of YAML's core schema, in which
//! `no` is a text.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::Value as Json;

use super::json::given_twice;
use super::number;
use super::tree::{Content, Entry, Node, Origin, TextId};
use crate::diagnostic::Diagnostic;
use crate::findings::Findings;
use crate::source_text::SourceText;

/// How deep lists and maps may nest, each in block and in flow style.
const MAX_DEPTH: usize = 60;

/// Reads the one document that `source` holds; none is null.
pub(super) fn parse(source: &SourceText, text: TextId) -> Result<Node, Vec<Diagnostic>> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let events = Parser::new_from_str_with_options(&source.text, options);
    let mut reader = Reader { source, text, events, findings: Findings::default() };
    let document = reader.document().unwrap_or_else(|Stopped(problem)| {
        reader.findings.add(|| problem);
        None
    });
    let null = Node { origin: None, content: Content::Scalar(Json::Null) };
    reader.findings.into_result(document.unwrap_or(null))
}

/// Why reading cannot go on.
struct Stopped(Diagnostic);

struct Reader<'a> {
    source: &'a SourceText,
    text: TextId,
    events: Parser<'a, StrInput<'a>>,
    findings: Findings,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Option<Node>, Stopped> {
        let mut document = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) if document.is_some() => {
                    return Err(self.stopped("a second document starts here", &span));
                }
                Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => document = Some(self.node(event, &span)?),
            }
        }
        Ok(document)
    }

    fn node(&mut self, event: Event<'a>, span: &Span) -> Result<Node, Stopped> {
        self.check_properties(&event, span);
        let content = match event {
            Event::Scalar(text, style, ..) => self.scalar(&text, style, span),
            Event::SequenceStart(..) => self.list()?,
            Event::MappingStart(..) => self.map()?,
            _ => Content::Scalar(Json::Null),
        };
        Ok(Node { origin: Some(self.origin(span)), content })
    }

    fn check_properties(&mut self, event: &Event<'_>, span: &Span) {
        if event.is_alias() {
            self.note("aliases are not taken", span, "write the value here once more");
        }
        if event.anchor_id().is_some() {
            self.note("anchors are not taken", span, "write the value wherever it is wanted");
        }
        if event.tag().is_some() {
            self.note("tags are not taken", span, "a text stands in quotes, other values as they are");
        }
    }

    fn list(&mut self) -> Result<Content, Stopped> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, &span)?);
        }
        Ok(Content::List(items))
    }

    fn map(&mut self) -> Result<Content, Stopped> {
        let mut entries = BTreeMap::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let name = self.node(event, &span)?;
            let Some((event, value_span)) = self.next()? else { break };
            let node = self.node(event, &value_span)?;
            let Content::Scalar(Json::String(name)) = name.content else {
                let problem = format!("a key is a text, this one is {}", name.kind());
                self.note(&problem, &span, "put it in quotes");
                continue;
            };
            match entries.entry(name) {
                Slot::Vacant(slot) => _ = slot.insert(Entry { key: Some(self.origin(&span)), node }),
                Slot::Occupied(first) => {
                    let range = self.origin(&span).range;
                    self.findings.add(|| given_twice(self.source, &range, &first));
                }
            }
        }
        Ok(Content::Map(entries))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: &Span) -> Content {
        if style != ScalarStyle::Plain {
            return Content::Scalar(Json::String(text.to_owned()));
        }
        Content::Scalar(plain(text).unwrap_or_else(|problem| {
            self.note(problem, span, "a text stands in quotes");
            Json::Null
        }))
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Stopped> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(self.source.text.len());
                let problem = format!("this is no YAML: {}", error.info());
                Err(Stopped(Diagnostic::new(problem).at(self.source.place(&(at..at + 1)))))
            }
        }
    }

    fn origin(&self, span: &Span) -> Origin {
        Origin { text: self.text, range: range(span) }
    }

    fn note(&mut self, problem: &str, span: &Span, hint: &str) {
        let source = self.source;
        self.findings.add(|| Diagnostic::new(problem).at(source.place(&range(span))).hint(hint.to_owned()));
    }

    fn stopped(&self, problem: &str, span: &Span) -> Stopped {
        Stopped(Diagnostic::new(problem).at(self.source.place(&range(span))))
    }
}

fn range(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or_default()
}

/// What a plain word means in YAML's core schema.
fn plain(text: &str) -> Result<Json, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Json::Null),
        "true" | "True" | "TRUE" => return Ok(Json::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Json::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err("a value cannot be no number"),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err("a number cannot be infinite");
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return u64::from_str_radix(digits, radix).map(Json::from).map_err(|_| number::TOO_MANY_DIGITS);
        }
    }
    if is_decimal(unsigned) { number::parse(text) } else { Ok(Json::String(text.to_owned())) }
}

/// `3`, `3.`, `.5`, `3.5e-7`.
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole)
        && is_digits(fraction)
        && is_digits(exponent)
        && !(whole.is_empty() && fraction.is_empty())
        && !exponent.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Json, Vec<String>> {
        let source = SourceText { name: "a.yaml".into(), text: text.into() };
        let found = parse(&source, TextId(0)).map(|node| node.to_json());
        found.map_err(|found| found.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn words_have_the_types_of_the_core_schema() {
        let cases = [
            ("", json!(null)),
            ("# nothing", json!(null)),
            ("~", json!(null)),
            ("[no, yes, on, y]", json!(["no", "yes", "on", "y"])),
            ("[true, False, 'true']", json!([true, false, "true"])),
            ("[12, -12, +12, 012, 0x1F, 0o17]", json!([12, -12, 12, 12, 31, 15])),
            ("[18446744073709551615, -9223372036854775808]", json!([u64::MAX, i64::MIN])),
            ("[1.5, .5, 3., 1e3, -2.5E-1]", json!([1.5, 0.5, 3.0, 1000.0, -0.25])),
            ("[1_000, 1.2.3, 0x, e3, '.', 12:30]", json!(["1_000", "1.2.3", "0x", "e3", ".", "12:30"])),
            ("2024-01-01", json!("2024-01-01")),
            ("a: |\n  x\n  y\nb: >-\n  x\n  y", json!({"a": "x\ny\n", "b": "x y"})),
            ("'<<': 1", json!({"<<": 1})),
            (r#"{"a": [1, {"b": null}]}"#, json!({"a": [1, {"b": null}]})),
        ];
        for (text, value) in cases {
            assert_eq!(read(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_not_taken_is_named() {
        let cases = [
            ("a: &x 1", "anchors are not taken"),
            ("a: !!str 1", "tags are not taken"),
            ("a: !x {}", "tags are not taken"),
            ("1: a", "a key is a text, this one is a number"),
            ("[a]: b", "a key is a text, this one is a list"),
            ("~: b", "a key is a text, this one is null"),
            ("a: 1\nb: 2\na: 3", "`a` is given twice, first at a.yaml:1:1"),
            ("a\n---\nb", "a second document starts here"),
            ("[.inf]", "a number cannot be infinite"),
            ("[-.INF]", "a number cannot be infinite"),
            (".nan", "a value cannot be no number"),
            ("18446744073709551616", number::TOO_MANY_DIGITS),
            ("0x10000000000000000", number::TOO_MANY_DIGITS),
            ("1e999", "the number is too large"),
        ];
        for (text, problem) in cases {
            assert_eq!(read(text), Err(vec![problem.to_owned()]), "{text}");
        }
        assert_eq!(read("a: &x 1\nb: *x").unwrap_err().len(), 2);
        assert!(read("a: [").unwrap_err()[0].starts_with("this is no YAML: "));
    }

    #[test]
    fn hostile_texts_end() {
        let laughs = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n".to_owned();
        let many_keys = (0..50_000).map(|number| format!("k{number}: [\n]\n")).collect::<Vec<_>>().concat();
        assert!(read(&laughs).is_err());
        assert!(read(&many_keys).is_ok());
        for deep in ["[", "{a: ", "- ", "? ", "a: [", "[?", "{{", "- - [["] {
            assert!(read(&deep.repeat(100_000)).is_err(), "{deep}");
        }
        let indented =
            (0..500).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<Vec<_>>().concat();
        assert!(read(&indented).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"(\PC|[\[\]{}:,"'\\&*!|>%@`#~?\- \n\t]){0,64}"#) {
            _ = read(&text);
        }

        #[test]
        fn json_is_yaml(value in any_json()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(read(&text), Ok(value));
        }
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[a-z0-9 :#'\\-\\n]{0,8}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                    .prop_map(|entries| Json::Object(entries.into_iter().collect())),
            ]
        })
    }
}
