//! Patterns against a run of a pipeline that has every kind of neighbour.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::pattern::Reach;
use super::*;
use crate::event::{Event, ValueRef};
use crate::plan::Plan;
use crate::step::StepKey;

/// Files are read line by line, line by line counted, and summed up by file and in total; `label` runs once for each
/// file and reads nothing of it; `pair` crosses files with files; `audit` reads a file and all sums.
fn pipeline() -> Json {
    let definition = |inputs: &[&str], is_dynamic: bool| {
        let inputs: Vec<_> = inputs.iter().map(|name| json!({ "name": name })).collect();
        json!({ "name": "x", "inputs": inputs, "outputs": [{ "name": "result", "is_dynamic": is_dynamic }] })
    };
    let files = json!({ "over": "files.result" });
    let lines = json!({ "over": "lines.result", "at": [0] });
    let of = |solid: &str, at: &[usize]| json!({ "output": { "of": format!("{solid}.result"), "at": at } });
    let counts = json!({ "collect": { "over": lines, "of": of("count", &[0, 1]) } });
    let sums = |position: usize| json!({ "collect": { "over": files, "of": of("sum", &[position]) } });
    json!({
        "name": "main",
        "definitions": {
            "p:source": definition(&[], false),
            "p:generate": definition(&["x"], true),
            "p:work": definition(&["x"], false),
            "p:both": definition(&["x", "y"], false),
        },
        "solids": [
            { "name": "start", "solid": "p:source" },
            { "name": "files", "solid": "p:generate", "inputs": { "x": of("start", &[]) } },
            { "name": "lines", "solid": "p:generate", "scope": [files], "inputs": { "x": { "item": 0 } } },
            { "name": "count", "solid": "p:work", "scope": [files, lines], "inputs": { "x": { "item": 1 } } },
            { "name": "sum", "solid": "p:work", "scope": [files], "inputs": { "x": counts } },
            { "name": "total", "solid": "p:work", "inputs": { "x": sums(0) } },
            { "name": "label", "solid": "p:work", "scope": [files], "inputs": { "x": of("start", &[]) } },
            { "name": "pair", "solid": "p:both", "scope": [files, files],
              "inputs": { "x": of("sum", &[0]), "y": of("sum", &[1]) } },
            { "name": "twin", "solid": "p:work", "scope": [files], "inputs": { "x": of("pair", &[0, 0]) } },
            { "name": "group.audit", "solid": "p:both", "scope": [files],
              "inputs": { "x": { "item": 0 }, "y": sums(1) } },
        ],
    })
}

/// A run in which everything succeeded: files `a` and `b`, with the lines `1` and `2`.
fn run() -> Run {
    run_over(&["a", "b"])
}

/// The same with other files.
fn run_over(files: &[&'static str]) -> Run {
    let files: Vec<_> = files.iter().copied().map(Some).collect();
    driven(pipeline(), |solid| match solid {
        "files" => files.clone(),
        "lines" => vec![Some("1"), Some("2")],
        _ => vec![None],
    })
}

/// A run in which every step emits on its first output under these keys, and succeeds.
fn driven(pipeline: Json, keys: impl Fn(&str) -> Vec<Option<&'static str>>) -> Run {
    let plan =
        Plan::new(serde_json::from_value(pipeline).unwrap()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let mut run = Run::new(Arc::new(plan));
    loop {
        let Some(step) = run.ready().next() else { return run };
        let keys = keys(run.step_key(step).solid.as_str());
        let emitted = keys.iter().map(|key| Event::OutputEmitted {
            step,
            output: 0,
            mapping_key: key.map(|key| MappingKey::new(key).unwrap()),
            value: ValueRef { id: 0, digest: [0; 16] },
        });
        let events: Vec<Event> = emitted.collect();
        for event in
            [Event::StepStarted { step }].iter().chain(&events).chain([&Event::StepSucceeded { step }])
        {
            assert_eq!(run.apply(event).unwrap().superseded, []);
        }
    }
}

/// The steps of the run that are selected, in the plan's order; a solid all of whose steps are, by its name.
fn selected(run: &Run, patterns: &[&str]) -> Result<String, SelectionError> {
    let selection = Selection::new(run, patterns.iter().copied())?;
    let mut told = Vec::new();
    for solid in run.plan().solids() {
        let keys: Vec<StepKey> = run.steps(solid).map(|step| run.step_key(step)).collect();
        let chosen: Vec<&StepKey> =
            keys.iter().filter(|key| selection.includes(solid, &key.mapping_keys)).collect();
        if chosen.len() == keys.len() {
            told.push(run.plan().invocation(solid).name.to_string());
        } else {
            told.extend(chosen.into_iter().map(ToString::to_string));
        }
    }
    Ok(told.join(" "))
}

#[test]
fn patterns_select_steps_and_their_neighbours() {
    let run = run();
    for (pattern, wanted) in [
        ("count", "count"),
        ("count[*]", "count"),
        ("count[?][?]", "count"),
        ("count[a]", "count[a][1] count[a][2]"),
        ("count[a][2]", "count[a][2]"),
        ("count[*][2]", "count[a][2] count[b][2]"),
        ("group.audit[b]", "group.audit[b]"),
        // What is read.
        ("+count[a][2]", "lines[a] count[a][2]"),
        ("++count[a][2]", "files lines[a] count[a][2]"),
        ("*count[a][2]", "start files lines[a] count[a][2]"),
        ("+++++count[a][2]", "start files lines[a] count[a][2]"),
        ("+sum[a]", "count[a][1] count[a][2] sum[a]"),
        ("+total", "sum total"),
        ("+label[a]", "start files label[a]"),
        ("+pair[a][b]", "sum pair[a][b]"),
        ("+pair[a][a]", "sum[a] pair[a][a]"),
        ("+twin[b]", "pair[b][b] twin[b]"),
        ("+group.audit[b]", "files sum group.audit[b]"),
        // What reads.
        ("start+", "start files label"),
        ("files+", "files lines label group.audit"),
        ("lines[b]+", "lines[b] count[b][1] count[b][2]"),
        ("count[a][2]+", "count[a][2] sum[a]"),
        ("count[a][2]++", "count[a][2] sum[a] total pair[a][a] pair[a][b] pair[b][a] group.audit"),
        ("sum[b]+", "sum[b] total pair[a][b] pair[b][a] pair[b][b] group.audit"),
        ("pair[a][b]*", "pair[a][b]"),
        ("pair[a][a]*", "pair[a][a] twin[a]"),
        ("files*", "files lines count sum total label pair twin group.audit"),
        ("total*", "total"),
        // Both.
        ("+sum[a]+", "count[a][1] count[a][2] sum[a] total pair[a][a] pair[a][b] pair[b][a] group.audit"),
        ("*lines[a]+", "start files lines[a] count[a][1] count[a][2]"),
    ] {
        let mut solids: Vec<String> =
            selected(&run, &[pattern]).unwrap().split(' ').map(str::to_owned).collect();
        let mut wanted: Vec<&str> = wanted.split(' ').collect();
        solids.sort();
        wanted.sort_unstable();
        assert_eq!(solids, wanted, "{pattern}");
    }
    assert_eq!(selected(&run, &["total", "sum[a]"]).unwrap(), "sum[a] total");
    assert_eq!(selected(&run, &[]).unwrap(), "");
}

/// `pair` joins what was made of `left` with `right`, `row` is cloned over what each pair emits.
#[test]
fn clones_of_a_zip_have_one_key_for_all_its_sides() {
    let definition = |inputs: &[&str], is_dynamic: bool| {
        let inputs: Vec<_> = inputs.iter().map(|name| json!({ "name": name })).collect();
        json!({ "name": "x", "inputs": inputs, "outputs": [{ "name": "result", "is_dynamic": is_dynamic }] })
    };
    let of = |solid: &str, at: &[usize]| json!({ "output": { "of": format!("{solid}.result"), "at": at } });
    let left = json!({ "over": "left.result" });
    let right = json!({ "over": "right.result", "join": { "with": 0 } });
    let rows = json!({ "over": "pair.result", "at": [0, 1] });
    let collect = json!({ "collect": { "over": left, "joined": [right], "of": of("made", &[0]) } });
    let run = driven(
        json!({
            "name": "main",
            "definitions": {
                "p:source": definition(&[], true),
                "p:work": definition(&["x"], false),
                "p:both": definition(&["x", "y"], true),
            },
            "solids": [
                { "name": "left", "solid": "p:source" },
                { "name": "right", "solid": "p:source" },
                { "name": "made", "solid": "p:work", "scope": [left], "inputs": { "x": { "item": 0 } } },
                { "name": "pair", "solid": "p:both", "scope": [left, right],
                  "inputs": { "x": of("made", &[0]), "y": { "item": 1 } } },
                { "name": "row", "solid": "p:work", "scope": [left, right, rows], "inputs": { "x": { "item": 2 } } },
                { "name": "total", "solid": "p:work", "inputs": { "x": collect } },
            ],
        }),
        |solid| match solid {
            "left" | "right" => vec![Some("a"), Some("b")],
            "pair" => vec![Some("1"), Some("2")],
            _ => vec![None],
        },
    );
    for (pattern, wanted) in [
        ("pair[a]", "pair[a]"),
        ("+pair[a]", "right made[a] pair[a]"),
        ("row[b][1]", "row[b][1]"),
        ("+row[b][1]", "pair[b] row[b][1]"),
        ("*row[b][1]", "left right made[b] pair[b] row[b][1]"),
        ("made[a]+", "made[a] pair[a] total"),
        ("right*", "right pair row total"),
        ("+total", "right made total"),
    ] {
        assert_eq!(selected(&run, &[pattern]).unwrap(), wanted, "{pattern}");
    }
}

#[test]
fn clones_of_keys_that_the_run_did_not_know_are_included_by_pattern() {
    let run = run();
    let selection = Selection::new(&run, ["files*"]).unwrap();
    let count = run.plan().find("count").unwrap();
    let key = |text: &str| MappingKey::new(text).unwrap();
    assert!(selection.includes(count, &[key("new"), key("9")]));
    let selection = Selection::new(&run, ["lines[a]*"]).unwrap();
    assert!(selection.includes(count, &[key("a"), key("9")]));
    assert!(!selection.includes(count, &[key("new"), key("9")]));
}

#[test]
fn what_selects_nothing_is_told_with_what_is_near() {
    let run = run();
    for (pattern, told, near) in [
        (
            "",
            "`` selects no steps: it should look like `solid`, `solid[key]` or `solid[*]`, with `+` or `*` before or after it",
            None,
        ),
        (
            "*",
            "`*` selects no steps: it should look like `solid`, `solid[key]` or `solid[*]`, with `+` or `*` before or after it",
            None,
        ),
        (
            "**sum",
            "`**sum` selects no steps: it should look like `solid`, `solid[key]` or `solid[*]`, with `+` or `*` before or after it",
            None,
        ),
        (
            "sum[a",
            "`sum[a` selects no steps: it should look like `solid`, `solid[key]` or `solid[*]`, with `+` or `*` before or after it",
            None,
        ),
        ("sum[]", "a mapping key cannot be empty", None),
        ("sum[a.b]", "`a.b` is no mapping key: its characters are A-Z, a-z, 0-9 and _", None),
        (
            "su m",
            "`su m` is no solid name: its characters are A-Z, a-z, 0-9 and _, it does not start with a digit, and groups end in a dot",
            None,
        ),
        ("smu+", "the pipeline has no solid `smu`", Some("sum")),
        ("audit", "the pipeline has no solid `audit`", Some("group.audit")),
        ("+total[a]", "`+total[a]` has 1 mapping keys, but steps of `total` have 0", None),
        ("*sum[c]", "the run has no step `sum[c]`", Some("sum[b]")),
        ("count[a][3]", "the run has no step `count[a][3]`", Some("count[a][1]")),
        ("count[*][3]", "the run has no step `count[*][3]`", Some("count[a][2]")),
    ] {
        let error = selected(&run, &["start", pattern]).unwrap_err();
        assert_eq!(error.to_string(), told);
        match (error.unknown(), near) {
            (Some((_, known)), Some(near)) => assert!(known.iter().any(|it| it == near), "{known:?}"),
            (found, near) => assert_eq!((found, near), (None, None)),
        }
    }
}

#[test]
fn crossing_without_end_is_refused_and_not_worked_off() {
    // Each solid reads the one before with its keys in every place, so that what a pattern reaches multiplies.
    const DEPTH: usize = 12;
    let files = json!({ "over": "files.result" });
    let scope = vec![files; DEPTH];
    let step = |number: usize| {
        let at: Vec<usize> = (0..DEPTH).map(|place| (place + 1) % DEPTH).collect();
        let swapped: Vec<usize> = (0..DEPTH).map(|place| if place < 2 { 1 - place } else { place }).collect();
        let of = format!("s{}.result", number - 1);
        let read = |at: Vec<usize>| json!({ "output": { "of": of, "at": at } });
        let inputs = if number == 0 { json!({}) } else { json!({ "x": read(at), "y": read(swapped) }) };
        json!({ "name": format!("s{number}"), "solid": "p:work", "scope": scope, "inputs": inputs })
    };
    let first = json!({ "name": "s0", "solid": "p:work", "scope": scope });
    let input = |name| json!({ "name": name, "default_value": 0 });
    let definition = |is_dynamic| json!({ "name": "x", "inputs": [input("x"), input("y")], "outputs": [{ "name": "result", "is_dynamic": is_dynamic }] });
    let generator = json!({ "name": "files", "solid": "p:generate" });
    let solids: Vec<Json> = [generator, first].into_iter().chain((1..60).map(step)).collect();
    let pipeline = json!({
        "name": "main",
        "definitions": { "p:generate": definition(true), "p:work": definition(false) },
        "solids": solids,
    });
    let run = Run::new(Arc::new(Plan::new(serde_json::from_value(pipeline).unwrap()).unwrap()));
    let keys = (0..DEPTH).map(|key| Some(MappingKey::new(&key.to_string()).unwrap())).collect();
    let start = Steps { solid: run.plan().find("s0").unwrap(), keys };
    let edges = Edges::of(run.plan());
    assert_eq!(edges.reached(&start, Reach::All, Towards::WhatReadsIt, 10_000), None);
    let all = Steps { keys: vec![None; DEPTH], ..start };
    assert_eq!(edges.reached(&all, Reach::All, Towards::WhatReadsIt, 10_000).unwrap().len(), 60);
}

#[test]
fn a_collection_is_the_same_only_with_the_same_members_in_the_same_order() {
    let parent = |rule| Parent::new(run(), rule);
    for (files, is_same) in [
        (&["a", "b"][..], true),
        (&["a"], false),
        (&["a", "b", "c"], false),
        (&["b", "a"], false),
        (&[], false),
    ] {
        let run = run_over(files);
        let total = run.steps(run.plan().find("total").unwrap()).next().unwrap();
        let choice = parent(Rule::FromFailure).choose(&run, total);
        assert_eq!(choice, if is_same { Choice::Take(total) } else { Choice::Execute }, "{files:?}");
        let nothing = Selection::new(&run, []).unwrap();
        assert_eq!(parent(Rule::Except(nothing)).choose(&run, total), Choice::Take(total));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is written, it selects steps or is refused in words.
    #[test]
    fn any_text_is_a_pattern_or_an_error(text in "[*+]{0,3}[a-z.]{0,6}[\\[\\]a-c1*?]{0,9}[*+]{0,3}|\\PC{0,20}") {
        let run = run();
        if let Err(error) = selected(&run, &[&text]) {
            prop_assert!(!error.to_string().chars().any(char::is_control));
        }
    }
}

/// A retry of what was selected executes that, takes what ran, and leaves out what never did.
#[test]
fn a_retry_executes_what_is_selected() {
    let parent = run();
    let selection = Selection::new(&parent, ["count[a][1]"]).unwrap();
    let parent = Parent::new(parent, Rule::Except(selection));
    let retry = run();
    let choice = |key: &str| {
        let step = retry.find(&key.parse().unwrap()).unwrap();
        match parent.choose(&retry, step) {
            Choice::Execute => "execute".to_owned(),
            Choice::Take(twin) => format!("take {}", parent.run().step_key(twin)),
            Choice::LeaveOut => "leave out".to_owned(),
        }
    };
    assert_eq!(choice("count[a][1]"), "execute");
    assert_eq!(choice("count[a][2]"), "take count[a][2]");
    assert_eq!(choice("files"), "take files");
}

/// A run of `end`, which reads `source`: outputs of `emit`, emitted in order with these digests.
fn reading(source: &Json, digests: &[u8]) -> (Run, StepId) {
    let names = ["a", "b", "c"].map(|name| json!({ "name": name, "is_required": false }));
    let pipeline = json!({
        "name": "main",
        "definitions": {
            "p:emit": { "name": "emit", "outputs": names },
            "p:end": { "name": "end", "inputs": [{ "name": "x" }] },
        },
        "solids": [
            { "name": "emit", "solid": "p:emit" },
            { "name": "end", "solid": "p:end", "inputs": { "x": source } },
        ],
    });
    let mut run = Run::new(Arc::new(Plan::new(serde_json::from_value(pipeline).unwrap()).unwrap()));
    let step = run.ready().next().unwrap();
    let emitted = (0..).zip(digests).map(|(output, digest)| {
        let value = ValueRef { id: output.into(), digest: [*digest; 16] };
        Event::OutputEmitted { step, output, mapping_key: None, value }
    });
    let emitted: Vec<Event> = emitted.collect();
    for event in [Event::StepStarted { step }].iter().chain(&emitted).chain([&Event::StepSucceeded { step }])
    {
        assert_eq!(run.apply(event).unwrap().superseded, []);
    }
    let end = run.find(&"end".parse().unwrap()).unwrap();
    (run, end)
}

/// Lists and dicts are the same with the same members, in the same order and under the same names.
#[test]
fn what_is_gathered_by_hand_is_compared_member_by_member() {
    let of = |name: &str| json!({ "output": { "of": format!("emit.{name}") } });
    let list = |names: &[&str]| json!({ "list": names.iter().map(|name| of(name)).collect::<Vec<_>>() });
    let dict = |names: &[&str]| {
        let members = names.iter().map(|name| ((*name).to_owned(), of(name)));
        json!({ "dict": members.collect::<serde_json::Map<_, _>>() })
    };
    let same = |ours: (Json, &[u8]), theirs: (Json, &[u8])| {
        let (ours, theirs) = (reading(&ours.0, ours.1), reading(&theirs.0, theirs.1));
        same_inputs::read_the_same((&ours.0, ours.1), (&theirs.0, theirs.1))
    };
    for gathered in [&list as &dyn Fn(&[&str]) -> Json, &dict] {
        let both = || gathered(&["a", "b"]);
        assert!(same((both(), &[1, 2]), (both(), &[1, 2])));
        assert!(!same((both(), &[1, 2]), (both(), &[1, 3])), "another value");
        assert!(!same((both(), &[1, 2]), (gathered(&["a", "b", "c"]), &[1, 2, 3])), "one more");
        assert!(!same((both(), &[1, 2]), (gathered(&["a"]), &[1, 2])), "one less");
    }
    assert!(!same((dict(&["a", "b"]), &[1, 2]), (dict(&["a", "c"]), &[1, 9, 2])), "another name");
    assert!(!same((list(&["a"]), &[1]), (dict(&["a"]), &[1])), "another form");
}

/// What is reached has a bound, which itself can be reached.
#[test]
fn what_is_reached_is_bounded_exactly() {
    let run = run();
    let (edges, files) = (Edges::of(run.plan()), run.plan().find("files").unwrap());
    let start = Steps { solid: files, keys: Vec::new() };
    let reached =
        |most| edges.reached(&start, Reach::All, Towards::WhatReadsIt, most).map(|reached| reached.len());
    let all = reached(usize::MAX).unwrap();
    assert!(all > 5, "{all}");
    assert_eq!((reached(all), reached(all - 1)), (Some(all), None));
}

/// What is missing in a collection that has enough without it is part of what it is.
#[test]
fn collections_are_the_same_with_the_same_members_missing() {
    let collected = |failing: &str| {
        let over = json!({ "over": "emit.result" });
        let of = json!({ "output": { "of": "work.result", "at": [0] } });
        let collect = json!({ "collect": { "over": over, "of": of, "min_success_ratio": 0.0 } });
        let definition = |inputs: Json, is_dynamic: bool| json!({ "name": "x", "inputs": inputs, "outputs": [{ "name": "result", "is_dynamic": is_dynamic }] });
        let pipeline = json!({
            "name": "main",
            "definitions": {
                "p:emit": definition(json!([]), true),
                "p:work": definition(json!([{ "name": "x" }]), false),
            },
            "solids": [
                { "name": "emit", "solid": "p:emit" },
                { "name": "work", "solid": "p:work", "scope": [over], "inputs": { "x": { "item": 0 } } },
                { "name": "end", "solid": "p:work", "inputs": { "x": collect } },
            ],
        });
        let mut run = Run::new(Arc::new(Plan::new(serde_json::from_value(pipeline).unwrap()).unwrap()));
        let emitted = |step, key: Option<&str>| {
            let mapping_key = key.map(|key| MappingKey::new(key).unwrap());
            Event::OutputEmitted { step, output: 0, mapping_key, value: ValueRef { id: 0, digest: [0; 16] } }
        };
        loop {
            let step = run.ready().next().unwrap();
            let key = run.step_key(step).to_string();
            let events = match key.as_str() {
                "end" => return (run, step),
                "emit" => {
                    vec![emitted(step, Some("a")), emitted(step, Some("b")), Event::StepSucceeded { step }]
                }
                key if key == failing => vec![Event::StepFailed { step, retry_after_ms: None }],
                _ => vec![emitted(step, None), Event::StepSucceeded { step }],
            };
            for event in [Event::StepStarted { step }].iter().chain(&events) {
                assert_eq!(run.apply(event).unwrap().superseded, []);
            }
        }
    };
    let same = |ours: &str, theirs: &str| {
        let (ours, theirs) = (collected(ours), collected(theirs));
        same_inputs::read_the_same((&ours.0, ours.1), (&theirs.0, theirs.1))
    };
    assert!(same("work[b]", "work[b]"));
    assert!(!same("work[b]", "work[a]"));
    assert!(!same("work[b]", "none"));
}
