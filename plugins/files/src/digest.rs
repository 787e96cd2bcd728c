//! Digests one file, reading it in pieces, so that its size does not matter.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use fanfold_sdk::prelude::*;
use sha2::{Digest, Sha256};

use crate::access;

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileFacts {
    /// The file.
    pub path: PathBuf,
    /// Line ends, as `wc -l` counts them.
    pub lines: u64,
    /// Runs of printable characters, as `wc -w` counts them in the C locale.
    pub words: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the content in lower-case hexadecimal, as `sha256sum` prints it.
    pub sha256: String,
}

/// Counts the lines, words and bytes of a file and digests its content.
#[solid]
pub fn process_file(
    /// The path of the file, as granted to the plugin.
    file: PathBuf,
) -> Result<FileFacts> {
    let mut counts = Counts::default();
    let mut sha256 = Sha256::new();
    read(&file, |piece| {
        counts.add(piece);
        sha256.update(piece);
    })
    .map_err(|error| access::failure("read", &file, &error))?;
    let Counts { lines, words, bytes, .. } = counts;
    Ok(FileFacts { path: file, lines, words, bytes, sha256: hex(&sha256.finalize()) })
}

/// Shows the file's content to `each`, 64 KiB at a time.
fn read(file: &Path, mut each: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut file = File::open(file)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            count => each(&buffer[..count]),
        }
    }
}

/// Lines, words and bytes so far.
#[derive(Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
    /// Whether the last byte belongs to a word that the next piece may go on with.
    in_word: bool,
}

impl Counts {
    /// In the C locale a word starts with a printable ASCII character and ends at white space. Other bytes do neither,
    /// as in GNU `wc` up to 9.1, so that binary data counts few words; later ones let any byte start a word.
    fn add(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        for byte in piece {
            match byte {
                b'\n' => {
                    self.lines += 1;
                    self.in_word = false;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.in_word = false,
                b'!'..=b'~' => {
                    self.words += u64::from(!self.in_word);
                    self.in_word = true;
                }
                _ => {}
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |number: u8| char::from(b"0123456789abcdef"[usize::from(number)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use fanfold_sdk::testing::Step;
    use tempfile::TempDir;

    use super::*;

    /// Writes the content, digests the file, and compares with what the system's tools say.
    fn facts_of(content: &[u8]) -> FileFacts {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, content).unwrap();
        let facts = Step::of::<process_file>().input("file", &path).run().result::<FileFacts>();
        assert_eq!(process_file(path.clone()).unwrap(), facts);
        let wc = system("wc", &["-l", "-w", "-c"], &path);
        assert_eq!(
            wc[..3],
            [facts.lines, facts.words, facts.bytes].map(|count| count.to_string()),
            "{content:?}"
        );
        assert_eq!(system("sha256sum", &[], &path)[0], facts.sha256);
        facts
    }

    fn system(tool: &str, options: &[&str], path: &Path) -> Vec<String> {
        let output = Command::new(tool).args(options).arg(path).env("LC_ALL", "C").output().unwrap();
        assert!(output.status.success(), "{tool}");
        String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn facts_equal_those_of_the_system_tools() {
        let contents: [&[u8]; 7] = [
            b"",
            b"one",
            b"two words\n",
            b" leading and  double \n\n trailing ",
            b"tabs\tand\x0bverticals\x0cand\rreturns\n",
            "ünïcödé wörds\n".as_bytes(),
            b"\n\n\n",
        ];
        for content in contents {
            facts_of(content);
        }
    }

    #[test]
    fn bytes_that_do_not_print_start_no_word_and_end_none() {
        let words = |content: &[u8]| {
            let mut counts = Counts::default();
            counts.add(content);
            counts.words
        };
        assert_eq!(words(b"no\x00tab\x01control \x01 \x7f \xff\xfe \x80\n"), 1);
        assert_eq!(words(b"a\xc2\xa0b \x01c"), 2);
    }

    #[test]
    fn words_across_pieces_count_once() {
        let mut content = vec![b'a'; (64 << 10) - 1];
        content.extend_from_slice(b"bc d");
        assert_eq!(facts_of(&content).words, 2);
        content.resize(3 * (64 << 10), b' ');
        content.extend_from_slice(b"end");
        assert_eq!(facts_of(&content).words, 3);
    }

    #[test]
    fn an_unreadable_file_fails_with_its_path() {
        let outcome = Step::of::<process_file>().input("file", "/nowhere/at all").run();
        let description = &outcome.failure().unwrap().description;
        assert!(description.starts_with("cannot read `/nowhere/at all`: "), "{description}");
        let directory = TempDir::new().unwrap();
        assert!(Step::of::<process_file>().input("file", directory.path()).run().failure().is_some());
    }
}
