//! Folds the facts of all files into one summary.

use std::path::PathBuf;

use fanfold_sdk::prelude::*;

use crate::FileFacts;

/// How many of the largest files are named.
const LARGEST: usize = 10;

/// What is in all files together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many files there are.
    pub files: u64,
    /// Their lines.
    pub lines: u64,
    /// Their words.
    pub words: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The largest files, largest first, files of one size in order of path; at most ten.
    pub largest: Vec<SizedFile>,
}

/// A file and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SizedFile {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

impl Summary {
    fn add(&mut self, facts: FileFacts) {
        self.files += 1;
        self.lines += facts.lines;
        self.words += facts.words;
        self.bytes += facts.bytes;
        let file = SizedFile { path: facts.path, bytes: facts.bytes };
        let place =
            self.largest.partition_point(|other| (other.bytes, &file.path) > (file.bytes, &other.path));
        self.largest.insert(place, file);
        self.largest.truncate(LARGEST);
    }

    fn table(&self) -> Table {
        self.largest.iter().fold(Table::new(["file", "bytes"]), |table, file| {
            table.row([file.path.display().to_string(), file.bytes.to_string()])
        })
    }
}

/// Adds up the facts of all files and names the largest.
#[solid]
pub fn summarize_directory(facts: Collected<FileFacts>) -> Result<Annotated<Summary>> {
    let mut summary = Summary::default();
    for (_key, facts) in facts {
        summary.add(facts?);
    }
    let metadata = Metadata::new()
        .integer("files", summary.files)
        .integer("bytes", summary.bytes)
        .table("largest files", summary.table());
    Ok(Annotated::new(summary, metadata))
}

#[cfg(test)]
mod tests {
    use fanfold_sdk::MetadataValue;
    use fanfold_sdk::testing::Step;

    use super::*;

    fn facts(path: &str, bytes: u64) -> FileFacts {
        FileFacts { path: path.into(), lines: 1, words: 2, bytes, sha256: String::new() }
    }

    #[test]
    fn totals_and_largest_files_come_out() {
        let step = Step::of::<summarize_directory>();
        let outcome =
            step.collected("facts", [("a", facts("a", 5)), ("c", facts("c", 9)), ("b", facts("b", 9))]).run();
        let summary = outcome.result::<Summary>();
        assert_eq!((summary.files, summary.lines, summary.words, summary.bytes), (3, 3, 6, 23));
        let paths: Vec<_> = summary.largest.iter().map(|file| file.path.to_str().unwrap()).collect();
        assert_eq!(paths, ["b", "c", "a"]);
        let metadata = outcome.metadata("result").unwrap();
        assert_eq!(metadata.get("files"), Some(&MetadataValue::Integer(3)));
        let table = Table::new(["file", "bytes"]).row(["b", "9"]).row(["c", "9"]).row(["a", "5"]);
        assert_eq!(metadata.get("largest files"), Some(&MetadataValue::Table(table)));
    }

    #[test]
    fn only_the_ten_largest_are_named() {
        let files: Vec<_> = (0..1000).map(|size| facts(&size.to_string(), size)).collect();
        let summary = Step::of::<summarize_directory>().list("facts", files).run().result::<Summary>();
        let sizes: Vec<_> = summary.largest.iter().map(|file| file.bytes).collect();
        assert_eq!(sizes, (990..1000).rev().collect::<Vec<_>>());
        assert_eq!(summary.files, 1000);
    }

    #[test]
    fn no_files_make_an_empty_summary() {
        let outcome = Step::of::<summarize_directory>().list::<FileFacts>("facts", []).run();
        assert_eq!(outcome.result::<Summary>(), Summary::default());
    }
}
