//! `PLUGIN=DIR`: a directory that a plugin may see.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use fanfold_graph::name::PluginName;

/// A directory for a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectoryArgument {
    /// The plugin.
    pub(crate) plugin: PluginName,
    /// The directory, as it was given.
    pub(crate) directory: PathBuf,
}

impl DirectoryArgument {
    pub(super) fn value_parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text: OsString| Self::parse(&text))
    }

    fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let Some(equals) = bytes.iter().position(|byte| *byte == b'=') else {
            return Err("it has the form PLUGIN=DIR".to_owned());
        };
        let (plugin, directory) = (&bytes[..equals], &bytes[equals + 1..]);
        if directory.is_empty() {
            return Err("a directory comes after the equals sign".to_owned());
        }
        let plugin = PluginName::new(&String::from_utf8_lossy(plugin)).map_err(|error| error.to_string())?;
        Ok(Self { plugin, directory: OsStr::from_bytes(directory).into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_plugins() {
        let parse = |text: &'static [u8]| DirectoryArgument::parse(OsStr::from_bytes(text));
        let argument = parse(b"files=/data/a=b \xff").unwrap();
        assert_eq!(argument.plugin.as_str(), "files");
        assert_eq!(argument.directory.as_os_str().as_bytes(), b"/data/a=b \xff");
        for (text, wanted) in [
            (&b"docs"[..], "it has the form PLUGIN=DIR"),
            (b"files=", "a directory comes after the equals sign"),
            (b"=docs", "a plugin name cannot be empty"),
            (b"a b=docs", "`a b` is no plugin name"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
