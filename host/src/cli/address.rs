//! `FILE[:PIPELINE]`: a pipeline where its file is.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use fanfold_graph::name::Identifier;

/// A pipeline file, and which of its pipelines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PipelineAddress {
    /// The file. Whether it is there shows when it is read.
    pub(crate) file: PathBuf,
    /// The pipeline; none if the file's only one is meant.
    pub(crate) pipeline: Option<Identifier>,
}

impl PipelineAddress {
    pub(super) fn value_parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|text: OsString| Self::parse(&text, Path::is_file))
    }

    /// Reads an address. Paths may have colons: what is a file as a whole is that file.
    fn parse(text: &OsStr, is_file: impl Fn(&Path) -> bool) -> Result<Self, String> {
        let whole = || Self { file: text.into(), pipeline: None };
        if is_file(Path::new(text)) {
            return Ok(whole());
        }
        let Some((file, pipeline)) = text.to_str().and_then(|text| text.rsplit_once(':')) else {
            return Ok(whole());
        };
        if file.is_empty() {
            return Err("a file comes before the colon".to_owned());
        }
        // A colon in a directory's name separates nothing.
        if pipeline.contains('/') {
            return Ok(whole());
        }
        let pipeline = Identifier::new(pipeline).map_err(|error| format!("after the colon, {error}"))?;
        Ok(Self { file: file.into(), pipeline: Some(pipeline) })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn addresses() {
        let files = ["a.star", "odd:name", "dir:v1/a.star", "a.star:both"];
        let parsed = |text: &str| {
            let is_file = |path: &Path| files.iter().any(|file| path == Path::new(file));
            PipelineAddress::parse(OsStr::new(text), is_file)
                .map(|it| (it.file.display().to_string(), it.pipeline.map(|it| it.to_string())))
        };
        let ok = |file: &str, pipeline: Option<&str>| Ok((file.to_owned(), pipeline.map(str::to_owned)));
        let cases = [
            ("a.star", ok("a.star", None)),
            ("a.star:nightly", ok("a.star", Some("nightly"))),
            ("missing.star", ok("missing.star", None)),
            ("missing.star:x", ok("missing.star", Some("x"))),
            ("odd:name", ok("odd:name", None)),
            ("odd:name:x", ok("odd:name", Some("x"))),
            ("dir:v1/a.star", ok("dir:v1/a.star", None)),
            ("dir:v1/a.star:x", ok("dir:v1/a.star", Some("x"))),
            ("dir:v1/missing.star", ok("dir:v1/missing.star", None)),
            ("a.star:both", ok("a.star:both", None)),
            ("", ok("", None)),
            (":x", Err("a file comes before the colon".to_owned())),
            ("a.star:", Err("after the colon, a name cannot be empty".to_owned())),
        ];
        for (text, wanted) in cases {
            assert_eq!(parsed(text), wanted, "{text:?}");
        }
        assert!(parsed("a.star:9x").unwrap_err().starts_with("after the colon, `9x` is no name"));
        assert!(parsed("a.star:\u{1b}[2J").unwrap_err().contains(r"\u{1b}"));
    }

    #[test]
    fn a_path_need_not_be_text() {
        let path = OsStr::from_bytes(b"\xff:x");
        assert_eq!(PipelineAddress::parse(path, |_| false).unwrap().file, path);
    }
}
