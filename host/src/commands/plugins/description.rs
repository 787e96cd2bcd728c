//! A plugin's own account of its solids, as text. All of it is a stranger's, and printed harmless.

use std::path::Path;

use fanfold::diagnostic::printable;
use fanfold::sandbox::{GrantList, Inspection, Plugin};
use fanfold_graph::definition::{InputDefinition, OutputDefinition, SolidDefinition};
use serde_json::Value as Json;

use super::type_name::type_name;
use super::{digest, granted};

/// The plugin, and its solids in its own order.
pub(super) fn plugin(plugin: &Plugin, file: &Path, inspection: &Inspection, grants: &[GrantList]) -> String {
    let file = printable(&file.display().to_string());
    let mut head = vec![format!("plugin {}  {}  {file}", plugin.name(), digest(plugin))];
    head.extend(list("exports", &inspection.exports));
    head.extend(list("imports", &inspection.imports));
    let wants = inspection.wants();
    if !wants.is_empty() {
        head.push(format!("can be granted {}", wants.join(", ")));
    }
    if inspection.depends_on_attempt {
        head.push("its results may differ between attempts".to_owned());
    }
    let solids = plugin.solids().iter().zip(grants).map(|(definition, grants)| {
        let granted = granted::lines(grants);
        let granted = if granted.is_empty() { "nothing".to_owned() } else { granted.join("\n    ") };
        format!("{}\n  granted:\n    {granted}", solid(definition))
    });
    [head.join("\n")].into_iter().chain(solids).collect::<Vec<_>>().join("\n\n")
}

/// A title, and names beneath it.
fn list(title: &str, names: &[String]) -> Vec<String> {
    let names = names.iter().map(|name| format!("  {}", printable(name)));
    if names.len() == 0 { Vec::new() } else { [title.to_owned()].into_iter().chain(names).collect() }
}

/// One named thing that a solid takes or gives.
struct Port {
    name: String,
    kind: String,
    description: String,
}

fn solid(solid: &SolidDefinition) -> String {
    let mut lines = vec![solid.name.to_string()];
    lines.extend(indented(&solid.description, "  "));
    let config = solid.config_schema.as_ref().map(config_ports).unwrap_or_default();
    let inputs = solid.inputs.iter().map(input_port).collect();
    let outputs = solid.outputs.iter().map(output_port).collect();
    for (title, ports) in [("config", config), ("inputs", inputs), ("outputs", outputs)] {
        lines.extend(section(title, &ports));
    }
    lines.join("\n")
}

fn section(title: &str, ports: &[Port]) -> Vec<String> {
    if ports.is_empty() {
        return Vec::new();
    }
    let width = ports.iter().map(|port| port.name.chars().count()).max().unwrap_or(0);
    let mut lines = vec![format!("  {title}:")];
    for Port { name, kind, description } in ports {
        lines.push(printable(&format!("    {name:width$}  {kind}")));
        lines.extend(indented(description, &" ".repeat(width + 6)));
    }
    lines
}

/// The configuration's keys; of a configuration that is no object, the whole.
fn config_ports(schema: &Json) -> Vec<Port> {
    let Some(keys) = schema.get("properties").and_then(Json::as_object) else {
        return vec![Port {
            name: "all".to_owned(),
            kind: type_name(Some(schema)),
            description: String::new(),
        }];
    };
    let required = |key: &str| {
        let required = schema.get("required").and_then(Json::as_array);
        required.is_some_and(|required| required.iter().any(|it| it.as_str() == Some(key)))
    };
    let port = |(key, schema): (&String, &Json)| {
        let default = match schema.get("default") {
            Some(value) => format!(" = {value}"),
            None if required(key) => String::new(),
            None => " (optional)".to_owned(),
        };
        let description = schema.get("description").and_then(Json::as_str).unwrap_or_default().to_owned();
        Port { name: key.clone(), kind: type_name(Some(schema)) + &default, description }
    };
    keys.iter().map(port).collect()
}

fn input_port(input: &InputDefinition) -> Port {
    let default = input.default_value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
    Port {
        name: input.name.to_string(),
        kind: type_name(input.schema.as_ref()) + &default,
        description: input.description.clone(),
    }
}

fn output_port(output: &OutputDefinition) -> Port {
    let dynamic = if output.is_dynamic { "dynamic " } else { "" };
    let optional = if output.is_required || output.is_dynamic { "" } else { " (optional)" };
    Port {
        name: output.name.to_string(),
        kind: format!("{dynamic}{}{optional}", type_name(output.schema.as_ref())),
        description: output.description.clone(),
    }
}

fn indented<'a>(text: &'a str, indent: &'a str) -> impl Iterator<Item = String> + use<'a> {
    text.lines().map(move |line| format!("{indent}{}", printable(line)).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_solid_is_told_with_all_that_it_takes_and_gives() {
        let definition: SolidDefinition = serde_json::from_value(json!({
            "name": "emit",
            "description": "Emits numbers.\n\nEach \u{1b}[2Jonce.",
            "config_schema": {
                "type": "object",
                "required": ["path"],
                "properties": {
                    "fail": { "type": "boolean", "default": false, "description": "Fail after two" },
                    "path": { "type": "string" },
                    "size": { "type": ["integer", "null"] },
                },
            },
            "inputs": [
                { "name": "num", "schema": { "type": "integer" }, "default_value": 3 },
                { "name": "x", "description": "What to add" },
            ],
            "outputs": [
                { "name": "result", "schema": { "type": "integer" }, "is_dynamic": true, "is_required": false },
                { "name": "rest", "is_required": false },
            ],
        }))
        .unwrap();
        let wanted = r"
emit
  Emits numbers.

  Each \u{1b}[2Jonce.
  config:
    fail  boolean = false
          Fail after two
    path  string
    size  integer or null (optional)
  inputs:
    num  integer = 3
    x    any
         What to add
  outputs:
    result  dynamic integer
    rest    any (optional)";
        assert_eq!(solid(&definition), wanted.trim_start());
    }

    #[test]
    fn a_configuration_that_is_no_object_is_told_as_a_whole() {
        let ports = config_ports(&json!({ "type": "array", "items": { "type": "string" } }));
        assert_eq!(section("config", &ports), ["  config:", "    all  list of string"]);
    }
}
