//! Solids that reach for what they were not given, and take more than there is: what the sandbox is tested with.

mod excess;
mod marks;

use std::fs;
use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use excess::{abuse, paint};
use fanfold_sdk::prelude::*;
pub use marks::leave_mark;

/// What to try, in order.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Each a verb and its operands.
    pub attempts: Vec<Vec<String>>,
}

/// Tries one thing after another, and returns what came of each: `ok`, what was found, or `denied`.
#[solid]
pub fn reach(config: Attempts) -> Result<Vec<String>> {
    let told = |attempt: &Vec<String>| {
        let words: Vec<&str> = attempt.iter().map(String::as_str).collect();
        attempted(&words)
            .unwrap_or_else(|error| if cfg!(test) { error.to_string() } else { "denied".to_owned() })
    };
    Ok(config.attempts.iter().map(told).collect())
}

/// Writes to a file until something stops it.
#[solid]
pub fn fill(path: String) -> Result<()> {
    let chunk = vec![7; 64 << 10];
    let mut file = fs::File::create(path)?;
    loop {
        io::Write::write_all(&mut file, &chunk)?;
    }
}

fn attempted(words: &[&str]) -> io::Result<String> {
    let ok = |()| "ok".to_owned();
    match words {
        ["read", path] => fs::read_to_string(path),
        ["list", path] => {
            let names =
                fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            let mut names = names.collect::<io::Result<Vec<_>>>()?;
            names.sort();
            Ok(names.join(" "))
        }
        ["write", path, text] => fs::write(path, text).map(ok),
        ["mkdir", path] => fs::create_dir(path).map(ok),
        ["remove", path] => fs::remove_file(path).map(ok),
        ["rename", from, to] => fs::rename(from, to).map(ok),
        ["link", from, to] => fs::hard_link(from, to).map(ok),
        ["symlink", target, link] => symlink(target, link).map(ok),
        ["env"] => {
            let mut variables: Vec<_> =
                std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
            variables.sort();
            Ok(variables.join(" "))
        }
        ["arguments"] => Ok(std::env::args().collect::<Vec<_>>().join(" ")),
        ["year"] => {
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_secs();
            Ok((1970 + (seconds + 86_400) / 31_556_952).to_string())
        }
        ["nanoseconds"] => {
            let start = Instant::now();
            Ok(start.elapsed().as_nanos().to_string())
        }
        ["random"] => {
            use std::hash::{BuildHasher, RandomState};
            Ok(RandomState::new().hash_one(7).to_string())
        }
        ["connect", address] => std::net::TcpStream::connect(address).map(|_| "ok".to_owned()),
        _ => Err(io::Error::other("nobody knows how")),
    }
}

#[cfg(target_os = "wasi")]
fn symlink(target: &str, link: &str) -> io::Result<()> {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        fn path_symlink(old: *const u8, old_len: usize, fd: u32, new: *const u8, new_len: usize) -> u16;
    }
    // The first granted directory.
    const FIRST: u32 = 3;
    let link = link.trim_start_matches('/').split_once('/').map_or(link, |(_, rest)| rest);
    // SAFETY: both texts live until the call returns.
    match unsafe { path_symlink(target.as_ptr(), target.len(), FIRST, link.as_ptr(), link.len()) } {
        0 => Ok(()),
        _ => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

#[cfg(not(target_os = "wasi"))]
fn symlink(_: &str, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fanfold_sdk::plugin!(reach, fill, abuse, paint, leave_mark);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_of_a_sandbox_everything_works() {
        assert_eq!(attempted(&["list", "src"]).unwrap(), "excess.rs lib.rs marks.rs");
        assert!(attempted(&["year"]).unwrap().parse::<u32>().unwrap() > 2020);
        assert!(attempted(&["fly"]).is_err());
    }
}
