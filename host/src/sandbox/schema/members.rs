//! What a schema says of a list or dict that is read in pages and never there as a whole.
//!
//! Checked of each member: what `items`, `properties`, `patternProperties`, `propertyNames` and `additionalProperties`
//! say of it, also by way of `$ref`, `allOf`, `anyOf` and `oneOf`. Checked of the whole: `type`, and how many members
//! there are. Deliberately absent: what needs several members at once, such as `uniqueItems` and `required`.

use serde_json::{Map, Value as Json};

use super::check::{Check, check_count};
use super::{Mismatch, Schema, parsed};

/// In which form many values arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathered {
    /// As a list.
    Items,
    /// By name.
    Entries,
}

impl Gathered {
    fn of(self, members: impl Iterator<Item = (String, Json)>) -> Json {
        match self {
            Self::Items => members.map(|(_, member)| member).collect(),
            Self::Entries => Json::Object(members.collect::<Map<_, _>>()),
        }
    }
}

impl Schema {
    /// Whether many values in this form are allowed at all, however many and whichever they are.
    pub fn check_form(&self, gathered: Gathered) -> Result<(), Mismatch> {
        self.check_part(&gathered.of(std::iter::empty()), 0)
    }

    /// Whether a list or dict of so many members is allowed.
    pub(in crate::sandbox) fn check_gathered(&self, gathered: Gathered, len: usize) -> Result<(), Mismatch> {
        self.check_form(gathered)?;
        let (min, max) = match gathered {
            Gathered::Items => ("minItems", "maxItems"),
            Gathered::Entries => ("minProperties", "maxProperties"),
        };
        let Some(keywords) = self.root.as_object() else { return Ok(()) };
        let checked = check_count(keywords, min, max, len, "members");
        checked.map_err(|problem| Mismatch { path: Vec::new(), problem })
    }

    /// Whether the member that a JSON text stands for fits, of that name where they have names; if not, a sentence.
    pub(in crate::sandbox) fn check_member(
        &self,
        gathered: Gathered,
        name: &str,
        text: &str,
    ) -> Result<(), String> {
        let plain = match gathered {
            Gathered::Items => self.plain_items,
            Gathered::Entries => self.plain_entries,
        };
        if plain.is_met_by(text) {
            return Ok(());
        }
        let alone = gathered.of(std::iter::once((name.to_owned(), parsed(text)?)));
        self.check_part(&alone, text.len()).map_err(|mut mismatch| {
            // From the list that was made up here to its only member.
            mismatch.path.drain(..mismatch.path.len().min(1));
            mismatch.to_string()
        })
    }

    fn check_part(&self, part: &Json, bytes: usize) -> Result<(), Mismatch> {
        let mut check = Check::of_part(self, bytes);
        check.apply(&self.root, part).map_err(|problem| Mismatch { path: check.into_path(), problem })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member(schema: &Json, gathered: Gathered, member: &Json) -> String {
        let schema = Schema::new(schema.clone()).unwrap();
        schema.check_member(gathered, "a", &member.to_string()).map_or_else(|it| it, |()| "fits".to_owned())
    }

    #[test]
    fn members_are_held_to_what_the_schema_says_of_each() {
        let of_sizes = json!({
            "type": ["array", "object"],
            "items": { "properties": { "size": { "type": "integer" } } },
            "additionalProperties": { "$ref": "#/items" },
        });
        let by_name = json!({ "properties": { "a": { "type": "string" } }, "required": ["b"] });
        let either =
            json!({ "anyOf": [{ "type": "integer" }, { "type": "array", "items": { "type": "null" } }] });
        let whole = json!({ "items": true, "uniqueItems": true, "minItems": 2, "const": [1], "enum": [[1]] });
        let recursive = json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] });
        let (items, entries) = (Gathered::Items, Gathered::Entries);
        let cases = [
            (&of_sizes, items, json!({ "size": 1 }), "fits"),
            (&of_sizes, items, json!({ "size": "big" }), "size: expected integer, found string"),
            (&of_sizes, entries, json!({ "size": "big" }), "size: expected integer, found string"),
            (&by_name, entries, json!(1), "expected string, found number"),
            (&by_name, entries, json!("x"), "fits"),
            (&either, items, json!(null), "fits"),
            (&either, items, json!(1), "expected null, found number"),
            (&whole, items, json!(7), "fits"),
            (&recursive, items, json!(1), "the schema nests too deep"),
        ];
        for (schema, gathered, value, wanted) in cases {
            assert_eq!(member(schema, gathered, &value), wanted, "{schema}");
        }
    }

    #[test]
    fn the_whole_has_a_type_and_a_length() {
        let check = |schema: Json, gathered, len| {
            let checked = Schema::new(schema).unwrap().check_gathered(gathered, len);
            checked.map_or_else(|it| it.to_string(), |()| "fits".to_owned())
        };
        assert_eq!(check(json!({ "type": "integer" }), Gathered::Items, 3), "expected integer, found array");
        assert_eq!(check(json!({ "type": "array" }), Gathered::Entries, 3), "expected array, found object");
        assert_eq!(
            check(json!({ "minItems": 4 }), Gathered::Items, 3),
            "has 3 members, at least 4 are needed"
        );
        assert_eq!(check(json!({ "minItems": 3 }), Gathered::Items, 3), "fits");
        assert_eq!(check(json!({ "required": ["a"] }), Gathered::Entries, 0), "fits");
    }
}
