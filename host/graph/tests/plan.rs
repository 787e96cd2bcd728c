//! Plans, seen from outside: what they say of a pipeline, and what is wrong with one.

use fanfold_graph::plan::Plan;
use serde_json::{Value as Json, json};

/// `emit` is dynamic and fans out to `work`, whose values `sum` collects.
fn pipeline() -> Json {
    let definition = |name: &str, inputs: &[&str], outputs: Json| {
        let inputs: Vec<_> = inputs.iter().map(|name| json!({ "name": name })).collect();
        json!({ "name": name, "inputs": inputs, "outputs": outputs })
    };
    let plain = || json!([{ "name": "result" }]);
    json!({
        "name": "main",
        "definitions": {
            "p:emit": definition("emit", &[], json!([{ "name": "items", "is_dynamic": true }, { "name": "plain" }])),
            "p:work": definition("work", &["x"], plain()),
            "p:sum": definition("sum", &["nums"], plain()),
        },
        "solids": [
            { "name": "emit", "solid": "p:emit" },
            { "name": "work", "solid": "p:work", "scope": [{ "over": "emit.items" }], "inputs": { "x": { "item": 0 } } },
            { "name": "sum", "solid": "p:sum", "inputs": { "nums": { "collect": {
                "over": { "over": "emit.items" }, "of": { "output": { "of": "work.result", "at": [0] } } } } } },
        ],
    })
}

/// Something to be wrong with a pipeline.
type Change<'c> = Box<dyn FnOnce(&mut Json) + 'c>;

/// The problems of the pipeline with something changed.
fn problems(change: impl FnOnce(&mut Json)) -> Vec<String> {
    let mut pipeline = pipeline();
    change(&mut pipeline);
    match Plan::new(serde_json::from_value(pipeline).unwrap()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn each_problem_of_a_pipeline_is_told() {
    assert_eq!(problems(|_| {}), [""; 0]);
    let input = |it: &mut Json, solid: usize, input: &str, source: Json| {
        it["solids"][solid]["inputs"][input] = source;
    };
    let read = |of: &str, at: &[usize]| json!({ "output": { "of": of, "at": at } });
    let of_sum = |of: Json| json!({ "collect": { "over": { "over": "emit.items" }, "of": of } });
    let cases: Vec<(Change<'_>, &str)> = vec![
        (
            Box::new(|it| it["solids"][1]["name"] = json!("emit")),
            "two solids of the pipeline are named `emit`",
        ),
        (
            Box::new(|it| it["solids"][1]["solid"] = json!("p:wrk")),
            "`work` uses `p:wrk`, which no plugin describes",
        ),
        (
            Box::new(|it| it["definitions"]["p:emit"]["outputs"][1]["name"] = json!("items")),
            "`p:emit` describes `items` twice",
        ),
        (
            Box::new(|it| it["definitions"]["p:work"]["inputs"] = json!([{ "name": "x" }, { "name": "x" }])),
            "`p:work` describes `x` twice",
        ),
        (
            Box::new(|it| input(it, 2, "numz", json!({ "value": 1 }))),
            "`sum` has no input `numz`; did you mean `nums`?",
        ),
        (
            Box::new(|it| it["solids"][1]["inputs"] = json!({})),
            "input `x` of `work` is not connected and has no default",
        ),
        (
            Box::new(|it| input(it, 1, "x", json!({ "dict": { "a b": { "item": 0 } } }))),
            "input `x` of `work` receives a dict whose names must be mapping keys: `a b` is no mapping key: its characters are A-Z, a-z, 0-9 and _",
        ),
        (
            Box::new(|it| input(it, 1, "x", read("emti.plain", &[]))),
            "`work` reads `emti.plain`, but the pipeline has no solid of that name; did you mean `emit`?",
        ),
        (
            Box::new(|it| input(it, 1, "x", read("nowhere.plain", &[]))),
            "`work` reads `nowhere.plain`, but the pipeline has no solid of that name",
        ),
        (
            Box::new(|it| input(it, 1, "x", read("emit.plan", &[]))),
            "`work` reads `emit.plan`, but the solid has no output of that name; did you mean `plain`?",
        ),
        (
            Box::new(|it| input(it, 1, "x", read("emit.items", &[]))),
            "`work` reads the dynamic output `emit.items` as it is: map or collect it",
        ),
        (
            Box::new(|it| it["solids"][1]["scope"][0]["over"] = json!("emit.plain")),
            "`work` maps or collects over `emit.plain`, which is not dynamic",
        ),
        (
            Box::new(|it| input(it, 1, "x", json!({ "item": 1 }))),
            "`work` speaks of position 1 of a scope that has 1",
        ),
        (
            Box::new(|it| input(it, 2, "nums", of_sum(read("work.result", &[1])))),
            "`sum` speaks of position 1 of a scope that has 1",
        ),
        (
            Box::new(|it| input(it, 2, "nums", of_sum(read("work.result", &[])))),
            "`sum` reads `work.result` at positions that are not what its solid is cloned over",
        ),
        (
            Box::new(|it| input(it, 1, "x", read("emit.plain", &[0]))),
            "`work` reads `emit.plain` at positions that are not what its solid is cloned over",
        ),
        (
            Box::new(|it| it["solids"][1]["scope"][0]["at"] = json!([0])),
            "`work` speaks of position 0 of a scope that has 0",
        ),
        (
            Box::new(|it| {
                it["solids"][0]["inputs"] = json!({});
                it["solids"][0]["after"] = json!([read("sum.result", &[])]);
            }),
            "the pipeline has a cycle: `emit` -> `sum` -> `emit`",
        ),
    ];
    check(cases);
}

#[test]
fn dimensions_that_cannot_be_are_told() {
    check(vec![
        (
            // The lane of a dimension that is none.
            Box::new(|it| {
                let lane = json!({ "map": 0, "max_concurrent": 1 });
                it["solids"][1]["scope"][0] = json!({ "over": "emit.nothing", "lane": lane });
            }),
            "`work` reads `emit.nothing`, but the solid has no output of that name",
        ),
        (
            // A generator that depends on the items that it is joined with.
            Box::new(|it| {
                it["definitions"]["p:work"]["outputs"][0]["is_dynamic"] = json!(true);
                it["definitions"]["p:end"] = json!({ "name": "end" });
                let joined = json!({ "over": "work.result", "at": [0], "join": { "with": 0 } });
                let end =
                    json!({ "name": "end", "solid": "p:end", "scope": [{ "over": "emit.items" }, joined] });
                it["solids"][2] = end;
            }),
            "`end` joins the items of `work.result` with position 0, where no zip with them can begin",
        ),
    ]);
}

fn check(cases: Vec<(Change<'_>, &str)>) {
    for (change, wanted) in cases {
        let told = problems(change);
        assert!(told.iter().any(|problem| problem == wanted), "{wanted}\n{told:#?}");
    }
}

/// Positions that lead to other dimensions than the producer's own: the same output over another generator, at other
/// coordinates, joined or not.
#[test]
fn a_read_follows_the_dimensions_of_its_producer() {
    let rows = json!({ "over": "rows.items", "at": [0] });
    let scope = |dims: &[&Json]| dims.iter().map(|it| (*it).clone()).collect::<Json>();
    let (a, b) = (json!({ "over": "emit.items" }), json!({ "over": "other.items" }));
    let b_with_a = json!({ "over": "other.items", "join": { "with": 0 } });
    let reader = |own: &Json, producer: &str, at: &[usize]| {
        problems(|it| {
            it["definitions"]["p:rows"] = json!({
                "name": "rows", "inputs": [{ "name": "x" }], "outputs": [{ "name": "items", "is_dynamic": true }],
            });
            let solids = it["solids"].as_array_mut().unwrap();
            let work = |name: &str, scope: &Json| {
                let inputs = json!({ "x": { "item": 0 } });
                json!({ "name": name, "solid": "p:work", "scope": scope, "inputs": inputs })
            };
            solids.push(json!({ "name": "other", "solid": "p:emit" }));
            solids.push(
                json!({ "name": "rows", "solid": "p:rows", "scope": [a], "inputs": { "x": { "item": 0 } } }),
            );
            solids.push(work("of_rows", &scope(&[&a, &rows])));
            solids.push(work("of_both", &scope(&[&a, &b])));
            solids.push(work("of_zip", &scope(&[&a, &b_with_a])));
            let inputs = json!({ "x": { "output": { "of": producer, "at": at } } });
            solids.push(json!({ "name": "reader", "solid": "p:work", "scope": own, "inputs": inputs }));
        })
    };
    let wrong = |producer: &str| {
        vec![format!("`reader` reads `{producer}` at positions that are not what its solid is cloned over")]
    };
    let twice = scope(&[&a, &rows, &a, &json!({ "over": "rows.items", "at": [2] })]);
    assert_eq!(reader(&twice, "of_rows.result", &[0, 1]), [""; 0]);
    assert_eq!(reader(&twice, "of_rows.result", &[2, 3]), [""; 0]);
    assert_eq!(reader(&twice, "of_rows.result", &[0, 3]), wrong("of_rows.result"), "of another file");
    assert_eq!(reader(&twice, "of_rows.result", &[1, 0]), wrong("of_rows.result"), "other dimensions");
    let (crossed, zipped) = (scope(&[&a, &b]), scope(&[&a, &b_with_a]));
    assert_eq!(reader(&crossed, "of_both.result", &[0, 1]), [""; 0]);
    assert_eq!(reader(&crossed, "of_both.result", &[1, 0]), wrong("of_both.result"));
    assert_eq!(reader(&zipped, "of_zip.result", &[0, 1]), [""; 0]);
    assert_eq!(reader(&zipped, "of_both.result", &[0, 1]), wrong("of_both.result"), "joined, and it is not");
    assert_eq!(reader(&crossed, "of_zip.result", &[0, 1]), wrong("of_zip.result"), "not joined, and it is");
}

#[test]
fn a_plan_says_what_is_in_force() {
    let mut pipeline = pipeline();
    pipeline["definitions"]["p:work"]["retry_policy"] = json!({ "max_retries": 1 });
    pipeline["definitions"]["p:work"]["tags"] = json!({ "kind": "heavy", "db": "us" });
    pipeline["solids"][1]["tags"] = json!({ "db": "eu" });
    let plan = Plan::new(serde_json::from_value(pipeline.clone()).unwrap()).unwrap();
    let [emit, work] = ["emit", "work"].map(|name| plan.find(name).unwrap());
    assert_eq!((plan.step_pattern(emit), plan.step_pattern(work)), ("emit".to_owned(), "work[?]".to_owned()));
    assert_eq!((plan.depth(emit), plan.depth(work)), (0, 1));
    assert_eq!(
        (plan.tag(work, "kind"), plan.tag(work, "db"), plan.tag(work, "x")),
        (Some("heavy"), Some("eu"), None)
    );
    assert_eq!(plan.retry_policy(work).map(|policy| policy.max_retries), Some(1));
    assert_eq!(plan.retry_policy(emit), None);
    pipeline["solids"][1]["retry_policy"] = json!({ "max_retries": 5 });
    let plan = Plan::new(serde_json::from_value(pipeline).unwrap()).unwrap();
    assert_eq!(plan.retry_policy(plan.find("work").unwrap()).map(|policy| policy.max_retries), Some(5));
}
