//! Keeps crates of one name apart that share a target directory.
//!
//! Cargo tells crates of different workspaces apart by name and version alone, and names a library's file by its name
//! alone: it would take what one crate left there for another's. So the directory keeps who used a name last, a crate that
//! comes after another starts anew, and one crate is built there at a time.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use super::facts::WasmTarget;
use super::manifest::Manifest;
use super::{BuildError, BuildRequest};

/// Where the names' last users are kept, in the target directory.
const DIRECTORY: &str = "fanfold-names";

/// Waits until nobody else builds in the target directory. Others wait until the file is dropped.
pub(super) fn lock(target_dir: &Path) -> Result<File, BuildError> {
    let file = target_dir.join(DIRECTORY).join(".lock");
    let locked = fs::create_dir_all(target_dir.join(DIRECTORY)).and_then(|()| File::create(&file));
    let locked = locked.and_then(|locked| locked.lock().map(|()| locked));
    locked.map_err(|error| BuildError::Write { file, error: error.to_string() })
}

/// Makes the library's name the request's crate's own. `cargo` is ready for its arguments: it removes what a namesake
/// left. The target directory is locked.
pub(super) fn claim(
    request: &BuildRequest<'_>,
    target: WasmTarget,
    mut cargo: Command,
) -> Result<(), BuildError> {
    let manifest = Manifest::read(request.crate_dir).map_err(BuildError::NoCrate)?;
    // What is no crate is cargo's to refuse.
    let (Some(package), Some(library)) = (&manifest.package, manifest.library_name()) else { return Ok(()) };
    let marker = request.target_dir.join(DIRECTORY).join(library);
    let unwritable =
        |error: std::io::Error| BuildError::Write { file: marker.clone(), error: error.to_string() };
    let owner = request.crate_dir.canonicalize().map_err(unwritable)?;
    let owner = owner.as_os_str().as_encoded_bytes();
    match fs::read(&marker) {
        Ok(found) if found == owner => return Ok(()),
        Ok(_) => {
            let place = ["--release", "--target", target.triple()];
            run(cargo.args(["clean", "--quiet", "--package", &package.name]).args(place))?;
        }
        Err(_) => {}
    }
    fs::write(&marker, owner).map_err(unwritable)
}

fn run(command: &mut Command) -> Result<(), BuildError> {
    let program = command.get_program().into();
    let output = command.output().map_err(|error| BuildError::Start { program, error: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    Err(BuildError::Compile { stderr: String::from_utf8_lossy(&output.stderr).into_owned() })
}
