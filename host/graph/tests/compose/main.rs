//! Composition, seen from outside: what authors do, and the wiring that comes of it.

mod refusals;

use std::collections::BTreeMap;

use fanfold_graph::compose::{Argument, Call, Called, ComposeError, Composer, Handle, MapOptions};
use fanfold_graph::definition::SolidDefinition;
use fanfold_graph::name::{Identifier, PluginName};
use fanfold_graph::pipeline::{Expand, Pipeline, Unmatched};
use fanfold_graph::plan::Plan;
use serde_json::{Value as Json, json};

type Outcome = Result<Handle, ComposeError>;

fn name(text: &str) -> Identifier {
    Identifier::new(text).unwrap()
}

fn composer() -> Composer {
    Composer::new(name("p"), "")
}

/// A solid whose inputs and outputs are listed by name; `name*` is a dynamic output, `name=` has a default.
fn solid(own: &str, inputs: &[&str], outputs: &[&str]) -> SolidDefinition {
    let input = |text: &&str| match text.strip_suffix('=') {
        Some(text) => json!({ "name": text, "default_value": null }),
        None => json!({ "name": text }),
    };
    let output =
        |text: &&str| json!({ "name": text.trim_end_matches('*'), "is_dynamic": text.ends_with('*') });
    let inputs: Vec<Json> = inputs.iter().map(input).collect();
    let outputs: Vec<Json> = outputs.iter().map(output).collect();
    serde_json::from_value(json!({ "name": own, "inputs": inputs, "outputs": outputs })).unwrap()
}

fn call(definition: &SolidDefinition) -> Call<'_> {
    Call::new(PluginName::new("plugin").unwrap(), definition)
}

/// Calls a solid with one output, `r`, or `r*` if its name ends in `*`.
fn add(composer: &mut Composer, own: &str, arguments: &[&Handle]) -> Outcome {
    let inputs = ["a", "b", "c"];
    let output = if own.ends_with('*') { "r*" } else { "r" };
    let definition = solid(own.trim_end_matches('*'), &inputs[..arguments.len()], &[output]);
    let call = arguments.iter().fold(call(&definition), |call, argument| call.with(*argument));
    composer.call(call)?.only()
}

/// The finished pipeline, which its plan accepts and its JSON form keeps.
fn finish(composer: Composer, result: impl Into<Argument>) -> Json {
    let pipeline = composer.finish(result).unwrap();
    let json = serde_json::to_string(&pipeline).unwrap();
    assert_eq!(serde_json::from_str::<Pipeline>(&json).unwrap(), pipeline);
    Plan::new(pipeline).unwrap_or_else(|errors| panic!("{errors:#?}\n{json}"));
    serde_json::from_str(&json).unwrap()
}

/// Scope and inputs of the solid of that name.
fn wiring(pipeline: &Json, wanted: &str) -> Json {
    let solids = pipeline["solids"].as_array().unwrap();
    let solid = solids.iter().find(|solid| solid["name"] == wanted).unwrap();
    json!([solid["scope"], solid["inputs"]])
}

fn names(pipeline: &Json) -> Vec<&str> {
    pipeline["solids"].as_array().unwrap().iter().map(|solid| solid["name"].as_str().unwrap()).collect()
}

#[test]
fn a_map_clones_and_a_collect_gathers() {
    let mut c = composer();
    let files = add(&mut c, "files*", &[]).unwrap();
    assert!(files.is_dynamic());
    let sizes = c.map(&files, |c, file| add(c, "size", &[&file])).unwrap();
    let list = c.collect(&sizes, Some(0.5)).unwrap();
    let sum = add(&mut c, "sum", &[&list]).unwrap();
    let pipeline = finish(c, sum);
    assert_eq!(wiring(&pipeline, "size"), json!([[{ "over": "files.r" }], { "a": { "item": 0 } }]));
    let collect = json!({
        "over": { "over": "files.r" },
        "of": { "output": { "of": "size.r", "at": [0] } },
        "min_success_ratio": 0.5,
    });
    assert_eq!(wiring(&pipeline, "sum"), json!([null, { "a": { "collect": collect } }]));
    assert_eq!(pipeline["result"], json!({ "output": { "of": "sum.r" } }));
}

#[test]
fn maps_can_follow_each_other_and_choose_when_to_expand() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let once = c.map(&x, |c, x| add(c, "f", &[&x])).unwrap();
    let on_success = MapOptions { expand: Expand::OnSuccess, ..MapOptions::default() };
    let twice = c.map_with(&once, on_success, |c, x| add(c, "g", &[&x])).unwrap();
    let rows = c.map(&twice, |c, x| add(c, "rows*", &[&x])).unwrap();
    let scores = c.map(&rows, |c, row| add(c, "score", &[&row])).unwrap();
    let inner = c.collect(&scores, None).unwrap();
    let all = c.collect(&inner, None).unwrap();
    let pipeline = finish(c, all);
    let g = json!([[{ "over": "x.r", "expand": "on_success" }], { "a": { "output": { "of": "f.r", "at": [0] } } }]);
    assert_eq!(wiring(&pipeline, "g"), g);
    let score = json!([[{ "over": "x.r" }, { "over": "rows.r", "at": [0] }], { "a": { "item": 1 } }]);
    assert_eq!(wiring(&pipeline, "score"), score);
    let of = json!({ "output": { "of": "score.r", "at": [0, 1] } });
    let inner = json!({ "collect": { "over": { "over": "rows.r", "at": [0] }, "of": of } });
    assert_eq!(pipeline["result"], json!({ "collect": { "over": { "over": "x.r" }, "of": inner } }));
}

#[test]
fn a_collection_is_mapped_over_its_members_after_all_of_it() {
    let mut c = composer();
    let mut x = add(&mut c, "x*", &[]).unwrap();
    for _ in 0..50 {
        let list = c.collect(&x, None).unwrap();
        x = c.map(&list, |c, x| add(c, "f", &[&x])).unwrap();
    }
    let pipeline = finish(c, Json::Null);
    for (solid, wanted) in [
        ("f", json!({ "item": 0 })),
        ("f_2", json!({ "output": { "of": "f.r", "at": [0] } })),
        ("f_50", json!({ "output": { "of": "f_49.r", "at": [0] } })),
    ] {
        assert_eq!(wiring(&pipeline, solid), json!([[{ "over": "x.r" }], { "a": wanted }]));
        // The collect's own position comes after the clone's.
        let mut of = wanted;
        match of.get_mut("output") {
            Some(output) => output["at"] = json!([1]),
            None => of["item"] = json!(1),
        }
        let solids = pipeline["solids"].as_array().unwrap();
        let after = &solids.iter().find(|it| it["name"] == solid).unwrap()["after"];
        assert_eq!(*after, json!([{ "collect": { "over": { "over": "x.r" }, "of": of } }]));
    }
}

#[test]
fn solids_wait_for_what_they_do_not_read() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let y = add(&mut c, "y", &[]).unwrap();
    let solid = solid("last", &[], &["r"]);
    let last = c.call(Call { after: vec![x.clone(), y], ..call(&solid) }).unwrap().only().unwrap();
    let within = Call { after: vec![last], ..call(&solid) };
    c.map(&x, |c, item| c.call(Call { after: vec![item], ..within.clone() })?.only()).unwrap();
    let pipeline = finish(c, Json::Null);
    let (waiting, cloned) = (&pipeline["solids"][2], &pipeline["solids"][3]);
    let all = json!({ "collect": { "over": { "over": "x.r" }, "of": { "item": 0 }, "into": "dict" } });
    assert_eq!(waiting["after"], json!([all, { "output": { "of": "y.r" } }]));
    assert_eq!((&cloned["scope"], &cloned["after"]), (&json!([{ "over": "x.r" }]), &json!([{ "item": 0 }])));
}

#[test]
fn a_zip_joins_what_was_mapped_and_can_be_zipped_again() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let y = add(&mut c, "y*", &[]).unwrap();
    let f = c.map(&x, |c, x| add(c, "f", &[&x])).unwrap();
    let zip = c.zip(&[f, y.clone()], Unmatched::Fail).unwrap();
    // What speaks of one side speaks of all: there is a clone for each pair only.
    let left = c.map_zip(&zip, MapOptions::default(), |c, items| add(c, "left", &[&items[0]])).unwrap();
    let again = c.zip(&[left, y], Unmatched::Skip).unwrap();
    let both = c.map_zip(&again, MapOptions::default(), |c, items| add(c, "both", &[&items[0], &items[1]]));
    let list = c.collect(&both.unwrap(), None).unwrap();
    let pipeline = finish(c, list);
    let join = |with: usize, unmatched: &str| json!({ "with": with, "unmatched": unmatched });
    let fail = json!({ "over": "y.r", "join": join(0, "fail") });
    let skip = json!({ "over": "y.r", "join": join(0, "skip") });
    let left = json!([[{ "over": "x.r" }, fail], { "a": { "output": { "of": "f.r", "at": [0] } } }]);
    assert_eq!(wiring(&pipeline, "left"), left);
    let inputs = json!({ "a": { "output": { "of": "left.r", "at": [0, 1] } }, "b": { "item": 2 } });
    assert_eq!(wiring(&pipeline, "both"), json!([[{ "over": "x.r" }, fail, skip], inputs]));
    let of = json!({ "output": { "of": "both.r", "at": [0, 1, 2] } });
    let collect = json!({ "over": { "over": "x.r" }, "joined": [fail, skip], "of": of });
    assert_eq!(pipeline["result"], json!({ "collect": collect }));
}

#[test]
fn an_inner_collect_stays_in_its_clone() {
    let mut c = composer();
    let files = add(&mut c, "files*", &[]).unwrap();
    let totals = c.map(&files, |c, file| {
        let rows = add(c, "rows*", &[&file])?;
        let scores = c.map(&rows, |c, row| add(c, "score", &[&row, &file]))?;
        let scores = c.collect_dict(&scores, None)?;
        add(c, "total", &[&scores])
    });
    let totals = c.collect(&totals.unwrap(), None).unwrap();
    let pipeline = finish(c, totals);
    let score = json!([
        [{ "over": "files.r" }, { "over": "rows.r", "at": [0] }],
        { "a": { "item": 1 }, "b": { "item": 0 } },
    ]);
    assert_eq!(wiring(&pipeline, "score"), score);
    let of = json!({ "output": { "of": "score.r", "at": [0, 1] } });
    let collect = json!({ "over": { "over": "rows.r", "at": [0] }, "of": of, "into": "dict" });
    assert_eq!(wiring(&pipeline, "total"), json!([[{ "over": "files.r" }], { "a": { "collect": collect } }]));
}

#[test]
fn a_collect_of_collects_is_unpacked_again_by_map() {
    let mut c = composer();
    let files = add(&mut c, "files*", &[]).unwrap();
    let rows = c.map(&files, |c, file| add(c, "rows*", &[&file])).unwrap();
    let lists = c.collect(&rows, None).unwrap();
    let sums = c.map(&lists, |c, list| add(c, "sum", &[&list])).unwrap();
    let pipeline = finish(c, sums);
    let collect = json!({ "over": { "over": "rows.r", "at": [0] }, "of": { "item": 1 } });
    assert_eq!(wiring(&pipeline, "sum"), json!([[{ "over": "files.r" }], { "a": { "collect": collect } }]));
}

#[test]
fn two_dynamic_outputs_cross() {
    let mut c = composer();
    let (x, y) = (add(&mut c, "x*", &[]).unwrap(), add(&mut c, "y*", &[]).unwrap());
    let pairs = c.map(&x, |c, i| c.map(&y, |c, j| add(c, "pair", &[&j, &i]))).unwrap();
    let pipeline = finish(c, pairs);
    let pair = json!([[{ "over": "x.r" }, { "over": "y.r" }], { "a": { "item": 1 }, "b": { "item": 0 } }]);
    assert_eq!(wiring(&pipeline, "pair"), pair);
}

#[test]
fn a_dynamic_output_crosses_with_itself() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let f = c.map(&x, |c, i| add(c, "f", &[&i])).unwrap();
    let pairs = c.map(&f, |c, i| c.map(&f, |c, j| add(c, "pair", &[&i, &j]))).unwrap();
    let inner = c.collect(&pairs, None).unwrap();
    let pipeline = finish(c, inner);
    let f = |at: usize| json!({ "output": { "of": "f.r", "at": [at] } });
    let pair = json!([[{ "over": "x.r" }, { "over": "x.r" }], { "a": f(0), "b": f(1) }]);
    assert_eq!(wiring(&pipeline, "pair"), pair);
}

#[test]
fn a_nested_dynamic_output_crosses_with_itself() {
    let mut c = composer();
    let files = add(&mut c, "files*", &[]).unwrap();
    let rows = c.map(&files, |c, file| add(c, "rows*", &[&file])).unwrap();
    let pairs = c.map(&rows, |c, i| c.map(&rows, |c, j| add(c, "pair", &[&i, &j]))).unwrap();
    let pipeline = finish(c, pairs);
    let scope = json!([
        { "over": "files.r" }, { "over": "rows.r", "at": [0] },
        { "over": "files.r" }, { "over": "rows.r", "at": [2] },
    ]);
    assert_eq!(wiring(&pipeline, "pair"), json!([scope, { "a": { "item": 1 }, "b": { "item": 3 } }]));
}

#[test]
fn what_is_outside_is_broadcast_into_a_map() {
    let mut c = composer();
    let one = add(&mut c, "one", &[]).unwrap();
    let x = add(&mut c, "x*", &[]).unwrap();
    let y = c.map(&x, |c, i| {
        let own = add(c, "own", &[&i])?;
        let rows = add(c, "rows*", &[&i])?;
        c.map(&rows, |c, row| add(c, "use", &[&one, &own, &row]))
    });
    let pipeline = finish(c, y.unwrap());
    let inputs = json!({
        "a": { "output": { "of": "one.r" } },
        "b": { "output": { "of": "own.r", "at": [0] } },
        "c": { "item": 1 },
    });
    let scope = json!([{ "over": "x.r" }, { "over": "rows.r", "at": [0] }]);
    assert_eq!(wiring(&pipeline, "use"), json!([scope, inputs]));
}

#[test]
fn a_solid_of_the_inner_map_alone_is_not_cloned_over_the_outer_one() {
    let mut c = composer();
    let (x, y) = (add(&mut c, "x*", &[]).unwrap(), add(&mut c, "y*", &[]).unwrap());
    let z = c.map(&x, |c, _| c.map(&y, |c, j| add(c, "f", &[&j]))).unwrap();
    let pipeline = finish(c, z);
    assert_eq!(wiring(&pipeline, "f"), json!([[{ "over": "y.r" }], { "a": { "item": 0 } }]));
    let of = json!({ "output": { "of": "f.r", "at": [1] } });
    let inner = json!({ "collect": { "over": { "over": "y.r" }, "of": of, "into": "dict" } });
    let outer = json!({ "collect": { "over": { "over": "x.r" }, "of": inner, "into": "dict" } });
    assert_eq!(pipeline["result"], outer);
}

#[test]
fn a_clone_can_read_the_whole_collection() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let y = c.map(&x, |c, i| {
        let all = c.collect(&x, None)?;
        add(c, "add", &[&i, &all])
    });
    let pipeline = finish(c, y.unwrap());
    let all = json!({ "collect": { "over": { "over": "x.r" }, "of": { "item": 1 } } });
    assert_eq!(wiring(&pipeline, "add"), json!([[{ "over": "x.r" }], { "a": { "item": 0 }, "b": all }]));
}

#[test]
fn a_solid_in_a_map_that_reads_nothing_mapped_runs_once() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let constants = c.map(&x, |c, _| add(c, "constant", &[])).unwrap();
    let list = c.collect(&constants, None).unwrap();
    let pipeline = finish(c, list);
    assert_eq!(wiring(&pipeline, "constant"), json!([null, null]));
    let collect = json!({ "over": { "over": "x.r" }, "of": { "output": { "of": "constant.r" } } });
    assert_eq!(pipeline["result"], json!({ "collect": collect }));
}

#[test]
fn a_map_returns_several_handles_each_mapped() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let item = c.enter_map(&x, MapOptions::default()).unwrap();
    assert!(!item.is_dynamic());
    let split = solid("split", &["a"], &["left", "right"]);
    let Called { outputs, .. } = c.call(call(&split).with(&item)).unwrap();
    let returned = c.leave_map(outputs.into_iter().map(|(_, handle)| handle).collect()).unwrap();
    let lists: Vec<Handle> = returned.iter().map(|handle| c.collect(handle, None).unwrap()).collect();
    let pipeline = finish(c, lists);
    let side = |of: &str| json!({ "collect": { "over": { "over": "x.r" }, "of": { "output": { "of": of, "at": [0] } } } });
    assert_eq!(pipeline["result"], json!({ "list": [side("split.left"), side("split.right")] }));
}

#[test]
fn names_are_counted_aliased_and_grouped() {
    let mut c = composer();
    let echo = solid("echo", &[], &["r"]);
    let aliased = |alias: &str| Call { alias: Some(name(alias)), ..call(&echo) };
    c.call(call(&echo)).unwrap();
    c.call(aliased("echo_3")).unwrap();
    c.call(call(&echo)).unwrap();
    assert_eq!(c.call(call(&echo)).unwrap().name.as_str(), "echo_4");
    let taken = c.call(aliased("echo_2")).unwrap_err();
    assert_eq!(taken.to_string(), "another solid of the pipeline is already named `echo_2`");
    c.enter_group(name("outer"));
    c.enter_group(name("sub"));
    c.call(call(&echo)).unwrap();
    c.call(call(&echo)).unwrap();
    c.leave_group().unwrap();
    c.call(aliased("echo_2")).unwrap();
    c.leave_group().unwrap();
    let pipeline = finish(c, Json::Null);
    let expected =
        ["echo", "echo_3", "echo_2", "echo_4", "outer.sub.echo", "outer.sub.echo_2", "outer.echo_2"];
    assert_eq!(names(&pipeline), expected);
    assert_eq!(pipeline["definitions"].as_object().unwrap().len(), 1);
}

#[test]
fn arguments_are_bound_by_position_and_by_name() {
    let mut c = composer();
    let one = add(&mut c, "one", &[]).unwrap();
    let f = solid("f", &["first", "second=", "third"], &[]);
    let mut good = call(&f).with(json!(1));
    good.named.insert(name("third"), vec![Argument::from(&one), json!({ "k": 2 }).into()].into());
    c.call(good.clone()).unwrap();
    let error = |c: &mut Composer, call: Call<'_>| {
        let error = c.call(call).unwrap_err();
        (error.to_string(), error.hint().unwrap_or_default())
    };
    let mut typo = good.clone();
    typo.named.insert(name("secnd"), json!(1).into());
    let (message, hint) = error(&mut c, typo);
    assert_eq!((&*message, &*hint), ("`f_2` has no input `secnd`", "did you mean `second`?"));
    let mut twice = good.clone();
    twice.named.insert(name("first"), json!(1).into());
    assert_eq!(error(&mut c, twice).0, "input `first` of `f_2` is given twice");
    let many = call(&f).with(json!(1)).with(json!(2)).with(json!(3)).with(json!(4));
    assert_eq!(error(&mut c, many).0, "`f_2` takes 3 arguments, 4 are given");
    let missing = error(&mut c, call(&f).with(json!(1))).0;
    assert_eq!(missing, "input `third` of `f_2` is not given and has no default");
    let pipeline = finish(c, Json::Null);
    assert_eq!(names(&pipeline), ["one", "f"]);
    let third = json!({ "list": [{ "output": { "of": "one.r" } }, { "value": { "k": 2 } }] });
    assert_eq!(wiring(&pipeline, "f"), json!([null, { "first": { "value": 1 }, "third": third }]));
}

#[test]
fn an_input_can_be_left_to_the_runs_configuration() {
    let mut c = composer().allow_unconnected_inputs();
    c.call(call(&solid("f", &["a", "b"], &[])).with(json!(1))).unwrap();
    let pipeline = c.finish(Json::Null).unwrap();
    let inputs: Vec<&str> = pipeline.solids[0].inputs.keys().map(Identifier::as_str).collect();
    assert_eq!(inputs, ["a"]);
}

#[test]
fn a_call_keeps_its_settings() {
    let mut c = composer();
    let f = solid("f", &[], &["left", "right"]);
    let settings = Call {
        config: Some(json!({ "depth": 2 })),
        tags: BTreeMap::from([("kind".to_owned(), "heavy".to_owned())]),
        retry_policy: serde_json::from_value(json!({ "max_retries": 3 })).unwrap(),
        ..call(&f)
    };
    let called = c.call(settings).unwrap();
    let typo = called.output("rihgt").unwrap_err();
    assert_eq!(typo.to_string(), "`f` has no output `rihgt`");
    assert_eq!(typo.hint().unwrap(), "did you mean `right`?");
    assert_eq!(
        called.clone().only().unwrap_err().to_string(),
        "`f` has 2 outputs, where exactly one is needed"
    );
    let mut other = f.clone();
    other.description.push('!');
    let two = c.call(call(&other)).unwrap_err();
    assert_eq!(two.to_string(), "`plugin:f` is described in two different ways");
    let pipeline = finish(c, called.output("right").unwrap());
    let solid = &pipeline["solids"][0];
    assert_eq!(solid["config"], json!({ "depth": 2 }));
    assert_eq!(solid["tags"], json!({ "kind": "heavy" }));
    assert_eq!(solid["retry_policy"]["max_retries"], 3);
}

#[test]
fn a_result_has_any_shape() {
    let mut c = composer();
    let one = add(&mut c, "one", &[]).unwrap();
    let x = add(&mut c, "x*", &[]).unwrap();
    let rows = c.map(&x, |c, i| add(c, "rows*", &[&i])).unwrap();
    let values = Argument::List(vec![json!(1).into(), Argument::List(Vec::new())]);
    let members = [("one", Argument::from(&one)), ("rows", Argument::from(&rows)), ("values", values)];
    let pipeline = finish(c, Argument::Dict(members.map(|(name, it)| (name.to_owned(), it)).into()));
    let inner = json!({ "over": { "over": "rows.r", "at": [0] }, "of": { "item": 1 }, "into": "dict" });
    let outer = json!({ "over": { "over": "x.r" }, "of": { "collect": inner }, "into": "dict" });
    let expected = json!({ "dict": {
        "one": { "output": { "of": "one.r" } },
        "rows": { "collect": outer },
        "values": { "value": [1, []] },
    } });
    assert_eq!(pipeline["result"], expected);
    assert_eq!(finish(composer(), Json::Null)["result"], json!({ "value": null }));
}

/// Two maps with limits of their own do not share them.
#[test]
fn each_map_with_a_limit_has_a_lane_of_its_own() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let one = MapOptions { max_concurrent: Some(1.try_into().unwrap()), ..MapOptions::default() };
    for solid in ["f", "g", "h"] {
        c.map_with(&x, one, |c, x| add(c, solid, &[&x])).unwrap();
    }
    let pipeline = finish(c, Json::Null);
    let lanes = ["f", "g", "h"].map(|solid| wiring(&pipeline, solid)[0][0]["lane"]["map"].clone());
    assert_eq!(lanes, [0, 1, 2].map(Json::from));
}

/// A zip keeps its joins when it is mapped again and again.
#[test]
fn a_map_over_what_a_zip_made_keeps_it_joined() {
    let mut c = composer();
    let (x, y) = (add(&mut c, "x*", &[]).unwrap(), add(&mut c, "y*", &[]).unwrap());
    let zip = c.zip(&[x, y], Unmatched::Skip).unwrap();
    let pairs =
        c.map_zip(&zip, MapOptions::default(), |c, sides| add(c, "pair", &[&sides[0], &sides[1]])).unwrap();
    let again = c.map(&pairs, |c, pair| add(c, "again", &[&pair])).unwrap();
    let last = c.map(&again, |c, it| add(c, "last", &[&it])).unwrap();
    let pipeline = finish(c, last);
    let scope = json!([{ "over": "x.r" }, { "over": "y.r", "join": { "with": 0, "unmatched": "skip" } }]);
    for solid in ["pair", "again", "last"] {
        assert_eq!(wiring(&pipeline, solid)[0], scope);
    }
}
