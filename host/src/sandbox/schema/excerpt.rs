//! As much of a text or a value as a problem tells: both may be long, and a stranger's.

use serde_json::Value as Json;

/// Characters that a problem takes from one text.
const MAX_TOLD: usize = 200;

/// A text that may be long, as far as a message has room for it.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TOLD) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// The JSON text of a value, shortened without writing all of it first.
pub(super) fn preview(value: &Json) -> String {
    let mut text = String::new();
    write_preview(value, &mut text);
    shortened(&text)
}

fn write_preview(value: &Json, into: &mut String) {
    if into.len() > 4 * MAX_TOLD {
        return;
    }
    match value {
        // One character more, so that what is cut here is cut at the end, too.
        Json::String(text) => {
            let beginning: String = text.chars().take(MAX_TOLD + 1).collect();
            into.push_str(&Json::from(beginning).to_string());
        }
        Json::Array(items) => {
            into.push('[');
            for (index, item) in items.iter().take(MAX_TOLD).enumerate() {
                into.push_str(if index == 0 { "" } else { "," });
                write_preview(item, into);
            }
            into.push(']');
        }
        Json::Object(entries) => {
            into.push('{');
            for (index, (key, value)) in entries.iter().take(MAX_TOLD).enumerate() {
                into.push_str(if index == 0 { "" } else { "," });
                let beginning: String = key.chars().take(MAX_TOLD + 1).collect();
                into.push_str(&Json::from(beginning).to_string());
                into.push(':');
                write_preview(value, into);
            }
            into.push('}');
        }
        plain => into.push_str(&plain.to_string()),
    }
}
