//! What is written where: data to standard output, everything else to standard error.
//!
//! Colors mark `error:` and `hint:`, and only on a terminal that wants them; without them nothing is lost.

mod harmless;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::panic::PanicHookInfo;

use clap::builder::styling::{AnsiColor, Style};
use fanfold::diagnostic::{Diagnostic, printable};

use super::Failure;
use harmless::Harmless;

/// Writes text and a newline to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(format!("{text}\n").as_bytes())
}

/// Writes to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    print_with(|out| out.write_all(bytes))
}

/// Writes to standard output, piece by piece. A reader that has gone has seen enough: that is no error.
pub(crate) fn print_with(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<(), Failure> {
    print_while_read(write).map(drop)
}

/// Writes to standard output, piece by piece. False if nobody reads any more.
pub(crate) fn print_while_read(
    write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<bool, Failure> {
    let mut out = BufWriter::new(Harmless::new(std::io::stdout().lock()));
    match write(&mut out).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::system(Diagnostic::caused_by("cannot write to standard output", &error))),
    }
}

/// Writes text and a newline to standard error. If that cannot be written to, there is nowhere to say so.
pub(crate) fn tell(text: &str) {
    let text = if has_colors() { colored(text) } else { text.to_owned() };
    _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes to standard error what another program has written for a terminal or a file like ours.
pub(crate) fn tell_as_is(text: &str) {
    _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Whether standard error is a terminal that shows colors, and whose user wants them.
pub(crate) fn has_colors() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// The text of diagnostics with the words that begin their lines in color.
fn colored(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let color =
            |(word, color): &(&'static str, AnsiColor)| Some((*color, *word, line.strip_prefix(word)?));
        match [("error:", AnsiColor::Red), ("hint:", AnsiColor::Cyan)].iter().find_map(color) {
            Some((color, word, rest)) => {
                let style = Style::new().bold().fg_color(Some(color.into()));
                _ = write!(shown, "{style}{word}{style:#}{rest}");
            }
            None => shown.push_str(line),
        }
    }
    shown
}

/// From now on a panic, which is always a bug of ours, is told as such.
pub(crate) fn report_bugs() {
    std::panic::set_hook(Box::new(|panic| tell(&bug_report(panic, &Backtrace::capture()))));
}

fn bug_report(panic: &PanicHookInfo<'_>, backtrace: &Backtrace) -> String {
    let what = panic.payload_as_str().unwrap_or("no message");
    let place = panic.location().map(|location| format!(" ({location})")).unwrap_or_default();
    let mut report = format!(
        "error: this is a bug in fanfold {}: {}{place}\nhint: please report it, with the command that you ran",
        env!("CARGO_PKG_VERSION"),
        printable(what)
    );
    // Captured only if RUST_BACKTRACE asks for it.
    if backtrace.status() == BacktraceStatus::Captured {
        _ = write!(report, "\n{backtrace}");
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_that_begin_a_diagnostics_lines_are_colored() {
        let shown = colored("error: an error: x\n  --> a\nhint: a hint: y");
        let plain = "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m an error: x\n  --> a\n\u{1b}[1m\u{1b}[36mhint:\u{1b}[0m a hint: y";
        assert_eq!(shown, plain);
    }
}
