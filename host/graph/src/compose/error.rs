//! What can be wrong with a step of composition.

use crate::name::{Identifier, NameError, OutputRef, SolidName, SolidRef, nearest};

/// What is wrong with a step of composition. [`ComposeError::hint`] says what to do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ComposeError {
    /// More arguments by position than the solid has inputs.
    #[error("`{solid}` takes {takes} arguments, {given} are given")]
    TooManyArguments {
        /// The invocation.
        solid: SolidName,
        /// How many inputs it has.
        takes: usize,
        /// How many arguments there are.
        given: usize,
    },
    /// An argument for an input that the solid does not have.
    #[error("`{solid}` has no input `{input}`")]
    UnknownInput {
        /// The invocation.
        solid: SolidName,
        /// The input.
        input: Identifier,
        /// What it has.
        known: Vec<Identifier>,
    },
    /// An argument by position and one by name for the same input.
    #[error("input `{input}` of `{solid}` is given twice")]
    GivenTwice {
        /// The invocation.
        solid: SolidName,
        /// The input.
        input: Identifier,
    },
    /// No argument for an input without default.
    #[error("input `{input}` of `{solid}` is not given and has no default")]
    MissingInput {
        /// The invocation.
        solid: SolidName,
        /// The input.
        input: Identifier,
    },
    /// A dynamic output, or what a map returned, where a plain value is needed.
    #[error(
        "input `{input}` of `{solid}` receives {handle}, which is dynamic and must be unpacked by map or collect"
    )]
    Dynamic {
        /// The invocation.
        solid: SolidName,
        /// The input.
        input: Identifier,
        /// What it would receive.
        handle: String,
    },
    /// A map or collect of what is not dynamic.
    #[error("{handle} is not dynamic, there is nothing to {action}")]
    NotDynamic {
        /// The handle.
        handle: String,
        /// `map`, `zip` or `collect`.
        action: &'static str,
    },
    /// A zip of fewer than two handles.
    #[error("a zip joins at least two dynamic handles")]
    ZipOfOne,
    /// A zip of what has a value for each item of several dynamic outputs, one inside of the other.
    #[error("{handle} has several levels of items, and a zip joins one")]
    ZipOfNested {
        /// The handle.
        handle: String,
    },
    /// A handle that speaks of an item of a map that is not active.
    #[error("{handle} is used outside of the map over `{map}` that it belongs to")]
    Leaked {
        /// The handle.
        handle: String,
        /// The dynamic output that the map is over.
        map: OutputRef,
    },
    /// A handle that another composer made.
    #[error("a handle of another pipeline is used in this one")]
    Foreign,
    /// An output that the solid does not have.
    #[error("`{solid}` has no output `{output}`")]
    UnknownOutput {
        /// The invocation.
        solid: SolidName,
        /// The output.
        output: String,
        /// What it has.
        known: Vec<Identifier>,
    },
    /// A solid used as if it had one output.
    #[error("`{solid}` has {outputs} outputs, where exactly one is needed")]
    NotOneOutput {
        /// The invocation.
        solid: SolidName,
        /// How many it has.
        outputs: usize,
    },
    /// An alias that another solid of the pipeline has.
    #[error("another solid of the pipeline is already named `{0}`")]
    NameTaken(SolidName),
    /// Two calls describe one solid in two ways.
    #[error("`{0}` is described in two different ways")]
    TwoDefinitions(SolidRef),
    /// A share that is none.
    #[error("a minimal success ratio is between 0 and 1, not {0}")]
    Ratio(f64),
    /// Maps, collects or arguments nested beyond [`super::MAX_DEPTH`].
    #[error("{what} are nested more than {} levels deep", super::MAX_DEPTH)]
    TooDeep {
        /// What is nested.
        what: &'static str,
    },
    /// The end of a map or group that was not entered.
    #[error("a {0} is left that was not entered")]
    NotEntered(&'static str),
    /// A map or group that was entered and not left.
    #[error("the {0} is entered and not left")]
    NotLeft(String),
    /// A group and a solid that together are no name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl ComposeError {
    /// What the author may have meant, or can do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownInput { input, known, .. } => return choice(input.as_str(), known),
            Self::UnknownOutput { output, known, .. } => return choice(output, known),
            Self::GivenTwice { .. } => "give it by position or by name, not both",
            Self::MissingInput { .. } => "give it a value, or its definition a default",
            Self::Dynamic { .. } => "map a solid over it, or collect it into a list",
            Self::NotDynamic { .. } => "pass it on as it is",
            Self::ZipOfNested { .. } => "map over the outer level, and zip inside of its function",
            Self::Leaked { .. } => "return it from the map's function and collect what the map returns",
            Self::NotOneOutput { .. } => "take the output by its name",
            Self::NameTaken(_) => "choose another alias",
            Self::Foreign => "call the solid again in this pipeline",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn choice(wanted: &str, known: &[Identifier]) -> Option<String> {
    let known: Vec<&str> = known.iter().map(Identifier::as_str).collect();
    if let Some(near) = nearest(wanted, known.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (!list.is_empty()).then(|| format!("it has {}", list.join(", ")))
}
