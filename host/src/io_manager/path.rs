//! Where an output's value is kept in an IO manager.

use fanfold_graph::name::{Identifier, MappingKey};
use fanfold_graph::step::StepKey;

/// A step key longer than this, in bytes, is not one part of a path: file systems take 255.
const MAX_PART_BYTES: usize = 200;

/// The path of a value: `RUN/process_file[sample_a]/result`, and with the mapping key of a dynamic output
/// `RUN/emit/result/sample_a`. A step key that is too long for a file's name is taken apart: `RUN/solid/[a]/[b]/result`.
pub fn object_path(
    run_id: &str,
    step: &StepKey,
    output: &Identifier,
    mapping_key: Option<&MappingKey>,
) -> String {
    let step_key = step.to_string();
    let mut parts = vec![run_id.to_owned()];
    if step_key.len() <= MAX_PART_BYTES {
        parts.push(step_key);
    } else {
        parts.push(step.solid.to_string());
        parts.extend(step.mapping_keys.iter().map(|key| format!("[{key}]")));
    }
    parts.push(output.to_string());
    parts.extend(mapping_key.map(ToString::to_string));
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_which_value_it_is() {
        let path = |step: &str, key: Option<&str>| {
            let key = key.map(|key| MappingKey::new(key).unwrap());
            object_path("r", &step.parse().unwrap(), &Identifier::new("result").unwrap(), key.as_ref())
        };
        assert_eq!(path("process_file[sample_a]", None), "r/process_file[sample_a]/result");
        assert_eq!(path("emit", Some("sample_a")), "r/emit/result/sample_a");
        assert_eq!(path("g.s[a][b]", Some("c")), "r/g.s[a][b]/result/c");
        let long = "k".repeat(150);
        assert_eq!(path(&format!("s[{long}][{long}]"), None), format!("r/s/[{long}]/[{long}]/result"));
    }
}
