//! What authors cannot do, and what they are told.

use std::collections::BTreeMap;

use fanfold_graph::compose::{Argument, ComposeError, MAX_DEPTH, MapOptions};
use fanfold_graph::pipeline::Unmatched;
use serde_json::Value as Json;

use super::{add, call, composer, finish, name, solid};

#[test]
fn what_cannot_be_zipped_is_refused() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let plain = add(&mut c, "plain", &[]).unwrap();
    let rows = c.map(&x, |c, x| add(c, "rows*", &[&x])).unwrap();
    let alone = c.zip(std::slice::from_ref(&x), Unmatched::Fail).unwrap_err();
    assert_eq!(alone.to_string(), "a zip joins at least two dynamic handles");
    let plain = c.zip(&[x.clone(), plain], Unmatched::Fail).unwrap_err();
    assert_eq!(plain.to_string(), "`plain.r` is not dynamic, there is nothing to zip");
    let nested = c.zip(&[x, rows], Unmatched::Fail).unwrap_err();
    assert_eq!(nested.to_string(), "`rows.r` has several levels of items, and a zip joins one");
    assert_eq!(nested.hint().unwrap(), "map over the outer level, and zip inside of its function");
}

#[test]
fn a_handle_outside_of_its_map_is_an_error_that_names_both() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let mut leaked = Vec::new();
    let mapped = c.map(&x, |c, i| {
        leaked = vec![add(c, "f", &[&i])?, i.clone(), add(c, "rows*", &[&i])?];
        Ok(i)
    });
    let text = "is used outside of the map over `x.r` that it belongs to";
    let plain = add(&mut c, "g", &[&leaked[0]]).unwrap_err();
    assert_eq!(plain.to_string(), format!("`f.r` {text}"));
    assert!(plain.hint().is_some());
    assert_eq!(add(&mut c, "g", &[&leaked[1]]).unwrap_err().to_string(), format!("an item of `x.r` {text}"));
    assert_eq!(c.collect(&leaked[2], None).unwrap_err().to_string(), format!("`rows.r` {text}"));
    let in_map = c.map(&leaked[2], |_, row| Ok(row)).unwrap_err();
    assert_eq!(in_map.to_string(), format!("`rows.r` {text}"));
    // The items of two maps over one output are not the same.
    let in_other = c.map(&mapped.unwrap(), |c, i| add(c, "pair", &[&i, &leaked[1]])).unwrap_err();
    assert_eq!(in_other.to_string(), format!("an item of `x.r` {text}"));
    let returned = c.map(&x, |_, _| Ok(leaked[0].clone())).unwrap_err();
    assert_eq!(returned.to_string(), format!("`f.r` {text}"));
    assert_eq!(c.finish(vec![&leaked[0]]).unwrap_err().to_string(), format!("`f.r` {text}"));
}

#[test]
fn a_dynamic_argument_is_an_error_however_deep_it_is() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let f = c.map(&x, |c, i| add(c, "f", &[&i])).unwrap();
    let direct = add(&mut c, "sum", &[&x]).unwrap_err();
    let text = "which is dynamic and must be unpacked by map or collect";
    assert_eq!(direct.to_string(), format!("input `a` of `sum` receives `x.r`, {text}"));
    let sum = solid("sum", &["a"], &["r"]);
    let nested = Argument::Dict(BTreeMap::from([("k".to_owned(), vec![&f].into())]));
    let nested = c.call(call(&sum).with(nested)).unwrap_err();
    assert_eq!(nested.to_string(), format!("input `a` of `sum` receives `f.r`, {text}"));
}

#[test]
fn what_is_not_dynamic_cannot_be_mapped_or_collected() {
    let mut c = composer();
    let one = add(&mut c, "one", &[]).unwrap();
    let map = c.map(&one, |_, item| Ok(item)).unwrap_err();
    assert_eq!(map.to_string(), "`one.r` is not dynamic, there is nothing to map");
    let collect = c.collect(&one, None).unwrap_err();
    assert_eq!(collect.to_string(), "`one.r` is not dynamic, there is nothing to collect");
    let x = add(&mut c, "x*", &[]).unwrap();
    for ratio in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(c.collect(&x, Some(ratio)), Err(ComposeError::Ratio(_))));
    }
}

#[test]
fn misuse_is_an_error() {
    let mut c = composer();
    assert_eq!(c.leave_map(Vec::new()).unwrap_err().to_string(), "a map is left that was not entered");
    assert_eq!(c.leave_group().unwrap_err().to_string(), "a group is left that was not entered");
    let x = add(&mut c, "x*", &[]).unwrap();
    let left = c.map(&x, |c, item| c.leave_map(Vec::new()).map(|_| item)).unwrap_err();
    assert_eq!(left.to_string(), "a map is left that was not entered");
    let entered = c.map(&x, |c, _| c.enter_map(&x, MapOptions::default())).unwrap_err();
    assert_eq!(entered.to_string(), "the map over `x.r` is entered and not left");
    let other = add(&mut composer(), "one", &[]).unwrap();
    assert_eq!(add(&mut c, "f", &[&other]).unwrap_err(), ComposeError::Foreign);
    assert_eq!(c.map(&other, |_, item| Ok(item)).unwrap_err(), ComposeError::Foreign);
    c.enter_group(name("g"));
    assert_eq!(c.finish(Json::Null).unwrap_err().to_string(), "the group `g` is entered and not left");
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    c.enter_map(&x, MapOptions::default()).unwrap();
    let unfinished = c.finish(Json::Null).unwrap_err();
    assert_eq!(unfinished.to_string(), "the map over `x.r` is entered and not left");
}

#[test]
fn the_deepest_nesting_survives_json_and_more_is_an_error() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let mut deep = x.clone();
    for _ in 1..MAX_DEPTH {
        deep = c.map(&x, |_, _| Ok(deep)).unwrap();
    }
    assert!(matches!(c.map(&x, |_, _| Ok(deep.clone())), Err(ComposeError::TooDeep { .. })));
    let nested = (0..MAX_DEPTH).fold(Argument::from(&deep), |inner, _| Argument::List(vec![inner]));
    let too_deep = c.call(call(&solid("f", &["a"], &[])).with(vec![nested.clone()])).unwrap_err();
    assert_eq!(too_deep.to_string(), "lists and dicts of arguments are nested more than 24 levels deep");
    let named = |inner| Argument::Dict(BTreeMap::from([("k".to_owned(), inner)]));
    let dicts = (0..=MAX_DEPTH).fold(Argument::from(&deep), |inner, _| named(inner));
    let too_deep = c.call(call(&solid("g", &["a"], &[])).with(dicts)).unwrap_err();
    assert!(matches!(too_deep, ComposeError::TooDeep { .. }));
    finish(c, nested);
}

/// Each kind of nesting goes so deep, and not one level further.
#[test]
fn every_kind_of_nesting_has_the_same_bound() {
    let is_too_deep = |error: &ComposeError| matches!(error, ComposeError::TooDeep { .. });
    // Collects, which need a level of items each.
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let deepest = (1..MAX_DEPTH).fold(x.clone(), |inner, _| c.map(&x, |_, _| Ok(inner)).unwrap());
    let list = (0..MAX_DEPTH).fold(deepest, |inner, _| c.collect(&inner, None).unwrap());
    let mapped = c.map(&x, |_, _| Ok(list)).unwrap();
    assert!(is_too_deep(&c.collect(&mapped, None).unwrap_err()));

    // Maps that are entered: the body of the innermost may be as deep as the rest allows.
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    for _ in 0..MAX_DEPTH {
        c.enter_map(&x, MapOptions::default()).unwrap();
    }
    assert!(is_too_deep(&c.enter_map(&x, MapOptions::default()).unwrap_err()));

    // What a map returns adds its own levels.
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let deep = (2..MAX_DEPTH).fold(x.clone(), |inner, _| c.map(&x, |_, _| Ok(inner)).unwrap());
    let deepest = c.map(&x, |_, _| Ok(deep)).unwrap();
    assert!(is_too_deep(&c.map(&x, |_, _| Ok(deepest.clone())).unwrap_err()));
    c.enter_map(&x, MapOptions::default()).unwrap();
    assert!(is_too_deep(&c.leave_map(vec![deepest]).unwrap_err()));
    assert_eq!(c.leave_map(vec![x]).map(|returned| returned.len()).ok(), Some(1));

    // Sides of a zip.
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let sides = vec![x.clone(); MAX_DEPTH];
    c.zip(&sides, Unmatched::Fail).unwrap();
    assert!(is_too_deep(&c.zip(&[sides, vec![x]].concat(), Unmatched::Fail).unwrap_err()));
}

/// A map that its function leaves, or leaves others in, is an error whichever map is entered then.
#[test]
fn a_map_that_is_not_left_as_it_was_is_an_error() {
    let mut c = composer();
    let x = add(&mut c, "x*", &[]).unwrap();
    let swapped = c.map(&x, |c, _| {
        c.leave_map(vec![])?;
        c.enter_map(&x, MapOptions::default())?;
        add(c, "plain", &[])
    });
    assert!(swapped.is_err());
    let more = c.map(&x, |c, item| {
        c.enter_map(&x, MapOptions::default())?;
        Ok(item)
    });
    assert!(more.is_err());
}

#[test]
fn every_problem_that_can_be_helped_has_a_hint() {
    let solid = || "s".parse().unwrap();
    let (input, handle) = (|| name("x"), || "`x.r`".to_owned());
    let known = || vec![name("first"), name("second")];
    let cases = [
        (
            ComposeError::UnknownInput { solid: solid(), input: name("frist"), known: known() },
            "did you mean `first`?",
        ),
        (
            ComposeError::UnknownInput { solid: solid(), input: input(), known: known() },
            "it has `first`, `second`",
        ),
        (ComposeError::UnknownInput { solid: solid(), input: input(), known: vec![] }, ""),
        (
            ComposeError::GivenTwice { solid: solid(), input: input() },
            "give it by position or by name, not both",
        ),
        (
            ComposeError::MissingInput { solid: solid(), input: input() },
            "give it a value, or its definition a default",
        ),
        (
            ComposeError::Dynamic { solid: solid(), input: input(), handle: handle() },
            "map a solid over it, or collect it into a list",
        ),
        (ComposeError::NotDynamic { handle: handle(), action: "map" }, "pass it on as it is"),
        (
            ComposeError::ZipOfNested { handle: handle() },
            "map over the outer level, and zip inside of its function",
        ),
        (ComposeError::NotOneOutput { solid: solid(), outputs: 2 }, "take the output by its name"),
        (ComposeError::NameTaken(solid()), "choose another alias"),
        (ComposeError::Foreign, "call the solid again in this pipeline"),
        (ComposeError::ZipOfOne, ""),
    ];
    for (error, hint) in cases {
        assert_eq!(error.hint().unwrap_or_default(), hint, "{error}");
    }
}
