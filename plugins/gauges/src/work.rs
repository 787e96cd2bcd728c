//! Work without end or effect.

use fanfold_sdk::prelude::*;

/// Computes with fractions for so many rounds, of three operations each.
#[solid]
pub fn spin(x: f64, rounds: u32) -> f64 {
    let start = 1.0 / (x + 2.0);
    (0..rounds).fold(start, |x, _| 3.75 * x * (1.0 - x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_stays_between_0_and_1() {
        assert_eq!(spin(0.0, 0).to_bits(), 0.5_f64.to_bits());
        assert!((0.0..1.0).contains(&spin(7.0, 1000)));
    }
}
