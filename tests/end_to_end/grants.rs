//! What the settings and the command line grant, and to whom.

use std::fs;

use serde_json::{Value as Json, json};

use crate::harness::{PLUGINS, Place, Ran};

/// A place whose pipeline tries these things, under these settings.
fn place(settings: &str, attempts: &Json) -> Place {
    let place = Place::new();
    let config = json!({ "attempts": attempts });
    let config = serde_json::to_string(&config).unwrap();
    let pipeline = format!(
        "load(\"plugin:hostile\", \"reach\")\npipeline(lambda: reach.configured({config})(), name = \"p\")\n"
    );
    fs::write(place.path().join("main.star"), pipeline).unwrap();
    fs::write(place.path().join("fanfold.toml"), settings).unwrap();
    place
}

fn reached(settings: &str, attempts: &Json, arguments: &[&str]) -> Json {
    let ran = place(settings, attempts).run("main.star", arguments);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    ran.json()["result"].clone()
}

#[test]
fn the_environment_is_what_settings_and_command_line_say() {
    let env = json!([["env"]]);
    assert_eq!(reached("", &env, &[]), json!([""]));
    let settings = "[plugins.hostile]\nenv = { A = '1', B = '2' }";
    assert_eq!(reached(settings, &env, &[]), json!(["A=1 B=2"]));
    assert_eq!(reached(settings, &env, &["--allow-env", "hostile=B=3=4"]), json!(["A=1 B=3=4"]));
    let of_solid = format!("{settings}\n[plugins.hostile.solids.reach]\nenv = {{}}");
    assert_eq!(reached(&of_solid, &env, &[]), json!([""]));
    assert_eq!(reached("[plugins.numbers]\nenv = { A = '1' }", &env, &[]), json!([""]));
}

#[test]
fn a_scratch_directory_is_in_the_project_and_gone_after_the_step() {
    let attempts = json!([["write", "/tmp/a", "x"], ["read", "/tmp/a"]]);
    let place = place("[plugins.hostile]\nscratch = { size = '1 MiB' }", &attempts);
    let ran = place.run("main.star", &[]);
    assert_eq!(ran.json()["result"], json!(["ok", "x"]), "{}", ran.stderr);
    assert_eq!(fs::read_dir(place.path().join(".fanfold/scratch")).unwrap().count(), 0);
}

#[test]
fn grants_for_one_build_are_for_no_other() {
    let build = blake3::hash(&fs::read(PLUGINS.join("hostile.wasm")).unwrap()).to_hex();
    let settings = |digest: &str| format!("[plugins.hostile]\ndigest = '{digest}'\nenv = {{ A = '1' }}");
    assert_eq!(reached(&settings(&build), &json!([["env"]]), &[]), json!(["A=1"]));
    let other = "ab".repeat(32);
    let ran = place(&settings(&other), &json!([])).run("main.star", &[]);
    assert_eq!(ran.exit, 3);
    let told =
        format!("error: the grants of plugin `hostile` are for its build {other}, this is {build}\nhint: ");
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
}

#[test]
fn what_was_granted_with_a_run_is_granted_again() {
    let place = place("", &json!([["env"]]));
    assert_eq!(place.run("main.star", &["--allow-env", "hostile=A=1"]).exit, 0);
    let plugins = PLUGINS.display().to_string();
    let arguments =
        ["retry", "r", "--run-id", "s", "--plugins", &plugins, "--store", "store", "--format", "json"];
    let again: Ran = place.fanfold(&arguments);
    assert_eq!(again.json()["result"], json!(["A=1"]), "{}", again.stderr);
}

/// What a run in a place ends as, under this ceiling.
fn under(place: &Place, ceiling: &str) -> Ran {
    fs::write(place.path().join("ceiling.toml"), ceiling).unwrap();
    let mut command = place.command(&["run", "main.star", "--plugins", &PLUGINS.display().to_string()]);
    Ran::of({
        command.env("FANFOLD_CEILING", "ceiling.toml");
        command
    })
}

#[test]
fn what_is_above_the_operators_ceiling_is_refused() {
    let place = place("[plugins.hostile]\nenv = { A = '1' }", &json!([["env"]]));
    assert_eq!(under(&place, "env = ['A']").exit, 0);
    let refused = under(&place, "env = ['B']");
    assert_eq!(refused.exit, 3);
    let told = "error: plugin `hostile` is granted more than is allowed: the variable `A`\n\
                hint: `ceiling.toml` says what is allowed on this machine\n";
    assert!(refused.stderr.contains(told), "{}", refused.stderr);
    assert_eq!(under(&place, "evn = []").exit, 3, "a ceiling that cannot be read allows nothing");
}

#[test]
fn the_operators_ceiling_is_above_limits_too() {
    let place = place("[plugins.hostile]\nlimits = { wall = '2m' }", &json!([["env"]]));
    assert_eq!(under(&place, "limits.wall = '2m'").exit, 0);
    let refused = under(&place, "limits.wall = '1m'");
    assert_eq!(refused.exit, 3);
    let told = "error: plugins.hostile.limits.wall: more than is allowed, which is 60s\n";
    assert!(
        refused.stderr.contains(told) && refused.stderr.contains("fanfold.toml:2:"),
        "{}",
        refused.stderr
    );
    let hint = "hint: `ceiling.toml` says what is allowed on this machine\n";
    assert!(refused.stderr.contains(hint), "{}", refused.stderr);
    // What nobody has set is lowered: the step has too little memory, the plugin too few solids.
    let lowered = under(&place, "limits.memory = '64 KiB'");
    assert_eq!(lowered.exit, 1, "{}", lowered.stderr);
    assert!(lowered.stderr.contains("out-of-memory: "), "{}", lowered.stderr);
    let lowered = under(&place, "limits.solids = 0");
    assert_eq!(lowered.exit, 3, "{}", lowered.stderr);
    assert!(lowered.stderr.contains("solids"), "{}", lowered.stderr);
}

#[test]
fn inspecting_shows_what_a_plugin_wants_and_gets() {
    let settings = "[plugins.hostile]\nfs = [{ host = '.', guest = '/data', mode = 'rw' }]\nclock = 'real'\n\
                    net = [{ host = 'api.example.com', methods = ['GET'] }]\n\
                    [plugins.hostile.solids.fill]\nfs = []\nnet = []\nclock = 'virtual'\n";
    let place = place(settings, &json!([]));
    let plugins = PLUGINS.display().to_string();
    let inspect =
        |format| place.fanfold(&["plugins", "inspect", "hostile", "--plugins", &plugins, "--format", format]);
    let text = inspect("text").stdout;
    for told in [
        "\nexports\n  fanfold:plugin/solids@0.1.0\n",
        "\n  wasi:filesystem/types@0.2.",
        "\ncan be granted directories, ",
        "  granted:\n    /data (rw) is ",
        "\n    GET api.example.com:443\n",
        "\n    the real clock",
        "  granted:\n    nothing",
    ] {
        assert!(text.contains(told), "{told:?} is not in:\n{text}");
    }
    let json = inspect("json").json();
    assert_eq!(json["granted"]["reach"]["net"], json!(["GET api.example.com:443"]));
    assert_eq!(json["granted"]["fill"]["fs"], json!([]));
}
