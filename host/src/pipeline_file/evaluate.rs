//! Evaluates one file.

use starlark::PrintHandler;
use starlark::environment::Module;
use starlark::eval::Evaluator;
use starlark::syntax::{AstModule, Dialect, DialectTypes};

use super::globals::globals;
use super::loader::Loader;
use super::misuse::Misuse;
use super::problem::{place, problem};
use super::session::Session;
use super::{KnownSolids, PipelineFile};
use crate::diagnostic::{Diagnostic, Place};

/// A pipeline file has at most so many bytes.
const MAX_SOURCE_BYTES: usize = 1 << 20;
/// Ticks that evaluation may take: about one for each loop and call.
pub(super) const MAX_TICKS: u64 = 10_000_000;
/// Bytes that the values of an evaluation may take.
pub(super) const MAX_HEAP_BYTES: usize = 256 << 20;
/// How deep functions may call each other.
pub(super) const MAX_CALLS: usize = 200;
/// Lines that a file may print.
const MAX_PRINTED: usize = 1000;

/// Evaluates a pipeline file's text. `file` is how messages name it.
///
/// Meant for a process that may die: a hostile file can make it run out of memory or stack before a limit is noticed.
pub fn evaluate(file: &str, text: &str, known: KnownSolids) -> Result<PipelineFile, Diagnostic> {
    if text.len() > MAX_SOURCE_BYTES {
        return Err(Diagnostic::new(format!("`{file}` has more than {MAX_SOURCE_BYTES} bytes")));
    }
    let session = Session::new(known);
    let dialect = Dialect {
        enable_f_strings: true,
        enable_types: DialectTypes::Disable,
        enable_top_level_stmt: true,
        ..Dialect::Extended
    };
    let ast = AstModule::parse(file, text.to_owned(), &dialect).map_err(|error| problem(&error))?;
    check_loads(&ast, &session)?;
    let loader = Loader(&session);
    let printer = Printer(&session);
    Module::with_temp_heap(|module| {
        let mut eval = Evaluator::new(&module);
        eval.set_loader(&loader);
        eval.set_print_handler(&printer);
        eval.extra = Some(&session);
        let limited = eval
            .set_max_callstack_size(MAX_CALLS)
            .and_then(|()| eval.set_max_heap_size(MAX_HEAP_BYTES))
            .and_then(|()| eval.set_max_tick_count(MAX_TICKS));
        limited.map_err(|error| Diagnostic::new(error.to_string()))?;
        eval.eval_module(ast, &globals()).map_err(|error| problem(&error)).map(|_| ())
    })?;
    let Session { pipelines, printed, .. } = session;
    Ok(PipelineFile { pipelines: pipelines.into_inner(), printed: printed.into_inner() })
}

/// Checks what is loaded before anything runs, so that errors point at the very name.
fn check_loads(ast: &AstModule, session: &Session) -> Result<(), Diagnostic> {
    let loader = Loader(session);
    for load in ast.loads() {
        let statement = place(&load.span);
        let checked = loader.plugin(load.module_id).map(|_| ());
        checked.map_err(|misuse| told(misuse, statement.clone()))?;
        let mut names: Vec<&str> = load.symbols.values().copied().collect();
        names.sort_unstable();
        for name in names {
            let checked = loader.check_solid(load.module_id, name);
            checked
                .map_err(|misuse| told(misuse, place_of_name(load.span.file.source(), &load.span, name)))?;
        }
    }
    Ok(())
}

fn told(misuse: Misuse, place: Place) -> Diagnostic {
    Diagnostic::new(misuse.to_string()).at(place).hint(misuse.hint)
}

/// Where a name stands as a string, from a load statement on.
fn place_of_name(source: &str, load: &starlark::codemap::FileSpan, name: &str) -> Place {
    let from = load.span.begin().get() as usize;
    let quoted = ["\"", "'"].iter().find_map(|quote| {
        let quoted = format!("{quote}{name}{quote}");
        Some((from + source.get(from..)?.find(&quoted)?, quoted.len()))
    });
    match quoted {
        Some((start, len)) => Place::of_bytes(load.filename(), source, start, start + len),
        None => place(load),
    }
}

/// Keeps what a file prints.
struct Printer<'s>(&'s Session);

impl PrintHandler for Printer<'_> {
    fn println(&self, text: &str) -> starlark::Result<()> {
        let mut printed = self.0.printed.borrow_mut();
        if printed.len() >= MAX_PRINTED {
            return Err(Misuse::new(format!("the file prints more than {MAX_PRINTED} lines")).into());
        }
        printed.push(text.to_owned());
        Ok(())
    }
}
