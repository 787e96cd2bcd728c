//! `fanfold new`: makes a project that builds and runs as it is.

use std::fs;
use std::io;
use std::path::Path;

use fanfold::diagnostic::Diagnostic;

use super::{Exit, Failure, Outcome, terminal};
use crate::cli::{Language, NewArgs};
use crate::project_template::name::ProjectName;
use crate::project_template::{self, sdk};

pub(super) fn execute(args: &NewArgs) -> Outcome {
    let Language::Rust = args.lang;
    let name = ProjectName::new(&args.name)
        .map_err(|error| Failure::usage(Diagnostic::new(error.to_string()).hint(error.hint())))?;
    let directory = Path::new(name.as_str());
    create(directory)?;
    if let Err(error) = write(&name, directory) {
        // Half a project is of no use, and in the way of the next attempt.
        _ = fs::remove_dir_all(directory);
        let message = format!("cannot write the project `{name}`");
        return Err(Failure::system(Diagnostic::caused_by(message, &error)));
    }
    terminal::print(&format!(
        "created {name}: pipeline.star, fanfold.toml, plugins/{name} (Rust)\n\
         next: cd {name} && fanfold run pipeline.star"
    ))?;
    Ok(Exit::Succeeded)
}

/// Makes the directory, which must be new: what is there already is somebody's work.
fn create(directory: &Path) -> Result<(), Failure> {
    let shown = directory.display();
    fs::create_dir(directory).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let hint = "choose another name, or move what is there away".to_owned();
            return Failure::usage(Diagnostic::new(format!("`{shown}` is there already")).hint(hint));
        }
        Failure::system(Diagnostic::caused_by(format!("cannot make the directory `{shown}`"), &error))
    })
}

fn write(name: &ProjectName, directory: &Path) -> io::Result<()> {
    for (path, text) in project_template::files(name) {
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    sdk::write(&directory.join("plugins").join(sdk::DIRECTORY))
}
