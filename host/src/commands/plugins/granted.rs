//! What a solid is granted, as text and JSON.

use std::path::Path;

use fanfold::diagnostic::printable;
use fanfold::sandbox::{Access, GrantList};
use serde_json::{Value as Json, json};

/// One line for each thing that is granted.
pub(super) fn lines(grants: &GrantList) -> Vec<String> {
    let GrantList { directories, environment, network, scratch, real_clock, real_randomness } = grants;
    let directories = directories.iter().map(|grant| {
        let host = grant.host.display();
        printable(&format!("{} ({}) is {host}", grant.guest, mode(grant.access)))
    });
    let variables = environment.iter().map(|(name, value)| printable(&format!("{name}={value}")));
    let others = [(*real_clock, "the real clock"), (*real_randomness, "real randomness")];
    let others = others.into_iter().filter(|(is_granted, _)| *is_granted).map(|(_, what)| what.to_owned());
    let hosts = network.iter().map(ToString::to_string);
    let scratch = scratch.as_ref();
    let scratch = scratch.map(|it| printable(&format!("{} (scratch) of {} bytes", it.guest, it.bytes)));
    directories.chain(scratch).chain(hosts).chain(variables).chain(others).collect()
}

/// With the keys of the settings.
pub(super) fn json(grants: &GrantList) -> Json {
    let directories = grants
        .directories
        .iter()
        .map(|grant| json!({ "host": text(&grant.host), "guest": grant.guest, "mode": mode(grant.access) }));
    let clock = |is_real| if is_real { "real" } else { "virtual" };
    json!({
        "fs": directories.collect::<Json>(),
        "scratch": grants.scratch.as_ref().map(|it| json!({ "guest": it.guest, "size": it.bytes })),
        "net": grants.network.iter().map(ToString::to_string).collect::<Json>(),
        "env": grants.environment,
        "clock": clock(grants.real_clock),
        "random": clock(grants.real_randomness),
    })
}

fn mode(access: Access) -> &'static str {
    match access {
        Access::ReadOnly => "ro",
        Access::ReadWrite => "rw",
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
