//! A solid that looks for traces of other steps, and leaves its own.

use std::fs;
use std::io;
use std::sync::Mutex;

use fanfold_sdk::prelude::*;

/// What a step of its own is to leave.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its mark: a file's name.
    pub mark: String,
}

static MARKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Leaves its mark in memory, in its environment and in `/tmp`. What was there before is `before`; once that has been taken,
/// it looks again.
///
/// # Panics
/// Never: it has one thread.
#[solid]
#[expect(unsafe_code, reason = "the environment is one of the places")]
pub fn leave_mark(
    config: Config,
    mut before: Output<Vec<String>>,
    mut after: Output<Vec<String>>,
) -> Result<()> {
    let found = seen()?;
    MARKS.lock().unwrap().push(config.mark.clone());
    // SAFETY: there is no other thread.
    unsafe { std::env::set_var(&config.mark, "") };
    fs::write(format!("/tmp/{}", config.mark), &config.mark)?;
    before.emit(found)?;
    after.emit(seen()?)?;
    Ok(())
}

/// All marks that can be seen, place by place.
fn seen() -> io::Result<Vec<String>> {
    let mut seen = MARKS.lock().unwrap().clone();
    seen.extend(std::env::vars().map(|(name, _)| name));
    for entry in fs::read_dir("/tmp")? {
        seen.push(fs::read_to_string(entry?.path())?);
    }
    Ok(seen)
}
