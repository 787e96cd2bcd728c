//! What one run is configured with: a file in YAML or JSON, and `--set` arguments over it.
//!
//! ```yaml
//! solids:
//!   files_in_directory:            # the name in the pipeline: its alias if it has one, groups before it with dots
//!     config: {path: docs}
//!   digest.add:
//!     inputs: {y: 3}
//! ```
//!
//! `--set solids.files_in_directory.config.path=docs` is the same as a line in the file, and goes before it. Its value is
//! JSON; what is no JSON and does not begin like it is a text.
//!
//! [`apply`] makes of it and a pipeline another pipeline, whose solids have their whole config and all their inputs: what
//! runs is what the plan shows. A config is merged over the one that the pipeline gives: maps key by key, anything else
//! as a whole. A value for a solid is meant for each of its clones.
//!
//! Invariants: every value knows its place, so that every problem is shown where it was written; reading a text takes
//! time and memory in proportion to it.
//!
//! Deliberately absent: filling in a schema's defaults, which is the plugin's to do; and taking away what the pipeline
//! configures.

mod apply;
mod assignment;
mod json;
mod known_keys;
mod number;
mod tree;
mod yaml;

use std::collections::BTreeSet;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::source_text::SourceText;
use assignment::Assignment;
use tree::{Node, Origin, TextId};

pub use apply::apply;

/// What one run is configured with. The default is nothing.
#[derive(Debug, Clone, Default)]
pub struct RunConfig {
    texts: Vec<SourceText>,
    file: Option<Node>,
    assignments: Vec<Assignment>,
}

impl RunConfig {
    /// What a file says: JSON if its name ends in `.json`, else YAML.
    pub fn parse(source: SourceText) -> Result<Self, Vec<Diagnostic>> {
        let is_json = Path::new(&source.name).extension().is_some_and(|it| it.eq_ignore_ascii_case("json"));
        let root = if is_json {
            json::parse(&source, TextId(0), 0).map_err(|problem| vec![problem])?
        } else {
            yaml::parse(&source, TextId(0))?
        };
        Ok(Self { texts: vec![source], file: Some(root), assignments: Vec::new() })
    }

    /// Adds one `--set`: `solids.NAME.config.KEY=VALUE`, `solids.NAME.config=VALUE` or `solids.NAME.inputs.INPUT=VALUE`.
    /// It goes before the file and before those that were added earlier.
    pub fn set(&mut self, assignment: &str) -> Result<(), Diagnostic> {
        let source = SourceText::new("--set", assignment)?;
        self.assignments.push(Assignment::parse(&source, TextId(self.texts.len()))?);
        self.texts.push(source);
        Ok(())
    }

    /// All of it as one tree, later texts over earlier ones.
    fn tree(&self, solids: &BTreeSet<&str>) -> Option<Node> {
        let assignments = self.assignments.iter().map(|it| it.clone().into_tree(solids));
        self.file.iter().filter(|file| !file.is_null()).cloned().chain(assignments).reduce(Node::overlaid)
    }

    fn at(&self, problem: Diagnostic, origin: Option<&Origin>) -> Diagnostic {
        match origin {
            Some(Origin { text, range }) => problem.at(self.texts[text.0].place(range)),
            None => problem,
        }
    }
}
