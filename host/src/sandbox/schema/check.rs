//! One value against one schema: keyword by keyword, within a budget.
//!
//! Invariant: work that grows with a text, a list or the number of keywords is paid for by [`Check::spend`], in steps of
//! some hundred nanoseconds, and a problem is told in a bounded number of characters.

use std::collections::HashSet;

use serde_json::{Map, Number, Value as Json};

use super::excerpt::{preview, shortened};
use super::pattern::Matching;
use super::{PathSegment, Schema, resolve};

/// Steps that a check may take on top of those that its value's size explains.
const SPARE_STEPS: u64 = 1_000_000;
/// How deep schemas may apply each other. Above the 128 levels that a JSON value can nest.
const MAX_DEPTH: usize = 256;
/// Bytes that are walked over in one step: compared, counted, hashed.
const BYTES_PER_STEP: usize = 32;
/// Keywords, or names of types, that are looked at in one step.
const WORDS_PER_STEP: usize = 8;
/// Names of types that a problem tells: there are seven.
const MOST_TYPES: usize = 7;

/// One check under way. A problem is a sentence; `path` then still leads to the value that has it.
pub(super) struct Check<'a> {
    schema: &'a Schema,
    budget: u64,
    depth: usize,
    path: Vec<Segment<'a>>,
    matching: Matching<'a>,
    /// True where the value is a part of the one that the schema speaks of: some of its members.
    is_part: bool,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Key(&'a str),
    Index(usize),
}

type Checked = Result<(), String>;
/// Whether a value fits an alternative, or else where and why it does not.
type Attempt<'a> = Result<(), (Vec<Segment<'a>>, String)>;

/// Why a value fits none of the alternatives: the problems that lie deepest, for that alternative was meant.
struct Problems<'a> {
    path: Vec<Segment<'a>>,
    all: Vec<String>,
}

impl<'a> Problems<'a> {
    /// Problems that are told.
    const MOST: usize = 4;

    fn add(&mut self, path: Vec<Segment<'a>>, problem: String) {
        if path.len() > self.path.len() {
            (self.path, self.all) = (path, Vec::new());
        } else if path.len() < self.path.len() {
            return;
        }
        if self.all.len() < Self::MOST && !self.all.contains(&problem) {
            self.all.push(problem);
        }
    }

    fn text(&self) -> String {
        match self.all.as_slice() {
            [] => "there is no alternative that it could fit".to_owned(),
            [only] => only.clone(),
            all => {
                let all: Vec<_> = all.iter().map(|problem| shortened(problem)).collect();
                format!("fits none of the alternatives: {}", all.join("; "))
            }
        }
    }
}

impl<'a> Check<'a> {
    pub(super) fn new(schema: &'a Schema, value_bytes: usize) -> Self {
        Self {
            schema,
            budget: SPARE_STEPS + 4 * value_bytes as u64,
            depth: 0,
            path: Vec::new(),
            matching: Matching::default(),
            is_part: false,
        }
    }

    /// A check of some members of a list or dict: what the schema says of the whole does not count.
    pub(super) fn of_part(schema: &'a Schema, value_bytes: usize) -> Self {
        Self { is_part: true, ..Self::new(schema, value_bytes) }
    }

    /// True where the value at hand is only a part of what it stands for.
    fn is_incomplete(&self) -> bool {
        self.is_part && self.path.is_empty()
    }

    fn spend(&mut self, steps: usize) -> Checked {
        self.budget = self.budget.saturating_sub(steps as u64 + 1);
        if self.budget == 0 { Err("the schema is too costly to check".into()) } else { Ok(()) }
    }

    fn spend_bytes(&mut self, bytes: usize) -> Checked {
        self.spend(bytes / BYTES_PER_STEP)
    }

    pub(super) fn apply(&mut self, schema: &'a Json, value: &'a Json) -> Checked {
        self.spend(0)?;
        let keywords = match schema {
            Json::Object(keywords) => keywords,
            Json::Bool(false) => return Err("nothing is allowed here".into()),
            _ => return Ok(()),
        };
        if self.depth == MAX_DEPTH {
            self.budget = 0;
            return Err("the schema nests too deep".into());
        }
        self.depth += 1;
        let checked = self.apply_keywords(keywords, value);
        self.depth -= 1;
        checked
    }

    fn apply_keywords(&mut self, keywords: &'a Map<String, Json>, value: &'a Json) -> Checked {
        self.spend(keywords.len() / WORDS_PER_STEP)?;
        if let Json::Number(number) = value {
            self.spend_bytes(number.as_str().len())?;
        }
        for (keyword, argument) in keywords {
            match (keyword.as_str(), argument) {
                ("type", wanted) => self.check_type(wanted, value)?,
                ("const" | "enum", _) if self.is_incomplete() => {}
                ("const", wanted) if !self.equal(wanted, value)? => {
                    return Err(format!("expected {}", preview(wanted)));
                }
                ("enum", Json::Array(allowed)) if !self.is_any_of(allowed, value)? => {
                    return Err(format!("expected one of {}", preview(argument)));
                }
                ("$ref", Json::String(reference)) => {
                    self.spend_bytes(reference.len())?;
                    if let Some(target) = resolve(&self.schema.root, reference) {
                        self.apply(target, value)?;
                    }
                }
                _ => {}
            }
        }
        self.check_combinations(keywords, value)?;
        match value {
            Json::Object(object) => self.check_object(keywords, object),
            Json::Array(items) => self.check_array(keywords, items),
            Json::String(text) => self.check_string(keywords, text),
            Json::Number(number) => {
                let number = number.as_f64().ok_or("the number is out of range")?;
                check_number(keywords, number)
            }
            _ => Ok(()),
        }
    }

    fn check_combinations(&mut self, keywords: &'a Map<String, Json>, value: &'a Json) -> Checked {
        for part in list(keywords, "allOf") {
            self.apply(part, value)?;
        }
        if let Some(Json::Array(parts)) = keywords.get("anyOf") {
            self.check_alternatives(parts, value, false)?;
        }
        if let Some(Json::Array(parts)) = keywords.get("oneOf") {
            self.check_alternatives(parts, value, !self.is_incomplete())?;
        }
        if self.is_incomplete() {
            return Ok(());
        }
        if let Some(unwanted) = keywords.get("not")
            && self.fits(unwanted, value)?
        {
            return Err("is what the schema excludes".into());
        }
        if let Some(condition) = keywords.get("if") {
            let branch = if self.fits(condition, value)? { "then" } else { "else" };
            if let Some(branch) = keywords.get(branch) {
                self.apply(branch, value)?;
            }
        }
        Ok(())
    }

    /// Whether the value fits one of the alternatives, and no other if it must not.
    fn check_alternatives(&mut self, parts: &'a [Json], value: &'a Json, is_exclusive: bool) -> Checked {
        let mut fitting = 0;
        let mut problems = Problems { path: self.path.clone(), all: Vec::new() };
        for part in parts {
            match self.attempt(part, value)? {
                Ok(()) => fitting += 1,
                Err((path, problem)) => problems.add(path, problem),
            }
            if fitting > usize::from(is_exclusive) {
                break;
            }
        }
        match fitting {
            0 => {
                let problem = problems.text();
                self.path = problems.path;
                Err(problem)
            }
            2.. if is_exclusive => Err("fits more than one of the alternatives".into()),
            _ => Ok(()),
        }
    }

    /// Whether the value fits; an error only if the budget is spent: it stays spent, so the whole check ends.
    fn fits(&mut self, schema: &'a Json, value: &'a Json) -> Result<bool, String> {
        Ok(self.attempt(schema, value)?.is_ok())
    }

    /// [`Self::fits`] with the problem and its place. The check can go on afterwards.
    fn attempt(&mut self, schema: &'a Json, value: &'a Json) -> Result<Attempt<'a>, String> {
        let (depth, path) = (self.depth, self.path.len());
        let checked = self.apply(schema, value);
        if self.budget == 0 {
            return checked.map(Ok);
        }
        let reached = if checked.is_err() { self.path.clone() } else { Vec::new() };
        self.spend(reached.len())?;
        self.path.truncate(path);
        self.depth = depth;
        Ok(checked.map_err(|problem| (reached, problem)))
    }

    fn check_object(&mut self, keywords: &'a Map<String, Json>, object: &'a Map<String, Json>) -> Checked {
        if !self.is_incomplete() {
            self.check_whole_object(keywords, object)?;
        }
        let properties = keywords.get("properties").and_then(Json::as_object);
        let by_pattern = keywords.get("patternProperties").and_then(Json::as_object);
        let additional = keywords.get("additionalProperties");
        let names = keywords.get("propertyNames");
        if properties.is_none() && by_pattern.is_none() && additional.is_none() && names.is_none() {
            return Ok(());
        }
        for (key, value) in object {
            self.spend_bytes(key.len())?;
            self.path.push(Segment::Key(key));
            let mut is_known = false;
            if let Some(schema) = properties.and_then(|properties| properties.get(key)) {
                is_known = true;
                self.apply(schema, value)?;
            }
            for (pattern, schema) in by_pattern.into_iter().flatten() {
                if self.is_match(pattern, key)? {
                    is_known = true;
                    self.apply(schema, value)?;
                }
            }
            match additional {
                Some(Json::Bool(false)) if !is_known => return Err("is no known key".into()),
                Some(schema) if !is_known => self.apply(schema, value)?,
                _ => {}
            }
            if let Some(Json::Object(names)) = names {
                self.check_string(names, key)?;
            }
            self.path.pop();
        }
        Ok(())
    }

    fn check_whole_object(&mut self, keywords: &'a Map<String, Json>, object: &Map<String, Json>) -> Checked {
        check_count(keywords, "minProperties", "maxProperties", object.len(), "entries")?;
        for name in list(keywords, "required").filter_map(Json::as_str) {
            self.spend_bytes(name.len())?;
            if !object.contains_key(name) {
                return Err(format!("`{}` is missing", shortened(name)));
            }
        }
        Ok(())
    }

    fn check_array(&mut self, keywords: &'a Map<String, Json>, items: &'a [Json]) -> Checked {
        let prefix = keywords.get("prefixItems").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        if self.is_incomplete() {
            // Where in the list the items stand is not known.
            let rest = keywords.get("items").filter(|_| prefix.is_empty());
            return rest.map_or(Ok(()), |schema| self.check_items(items, |_| Some(schema)));
        }
        check_count(keywords, "minItems", "maxItems", items.len(), "items")?;
        self.check_items(items, |index| prefix.get(index).or_else(|| keywords.get("items")))?;
        if keywords.get("uniqueItems") == Some(&Json::Bool(true)) {
            let mut seen = HashSet::new();
            for item in items {
                let text = item.to_string();
                self.spend_bytes(text.len())?;
                if !seen.insert(text) {
                    return Err("has an item twice".into());
                }
            }
        }
        Ok(())
    }

    fn check_items(&mut self, items: &'a [Json], schema: impl Fn(usize) -> Option<&'a Json>) -> Checked {
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = schema(index) {
                self.path.push(Segment::Index(index));
                self.apply(schema, item)?;
                self.path.pop();
            }
        }
        Ok(())
    }

    fn check_string(&mut self, keywords: &'a Map<String, Json>, text: &str) -> Checked {
        if keywords.contains_key("minLength") || keywords.contains_key("maxLength") {
            self.spend_bytes(text.len())?;
            check_count(keywords, "minLength", "maxLength", text.chars().count(), "characters")?;
        }
        if let Some(Json::String(pattern)) = keywords.get("pattern")
            && !self.is_match(pattern, text)?
        {
            return Err(format!("does not match the pattern `{}`", shortened(pattern)));
        }
        Ok(())
    }

    /// Whether a text matches a pattern; an error ends the whole check.
    fn is_match(&mut self, pattern: &str, text: &str) -> Result<bool, String> {
        self.spend(text.len() + pattern.len() / BYTES_PER_STEP)?;
        let matched = self.schema.patterns.is_match(pattern, text, &mut self.matching);
        matched.inspect_err(|_| self.budget = 0)
    }

    fn check_type(&mut self, wanted: &Json, value: &Json) -> Checked {
        let is_integer = || value.as_f64().is_some_and(|number| number.fract() == 0.0);
        let is = |name: &Json| name == type_name(value) || (name == "integer" && is_integer());
        let names = wanted.as_array().map_or(std::slice::from_ref(wanted), Vec::as_slice);
        self.spend(names.len() / WORDS_PER_STEP)?;
        if names.iter().any(is) {
            return Ok(());
        }
        let names = names.iter().filter_map(Json::as_str).take(MOST_TYPES).map(shortened);
        let names: Vec<_> = names.collect();
        Err(format!("expected {}, found {}", names.join(" or "), type_name(value)))
    }

    fn is_any_of(&mut self, allowed: &[Json], value: &Json) -> Result<bool, String> {
        for allowed in allowed {
            if self.equal(allowed, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Equality as JSON Schema has it: 1 and 1.0 are the same number.
    fn equal(&mut self, left: &Json, right: &Json) -> Result<bool, String> {
        self.spend(0)?;
        match (left, right) {
            (Json::Number(left), Json::Number(right)) => {
                self.spend_bytes(left.as_str().len() + right.as_str().len())?;
                Ok(is_same_number(left, right))
            }
            (Json::String(left), Json::String(right)) => {
                self.spend_bytes(left.len().min(right.len()))?;
                Ok(left == right)
            }
            (Json::Array(left), Json::Array(right)) if left.len() == right.len() => {
                for (left, right) in left.iter().zip(right) {
                    if !self.equal(left, right)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Json::Object(left), Json::Object(right)) if left.len() == right.len() => {
                for (key, left) in left {
                    self.spend_bytes(key.len())?;
                    let Some(right) = right.get(key) else { return Ok(false) };
                    if !self.equal(left, right)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Json::Array(_) | Json::Object(_), _) => Ok(false),
            _ => Ok(left == right),
        }
    }

    pub(super) fn into_path(self) -> Vec<PathSegment> {
        let owned = |segment| match segment {
            Segment::Key(key) => PathSegment::Key(String::from(key)),
            Segment::Index(index) => PathSegment::Index(index),
        };
        self.path.into_iter().map(owned).collect()
    }
}

/// The items of a keyword that holds a list; nothing if it is absent or no list.
fn list<'a>(keywords: &'a Map<String, Json>, keyword: &str) -> impl Iterator<Item = &'a Json> {
    keywords.get(keyword).and_then(Json::as_array).into_iter().flatten()
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn is_same_number(left: &Number, right: &Number) -> bool {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left == right,
        _ => left.as_f64().is_some_and(|left| right.as_f64() == Some(left)),
    }
}

pub(super) fn check_count(
    keywords: &Map<String, Json>,
    min: &str,
    max: &str,
    count: usize,
    of: &str,
) -> Checked {
    let bound = |keyword| keywords.get(keyword).and_then(Json::as_u64);
    if let Some(min) = bound(min).filter(|min| (count as u64) < *min) {
        return Err(format!("has {count} {of}, at least {min} are needed"));
    }
    if let Some(max) = bound(max).filter(|max| count as u64 > *max) {
        return Err(format!("has {count} {of}, at most {max} are allowed"));
    }
    Ok(())
}

fn check_number(keywords: &Map<String, Json>, number: f64) -> Checked {
    let bound = |keyword: &str| keywords.get(keyword).and_then(Json::as_f64);
    let outside = |keyword: &str, is_outside: fn(f64, f64) -> bool, words: &str| match bound(keyword) {
        Some(bound) if is_outside(number, bound) => Err(format!("{number} is not {words} {bound}")),
        _ => Ok(()),
    };
    outside("minimum", |number, bound| number < bound, "at least")?;
    outside("maximum", |number, bound| number > bound, "at most")?;
    outside("exclusiveMinimum", |number, bound| number <= bound, "above")?;
    outside("exclusiveMaximum", |number, bound| number >= bound, "below")?;
    outside("multipleOf", |number, bound| (number / bound).fract() != 0.0, "a multiple of")
}
