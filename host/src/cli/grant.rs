//! `PLUGIN=DIR` and `PLUGIN=NAME=VALUE`: what a plugin may see.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, StringValueParser, TypedValueParser};
use fanfold::sandbox::HostGrant;
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

/// An environment variable for a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableArgument {
    /// The plugin.
    pub(crate) plugin: PluginName,
    /// The variable's name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
}

impl VariableArgument {
    pub(super) fn value_parser() -> impl TypedValueParser<Value = Self> {
        StringValueParser::new().try_map(|text: String| Self::parse(&text))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(plugin, rest)| Some((plugin, rest.split_once('=')?)));
        let (plugin, (name, value)) = parts.ok_or("it has the form PLUGIN=NAME=VALUE")?;
        if name.is_empty() {
            return Err("a variable has a name".to_owned());
        }
        let plugin = PluginName::new(plugin).map_err(|error| error.to_string())?;
        Ok(Self { plugin, name: name.to_owned(), value: value.to_owned() })
    }
}

/// A host for a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostArgument {
    /// The plugin.
    pub(crate) plugin: PluginName,
    /// `HOST` or `HOST:PORT`; it has been checked.
    pub(crate) host: String,
}

impl HostArgument {
    pub(super) fn value_parser() -> impl TypedValueParser<Value = Self> {
        StringValueParser::new().try_map(|text: String| Self::parse(&text))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let (plugin, host) = text.split_once('=').ok_or("it has the form PLUGIN=HOST or PLUGIN=HOST:PORT")?;
        HostGrant::parse(host).map_err(|error| error.to_string())?;
        let plugin = PluginName::new(plugin).map_err(|error| error.to_string())?;
        Ok(Self { plugin, host: host.to_owned() })
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

    #[test]
    fn hosts_of_plugins() {
        assert_eq!(HostArgument::parse("web=a.b:80").unwrap().host, "a.b:80");
        for text in ["web", "web=", "web=a b", "web=https://a", "a b=c"] {
            assert!(HostArgument::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn variables_of_plugins() {
        let VariableArgument { plugin, name, value } = VariableArgument::parse("web=TOKEN=a=b").unwrap();
        assert_eq!((plugin.as_str(), name.as_str(), value.as_str()), ("web", "TOKEN", "a=b"));
        assert_eq!(VariableArgument::parse("web=TOKEN=").unwrap().value, "");
        for (text, wanted) in [
            ("web", "it has the form PLUGIN=NAME=VALUE"),
            ("web=TOKEN", "it has the form PLUGIN=NAME=VALUE"),
            ("web==x", "a variable has a name"),
            ("a b=X=y", "`a b` is no plugin name"),
        ] {
            let error = VariableArgument::parse(text).unwrap_err();
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
