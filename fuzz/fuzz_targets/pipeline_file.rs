//! Pipeline files, evaluated in this process and not in a child: a file that takes all memory ends the fuzzer, which the
//! child is there for (see README.md).
#![no_main]

use fanfold::pipeline_file::{KnownSolids, PipelineFile, evaluate};
use fanfold_fuzz::{example, told};
use fanfold_graph::plan::Plan;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// As much as a confined child has.
const STACK_BYTES: usize = 128 << 20;

static KNOWN: LazyLock<KnownSolids> = LazyLock::new(example::known_solids);

fuzz_target!(|text: &str| {
    let text = text.to_owned();
    let work = move || check(&text);
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).expect("a thread");
    thread.join().expect("a panic has ended the process");
});

fn check(text: &str) {
    let evaluated = match evaluate("p.star", text, KNOWN.clone()) {
        Ok(evaluated) => evaluated,
        Err(problem) => return told::check(&problem),
    };
    // The way back from the child is JSON.
    let json = serde_json::to_string(&evaluated).expect("it has a JSON form");
    assert_eq!(serde_json::from_str::<PipelineFile>(&json).expect("it is read back"), evaluated);
    assert_eq!(evaluate("p.star", text, KNOWN.clone()).as_ref(), Ok(&evaluated), "one file has one meaning");
    for pipeline in evaluated.pipelines {
        if let Err(errors) = Plan::new(pipeline) {
            assert!(!errors.is_empty(), "a refusal has a reason");
        }
    }
}
