//! Solids that count the words of a text, line by line.

use fanfold_sdk::prelude::*;

/// The text to count.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Its lines.
    #[serde(default = "example")]
    pub text: String,
}

fn example() -> String {
    "fan out over keys\nthat only appear\nat run time".to_owned()
}

/// What one line holds.
#[derive(Serialize, Deserialize, JsonSchema)]
pub struct LineCount {
    /// How many words it has.
    pub words: u64,
    /// Its longest word.
    pub longest: String,
}

/// What all lines hold.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Total {
    /// How many lines there are.
    pub lines: u64,
    /// How many words they have.
    pub words: u64,
    /// The longest word of all.
    pub longest: String,
}

/// Emits every line of a text, under the line's number.
#[solid]
pub fn split_lines(config: Text, mut lines: DynamicOutput<String>) -> Result<()> {
    for (index, line) in config.text.lines().enumerate() {
        lines.emit(index + 1, line.to_owned())?; // a clone may start right now
    }
    Ok(())
}

/// Counts the words of one line.
#[solid]
pub fn count_words(line: String) -> LineCount {
    let longest = line
        .split_whitespace()
        .max_by_key(|word| word.chars().count());
    LineCount {
        words: line.split_whitespace().count() as u64,
        longest: longest.unwrap_or_default().to_owned(),
    }
}

/// Adds up what was counted.
#[solid]
pub fn add_up(counts: Collected<LineCount>) -> Result<Total> {
    let mut total = Total {
        lines: 0,
        words: 0,
        longest: String::new(),
    };
    // Read page by page: a million lines need no more memory than a few.
    for (_key, count) in counts {
        let count = count?;
        total.lines += 1;
        total.words += count.words;
        if count.longest.chars().count() > total.longest.chars().count() {
            total.longest = count.longest;
        }
    }
    Ok(total)
}

plugin!(split_lines, count_words, add_up);

#[cfg(test)]
mod tests {
    use fanfold_sdk::testing::Step;

    use super::*;

    #[test]
    fn lines_are_emitted_under_their_numbers() {
        let config = json!({ "text": "one two\n\nthree" });
        let outcome = Step::of::<split_lines>().config(config).run();
        let lines = [("1", "one two"), ("2", ""), ("3", "three")];
        let lines = lines.map(|(key, line)| (key.to_owned(), line.to_owned()));
        assert_eq!(outcome.dynamic::<String>("lines"), lines);
    }

    #[test]
    fn counts_add_up() {
        let counts = [
            ("1", count_words("one two".into())),
            ("2", count_words("three".into())),
        ];
        let outcome = Step::of::<add_up>().collected("counts", counts).run();
        let total = Total {
            lines: 2,
            words: 3,
            longest: "three".to_owned(),
        };
        assert_eq!(outcome.result::<Total>(), total);
    }
}
