//! A plan as a picture, in the languages of Graphviz and Mermaid. Mapped solids are stacked boxes; a collect is a bold
//! edge.

use std::fmt::Write;

use fanfold_graph::plan::Plan;
use fanfold_graph::step::SolidId;

use super::edges::{Edge, edges};
use super::groups::{Group, groups};

/// A picture for Graphviz.
pub fn dot(plan: &Plan) -> String {
    let mut out = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n", plan.pipeline().name);
    write_group(plan, &groups(plan), "", "  ", &mut out, &DOT);
    for (from, to, edge) in all_edges(plan) {
        let weight = if edge.is_collected { ", style=bold" } else { "" };
        _ = writeln!(out, "  s{} -> s{} [label=\"{}\"{weight}];", from.0, to.0, label(&edge));
    }
    out + "}\n"
}

/// A picture for Mermaid.
pub fn mermaid(plan: &Plan) -> String {
    let mut out = "flowchart LR\n".to_owned();
    write_group(plan, &groups(plan), "", "  ", &mut out, &MERMAID);
    for (from, to, edge) in all_edges(plan) {
        let arrow = if edge.is_collected { "==>" } else { "-->" };
        _ = writeln!(out, "  s{} {arrow}|\"{}\"| s{}", from.0, label(&edge), to.0);
    }
    out
}

/// How a language writes nodes and groups. Names have no characters that would need escaping.
struct Language {
    node: fn(SolidId, &str, bool) -> String,
    open: fn(&str, &str) -> String,
    close: &'static str,
}

const DOT: Language = Language {
    node: |solid, text, is_mapped| {
        let stacked = if is_mapped { ", peripheries=2" } else { "" };
        format!("s{} [label=\"{text}\"{stacked}];\n", solid.0)
    },
    open: |path, name| format!("subgraph \"cluster_{path}\" {{ label=\"{name}\";\n"),
    close: "}\n",
};

const MERMAID: Language = Language {
    node: |solid, text, is_mapped| {
        let (open, close) = if is_mapped { ("[[", "]]") } else { ("[", "]") };
        format!("s{}{open}\"{text}\"{close}\n", solid.0)
    },
    open: |path, name| format!("subgraph g_{} [\"{name}\"]\n", path.replace('.', "_")),
    close: "end\n",
};

fn write_group(plan: &Plan, group: &Group, path: &str, indent: &str, out: &mut String, language: &Language) {
    for solid in &group.solids {
        let node = (language.node)(*solid, &plan.step_pattern(*solid), plan.depth(*solid) > 0);
        _ = write!(out, "{indent}{node}");
    }
    for (name, inner) in &group.groups {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        _ = write!(out, "{indent}{}", (language.open)(&path, name));
        write_group(plan, inner, &path, &format!("{indent}  "), out, language);
        _ = write!(out, "{indent}{}", language.close);
    }
}

/// All edges between solids, in the plan's order.
fn all_edges(plan: &Plan) -> Vec<(SolidId, SolidId, Edge)> {
    let mut all = Vec::new();
    for to in plan.solids() {
        let invocation = plan.invocation(to);
        let inputs = invocation.inputs.iter().map(|(input, source)| (Some(input), source));
        let after = invocation.after.iter().map(|source| (None, source));
        for (input, source) in inputs.chain(after) {
            let edges = edges(source, &invocation.scope, input).into_iter();
            all.extend(edges.filter_map(|edge| Some((plan.find(edge.from.solid.as_str())?, to, edge))));
        }
    }
    all
}

fn label(edge: &Edge) -> String {
    match &edge.input {
        Some(input) => format!("{} to {input}", edge.from.output),
        None => format!("after {}", edge.from.output),
    }
}
