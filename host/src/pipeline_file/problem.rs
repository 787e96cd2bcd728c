//! From what the evaluator says to what people read.

use starlark::ErrorKind;
use starlark::codemap::FileSpan;

use super::evaluate::{MAX_CALLS, MAX_HEAP_BYTES, MAX_TICKS};
use super::misuse::Misuse;
use crate::diagnostic::{Diagnostic, Place};

/// The places from which a call came that are told, at most.
const MAX_CALLERS: usize = 5;

/// The diagnostic for an error of the evaluator.
pub(super) fn problem(error: &starlark::Error) -> Diagnostic {
    let (message, hint) = told(error.kind());
    let mut diagnostic = Diagnostic::new(message).hint(hint);
    let stack = &error.call_stack().frames;
    let innermost = error.span().or_else(|| stack.iter().rev().find_map(|frame| frame.location.as_ref()));
    if let Some(span) = innermost {
        diagnostic = diagnostic.at(place(span));
    }
    let callers = stack.iter().rev().filter_map(|frame| Some((frame, frame.location.as_ref()?)));
    // That the file calls `pipeline` is no news.
    let callers = callers.filter(|(frame, span)| Some(*span) != innermost && frame.name != "pipeline");
    let callers = callers.take(MAX_CALLERS);
    diagnostic
        .causes
        .extend(callers.map(|(frame, span)| format!("`{}`, called at {}", frame.name, place(span))));
    diagnostic
}

/// The place of a span.
pub(super) fn place(span: &FileSpan) -> Place {
    let (start, end) = (span.span.begin().get() as usize, span.span.end().get() as usize);
    Place::of_bytes(span.filename(), span.file.source(), start, end)
}

fn told(kind: &ErrorKind) -> (String, Option<String>) {
    let cause = match kind {
        ErrorKind::Fail(cause)
        | ErrorKind::StackOverflow(cause)
        | ErrorKind::Value(cause)
        | ErrorKind::Function(cause)
        | ErrorKind::Scope(cause)
        | ErrorKind::Parser(cause)
        | ErrorKind::Freeze(cause)
        | ErrorKind::Internal(cause)
        | ErrorKind::Native(cause)
        | ErrorKind::Other(cause) => cause,
        other => return (other.to_string(), None),
    };
    match cause.downcast_ref::<Misuse>() {
        Some(misuse) => (misuse.to_string(), misuse.hint.clone()),
        None => (in_plain_words(cause.to_string()), None),
    }
}

/// The evaluator's words, but for its limits, which it tells in units of its own.
fn in_plain_words(message: String) -> String {
    let limits = [
        ("Heap memory limit", format!("the file needs more than {} MiB of memory", MAX_HEAP_BYTES >> 20)),
        ("Execution duration limit", format!("the file needs more than {MAX_TICKS} steps to evaluate")),
        (
            "Starlark call stack overflow",
            format!("functions call each other more than {MAX_CALLS} levels deep"),
        ),
    ];
    let known = limits.into_iter().find(|(beginning, _)| message.starts_with(beginning));
    known.map_or(message, |(_, plain)| plain)
}
