//! Sets up what loads plugins: the engine and the cache of compiled ones.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use fanfold::diagnostic::Diagnostic;
use fanfold::sandbox::{CacheError, CompileCache, Compiler, Engine, EngineOptions, PluginLoader};

use fanfold_graph::name::PluginName;

use super::Failure;
use super::terminal::tell;

/// An engine.
pub(crate) fn engine(options: EngineOptions) -> Result<Engine, Failure> {
    Engine::new(options).map_err(|error| Failure::system(Diagnostic::new(error.to_string())))
}

/// What loads plugins for an engine: each is compiled in a confined child of this program, and who waits for that is told.
pub(crate) fn loader(engine: Engine) -> Result<PluginLoader, Failure> {
    let compiler = Compiler::Child(executable()?);
    let before_compiling = |name: &PluginName| tell(&format!("compiling plugin `{name}`, once"));
    Ok(PluginLoader { engine, cache: compile_cache()?, compiler, before_compiling })
}

/// This very program: it serves as its own confined child.
pub(crate) fn executable() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::system(Diagnostic::caused_by("cannot find the program's own file", &error)))
}

/// The cache of compiled plugins: one per user, since entries are found by content.
fn compile_cache() -> Result<CompileCache, Failure> {
    let directory = cache_directory().ok_or_else(|| {
        Failure::system(
            Diagnostic::new("there is no place to keep compiled plugins: HOME is not set")
                .hint("set FANFOLD_CACHE to a directory of yours".to_owned()),
        )
    })?;
    CompileCache::open(&directory).map_err(|error| {
        let hint = match &error {
            CacheError::Unusable { .. } => "set FANFOLD_CACHE to another directory".to_owned(),
            CacheError::NotPrivate(directory) => format!("chmod go-w {}", directory.display()),
        };
        Failure::system(Diagnostic::new(error.to_string()).hint(hint))
    })
}

/// Where compiled plugins are kept; none if nothing says.
pub(crate) fn cache_directory() -> Option<PathBuf> {
    cache_directory_by(|name| std::env::var_os(name))
}

fn cache_directory_by(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // As the XDG Base Directory Specification has it, only absolute paths count there.
    let absolute = |name: &str| path(name).filter(|path| path.is_absolute());
    path("FANFOLD_CACHE")
        .or_else(|| Some(absolute("XDG_CACHE_HOME")?.join("fanfold")))
        .or_else(|| Some(absolute("HOME")?.join(Path::new(".cache/fanfold"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_environment_says() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(Variables, Option<&str>); 6] = [
            (&[("FANFOLD_CACHE", "here"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], Some("here")),
            (&[("FANFOLD_CACHE", ""), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")], Some("/x/fanfold")),
            (&[("XDG_CACHE_HOME", "x"), ("HOME", "/h")], Some("/h/.cache/fanfold")),
            (&[("HOME", "/h")], Some("/h/.cache/fanfold")),
            (&[("HOME", "")], None),
            (&[], None),
        ];
        for (variables, wanted) in cases {
            let variable = |name: &str| {
                variables.iter().find(|(found, _)| *found == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(cache_directory_by(variable), wanted.map(PathBuf::from), "{variables:?}");
        }
    }
}
