//! Plugin files: a component in WebAssembly's text format, or edits of a good plugin, four bytes each.
#![no_main]

use std::sync::LazyLock;

use fanfold::sandbox::inspect;
use fanfold_fuzz::guest::{self, Loading};
use libfuzzer_sys::{Corpus, fuzz_target};

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let core = format!("(module {})", guest::fields(&"\\00".repeat(64), ""));
    guest::component(&wat::parse_str(core).expect("a module")).expect("a plugin")
});
static LOADING: LazyLock<Loading> = LazyLock::new(Loading::new);

fuzz_target!(|data: &[u8]| -> Corpus {
    let component = match data.first() {
        Some(b'(') => match wat::parse_bytes(data) {
            Ok(component) => component.into_owned(),
            Err(_) => return Corpus::Reject,
        },
        _ => edited(data),
    };
    let inspected = inspect(&component);
    let loaded = LOADING.load(&component);
    LOADING.forget();
    match loaded {
        Ok(plugin) => {
            let outside = inspected.expect("what is loaded was inspected");
            assert!(outside.exports.iter().any(|name| name == "fanfold:plugin/solids@0.1.0"));
            let names: Vec<_> = plugin.solids().iter().map(|solid| &solid.name).collect();
            assert!(names.iter().all(|name| plugin.solid(name.as_str()).is_some()), "{names:?}");
        }
        Err(refusal) => assert!(!refusal.to_string().is_empty() && !refusal.kind().is_empty()),
    }
    Corpus::Keep
});

/// The good plugin with bytes of it replaced, added and taken away.
fn edited(edits: &[u8]) -> Vec<u8> {
    let mut component = GOOD.clone();
    for edit in edits.as_chunks::<4>().0 {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % component.len().max(1);
        match edit[2] % 4 {
            0 if component.is_empty() => {}
            0 => component[at] = edit[3],
            1 => component.insert(at, edit[3]),
            2 => drop(component.drain(at..component.len().min(at + usize::from(edit[3])))),
            _ => component.truncate(component.len() - usize::from(edit[3]).min(component.len())),
        }
    }
    component
}
