//! Why a file is no plugin that this host can run. Written to follow the words "plugin `x.wasm`".

use std::fmt::Write as _;

use super::failure::StepFailure;
use super::inspect::CONTRACT_VERSION;
use crate::diagnostic::bytes_text;

/// Why a plugin was refused. None of its code has run, unless it is `describe` that went wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file's name without `.wasm` is no plugin name.
    #[error("has a name that cannot be used: {0}")]
    BadName(String),
    /// The file is larger than a plugin may be.
    #[error("is too large: {}, limit {}", bytes_text(*bytes), bytes_text(*limit))]
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The file is empty.
    #[error("is empty")]
    Empty,
    /// The file is something else altogether.
    #[error("is not WebAssembly")]
    NotWasm,
    /// The file is WebAssembly, but a core module.
    #[error("is a core module, not a component")]
    CoreModule,
    /// The file starts like a component, and then goes wrong.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// A plugin for another version of the contract.
    #[error("speaks fanfold:plugin@{found}, this host speaks {CONTRACT_VERSION}")]
    OtherVersion {
        /// The version that it speaks.
        found: String,
    },
    /// A component that is no plugin.
    #[error("is a component, but not a fanfold plugin: it exports {}", listed(exports, "nothing"))]
    NotAPlugin {
        /// What it exports instead, by name.
        exports: Vec<String>,
    },
    /// It needs something that this host does not offer.
    #[error("needs what this host does not offer: {}", listed(imports, ""))]
    UnknownImports {
        /// The names of what it needs.
        imports: Vec<String>,
    },
    /// It has a function whose compilation would take too long.
    #[error("has a function of {}, limit {}", bytes_text(*bytes), bytes_text(*limit))]
    FunctionTooLarge {
        /// The function's size in bytes.
        bytes: u64,
        /// The most that is compiled.
        limit: u64,
    },
    /// It has more core modules than a plugin may have.
    #[error("has {modules} modules, limit {limit}")]
    TooManyModules {
        /// How many it has.
        modules: usize,
        /// The most that are compiled.
        limit: usize,
    },
    /// Compiling it took more processor time than [`compile_time`](super::LoadLimits::compile_time).
    #[error("takes longer than {seconds} s to compile")]
    CompileTimedOut {
        /// The limit in seconds.
        seconds: u64,
    },
    /// Compiling it took more memory than [`compile_memory_bytes`](super::LoadLimits::compile_memory_bytes).
    #[error("takes more than {} of memory to compile", bytes_text(*limit))]
    CompileOutOfMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The process that was to compile it could not be started or talked to.
    #[error("cannot be compiled: {0}")]
    NoCompiler(String),
    /// It cannot be compiled, or its types do not fit the contract's.
    #[error("cannot be loaded: {0}")]
    Unloadable(String),
    /// Its account of its solids failed.
    #[error("cannot describe its solids: {0}")]
    DescribeFailed(StepFailure),
    /// Its account of its solids makes no sense.
    #[error("describes its solids wrongly: {0}")]
    BadDefinitions(String),
    /// It describes more solids than [`solids`](super::LoadLimits::solids).
    #[error("describes {solids} solids, limit {limit}")]
    TooManySolids {
        /// How many it describes.
        solids: usize,
        /// The most that are taken.
        limit: usize,
    },
    /// Its account of its solids is larger than [`definition_bytes`](super::LoadLimits::definition_bytes).
    #[error("describes its solids in more than {}", bytes_text(*limit))]
    DefinitionsTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl Refusal {
    /// A stable name of the reason, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::BadName(_) => "bad-name",
            Self::TooLarge { .. } => "component-too-large",
            Self::Empty | Self::NotWasm | Self::Damaged(_) => "damaged",
            Self::CoreModule | Self::NotAPlugin { .. } => "not-a-plugin",
            Self::OtherVersion { .. } => "other-version",
            Self::UnknownImports { .. } => "unknown-imports",
            Self::TooManyModules { .. } => "too-many-modules",
            Self::FunctionTooLarge { .. } => "function-too-large",
            Self::CompileTimedOut { .. } => "compile-timed-out",
            Self::CompileOutOfMemory { .. } => "compile-out-of-memory",
            Self::NoCompiler(_) => "host-failed",
            Self::Unloadable(_) => "unloadable",
            Self::DescribeFailed(_) => "describe-failed",
            Self::BadDefinitions(_) => "bad-definitions",
            Self::TooManySolids { .. } => "too-many-solids",
            Self::DefinitionsTooLarge { .. } => "definitions-too-large",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadName(_) => "rename the file".to_owned(),
            Self::Empty | Self::NotWasm | Self::Damaged(_) => "build it again".to_owned(),
            Self::CoreModule => "encode it as a component; `fanfold build` does".to_owned(),
            Self::OtherVersion { .. } => {
                let major_minor =
                    CONTRACT_VERSION.rsplit_once('.').map_or(CONTRACT_VERSION, |(front, _)| front);
                format!("rebuild it with fanfold-sdk {major_minor}, or upgrade fanfold")
            }
            Self::NotAPlugin { .. } => "a plugin targets `world plugin` of wit/plugin.wit".to_owned(),
            Self::UnknownImports { .. } => "build it for WASI 0.2 without these".to_owned(),
            Self::DescribeFailed(failure) => return failure.hint.clone(),
            _ => format!("if you trust it, raise `limits.{}` of the plugin", self.limit()?),
        };
        Some(hint)
    }
}

impl Refusal {
    /// The setting of the limit that it meets, if it is one.
    fn limit(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge { .. } => Some("component"),
            Self::TooManyModules { .. } => Some("modules"),
            Self::FunctionTooLarge { .. } => Some("function"),
            Self::CompileTimedOut { .. } => Some("compile_time"),
            Self::CompileOutOfMemory { .. } => Some("compile_memory"),
            Self::TooManySolids { .. } => Some("solids"),
            Self::DefinitionsTooLarge { .. } => Some("definitions"),
            _ => None,
        }
    }
}

fn listed(names: &[String], none: &str) -> String {
    /// More than these are counted, not named.
    const SHOWN: usize = 5;
    let mut text = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    if text.is_empty() { none.to_owned() } else { text }
}
