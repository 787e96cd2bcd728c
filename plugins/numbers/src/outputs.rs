//! Several outputs on one solid, outputs that may be left out, and what a clone knows about itself.

use fanfold_sdk::prelude::*;

/// Hands out two lists and leaves out `skip`, so that what reads `skip` is skipped.
#[solid]
pub fn fork_logic(
    /// Three numbers to fan out over.
    mut nums: Output<Vec<i64>>,
    /// No numbers at all: fanning out over it makes no clones.
    mut empty: Output<Vec<i64>>,
    /// Never emitted.
    skip: OptionalOutput<i64>,
) -> Result<()> {
    drop(skip);
    nums.emit(vec![1, 2, 3])?;
    empty.emit(vec![])?;
    Ok(())
}

/// Sends a 1 to `a` and everything else to `b`; nothing ever reaches `c`.
#[solid]
pub fn multiout(
    inp: i64,
    mut a: OptionalOutput<i64>,
    mut b: OptionalOutput<i64>,
    c: OptionalOutput<i64>,
) -> Result<()> {
    drop(c);
    if inp == 1 {
        a.emit(inp)?;
    } else {
        b.emit(inp)?;
    }
    Ok(())
}

/// Returns the mapping keys of the clone that it runs in, outermost first.
#[solid]
pub fn observe_key(cx: Context, x: serde_json::Value) -> Vec<String> {
    drop(x);
    cx.mapping_keys().iter().map(ToString::to_string).collect()
}

/// Repeats the digits of its input until the text has `length` bytes.
#[solid]
pub fn pad(x: i64, #[default = 100_000] length: usize) -> String {
    x.to_string().chars().cycle().take(length).collect()
}

/// Says what it reads, in the log and on both standard streams, and passes it on.
#[solid]
pub fn say(cx: Context, x: serde_json::Value) -> serde_json::Value {
    cx.info(format_args!("log: {x}"));
    println!("out: {x}");
    eprintln!("err: {x}");
    x
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::testing::Step;

    use super::*;

    #[test]
    fn fork_logic_leaves_skip_out() {
        let outcome = Step::of::<fork_logic>().run();
        assert_eq!(outcome.output("nums"), Some(vec![1, 2, 3]));
        assert_eq!(outcome.output::<Vec<i64>>("empty"), Some(vec![]));
        assert_eq!(outcome.output::<i64>("skip"), None);
    }

    #[test]
    fn fork_logic_says_what_is_required() {
        let step = Step::of::<fork_logic>();
        let outputs = &step.definition().outputs;
        let required: Vec<_> = outputs.iter().map(|output| (output.name, output.is_required)).collect();
        assert_eq!(required, [("nums", true), ("empty", true), ("skip", false)]);
        assert_eq!(outputs[0].description, "Three numbers to fan out over.");
    }

    #[test]
    fn multiout_chooses_by_its_input() {
        let one = Step::of::<multiout>().input("inp", 1).run();
        assert_eq!((one.output("a"), one.output::<i64>("b"), one.output::<i64>("c")), (Some(1), None, None));
        let two = Step::of::<multiout>().input("inp", 2).run();
        assert_eq!((two.output::<i64>("a"), two.output("b"), two.output::<i64>("c")), (None, Some(2), None));
    }

    #[test]
    fn observe_key_sees_every_level() {
        let step = || Step::of::<observe_key>().input("x", 0);
        assert_eq!(step().mapping_keys(["outer", "7"]).run().result::<Vec<String>>(), ["outer", "7"]);
        assert!(step().run().result::<Vec<String>>().is_empty());
    }
}
