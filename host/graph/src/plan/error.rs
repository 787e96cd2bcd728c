//! What can be wrong with a pipeline.

use crate::name::{NameError, OutputRef, SolidName, SolidRef, nearest};

/// What is wrong with a pipeline. `reader` is a solid of it, or `result` for what it returns.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Two invocations have one name.
    #[error("two solids of the pipeline are named `{0}`")]
    DuplicateSolid(SolidName),
    /// An invocation uses a solid that nobody describes.
    #[error("`{name}` uses `{solid}`, which no plugin describes")]
    UnknownDefinition {
        /// The invocation.
        name: SolidName,
        /// What it uses.
        solid: SolidRef,
    },
    /// A definition gives one name to two of its inputs or outputs.
    #[error("`{solid}` describes `{item}` twice")]
    DuplicateItem {
        /// The definition.
        solid: SolidRef,
        /// The name.
        item: String,
    },
    /// A solid that reads itself, by way of others.
    #[error("the pipeline has a cycle: {}", path(.0))]
    Cycle(Vec<SolidName>),
    /// An input that the solid does not have.
    #[error("`{reader}` has no input `{input}`{}", did_you_mean(input, known))]
    UnknownInput {
        /// The invocation.
        reader: String,
        /// The input.
        input: String,
        /// What it has.
        known: Vec<String>,
    },
    /// A dict of values for an input whose names are no mapping keys, as which the solid would receive them.
    #[error("input `{input}` of `{reader}` receives a dict whose names must be mapping keys: {problem}")]
    DictName {
        /// The invocation.
        reader: String,
        /// The input.
        input: String,
        /// What is wrong with a name of it.
        problem: NameError,
    },
    /// An input without default that nothing is connected to.
    #[error("input `{input}` of `{reader}` is not connected and has no default")]
    MissingInput {
        /// The invocation.
        reader: String,
        /// The input.
        input: String,
    },
    /// A read of a solid that is not in the pipeline.
    #[error("`{reader}` reads `{wanted}`, but the pipeline has no solid of that name{}", did_you_mean(wanted.solid.as_str(), known))]
    UnknownSolid {
        /// Who reads.
        reader: String,
        /// What it reads.
        wanted: OutputRef,
        /// What there is.
        known: Vec<String>,
    },
    /// A read of an output that the solid does not have.
    #[error("`{reader}` reads `{wanted}`, but the solid has no output of that name{}", did_you_mean(wanted.output.as_str(), known))]
    UnknownOutput {
        /// Who reads.
        reader: String,
        /// What it reads.
        wanted: OutputRef,
        /// What there is.
        known: Vec<String>,
    },
    /// A dynamic output read as if it were plain.
    #[error("`{reader}` reads the dynamic output `{output}` as it is: map or collect it")]
    Unmapped {
        /// Who reads.
        reader: String,
        /// The output.
        output: OutputRef,
    },
    /// A plain output mapped or collected over.
    #[error("`{reader}` maps or collects over `{output}`, which is not dynamic")]
    NotDynamic {
        /// Who.
        reader: String,
        /// The output.
        output: OutputRef,
    },
    /// A position that the reader's scope does not have.
    #[error("`{reader}` speaks of position {position} of a scope that has {depth}")]
    Position {
        /// Who.
        reader: String,
        /// The position.
        position: usize,
        /// The scope's length.
        depth: usize,
    },
    /// A zip that is none.
    #[error(
        "`{reader}` joins the items of `{output}` with position {with}, where no zip with them can begin"
    )]
    Join {
        /// Who.
        reader: String,
        /// The dynamic output.
        output: OutputRef,
        /// The position.
        with: usize,
    },
    /// A read from another clone than the positions say.
    #[error("`{reader}` reads `{output}` at positions that are not what its solid is cloned over")]
    Scope {
        /// Who reads.
        reader: String,
        /// What it reads.
        output: OutputRef,
    },
    /// A priority that is none.
    #[error("the tag `{}` of `{solid}` is `{}`, which is not a whole number from {} to {}", super::PRIORITY_TAG, .value.escape_debug(), i32::MIN, i32::MAX)]
    Priority {
        /// The invocation.
        solid: SolidName,
        /// What the tag says.
        value: String,
    },
    /// A ratio that is none.
    #[error("`{reader}` collects with min_success_ratio {ratio}, which is not from 0 to 1")]
    Ratio {
        /// Who.
        reader: String,
        /// The ratio.
        ratio: f64,
    },
}

fn path(names: &[SolidName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" -> ")
}

fn did_you_mean(wanted: &str, known: &[String]) -> String {
    nearest(wanted, known.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
