//! Numbers of bytes as people write them: `64 MiB`, `64MB`, `1.5 GiB`, `1_000`.

/// Units, each beside its bytes. Case does not matter.
const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Digits after the point that are taken: enough for any unit.
const MAX_FRACTION_DIGITS: usize = 12;

/// The number of bytes, or what is wrong with the text.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let is_number = |it: char| it.is_ascii_digit() || matches!(it, '_' | '.');
    let (number, unit) = text.split_at(text.find(|it| !is_number(it)).unwrap_or(text.len()));
    let unit = unit.trim();
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > MAX_FRACTION_DIGITS {
        return Err(format!("`{text}` is no size"));
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) else {
        return Err(format!("`{unit}` is no unit of size"));
    };
    let too_large = || format!("`{text}` is too large");
    let whole: u128 = whole.parse().map_err(|_| too_large())?;
    let fraction_of = 10_u128.pow(fraction.len() as u32);
    let fraction: u128 = fraction.parse().map_err(|_| too_large())?;
    let bytes = u128::from(*bytes);
    whole
        .checked_mul(bytes)
        .and_then(|whole| whole.checked_add(fraction * bytes / fraction_of))
        .and_then(|all| u64::try_from(all).ok())
        .ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read() {
        let cases = [
            ("0", 0),
            ("1_000", 1_000),
            ("7 B", 7),
            ("64 MiB", 64 << 20),
            ("64MiB", 64 << 20),
            ("64mb", 64_000_000),
            ("1.5 GiB", 3 << 29),
            ("0.25KiB", 256),
            ("16777215 TiB", 16_777_215 << 40),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        let cases = [
            ("", "`` is no size"),
            ("-1", "`-1` is no size"),
            ("MiB", "`MiB` is no size"),
            ("1.2.3 MiB", "`1.2.3 MiB` is no size"),
            ("1. MiB", "`1. MiB` is no size"),
            ("64 M", "`M` is no unit of size"),
            ("64 MiB MiB", "`MiB MiB` is no unit of size"),
            ("16777216 TiB", "`16777216 TiB` is too large"),
            (
                "99999999999999999999999999999999999999999 B",
                "`99999999999999999999999999999999999999999 B` is too large",
            ),
        ];
        for (text, problem) in cases {
            assert_eq!(parse(text), Err(problem.to_owned()));
        }
    }
}
