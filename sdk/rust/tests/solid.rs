//! What `#[solid]` makes of functions: definitions, and steps run by the harness.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::Duration;

use fanfold_sdk::definition::RetryPolicy;
use fanfold_sdk::prelude::*;
use fanfold_sdk::testing::{Outcome, Reason, Step};
use fanfold_sdk::{EmitError, FromValue, IntoValue, Level, MetadataValue, RetryRequest};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Order {
    id: u32,
    #[serde(default)]
    note: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Prices {
    /// Cents for one piece.
    piece: u32,
    #[serde(default)]
    discount: u32,
}

/// Prices orders.
///
/// The discount is taken off once.
#[solid(
    name = "price_orders",
    tags(team = "sales", "run.priority" = "3"),
    retry_policy(max_retries = 2, delay_ms = 500, backoff = 2, jitter = 0.5),
    result(io_manager_key = "archive", description = "The total", asset_key = ["sales", "total"])
)]
fn price(
    config: Prices,
    /// How many pieces.
    #[default = 3]
    pieces: u32,
    #[input(default = "none", description = "For the bill", name = "label")] text: String,
    coupon: Option<u32>,
    #[output(
        is_required = false,
        io_manager_key = "s3",
        metadata(owner = "me", rows = 3, share = 0.5, "is final" = true),
        asset_key = "bills",
        asset_partitions = ["eu", "us"]
    )]
    mut bills: DynamicOutput<String>,
    mut notes: OptionalOutput<String>,
) -> Result<u32> {
    bills.emit(0, format!("{text}: {pieces}"))?;
    if let Some(coupon) = coupon {
        notes.emit(format!("coupon {coupon}"))?;
    }
    Ok(config.piece * pieces - config.discount - coupon.unwrap_or(0))
}

fn parsed(schema: Option<&String>) -> Value {
    serde_json::from_str(schema.expect("a schema")).unwrap()
}

#[test]
fn a_definition_says_what_the_function_says() {
    let step = Step::of::<price>();
    let solid = step.definition();
    assert_eq!(solid.name, "price_orders");
    assert_eq!(solid.description, "Prices orders.\n\nThe discount is taken off once.");
    assert_eq!(solid.tags, [("team", "sales"), ("run.priority", "3")]);
    let policy = RetryPolicy { max_retries: 2, delay_ms: 500, backoff: 2.0, jitter: 0.5 };
    assert_eq!(solid.retry_policy, Some(policy));
    let config = parsed(solid.config_schema.as_ref());
    assert_eq!(config["required"], json!(["piece"]));
    assert_eq!(config["properties"]["piece"]["description"], "Cents for one piece.");
}

#[test]
fn inputs_have_names_schemas_and_defaults() {
    let step = Step::of::<price>();
    let inputs = &step.definition().inputs;
    let told: Vec<_> =
        inputs.iter().map(|input| (input.name, input.description, input.default_value.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("pieces", "How many pieces.", Some("3")),
            ("label", "For the bill", Some("\"none\"")),
            ("coupon", "", Some("null"))
        ]
    );
    assert_eq!(parsed(inputs[0].schema.as_ref())["type"], "integer");
}

#[test]
fn outputs_have_everything_that_was_said_of_them() {
    let step = Step::of::<price>();
    let [bills, notes, result] = &step.definition().outputs[..] else { panic!("three outputs") };
    assert_eq!((bills.name, bills.is_dynamic, bills.is_required), ("bills", true, false));
    assert_eq!(bills.io_manager_key, Some("s3"));
    assert_eq!((bills.asset_key, bills.asset_partitions), (&["bills"][..], &["eu", "us"][..]));
    let facts = [
        ("owner", MetadataValue::Text("me".into())),
        ("rows", MetadataValue::Integer(3)),
        ("share", MetadataValue::Number(0.5)),
        ("is final", MetadataValue::Boolean(true)),
    ];
    for (label, value) in facts {
        assert_eq!(bills.metadata.get(label), Some(&value));
    }
    assert_eq!((notes.name, notes.is_dynamic, notes.is_required), ("notes", false, false));
    assert_eq!((result.name, result.description, result.is_required), ("result", "The total", true));
    assert_eq!((result.io_manager_key, result.asset_key), (Some("archive"), &["sales", "total"][..]));
}

#[test]
fn a_step_gets_its_inputs_and_defaults() {
    let outcome = Step::of::<price>().config(json!({ "piece": 10 })).run();
    assert_eq!(outcome.result::<u32>(), 30);
    assert_eq!(outcome.dynamic::<String>("bills"), [("0".to_owned(), "none: 3".to_owned())]);
    assert_eq!(outcome.output::<String>("notes"), None);
    let step = Step::of::<price>().config(json!({ "piece": 10, "discount": 5 }));
    let outcome = step.input("pieces", 2).input("coupon", 1).input("label", "x").run();
    assert_eq!(outcome.result::<u32>(), 14);
    assert_eq!(outcome.output("notes"), Some("coupon 1".to_owned()));
}

#[test]
fn a_value_of_the_wrong_type_fails_the_step_for_good() {
    let failure = |outcome: Outcome| outcome.failure().unwrap().clone();
    let misfit = failure(Step::of::<price>().config(json!({ "piece": 1 })).input("pieces", "many").run());
    assert!(misfit.description.starts_with("input `pieces`: invalid type: string"), "{}", misfit.description);
    assert_eq!((misfit.reason, misfit.retry), (Reason::Solid, RetryRequest::Never));
    let misfit = failure(Step::of::<price>().config(json!({ "price": 1 })).run());
    assert!(misfit.description.starts_with("config: unknown field `price`"), "{}", misfit.description);
    let missing = failure(Step::of::<price>().run());
    assert!(missing.description.starts_with("config: missing field `piece`"), "{}", missing.description);
}

/// Gathers orders.
#[solid]
fn gather(mut orders: Collected<Order>) -> Result<BTreeMap<String, u32>> {
    let missing: Vec<_> = orders.missing().collect();
    let mut ids = BTreeMap::from([("len".to_owned(), u32::try_from(orders.len())?)]);
    for (index, (key, order)) in orders.enumerate() {
        ids.insert(key.map_or(index.to_string(), |key| key.to_string()), order?.id);
    }
    ids.extend(missing.into_iter().map(|key| (key.to_string(), 0)));
    Ok(ids)
}

fn order(id: u32) -> Order {
    Order { id, note: String::new() }
}

fn ids(entries: &[(&str, u32)]) -> BTreeMap<String, u32> {
    entries.iter().map(|(key, id)| ((*key).to_owned(), *id)).collect()
}

#[test]
fn a_collection_gives_keys_values_length_and_what_is_missing() {
    let step =
        Step::of::<gather>().collected("orders", [("a", order(1)), ("b", order(2))]).missing("orders", ["c"]);
    assert_eq!(step.run().result::<BTreeMap<_, _>>(), ids(&[("len", 2), ("a", 1), ("b", 2), ("c", 0)]));
    let step = Step::of::<gather>().entries("orders", [("x", order(7))]);
    assert_eq!(step.run().result::<BTreeMap<_, _>>(), ids(&[("len", 1), ("x", 7)]));
}

#[test]
fn a_collection_takes_plain_lists_and_maps_too() {
    let step = Step::of::<gather>().input("orders", json!([{ "id": 4 }, { "id": 5 }]));
    assert_eq!(step.run().result::<BTreeMap<_, _>>(), ids(&[("len", 2), ("0", 4), ("1", 5)]));
    let step = Step::of::<gather>().input("orders", json!({ "k": { "id": 4 } }));
    assert_eq!(step.run().result::<BTreeMap<_, _>>(), ids(&[("len", 1), ("k", 4)]));
    let outcome = Step::of::<gather>().input("orders", 3).run();
    assert_eq!(
        outcome.failure().unwrap().description,
        "input `orders`: a list or a map of values is expected"
    );
}

#[test]
fn collections_are_read_across_pages() {
    let outcome = Step::of::<gather>().list("orders", (0..5000).map(order)).run();
    let ids = outcome.result::<BTreeMap<String, u32>>();
    assert_eq!((ids.len(), ids["4999"]), (5001, 4999));
}

#[test]
fn a_collection_says_that_lists_fit_it() {
    let step = Step::of::<gather>();
    let schema = parsed(step.definition().inputs[0].schema.as_ref());
    assert_eq!(schema["type"], json!(["array", "object"]));
}

/// Reads gathered inputs whole.
#[solid]
fn whole(list: Vec<Order>, map: BTreeMap<String, u32>) -> (usize, u32) {
    (list.len(), map.values().sum())
}

#[test]
fn ordinary_types_read_collections_whole() {
    let step = Step::of::<whole>().collected("list", [("a", order(1)), ("b", order(2))]);
    let outcome = step.entries("map", [("x", 2), ("y", 3)]).run();
    assert_eq!(outcome.result::<(usize, u32)>(), (2, 5));
    let none: [Order; 0] = [];
    let outcome = Step::of::<whole>().list("list", none).entries::<&str, u32>("map", []).run();
    assert_eq!(outcome.result::<(usize, u32)>(), (0, 0));
}

/// Returns only what is even.
#[solid]
fn only_even(x: u32) -> Option<u32> {
    x.is_multiple_of(2).then_some(x)
}

#[test]
fn a_returned_none_leaves_the_optional_result_out() {
    let step = Step::of::<only_even>();
    assert!(!step.definition().outputs[0].is_required);
    assert_eq!(parsed(step.definition().outputs[0].schema.as_ref())["type"], "integer");
    assert_eq!(step.input("x", 2).run().output::<u32>("result"), Some(2));
    let outcome = Step::of::<only_even>().input("x", 3).run();
    outcome.expect_success();
    assert!(outcome.emitted().is_empty());
}

/// Returns what is positive, or fails.
#[solid]
fn only_positive(x: i64) -> Result<Option<Annotated<i64>>> {
    if x < 0 {
        fail!("{x} is negative");
    }
    Ok((x > 0).then(|| Annotated::new(x, Metadata::new().boolean("positive", true))))
}

#[test]
fn results_options_and_annotations_combine() {
    let outcome = |x| Step::of::<only_positive>().input("x", x).run();
    assert_eq!(outcome(5).result::<i64>(), 5);
    assert_eq!(outcome(5).metadata("result").unwrap().get("positive"), Some(&MetadataValue::Boolean(true)));
    assert_eq!(outcome(0).output::<i64>("result"), None);
    assert_eq!(outcome(-5).failure().unwrap().description, "-5 is negative");
}

/// Fails as it is told, by way of `anyhow`.
#[solid]
fn fail_by_anyhow(message: String) -> anyhow::Result<u32> {
    use anyhow::Context as _;
    let number = message.parse::<u32>().with_context(|| format!("`{message}` is no number"))?;
    anyhow::ensure!(number > 0, "zero");
    Ok(number)
}

/// Asks for a retry.
#[solid]
fn ask_for_retry() -> Result {
    Err(Error::new("busy")
        .with_metadata(Metadata::new().integer("queue", 7))
        .retry_after(Duration::from_millis(20)))
}

#[test]
fn failures_keep_causes_metadata_and_retry_requests() {
    let outcome = Step::of::<fail_by_anyhow>().input("message", "x").run();
    assert_eq!(outcome.failure().unwrap().description, "`x` is no number: invalid digit found in string");
    let outcome = Step::of::<ask_for_retry>().run();
    let failure = outcome.failure().unwrap();
    assert_eq!(failure.retry, RetryRequest::After(Duration::from_millis(20)));
    assert_eq!(failure.metadata.get("queue"), Some(&MetadataValue::Integer(7)));
}

/// Emits one key twice and hopes that nobody sees.
#[solid]
fn emit_twice(mut items: DynamicOutput<u32>) {
    let _ = items.emit(1, 1);
    let _ = items.emit(1, 2);
}

/// Emits a plain output twice.
#[solid]
fn emit_plain_twice(mut item: Output<u32>) -> Result<()> {
    item.emit(1)?;
    Ok(item.emit(2)?)
}

/// Forgets its output.
#[solid]
fn forget(item: Output<u32>) {
    drop(item);
}

#[test]
fn the_harness_refuses_what_the_host_refuses() {
    let outcome = Step::of::<emit_twice>().run();
    let failure = outcome.failure().unwrap();
    assert_eq!(failure.description, "the mapping key `1` was emitted twice on output `items`");
    assert!(matches!(failure.reason, Reason::Refused(EmitError::Duplicate(_))));
    assert_eq!(outcome.dynamic::<u32>("items"), [("1".to_owned(), 1)]);
    let outcome = Step::of::<emit_plain_twice>().run();
    assert_eq!(outcome.failure().unwrap().description, "the output `item` was emitted twice");
    let outcome = Step::of::<forget>().run();
    assert_eq!(outcome.failure().unwrap().reason, Reason::OutputMissing);
}

#[test]
#[should_panic(expected = "solid `only_even` has no input `y`; its inputs: [\"x\"]")]
fn a_test_cannot_give_an_input_that_is_not_there() {
    let _ = Step::of::<only_even>().input("y", 1);
}

#[test]
#[should_panic(expected = "input `x` has no default")]
fn a_test_cannot_leave_out_an_obligatory_input() {
    Step::of::<only_even>().run();
}

/// Has a default for each kind of input.
#[solid]
fn defaults(
    #[default = [1, 2]] list: Collected<i64>,
    #[default = Some(3)] maybe: Option<i64>,
    #[input(default = -0.5)] number: f64,
    #[default = "/data"] path: std::path::PathBuf,
) -> Result<String> {
    let sum: i64 = list.map(|(_, item)| item).sum::<Result<i64, _>>()?;
    Ok(format!("{sum} {maybe:?} {number} {}", path.display()))
}

#[test]
fn defaults_are_of_the_type_of_their_input() {
    assert_eq!(Step::of::<defaults>().run().result::<String>(), "3 Some(3) -0.5 /data");
    let step = Step::of::<defaults>().list("list", [5]).input("maybe", Value::Null).input("number", 1);
    assert_eq!(step.input("path", "/").run().result::<String>(), "5 None 1 /");
}

/// Derives keys from words.
#[solid]
fn keys_of_words(words: Vec<String>, mut items: DynamicOutput<String>) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for word in &words {
        keys.push(items.emit_derived(word, word)?.to_string());
    }
    Ok(keys)
}

#[test]
fn derived_keys_are_made_unique() {
    let outcome = Step::of::<keys_of_words>().input("words", ["a", "b", "a", "a_2", "a"]).run();
    assert_eq!(outcome.result::<Vec<String>>(), ["a", "b", "a_2", "a_2_2", "a_3"]);
}

/// Tells everything that a solid can tell.
#[solid]
fn tell(cx: Context) -> Annotated<u32> {
    cx.debug("looking");
    cx.warn(format_args!("{} is odd", 3));
    cx.progress(1.0, 2.0, "steps");
    cx.progress(2.0, None, "steps");
    cx.materialize(["a", "b"], Some("p"), Metadata::new());
    cx.expect("is odd", true, Metadata::new().boolean("sure", true));
    assert!(!cx.is_cancelled());
    Annotated::new(cx.attempt(), Metadata::new().text("by", "tell").described("who"))
}

#[test]
fn what_a_solid_tells_is_recorded() {
    let outcome = Step::of::<tell>().attempt(4).run();
    assert_eq!(outcome.result::<u32>(), 4);
    let log: Vec<_> = outcome.log().iter().map(|line| (line.level, line.message.as_str())).collect();
    assert_eq!(log, [(Level::Debug, "looking"), (Level::Warning, "3 is odd")]);
    assert_eq!(outcome.progress()[0].total, Some(2.0));
    assert_eq!(outcome.materializations()[0].asset_key, ["a", "b"]);
    assert!(outcome.checks()[0].passed);
    assert_eq!(outcome.metadata("result").unwrap().get("by"), Some(&MetadataValue::Text("tell".into())));
}

/// Turns text around, byte by byte.
#[solid]
fn reverse(text: Bytes) -> Bytes {
    Bytes(text.iter().rev().copied().collect())
}

/// Copies a blob in upper case.
#[solid]
fn shout(cx: Context, text: Blob) -> Result<Blob> {
    let mut writer = cx.create_blob("text/plain")?;
    let (mut reader, mut buffer) = (text.open()?, [0; 7]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(writer.finish()?),
            count => writer.write_all(&buffer[..count].to_ascii_uppercase())?,
        }
    }
}

#[test]
fn bytes_and_blobs_go_in_and_out() {
    assert_eq!(Step::of::<reverse>().bytes("text", *b"abc").run().content("result").unwrap(), b"cba");
    assert_eq!(
        Step::of::<reverse>().blob("text", "text/plain", *b"abc").run().content("result").unwrap(),
        b"cba"
    );
    let outcome = Step::of::<shout>().blob("text", "text/plain", "a longer text").run();
    assert_eq!(outcome.content("result").unwrap(), b"A LONGER TEXT");
    let outcome = Step::of::<shout>().input("text", "json").run();
    assert_eq!(
        outcome.failure().unwrap().description,
        "input `text`: it holds JSON where a blob is expected"
    );
    assert_eq!((<Bytes as FromValue>::schema(), <Blob as IntoValue>::schema()), (None, None));
}

/// Has nothing to say.
#[solid]
fn nothing() {}

#[test]
fn a_solid_without_a_value_has_no_result() {
    let step = Step::of::<nothing>();
    assert!(step.definition().outputs.is_empty() && step.definition().config_schema.is_none());
    step.run().expect_success();
}

/// Takes its settings under another name, and needs none.
#[solid]
fn renamed(#[config] settings: BTreeMap<String, u32>, r#type: u32) -> u32 {
    settings.len() as u32 + r#type
}

#[test]
fn configuration_can_have_any_name_and_be_left_out() {
    assert_eq!(Step::of::<renamed>().input("type", 1).run().result::<u32>(), 1);
    assert_eq!(Step::of::<renamed>().config(json!({ "a": 1 })).input("type", 1).run().result::<u32>(), 2);
}

#[test]
fn functions_stay_functions() {
    assert_eq!(only_even(2), Some(2));
    assert_eq!(whole(vec![order(1)], BTreeMap::new()), (1, 0));
    nothing();
}

plugin!(price, gather, whole, only_even, nothing);
