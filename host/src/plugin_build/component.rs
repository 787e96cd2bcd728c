//! From what the compiler made to a component on disk.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_component::ComponentEncoder;

/// What follows `\0asm` in a core module; a component has other bytes there.
const CORE_MODULE: [u8; 4] = [1, 0, 0, 0];

/// The component in or around `wasm`. The adapter is always offered: unused, it changes nothing.
pub(super) fn componentize(wasm: Vec<u8>) -> Result<Vec<u8>, String> {
    if wasm.get(4..8) != Some(&CORE_MODULE) {
        return Ok(wasm);
    }
    let failed = |error| format!("{error:#}");
    let encoder = ComponentEncoder::default().validate(true).module(&wasm).map_err(failed)?;
    let encoder =
        encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER);
    encoder.map_err(failed)?.encode().map_err(failed)
}

/// Whether a file had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The file has new content.
    Written,
    /// The file had this content already, and was left alone.
    Unchanged,
}

/// Writes a file whole or not at all, and only if its content changes.
pub(super) fn write_if_changed(path: &Path, content: &[u8]) -> io::Result<Outcome> {
    /// Tells apart what this process writes at the same time.
    static WRITES: AtomicU64 = AtomicU64::new(0);
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(Outcome::Unchanged);
    }
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    // Not `*.wasm`: whoever lists the directory meanwhile must not take it for a plugin.
    let beside = path.with_extension(format!("wasm.{}-{number}.new", std::process::id()));
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, path));
    written.inspect_err(|_| _ = fs::remove_file(&beside))?;
    Ok(Outcome::Written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugins/files.wasm");
        assert_eq!(write_if_changed(&path, b"one").unwrap(), Outcome::Written);
        assert_eq!(write_if_changed(&path, b"one").unwrap(), Outcome::Unchanged);
        assert_eq!(write_if_changed(&path, b"two").unwrap(), Outcome::Written);
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn components_pass_and_junk_does_not() {
        let component = wat::parse_str("(component)").unwrap();
        assert_eq!(componentize(component.clone()), Ok(component));
        assert!(componentize(wat::parse_str("(module (import \"a\" \"b\" (func)))").unwrap()).is_err());
    }
}
