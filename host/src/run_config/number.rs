//! Decimal numbers, kept only if they keep their value: a whole number beyond 64 bits would be rounded in silence.

use serde_json::{Number, Value as Json};

pub(super) const TOO_MANY_DIGITS: &str = "the number has more digits than fit in 64 bits";

/// The number that `text` spells as JSON or YAML does, or why it cannot be kept.
pub(super) fn parse(text: &str) -> Result<Json, &'static str> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text.contains(['.', 'e', 'E']) {
        let number = text.parse().ok().and_then(Number::from_f64);
        return number.map(Json::Number).ok_or("the number is too large");
    }
    let signed = text.parse::<i64>().map(Json::from);
    signed.or_else(|_| text.parse::<u64>().map(Json::from)).map_err(|_| TOO_MANY_DIGITS)
}
