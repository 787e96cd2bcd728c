//! Lists a directory, file by file.

use std::fs;
use std::path::{Path, PathBuf};

use fanfold_sdk::prelude::*;

use crate::access;

/// The directory to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Its path, as granted to the plugin.
    pub path: PathBuf,
}

/// Emits the path of every file under a directory, directory by directory, in order of name.
///
/// Hidden files are included. A link to a file counts as a file; a link to a directory is not followed, since it may
/// lead in a circle; a link to nothing, a socket and the like are no files: each is left out with a warning in the log.
/// A directory that cannot be listed fails the step, because the list would pass for a complete one, and so does a
/// name outside UTF-8. The keys are made from the paths relative to the directory, so that they stay the same
/// wherever it lies.
#[solid]
pub fn files_in_directory(config: Directory, cx: Context, mut files: DynamicOutput<PathBuf>) -> Result<()> {
    let root = &config.path;
    // Directories that are still to be listed, the next one last: what was seen of a large tree is not kept.
    let mut pending = vec![list(root)?.into_iter()];
    while let Some(directory) = pending.last_mut() {
        let Some(path) = directory.next() else {
            pending.pop();
            continue;
        };
        match look(&path)? {
            Kind::Directory => pending.push(list(&path)?.into_iter()),
            Kind::File => {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                files.emit(MappingKey::from_path(relative), &path)?;
            }
            Kind::Other(what) => cx.warn(format_args!("left out `{}`: {what}", path.display())),
        }
    }
    Ok(())
}

/// What is at a path.
enum Kind {
    File,
    Directory,
    /// Something that is not listed, and why.
    Other(&'static str),
}

fn look(path: &Path) -> Result<Kind> {
    if path.to_str().is_none() {
        fail!(
            "cannot list `{}`: its name is not UTF-8, which a path in JSON must be; rename it",
            path.display()
        );
    }
    let metadata = fs::symlink_metadata(path).map_err(|error| access::failure("look at", path, &error))?;
    let file_type = metadata.file_type();
    if file_type.is_symlink() {
        return Ok(match fs::metadata(path) {
            Ok(target) if target.is_file() => Kind::File,
            Ok(target) if target.is_dir() => Kind::Other("a link to a directory is not followed"),
            Ok(_) => Kind::Other("it links to neither a file nor a directory"),
            Err(_) => Kind::Other("it links to nothing that can be read"),
        });
    }
    Ok(if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Directory
    } else {
        Kind::Other("it is neither a file nor a directory")
    })
}

/// The paths in one directory, in order of name.
fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let failure = |error| access::failure("list", directory, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failure)? {
        paths.push(entry.map_err(failure)?.path());
    }
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::Level;
    use fanfold_sdk::testing::{Outcome, Step};
    use tempfile::TempDir;

    use super::*;

    fn tree(files: &[&str]) -> TempDir {
        let root = TempDir::new().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        root
    }

    fn run(root: &Path) -> Outcome {
        Step::of::<files_in_directory>().config(json!({ "path": root })).run()
    }

    /// Keys, and paths relative to the root.
    fn listed(root: &Path, outcome: &Outcome) -> Vec<(String, String)> {
        let files = outcome.dynamic::<PathBuf>("files").into_iter();
        files
            .map(|(key, path)| (key, path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()))
            .collect()
    }

    fn warnings(outcome: &Outcome) -> Vec<&str> {
        let lines = outcome.log().iter().filter(|line| line.level == Level::Warning);
        lines.map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn files_come_in_order_with_readable_keys() {
        let root = tree(&["b.txt", "a/z.md", "a/y/x", ".hidden", "c d"]);
        let outcome = run(root.path());
        outcome.expect_success();
        let (keys, paths): (Vec<_>, Vec<_>) = listed(root.path(), &outcome).into_iter().unzip();
        assert_eq!(paths, [".hidden", "a/y/x", "a/z.md", "b.txt", "c d"]);
        assert_eq!(keys[..4], ["_hidden", "a___y___x", "a___z_md", "b_txt"]);
        assert!(keys[4].starts_with("c_d_"), "{}", keys[4]);
        assert!(warnings(&outcome).is_empty());
    }

    #[test]
    fn paths_that_look_alike_get_keys_of_their_own() {
        let names = ["a.b", "a_b", "a/b", "a-b", "a b", "a..b", "a__b"];
        let root = tree(&names[..2]);
        let (first, second) = (tree(&names[2..3]), tree(&names[3..]));
        let mut keys = std::collections::BTreeSet::new();
        for root in [&root, &first, &second] {
            keys.extend(listed(root.path(), &run(root.path())).into_iter().map(|(key, _)| key));
        }
        assert_eq!(keys.len(), names.len(), "{keys:?}");
    }

    #[test]
    fn an_empty_directory_has_no_files() {
        let root = tree(&[]);
        fs::create_dir(root.path().join("empty")).unwrap();
        let outcome = run(root.path());
        outcome.expect_success();
        assert!(outcome.emitted().is_empty());
    }

    #[test]
    fn a_missing_directory_fails_the_step_by_name() {
        let root = tree(&[]);
        let outcome = run(&root.path().join("nowhere"));
        let description = &outcome.failure().unwrap().description;
        assert!(description.contains("cannot list `") && description.contains("nowhere`: "), "{description}");
    }

    #[cfg(unix)]
    #[test]
    fn links_to_files_count_and_links_to_directories_do_not() {
        use std::os::unix::fs::symlink;
        let root = tree(&["dir/file"]);
        symlink("dir/file", root.path().join("to_file")).unwrap();
        symlink(root.path(), root.path().join("to_root")).unwrap();
        symlink("nowhere", root.path().join("to_nothing")).unwrap();
        let outcome = run(root.path());
        outcome.expect_success();
        let paths: Vec<_> = listed(root.path(), &outcome).into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, ["dir/file", "to_file"]);
        let warnings = warnings(&outcome);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("to_nothing`: it links to nothing"), "{warnings:?}");
        assert!(warnings[1].contains("to_root`: a link to a directory"), "{warnings:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_outside_utf8_fails_the_step() {
        use std::os::unix::ffi::OsStrExt;
        let root = tree(&["good"]);
        fs::write(root.path().join(std::ffi::OsStr::from_bytes(b"bad\xff")), "").unwrap();
        let outcome = run(root.path());
        assert!(outcome.failure().unwrap().description.contains("its name is not UTF-8"));
    }
}
