//! A solid that fails until something outside has changed, as a network or a disk does.

use std::path::Path;

use fanfold_sdk::prelude::*;
use serde_json::Value;

/// Returns its input where the directory `flag` is granted, and fails where it is not.
#[solid]
pub fn gate(x: Value) -> Result<Value> {
    pass(Path::new("/flag"), x)
}

fn pass(flag: &Path, x: Value) -> Result<Value> {
    if !flag.is_dir() {
        fail!("there is no directory `{}`", flag.display());
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_open_where_its_flag_is() {
        assert_eq!(pass(Path::new("/"), 7.into()).unwrap(), 7);
        let closed = pass(Path::new("/there/is/no/such/flag"), 7.into()).unwrap_err();
        assert_eq!(closed.to_string(), "there is no directory `/there/is/no/such/flag`");
    }
}
