//! A solid that takes more than there is, in the way that it is told to.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;

use fanfold_sdk::prelude::*;
use fanfold_sdk::{Blob, BlobWriter};
use serde_json::Value;

/// What to abuse.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Abuse {
    /// Time: never ends.
    Time,
    /// Time, without using the processor: sleeps for a year.
    Sleep,
    /// Memory, until there is none.
    Memory,
    /// The stack.
    Stack,
    /// Memory that it does not have.
    Pointer,
    /// The promise not to panic.
    Panic,
    /// The process.
    Exit,
    /// One value, larger than any may be.
    Value,
    /// Values without end.
    Outputs,
    /// Mapping keys without end.
    Keys,
    /// The log, line by line.
    Logs,
    /// Standard output, in one line.
    Print,
    /// Metadata of events.
    Metadata,
    /// Blobs.
    Blobs,
    /// Handles: blobs that it begins and never finishes.
    Handles,
    /// The failure's own words.
    Words,
}

/// How to go wrong.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What to abuse.
    pub what: Abuse,
}

/// Abuses something until it is stopped.
///
/// # Panics
/// If that is what it is told to.
#[solid]
pub fn abuse(
    config: Config,
    cx: Context,
    mut result: OptionalOutput<String>,
    #[output(is_required = false)] mut items: DynamicOutput<String>,
) -> Result<()> {
    match config.what {
        Abuse::Time => loop {
            black_box(0);
        },
        Abuse::Sleep => std::thread::sleep(std::time::Duration::from_hours(24 * 365)),
        Abuse::Memory => {
            let mut held = Vec::new();
            loop {
                held.push(black_box(vec![7_u8; 1 << 20]));
            }
        }
        Abuse::Stack => drop(black_box(deeper(black_box(0)))),
        Abuse::Pointer => write_far_away(),
        Abuse::Panic => panic!("as it was told to"),
        Abuse::Exit => std::process::exit(7),
        Abuse::Value => result.emit("x".repeat(5 << 20))?,
        Abuse::Outputs => (0_u32..).try_for_each(|number| items.emit(number, "x".repeat(1 << 20)))?,
        Abuse::Keys => (0_u32..).try_for_each(|number| items.emit(number, String::new()))?,
        Abuse::Logs => loop {
            cx.info("and again");
        },
        Abuse::Print => loop {
            print!("and again, ");
        },
        Abuse::Metadata => loop {
            cx.expect("again", true, Metadata::new().text("again", "and again"));
        },
        Abuse::Blobs => {
            let mut blob = cx.create_blob("text/plain")?;
            let chunk = vec![7; 1 << 16];
            while blob.write_all(&chunk).is_ok() {}
        }
        Abuse::Handles => {
            let blobs: Result<Vec<BlobWriter>, _> = (0..).map(|_| cx.create_blob("text/plain")).collect();
            drop(blobs);
        }
        Abuse::Words => return Err(Error::new("x".repeat(8 << 20))),
    }
    Ok(())
}

fn deeper(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { deeper(depth + 1).rotate_left(7) ^ depth }
}

#[expect(unsafe_code, reason = "going wrong is what it is for")]
fn write_far_away() {
    // SAFETY: there is none. No memory of a step reaches this far.
    unsafe { std::ptr::write_volatile(black_box(usize::MAX - 8) as *mut u8, 7) }
}

/// Escape sequences wherever a solid can put text. The screen goes blank, its title changes, the text turns around.
const ESCAPES: &str = "\x1b[2J\x1b]0;owned\x07\u{9b}31m\u{202e}\r\x08\x7f<script>alert(1)</script>\n";

/// Puts escape sequences into all that people read of a step, and fails with some if it is told to.
#[doc = "\u{1b}[2J\u{9b}31m\u{202e}"]
#[solid(tags(color = "\u{1b}[2J\u{9b}31m\u{202e}"))]
pub fn paint(
    cx: Context,
    #[input(description = "\u{1b}[2J\u{9b}31m\u{202e}")] is_failing: bool,
    #[output(description = "\u{1b}[2J\u{9b}31m\u{202e}", metadata(color = "\u{1b}[2J\u{9b}31m\u{202e}"))]
    mut result: Output<BTreeMap<String, Value>>,
    mut blob: Output<Blob>,
) -> Result<()> {
    cx.info(ESCAPES);
    cx.error(ESCAPES);
    print!("{ESCAPES}");
    eprint!("{ESCAPES}");
    cx.progress(1.0, None, ESCAPES);
    let table = Table::new([ESCAPES, "b"]).row([ESCAPES, "d"]);
    let metadata = Metadata::new()
        .text(ESCAPES, ESCAPES)
        .described(ESCAPES)
        .markdown("markdown", ESCAPES)
        .url("url", ESCAPES)
        .path("path", ESCAPES)
        .json("json", json!({ ESCAPES: ESCAPES }))
        .asset("asset", [ESCAPES])
        .table("table", table);
    cx.expect(ESCAPES, false, metadata.clone());
    cx.materialize([ESCAPES, "b"], Some(ESCAPES), metadata.clone());
    let mut written = cx.create_blob("text/plain")?;
    written.write_all(ESCAPES.as_bytes())?;
    blob.emit(written.finish()?)?;
    result.emit_with(BTreeMap::from([(ESCAPES.to_owned(), json!([ESCAPES]))]), metadata.clone())?;
    if is_failing { Err(Error::new(ESCAPES).with_metadata(metadata)) } else { Ok(()) }
}
