//! Step keys, the names in them and others that people type, from text: what is read is printed as it was written.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use fanfold::sandbox::{BlobDigest, HostGrant};
use fanfold::store::RunId;
use fanfold_graph::name::{Identifier, MappingKey, OutputRef, PluginName, SolidName, SolidRef};
use fanfold_graph::step::StepKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    stays_the_same::<StepKey>(text);
    stays_the_same::<Identifier>(text);
    stays_the_same::<SolidName>(text);
    stays_the_same::<PluginName>(text);
    stays_the_same::<SolidRef>(text);
    stays_the_same::<OutputRef>(text);
    stays_the_same::<BlobDigest>(text);
    if let Ok(run_id) = RunId::new(text) {
        assert_eq!(run_id.as_str(), text);
        assert!(run_id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
    // A host has one form, in which it is shown.
    if let Ok(host) = HostGrant::parse(text) {
        assert_eq!(HostGrant::parse(&host.to_string()), Ok(host));
    }
    if let Ok(key) = MappingKey::new(text) {
        assert_eq!(key.as_str(), text);
        let step: StepKey = format!("solid[{key}]").parse().expect("a mapping key fits between brackets");
        assert_eq!(step.mapping_keys, [key]);
    }
});

fn stays_the_same<T: FromStr<Err: Display> + Display + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(parsed) => assert_eq!(parsed.to_string(), text),
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error}"),
    }
}
