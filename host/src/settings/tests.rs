use std::time::Duration;

use fanfold_graph::slots::{ConcurrencyLimit, Limited};
use proptest::prelude::*;

use super::*;
use crate::sandbox::{Access, DirectoryGrant};

fn read(text: &str) -> Result<Settings, Vec<String>> {
    let source = SourceText { name: FILE_NAME.into(), text: text.into() };
    let settings = read::read(&source, Path::new("/project"));
    settings.map_err(|found| found.into_iter().map(|problem| problem.message).collect())
}

fn plugin(name: &str) -> PluginName {
    PluginName::new(name).unwrap()
}

fn solid(name: &str) -> Identifier {
    Identifier::new(name).unwrap()
}

fn grant(host: &str, guest: &str, access: Access) -> DirectoryGrant {
    DirectoryGrant { host: host.into(), guest: guest.into(), access }
}

fn directories(settings: &Settings, plugin: &PluginName, solid: &Identifier) -> Vec<DirectoryGrant> {
    settings.grants(plugin, solid).directories
}

#[test]
fn an_empty_file_is_the_default() {
    let settings = read("").unwrap();
    assert_eq!(settings, Settings::default_in(Path::new("/project")));
    assert_eq!(settings.plugins_dir, Path::new("/project/.fanfold/plugins"));
    assert_eq!(settings.store_dir, Path::new("/project/.fanfold/store"));
    assert_eq!(settings.limits(&plugin("a"), &solid("b")), Limits::default());
    assert!(directories(&settings, &plugin("a"), &solid("b")).is_empty());
    assert!(!settings.engine_options(1).count_fuel);
}

#[test]
fn paths_start_at_the_files_directory() {
    let settings = read(
        "plugins_dir = '../shared'\nstore.dir = '/var/runs'\n\
         plugins.a.source = 'plugins/a'\nplugins.b.path = '/opt/b.wasm'\nplugins.c = {}",
    )
    .unwrap();
    assert_eq!(settings.plugins_dir, Path::new("/project/../shared"));
    assert_eq!(settings.store_dir, Path::new("/var/runs"));
    let codes: Vec<_> = settings.plugins.values().map(|plugin| plugin.code.clone()).collect();
    assert_eq!(
        codes,
        [
            PluginCode::Source("/project/plugins/a".into()),
            PluginCode::File("/opt/b.wasm".into()),
            PluginCode::InPluginsDir
        ]
    );
}

#[test]
fn runs_are_configured() {
    let settings =
        read("[run]\njobs = 3\nretry = { max_retries = 2, delay = '1s', backoff = 2, jitter = 0.1 }")
            .unwrap();
    assert_eq!(settings.jobs, NonZeroUsize::new(3));
    let policy = RetryPolicy { max_retries: 2, delay_ms: 1000, backoff: 2.0, jitter: 0.1 };
    assert_eq!(settings.retry_policy, Some(policy));
    let settings = read("run.retry = { max_retries = 1 }").unwrap();
    let policy = RetryPolicy { max_retries: 1, delay_ms: 0, backoff: 1.0, jitter: 0.0 };
    assert_eq!(settings.retry_policy, Some(policy));
}

#[test]
fn steps_at_once_are_limited_by_solid_and_by_tag() {
    let text = "run.concurrency = [{ tag = 'db', max = 2 }, { tag = 'at', value = 'eu', max = 1 }, { solid = 'a.b', max = 3 }]";
    let said = read(text).unwrap().concurrency;
    let limit = |of, max: u32| ConcurrencyLimit { of, max: max.try_into().unwrap() };
    let tag = |name: &str, value: Option<&str>| Limited::Tag {
        name: name.to_owned(),
        value: value.map(str::to_owned),
    };
    let solid = Limited::Solid("a.b".parse().unwrap());
    assert_eq!(said, [limit(tag("db", None), 2), limit(tag("at", Some("eu")), 1), limit(solid, 3)]);
    for wrong in [
        "{ max = 1 }",
        "{ solid = 'a' }",
        "{ solid = 'a', tag = 'b', max = 1 }",
        "{ solid = 'a', value = 'b', max = 1 }",
        "{ solid = 'a b', max = 1 }",
        "{ solid = 'a', max = 0 }",
        "{ tags = 'a', tag = 'b', max = 1 }",
    ] {
        let refused = read(&format!("run.concurrency = [{wrong}]")).unwrap_err();
        assert_eq!(refused.len(), 1, "{wrong}: {refused:?}");
    }
}

#[test]
fn the_nearest_table_sets_a_limit_and_each_key_by_itself() {
    let settings = read(
        "[limits]\nmemory = '1 MiB'\nkeys = 1\nwall = 5\n\
         [plugins.p.limits]\nmemory = '2 MiB'\nfuel = 7\n\
         [plugins.p.solids.s.limits]\nmemory = '3 MiB'\nhandles = 9",
    )
    .unwrap();
    let memory_bytes = |of: &str, name: &str| settings.limits(&plugin(of), &solid(name)).memory_bytes;
    let sizes = [memory_bytes("p", "s"), memory_bytes("p", "x"), memory_bytes("x", "s")];
    assert_eq!(sizes, [3 << 20, 2 << 20, 1 << 20]);
    let limits = settings.limits(&plugin("p"), &solid("s"));
    assert_eq!((limits.keys, limits.fuel, limits.handles), (1, Some(7), 9));
    assert_eq!((limits.wall, limits.value_bytes), (Duration::from_secs(5), Limits::default().value_bytes));
    assert!(settings.engine_options(1).count_fuel);
}

#[test]
fn the_stack_is_a_limit_of_the_project_alone() {
    let stack_bytes = |text| read(text).map(|settings| settings.engine_options(2).stack_bytes);
    assert_eq!(stack_bytes("[limits]\nstack = '1 MiB'").unwrap(), 1 << 20);
    assert_eq!(stack_bytes("").unwrap(), EngineOptions::default().stack_bytes);
    for (text, told) in [
        ("[limits]\nstack = '3 MiB'", "a step can have at most 2 MiB"),
        (
            "[plugins.p.limits]\nstack = '1 MiB'",
            "`stack` is a limit of all plugins together: set it in `[limits]`",
        ),
        ("[plugins.p.solids.s.limits]\nstack = '1 MiB'", "`stack` is a limit of all plugins together"),
    ] {
        let problems = stack_bytes(text).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(told)), "{problems:?}");
    }
}

#[test]
fn every_limit_has_a_key() {
    let keys = "memory = 1\nwall = '2ms'\nfuel = 3\nvalue = 4\noutputs = 5\nkeys = 6\nblobs = 7\nlogs = 8\n\
                metadata = 9\nresponses = 15\ntable_elements = 10\ninstances = 11\nmemories = 2\ntables = 13\nhandles = 14";
    let limits = read(&format!("[limits]\n{keys}")).unwrap().limits(&plugin("p"), &solid("s"));
    let expected = Limits {
        memory_bytes: 1,
        wall: Duration::from_millis(2),
        fuel: Some(3),
        value_bytes: 4,
        output_bytes: 5,
        keys: 6,
        blob_bytes: 7,
        log_bytes: 8,
        metadata_bytes: 9,
        response_bytes: 15,
        table_elements: 10,
        instances: 11,
        memories: 2,
        tables: 13,
        handles: 14,
    };
    assert_eq!(limits, expected);
}

#[test]
fn loading_is_limited_by_plugin_and_project() {
    let keys = "component = 1\nmodules = 2\nfunction = 3\ncompile_memory = 4\ncompile_time = 5\n\
                describe_time = '6ms'\ndescribe_memory = 7\nsolids = 8\ndefinitions = 9";
    let settings = read(&format!("[limits]\n{keys}\n[plugins.q.limits]\nsolids = 80")).unwrap();
    let expected = LoadLimits {
        component_bytes: 1,
        modules: 2,
        function_bytes: 3,
        compile_memory_bytes: 4,
        compile_time: Duration::from_secs(5),
        describe_time: Duration::from_millis(6),
        describe_memory_bytes: 7,
        solids: 8,
        definition_bytes: 9,
    };
    assert_eq!(settings.load_limits(&plugin("p")), expected);
    assert_eq!(settings.load_limits(&plugin("q")), LoadLimits { solids: 80, ..expected });
    let refused = read("[plugins.p.solids.s.limits]\nmodules = 1").unwrap_err();
    assert_eq!(refused, ["plugins.p.solids.s.limits: `modules` is a limit of the plugin as a whole"]);
}

/// The settings under ceilings.
fn under(ceilings: &[&str], text: &str) -> Result<Settings, Vec<String>> {
    let mut settings = read(text)?;
    for ceiling in ceilings {
        let ceiling = Ceiling::read(&SourceText { name: "ceiling.toml".into(), text: (*ceiling).into() });
        settings.put_under(&ceiling.unwrap()).map_err(|above| {
            let told = |it: Diagnostic| format!("{}: {}", it.place.unwrap().line, it.message);
            above.into_iter().map(told).collect::<Vec<_>>()
        })?;
    }
    Ok(settings)
}

#[test]
fn what_is_not_set_is_the_default_or_the_ceiling_whichever_is_lower() {
    let ceiling = "[limits]\nmemory = '32 MiB'\nkeys = 9\nwall = '1h'\nfuel = 7\nstack = '1 MiB'\nsolids = 5";
    let (p, s) = (plugin("p"), solid("s"));
    let settings = under(&[ceiling], "plugins.p.solids.s.limits = { memory = '1 MiB', fuel = 6 }").unwrap();
    let (own, other) = (settings.limits(&p, &s), settings.limits(&p, &solid("x")));
    assert_eq!((own.memory_bytes, other.memory_bytes), (1 << 20, 32 << 20));
    assert_eq!((own.fuel, other.fuel), (Some(6), Some(7)));
    assert_eq!((own.keys, own.wall), (9, Limits::default().wall));
    assert_eq!((settings.load_limits(&p).solids, settings.load_limits(&plugin("x")).solids), (5, 5));
    let options = settings.engine_options(1);
    assert_eq!((options.stack_bytes, options.count_fuel), (EngineOptions::default().stack_bytes, true));
    let lowest = under(&["limits.keys = 9", ceiling, "limits.keys = 8", "limits.solids = 6"], "").unwrap();
    assert_eq!((lowest.limits(&p, &s).keys, lowest.load_limits(&p).solids), (8, 5));
    assert_eq!(under(&[""], ""), read(""));
}

#[test]
fn limits_above_a_ceiling_are_refused_wherever_they_are_set() {
    let ceiling = "[limits]\nmemory = '32 MiB'\nwall = '90s'\nstack = '256 KiB'\nsolids = 5";
    let text = "limits = { memory = '32 MiB', wall = '91s', stack = '257 KiB', keys = 1000000000 }\n\
                plugins.p.limits = { memory = '33 MiB', solids = 6 }\n\
                plugins.p.solids.s.limits = { memory = '1 MiB', wall = '2m' }\n\
                plugins.q.limits = { solids = 5 }";
    let told = [
        "1: limits.wall: more than is allowed, which is 90s",
        "1: limits.stack: more than is allowed, which is 256 KiB",
        "2: plugins.p.limits.memory: more than is allowed, which is 32 MiB",
        "2: plugins.p.limits.solids: more than is allowed, which is 5",
        "3: plugins.p.solids.s.limits.wall: more than is allowed, which is 90s",
    ];
    assert_eq!(under(&[ceiling], text).unwrap_err(), told);
    assert_eq!(under(&["", ceiling], text).unwrap_err(), told);
}

#[test]
fn a_solids_list_of_directories_replaces_its_plugins() {
    let settings = read(
        "[plugins.p]\nfs = [{ host = 'data', guest = '/data' }, { host = '/tmp', guest = '/', mode = 'rw' }]\n\
         [plugins.p.solids]\nnone.fs = []\nown.fs = [{ host = 'x', guest = '/x' }]\nsame.limits = {}",
    )
    .unwrap();
    let all = [grant("/project/data", "/data", Access::ReadOnly), grant("/tmp", "/", Access::ReadWrite)];
    assert_eq!(directories(&settings, &plugin("p"), &solid("same")), all);
    assert_eq!(directories(&settings, &plugin("p"), &solid("other")), all);
    assert_eq!(directories(&settings, &plugin("p"), &solid("none")), []);
    assert_eq!(
        directories(&settings, &plugin("p"), &solid("own")),
        [grant("/project/x", "/x", Access::ReadOnly)]
    );
    assert_eq!(directories(&settings, &plugin("q"), &solid("own")), []);
}

#[test]
fn each_kind_of_grant_is_the_solids_or_the_plugins() {
    let digest = "ab".repeat(32);
    let settings = read(&format!(
        "[plugins.p]\nenv = {{ A = '1', B = '' }}\nclock = 'real'\ndigest = '{digest}'\n\
         [plugins.p.solids]\nown = {{ env = {{ C = '3' }}, random = 'real' }}\nnone = {{ env = {{}}, clock = 'virtual' }}"
    ))
    .unwrap();
    let all = settings.grants(&plugin("p"), &solid("x"));
    assert_eq!(all.environment, BTreeMap::from([("A".into(), "1".into()), ("B".into(), String::new())]));
    assert_eq!((all.real_clock, all.real_randomness), (true, false));
    let own = settings.grants(&plugin("p"), &solid("own"));
    assert_eq!(own.environment, BTreeMap::from([("C".into(), "3".into())]));
    assert_eq!((own.real_clock, own.real_randomness), (true, true));
    assert_eq!(settings.grants(&plugin("p"), &solid("none")), GrantList::default());
    assert_eq!(settings.granted_build(&plugin("p")), Some([0xab; 32]));
    assert_eq!(settings.granted_build(&plugin("q")), None);
    for (wrong, told) in [
        ("env = ['A']", "plugins.p.env: expected a table, found a list"),
        (
            "env = { 'A=B' = '' }",
            "plugins.p.env.A=B: `A=B` is no name of an environment variable: it is not empty and has no `=`",
        ),
        ("env = { A = 1 }", "plugins.p.env.A: expected a text, found a whole number"),
        ("clock = 'wall'", "plugins.p.clock: `wall` is neither"),
        ("digest = 'ab'", "plugins.p.digest: a digest has 64 hexadecimal digits"),
    ] {
        assert_eq!(read(&format!("[plugins.p]\n{wrong}")).unwrap_err(), [told]);
    }
}

#[test]
fn the_nearest_file_is_found() {
    let root = tempfile::tempdir().unwrap();
    let deep = root.path().join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    assert_eq!(Settings::find(&deep).unwrap(), Settings::default_in(&deep));
    std::fs::write(root.path().join(FILE_NAME), "run.jobs = 1").unwrap();
    let found = Settings::find(&deep).unwrap();
    assert_eq!((found.dir.as_path(), found.jobs), (root.path(), NonZeroUsize::new(1)));
    std::fs::write(deep.join(FILE_NAME), "run.jobs = 0").unwrap();
    let problem = Settings::find(&deep).unwrap_err().remove(0);
    assert_eq!(problem.place.unwrap().file, deep.join(FILE_NAME).to_str().unwrap());
    assert_eq!(Settings::find(root.path()).unwrap().jobs, NonZeroUsize::new(1));
}

#[test]
fn hostile_files_end() {
    let lines = (0..10_000).map(|number| format!("key_{number} = 1\n")).collect::<Vec<_>>().concat();
    assert_eq!(read(&lines).unwrap_err().len(), 51);
    for deep in ["[", "a = [", "a = {", "{a=", "[[", "a."] {
        assert!(read(&deep.repeat(100_000)).is_err(), "{deep}");
    }
    // As deep as the parser lets values nest, with keys as long as they may be.
    let key = "a.".repeat(9) + "a";
    let nested = format!("x = {}1{}", format!("{{\n{key} = ").repeat(78), "\n}".repeat(78));
    assert_eq!(read(&nested), Err(vec!["unknown key `x`".to_owned()]));
    assert!(read(&format!("{nested}\n{nested}")).is_err());
    assert_eq!(read(&format!("{key}.a = 1")), Err(vec!["a key has at most 10 parts".to_owned()]));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r#"(\PC|[\[\]{}='".\n]|fs|limits|plugins|run|memory|wall|retry){0,48}"#) {
        _ = read(&text);
    }
}
