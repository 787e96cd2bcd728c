//! Spans of time as people write them: `30s`, `500ms`, `5m`, `1h30m`.

use std::time::Duration;

/// Units from large to small, each beside its milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The span, or what is wrong with the text. Units go from large to small, each at most once.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let too_long = || format!("`{text}` is too long");
    let (mut rest, mut units) = (text.trim(), &UNITS[..]);
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err(format!("`{text}` is no span of time"));
    }
    while !rest.is_empty() {
        let (number, after) = split(rest, |it| it.is_ascii_digit() || it == '_');
        let (unit, after) = split(after.trim_start(), |it| it.is_ascii_alphabetic());
        let number = number.replace('_', "");
        if number.is_empty() || unit.is_empty() {
            return Err(format!("`{text}` is no span of time"));
        }
        let Some(place) = units.iter().position(|(name, _)| *name == unit) else {
            let known = UNITS.iter().any(|(name, _)| *name == unit);
            let problem = if known { "is out of order in" } else { "is no unit of time in" };
            return Err(format!("`{unit}` {problem} `{text}`"));
        };
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let milliseconds = number.checked_mul(units[place].1).ok_or_else(too_long)?;
        total = total.checked_add(milliseconds).ok_or_else(too_long)?;
        (rest, units) = (after.trim_start(), &units[place + 1..]);
    }
    Ok(Duration::from_millis(total))
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|it| !belongs(it)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let cases = [
            ("0s", 0),
            ("500ms", 500),
            ("30s", 30_000),
            ("30 s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1d 2h 3m 4s 5ms", 93_784_005),
            ("1_000s", 1_000_000),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_says_why() {
        let cases = [
            ("", "`` is no span of time"),
            ("30", "`30` is no span of time"),
            ("s", "`s` is no span of time"),
            ("-1s", "`-1s` is no span of time"),
            ("1.5s", "`1.5s` is no span of time"),
            ("3 weeks", "`weeks` is no unit of time in `3 weeks`"),
            ("30m1h", "`h` is out of order in `30m1h`"),
            ("1s1s", "`s` is out of order in `1s1s`"),
            ("99999999999999999999s", "`99999999999999999999s` is too long"),
            ("18446744073709551615d", "`18446744073709551615d` is too long"),
        ];
        for (text, problem) in cases {
            assert_eq!(parse(text), Err(problem.to_owned()));
        }
    }
}
