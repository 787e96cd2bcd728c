//! Assets, as runs make them and `fanfold assets` lists them.

use std::fs;

use serde_json::{Value as Json, json};

use crate::harness::{PLUGINS, Place};

const PIPELINE: &str = r#"
load("plugin:assets", "publish", "regional", "report", "sales")

def main():
    days = sales(DAYS)
    report(days.map(regional).collect())
    publish.with_retry(1)(5)

pipeline(main)
"#;

/// Runs the pipeline over these days, as the run of that name.
fn run(place: &Place, days: &str, run_id: &str) {
    fs::write(place.path().join("main.star"), PIPELINE.replace("DAYS", days)).unwrap();
    let plugins = PLUGINS.display().to_string();
    let ran = place.fanfold(&[
        "run",
        "main.star",
        "--plugins",
        &plugins,
        "--store",
        "store",
        "--run-id",
        run_id,
        "--jobs",
        "1",
    ]);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
}

fn assets(place: &Place, arguments: &[&str]) -> Json {
    let arguments = [&["assets", "--store", "store", "--format", "json"], arguments].concat();
    let ran = place.fanfold(&arguments);
    assert_eq!(ran.exit, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn assets_are_listed_with_what_was_made_last() {
    let place = Place::new();
    assert_eq!(place.fanfold(&["assets", "--store", "store"]).stdout, "");
    run(&place, "[1, 2]", "first");
    run(&place, "[2, 3]", "second");
    let told = |asset: &Json| {
        json!([asset["asset_key"], asset["partitions"], asset["latest"]["run_id"], asset["latest"]["step"]])
    };
    let listed: Vec<Json> = assets(&place, &[]).as_array().unwrap().iter().map(told).collect();
    let wanted = [
        json!([["report"], 0, "second", "report"]),
        json!([["sales", "by_region"], 2, "second", "regional[3]"]),
        json!([["sales", "daily"], 3, "second", "sales"]),
        json!([["site"], 1, "second", "publish"]),
    ];
    assert_eq!(listed, wanted);

    let daily = assets(&place, &["sales/daily"]);
    let told = |made: &Json| json!([made["partition"], made["run_id"], made["metadata"][0]["value"]]);
    let made: Vec<Json> = daily["materializations"].as_array().unwrap().iter().map(told).collect();
    let wanted = [("1", "first"), ("2", "second"), ("3", "second")];
    let wanted = wanted.map(|(day, run)| json!([day, run, { "integer": day.parse::<u32>().unwrap() }]));
    assert_eq!(made, wanted);

    let report = place.fanfold(&["assets", "report", "--store", "store"]);
    let (head, facts) = report.stdout.split_once('\n').unwrap();
    assert!(head.starts_with("run second  report  20"), "{head}");
    let wanted = "    note: all \\u{1b}[31mregions\n    summary:\n      # Sales\n      \n      more than ever\n    dashboard: https://example.com/sales\n    file: /reports/sales.csv\n    raw: {\"xs\":[40,60]}\n    rows: 2\n    mean: 50\n    is final: yes\n    as of: 2017-07-14T02:40:00Z\n    made from: sales/daily\n    by place:\n      place  x\n      0      10\n      1      20\n";
    assert_eq!(facts, wanted);

    let typo = place.fanfold(&["assets", "sales/dayly", "--store", "store"]);
    assert_eq!(typo.exit, 2);
    assert_eq!(
        typo.stderr,
        "error: no run has made an asset `sales/dayly`\nhint: did you mean `sales/daily`?\n"
    );
}

#[test]
fn each_value_of_an_asset_is_an_event_for_each_partition() {
    let place = Place::new();
    run(&place, "[7]", "r");
    let events = place.fanfold(&["events", "r", "--store", "store", "--format", "json"]);
    let events = events.stdout.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
    let made = events.filter(|event| event["event"] == "materialized");
    let told: Vec<Json> = made
        .map(|event| {
            json!([event["step"], event["asset_key"].as_array().unwrap().last(), event["partition"]])
        })
        .collect();
    let wanted = [
        json!(["sales", "daily", "7"]),
        json!(["regional[7]", "by_region", "eu"]),
        json!(["regional[7]", "by_region", "us"]),
        json!(["report", "report", null]),
        json!(["publish", "site", "page_5"]),
    ];
    assert_eq!(told, wanted);
}
