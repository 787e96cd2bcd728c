//! What `describe` returns: solids as JSON, right or wrong, told by a guest. What is loaded is what was told, within its
//! bounds, and the cache gives back the same.
#![no_main]

use std::sync::LazyLock;

use fanfold_fuzz::described::{Port, Solid, json_text, memory};
use fanfold_fuzz::guest::{self, Loading};
use fanfold_graph::definition::SolidDefinition;
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

static BLANK: LazyLock<(Vec<u8>, usize)> = LazyLock::new(guest::blank);
static LOADING: LazyLock<Loading> = LazyLock::new(Loading::new);

fuzz_target!(|text: &str| {
    let Ok(told) = serde_json::from_str::<Vec<Solid>>(text) else { return };
    let Some(memory) = memory(&told) else { return };
    let (mut component, at) = BLANK.clone();
    component[at..at + memory.len()].copy_from_slice(&memory);
    let loaded = LOADING.load(&component);
    let again = LOADING.load(&component);
    LOADING.forget();
    match (loaded, again) {
        (Ok(plugin), Ok(cached)) => {
            assert_eq!(plugin.solids(), cached.solids());
            check(plugin.solids(), &told);
        }
        (Err(refusal), Err(again)) => assert_eq!(refusal, again),
        (loaded, again) => panic!("first {loaded:?}, then {again:?}"),
    }
});

fn check(solids: &[SolidDefinition], told: &[Solid]) {
    let limits = guest::limits();
    assert!(solids.len() == told.len() && solids.len() <= limits.solids);
    assert!(
        serde_json::to_vec(solids).expect("they have a JSON form").len() as u64 <= limits.definition_bytes
    );
    for (solid, told) in solids.iter().zip(told) {
        assert_eq!(solid.name.as_str(), told.name);
        assert_eq!(solid.description, told.description);
        assert_eq!(solid.config_schema, meant(told.config_schema.as_ref()));
        assert_eq!(solid.tags.len(), told.tags.len());
        assert!(
            solid
                .retry_policy
                .as_ref()
                .is_none_or(|it| it.backoff >= 1.0 && (0.0..=1.0).contains(&it.jitter))
        );
        let inputs =
            solid.inputs.iter().map(|it| (it.name.as_str(), it.schema.clone(), it.default_value.clone()));
        assert!(inputs.eq(told.inputs.iter().map(|it| (
            &*it.name,
            schema(it),
            meant(it.default_value.as_ref())
        ))));
        let outputs = solid
            .outputs
            .iter()
            .map(|it| (it.name.as_str(), it.schema.clone(), it.is_required, it.is_dynamic));
        assert!(outputs.eq(told.outputs.iter().map(|it| (
            &*it.name,
            schema(it),
            it.is_required,
            it.is_dynamic
        ))));
    }
}

fn schema(port: &Port) -> Option<Json> {
    meant(port.schema.as_ref())
}

/// The JSON that was told; what is none is not loaded.
fn meant(told: Option<&Json>) -> Option<Json> {
    told.map(|told| serde_json::from_str(&json_text(told)).expect("what is no JSON is refused"))
}
