//! Step keys and the names in them, from text: what is read is printed as it was written.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

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
