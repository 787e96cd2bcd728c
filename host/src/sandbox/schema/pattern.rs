//! Patterns of strangers: compiled within a size, and matched within a bound that no pattern and no text exceed.
//!
//! A pattern is run as an automaton whose states are made as the text needs them, a few times as many as the cache has
//! room for, and then the match is given up: the work is that of making so many states, plus a step for each byte. (Without a
//! bound, a pattern of half a megabyte takes minutes over a value of four.) Whether a match is given up depends on the
//! pattern and on what one check has matched before, so equal checks end equally.

use std::collections::HashMap;

use regex_automata::Input;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::WhichCaptures;

use super::excerpt::shortened;

/// Bytes that one compiled pattern may take: about twenty of `\w`.
const MAX_BYTES: usize = 1 << 20;
/// Bytes that all patterns of one schema may take.
const MAX_TOGETHER: usize = 8 << 20;
/// Bytes of the states that are kept of a pattern while a check goes on. A large pattern gets what it needs at least.
const CACHE_BYTES: usize = 256 << 10;
/// How often the states may be thrown away. After that, each has to be good for some bytes of text.
const MAX_CLEARS: usize = 4;
const MIN_BYTES_PER_STATE: usize = 16;
/// Patterns whose states are kept at once.
const MAX_MATCHING: usize = 32;

/// The patterns of one schema, by their text.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    compiled: HashMap<String, DFA>,
    bytes: usize,
}

/// What one check keeps of the patterns that it has matched.
#[derive(Default)]
pub(super) struct Matching<'a>(HashMap<&'a str, Cache>);

impl Patterns {
    /// Compiles a pattern, unless it is there. False if it cannot be matched, or not within its bounds.
    pub(super) fn add(&mut self, pattern: &str) -> bool {
        if self.compiled.contains_key(pattern) {
            return true;
        }
        let room = MAX_BYTES.min(MAX_TOGETHER.saturating_sub(self.bytes));
        let states = thompson::Config::new().nfa_size_limit(Some(room)).which_captures(WhichCaptures::None);
        let config = DFA::config()
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true)
            // Word boundaries are those of ASCII; in other text their match is given up.
            .unicode_word_boundary(true)
            .minimum_cache_clear_count(Some(MAX_CLEARS))
            .minimum_bytes_per_state(Some(MIN_BYTES_PER_STATE));
        let Ok(compiled) = DFA::builder().configure(config).thompson(states).build(pattern) else {
            return false;
        };
        self.bytes += compiled.get_nfa().memory_usage() + size_of::<DFA>() + pattern.len();
        self.compiled.insert(pattern.to_owned(), compiled);
        true
    }

    /// Bytes that all of them take, compiled.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a text matches a pattern of these; an error if that takes too much to tell.
    pub(super) fn is_match<'a>(
        &'a self,
        pattern: &str,
        text: &str,
        matching: &mut Matching<'a>,
    ) -> Result<bool, String> {
        let Some((pattern, compiled)) = self.compiled.get_key_value(pattern) else { return Ok(false) };
        let pattern = pattern.as_str();
        if matching.0.len() >= MAX_MATCHING && !matching.0.contains_key(pattern) {
            matching.0.clear();
        }
        let cache = matching.0.entry(pattern).or_insert_with(|| compiled.create_cache());
        match compiled.try_search_fwd(cache, &Input::new(text).earliest(true)) {
            Ok(found) => Ok(found.is_some()),
            Err(_) => Err(format!("the pattern `{}` is too costly to match here", shortened(pattern))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> Result<bool, String> {
        let mut patterns = Patterns::default();
        assert!(patterns.add(pattern), "{pattern}");
        patterns.is_match(pattern, text, &mut Matching::default())
    }

    #[test]
    fn patterns_match_anywhere_unless_they_are_anchored() {
        for (pattern, text, wanted) in [
            ("b", "abc", true),
            ("^b", "abc", false),
            (r"^[\w.+-]+@[\w-]+\.[\w.]+$", "j\u{f6}rg@example.org", true),
            (r"^[\w.+-]+@[\w-]+\.[\w.]+$", "nobody", false),
            (r"\bcat\b", "a cat", true),
            (r"\bcat\b", "concatenate", false),
            (r"^\d{4}-\d{2}-\d{2}$", "2026-11-24", true),
            ("(?i)^straße$", "STRASSE", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), Ok(wanted), "{pattern} {text}");
        }
    }

    #[test]
    fn a_long_text_costs_no_more_than_its_length() {
        assert_eq!(matches("^[a-z]+$", &"x".repeat(1 << 20)), Ok(true));
        assert_eq!(matches(r"^(\w+\s?)+$", &"word ".repeat(100_000)), Ok(true));
    }

    #[test]
    fn what_would_take_for_ever_is_given_up() {
        // Each byte makes another state, of thousands of places in the pattern.
        let mut number = 7_u32;
        let text: String = (0..1 << 20)
            .map(|_| {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if number >> 31 == 0 { 'a' } else { 'b' }
            })
            .collect();
        let told = matches("(?-u)[ab]*a[ab]{10000}c", &text).unwrap_err();
        assert!(told.ends_with("is too costly to match here"), "{told}");
    }

    #[test]
    fn what_would_take_all_memory_is_no_pattern() {
        let mut patterns = Patterns::default();
        for bomb in [r"\w{1000}{1000}", r"((((((a{99}){99}){99}){99}){99}){99})", "("] {
            assert!(!patterns.add(bomb), "{bomb}");
        }
        let many = (0..10_000).take_while(|number| patterns.add(&format!(r"\w{{10}}{number}"))).count();
        assert!((10..1000).contains(&many) && patterns.bytes() <= MAX_TOGETHER, "{many}");
    }
}
