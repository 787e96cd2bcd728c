//! One `--set solids.NAME.config.KEY=JSON`.
//!
//! Both a solid's name and the keys of its config are separated by dots, so where the name ends is known only beside a
//! pipeline. A key that has a dot itself cannot be written; `solids.NAME.config={"a.b": 1}` can.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value as Json;

use super::json;
use super::tree::{Content, Entry, Node, Origin, TextId};
use crate::diagnostic::Diagnostic;
use crate::source_text::SourceText;

/// A value and the dotted path that it is given for.
#[derive(Debug, Clone)]
pub(super) struct Assignment {
    text: TextId,
    path: Vec<(String, Range<usize>)>,
    value: Node,
}

impl Assignment {
    /// Reads `PATH=VALUE`. The value is JSON, or a word that stands for itself.
    pub(super) fn parse(source: &SourceText, text: TextId) -> Result<Self, Diagnostic> {
        let Some(equals) = source.text.find('=') else {
            let problem = Diagnostic::new("expected `PATH=VALUE`").at(source.place(&(0..source.text.len())));
            return Err(problem.hint("as in `--set solids.NAME.config.KEY=VALUE`".to_owned()));
        };
        let mut path = Vec::new();
        let mut start = 0;
        for part in source.text[..equals].split('.') {
            let range = start..start + part.len();
            if part.is_empty() {
                return Err(Diagnostic::new("a part of the path is empty").at(source.place(&range)));
            }
            path.push((part.to_owned(), range.clone()));
            start = range.end + 1;
        }
        let value = value(source, text, equals + 1)?;
        Ok(Self { text, path, value })
    }

    /// The assignment as the mapping that a file would have for it. `solids` are the names in the pipeline.
    pub(super) fn into_tree(mut self, solids: &BTreeSet<&str>) -> Node {
        self.join_solid_name(solids);
        let mut node = self.value;
        for (key, range) in self.path.into_iter().rev() {
            let origin = Some(Origin { text: self.text, range });
            let entries = BTreeMap::from([(key, Entry { key: origin.clone(), node })]);
            node = Node { origin, content: Content::Map(entries) };
        }
        node
    }

    /// Makes one part of the solid's name: of the longest name that is known, else of all before `config` or `inputs`.
    fn join_solid_name(&mut self, solids: &BTreeSet<&str>) {
        let ends = |end: &usize| matches!(self.path.get(*end), Some((part, _)) if part == "config" || part == "inputs");
        let candidates: Vec<usize> = (2..self.path.len()).filter(ends).collect();
        let name = |end: usize| {
            let parts: Vec<&str> = self.path[1..end].iter().map(|(part, _)| part.as_str()).collect();
            parts.join(".")
        };
        let known = candidates.iter().rev().find(|end| solids.contains(name(**end).as_str()));
        if let Some(end) = known.or(candidates.first()).copied() {
            let range = self.path[1].1.start..self.path[end - 1].1.end;
            let joined = (name(end), range);
            self.path.splice(1..end, [joined]);
        }
    }
}

fn value(source: &SourceText, text: TextId, start: usize) -> Result<Node, Diagnostic> {
    let written = &source.text[start..];
    let range = start..source.text.len();
    json::parse(source, text, start).or_else(|problem| {
        if written.is_empty() {
            let problem = Diagnostic::new("the value is missing").at(source.place(&range));
            return Err(problem.hint(format!("for the empty text: `--set '{}\"\"'`", source.text)));
        }
        if is_meant_as_json(written) {
            let hint = "a text that begins like JSON stands in double quotes, all of it in single ones for the shell: \
                        `--set 'PATH=\"text\"'`";
            return Err(problem.hint(hint.to_owned()));
        }
        let content = Content::Scalar(Json::String(written.to_owned()));
        Ok(Node { origin: Some(Origin { text, range }), content })
    })
}

/// Whether a text that is no JSON was to be some: words, paths, dates and the like do not look like it.
fn is_meant_as_json(text: &str) -> bool {
    let is_number = serde_json::from_str::<serde_json::Number>(text).is_ok();
    is_number || text.trim_start().starts_with(['{', '[', '"', '\''])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Json, String> {
        let solids = BTreeSet::from(["a", "g.a", "g.config", "g"]);
        let source = SourceText { name: "--set".into(), text: text.into() };
        let parsed = Assignment::parse(&source, TextId(0)).map_err(|problem| problem.message)?;
        Ok(parsed.into_tree(&solids).to_json())
    }

    #[test]
    fn values_are_json_or_words() {
        let cases = [
            ("x=1", json!({"x": 1})),
            ("x={\"a\": [true, null]}", json!({"x": {"a": [true, null]}})),
            ("x=\"1\"", json!({"x": "1"})),
            ("x=docs/my file.txt", json!({"x": "docs/my file.txt"})),
            ("x=2024-01-01", json!({"x": "2024-01-01"})),
            ("x=a=b", json!({"x": "a=b"})),
            ("x=True", json!({"x": "True"})),
            ("x=é", json!({"x": "é"})),
        ];
        for (text, value) in cases {
            assert_eq!(read(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn a_solids_name_is_the_longest_that_is_known() {
        let cases = [
            ("solids.a.config.k.l=1", json!({"solids": {"a": {"config": {"k": {"l": 1}}}}})),
            ("solids.g.a.inputs.x=1", json!({"solids": {"g.a": {"inputs": {"x": 1}}}})),
            ("solids.g.config.config.k=1", json!({"solids": {"g.config": {"config": {"k": 1}}}})),
            ("solids.g.config.k=1", json!({"solids": {"g": {"config": {"k": 1}}}})),
            ("solids.x.y.config.k=1", json!({"solids": {"x.y": {"config": {"k": 1}}}})),
            ("solids.a=1", json!({"solids": {"a": 1}})),
            ("solids=1", json!({"solids": 1})),
            ("other.a.b=1", json!({"other": {"a": {"b": 1}}})),
        ];
        for (text, value) in cases {
            assert_eq!(read(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_named() {
        let cases = [
            ("", "expected `PATH=VALUE`"),
            ("x", "expected `PATH=VALUE`"),
            ("=1", "a part of the path is empty"),
            ("a..b=1", "a part of the path is empty"),
            ("a.=1", "a part of the path is empty"),
            ("a=", "the value is missing"),
            ("a={b: 1}", "expected a key in double quotes here"),
            ("a=[1", "expected `,` or `]` here"),
            ("a=\"x", "this text has no closing quote"),
            ("a='x'", "this is no JSON value"),
            ("a=18446744073709551616", "the number has more digits than fit in 64 bits"),
            ("a={\"b\": 1, \"b\": 2}", "`b` is given twice, first at --set:1:4"),
        ];
        for (text, problem) in cases {
            assert_eq!(read(text), Err(problem.to_owned()), "{text}");
        }
    }
}
