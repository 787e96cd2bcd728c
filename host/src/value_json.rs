//! Values as JSON, for outputs and for collections in collections. JSON stays as it is; what is no JSON becomes an object
//! with one key that starts with `$`:
//!
//! - bytes: `{"$bytes": "base64"}`
//! - a blob: `{"$blob": {"digest": "...", "size": 17, "media_type": "text/plain"}}`

use std::fmt::Display;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::sandbox::Value;

/// Writes one value.
pub fn write(value: &Value, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Value::Json(text) => out.write_all(text.as_bytes()),
        Value::Bytes(bytes) => write!(out, "{}", json!({ "$bytes": STANDARD.encode(bytes) })),
        Value::Blob(blob) => {
            let described = json!({
                "digest": blob.digest.to_string(),
                "size": blob.size,
                "media_type": blob.media_type,
            });
            write!(out, "{}", json!({ "$blob": described }))
        }
    }
}

/// Writes a list, member by member.
pub fn write_list<T>(
    out: &mut dyn Write,
    members: impl Iterator<Item = io::Result<T>>,
    mut write_member: impl FnMut(&mut dyn Write, T) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (place, member) in members.enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        write_member(out, member?)?;
    }
    out.write_all(b"]")
}

/// Writes an object, member by member.
pub fn write_dict<K: Display, T>(
    out: &mut dyn Write,
    members: impl Iterator<Item = io::Result<(K, T)>>,
    mut write_member: impl FnMut(&mut dyn Write, T) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"{")?;
    for (place, member) in members.enumerate() {
        let (name, member) = member?;
        if place > 0 {
            out.write_all(b",")?;
        }
        write!(out, "{}:", serde_json::Value::from(name.to_string()))?;
        write_member(out, member)?;
    }
    out.write_all(b"}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_value_has_a_json_form() {
        assert_eq!(written(|out| write(&Value::Json("{\"a\": 1}".into()), out)), "{\"a\": 1}");
        assert_eq!(written(|out| write(&Value::Bytes(vec![1, 2, 255]), out)), r#"{"$bytes":"AQL/"}"#);
    }

    #[test]
    fn lists_and_objects_are_written_member_by_member() {
        let members = || [1, 2].into_iter();
        let list = written(|out| write_list(out, members().map(Ok), |out, it| write!(out, "{it}")));
        assert_eq!(list, "[1,2]");
        let named = members().map(|it| Ok((format!("k\"{it}"), it)));
        assert_eq!(
            written(|out| write_dict(out, named, |out, it| write!(out, "{it}"))),
            r#"{"k\"1":1,"k\"2":2}"#
        );
        assert_eq!(written(|out| write_list(out, std::iter::empty::<io::Result<u8>>(), |_, _| Ok(()))), "[]");
    }
}
