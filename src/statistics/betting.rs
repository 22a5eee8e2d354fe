//! Time-uniform sequence for the mean of worlds with a known range, valid for every law on it: the
//! hedged capital process.
//!
//! Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (JRSS B 86(1),
//! 2024; arXiv 2010.09686), section 4. Scale observations to `[0, 1]`. For a candidate mean `m`, a
//! gambler bets that the mean is larger:
//!
//! ```text
//! K⁺_t(m) = Π_{i≤t} ( 1 + λ_i(m) (x_i − m) ),     λ_i(m) = min(λ̇_i, c/m),
//! λ̇_i = √( 2 ln(1/α_end) / (σ̂²_{i−1} i ln(1 + i)) )                       (predictable plug-in)
//! μ̂_i = (1/2 + Σ_{j≤i} x_j)/(i + 1),   σ̂²_i = (1/4 + Σ_{j≤i} (x_j − μ̂_j)²)/(i + 1)
//! ```
//!
//! When `m` is the mean this is a martingale from 1, so by Ville's inequality it ever reaches
//! `1/α_end` with probability at most `α_end`: then `m` is excluded. `K⁻`, betting on a smaller
//! mean, is the same on `1 − x`. The paper's hedge `max(K⁺/2, K⁻/2) ≥ 1/α` is exactly two such ends
//! with `α_end = α/2`.
//!
//! `K⁺_t(m)` never increases in `m`: a factor is `1 + λ̇(x − m)` while `m < c/λ̇` and
//! `1 + c(x/m − 1)` beyond, it is continuous, and both pieces fall. So the candidates excluded form
//! an interval from the left and the bound is a root, found exactly by bisection where the paper
//! uses a grid. The running intersection comes free: the bound only moves inwards.

use super::budget::require_alpha;
use super::root::last_holding;
use super::{Band, Interval, Sides};
use crate::field::{FieldError, require};

/// `c`: no bet risks more than this share of the capital in one world. The paper suggests 1/2 or
/// 3/4; the larger decides nearly-constant worlds sooner.
pub const TRUNCATION: f64 = 0.75;

/// Bisection stops here; the scaled range is 1.
const TOLERANCE: f64 = 1e-12;

/// A running lower bound for the mean of observations in `[0, 1]`.
#[derive(Debug, Clone)]
struct LowerBound {
    /// `1/α_end`.
    threshold: f64,
    /// Each observation with the untruncated bet that was laid on it.
    laid: Vec<(f64, f64)>,
    sum: f64,
    squared_deviations: f64,
    bound: f64,
    /// `K⁺` at `bound`.
    capital: f64,
}

impl LowerBound {
    fn new(alpha_end: f64) -> Self {
        Self {
            threshold: 1.0 / alpha_end,
            laid: Vec::new(),
            sum: 0.0,
            squared_deviations: 0.0,
            bound: 0.0,
            capital: 1.0,
        }
    }

    fn factor(m: f64, (x, bet): (f64, f64)) -> f64 {
        1.0 + bet.min(TRUNCATION / m) * (x - m)
    }

    /// `K⁺(m)` over the worlds so far.
    fn capital_at(&self, m: f64) -> f64 {
        self.laid
            .iter()
            .map(|&laid| Self::factor(m, laid))
            .product()
    }

    fn observe(&mut self, x: f64) {
        let i = (self.laid.len() + 1) as f64;
        let variance = (0.25 + self.squared_deviations) / i;
        let bet = (2.0 * self.threshold.ln() / (variance * i * (1.0 + i).ln())).sqrt();
        self.laid.push((x, bet));
        self.sum += x;
        self.squared_deviations += (x - (0.5 + self.sum) / (i + 1.0)).powi(2);
        self.capital *= Self::factor(self.bound, (x, bet));
        if self.capital >= self.threshold {
            let excluded = |m| self.capital_at(m) >= self.threshold;
            self.bound = last_holding(self.bound, 1.0, TOLERANCE, excluded);
            self.capital = self.capital_at(self.bound);
        }
    }
}

/// Confidence sequence for the mean of worlds in `[lower, upper]`; see the [module](self).
#[derive(Debug, Clone)]
pub struct HedgedBetting {
    range: Interval,
    above: LowerBound,
    /// The same on `1 − x`.
    below: LowerBound,
}

impl HedgedBetting {
    /// A sequence at level `alpha` for observations in `range`.
    ///
    /// # Errors
    /// If `alpha` is outside `(0, 0.25]`, or `range` is empty or not finite.
    pub fn new(alpha: f64, sides: Sides, range: Interval) -> Result<Self, FieldError> {
        require_alpha(alpha)?;
        let width = range.width();
        require(
            width > 0.0 && width.is_finite(),
            "range",
            range,
            "finite, with lower < upper",
        )?;
        let end = LowerBound::new(sides.alpha_per_end(alpha));
        Ok(Self {
            range,
            above: end.clone(),
            below: end,
        })
    }

    /// Adds one world.
    ///
    /// # Errors
    /// If `value` is outside the range (or not a number); the sequence is then unchanged.
    pub fn observe(&mut self, value: f64) -> Result<(), FieldError> {
        require(
            self.range.contains(value),
            "observation",
            value,
            format_args!("in {}", self.range),
        )?;
        let x = self.scaled(value);
        self.above.observe(x);
        self.below.observe(1.0 - x);
        Ok(())
    }

    /// The intersection of the intervals so far. Should the evidence ever exclude every mean (an
    /// event of probability at most the level), the ends cross and are returned in order.
    pub fn interval(&self) -> Interval {
        let unscaled = |x: f64| self.range.lower + x * self.range.width();
        let (low, high) = (unscaled(self.above.bound), unscaled(1.0 - self.below.bound));
        Interval {
            lower: low.min(high),
            upper: low.max(high),
        }
    }

    /// Worlds that would decide `band` if the log-capital against the ends in question kept growing
    /// at its average pace so far; none if it is not growing.
    pub fn worlds_needed(&self, band: &Band) -> Option<u64> {
        if self.above.laid.is_empty() {
            return None;
        }
        let worlds = self.above.laid.len() as f64;
        let mean = self.above.sum / worlds;
        let unscaled_mean = self.range.lower + mean * self.range.width();
        let needed = band
            .ends_to_exclude(unscaled_mean)
            .map(|end| self.scaled(end))
            .map(|end| {
                if end < mean {
                    (&self.above, end)
                } else {
                    (&self.below, 1.0 - end)
                }
            })
            .filter(|&(_, end)| end >= 0.0)
            .map(|(side, end)| worlds * side.threshold.ln() / side.capital_at(end).ln().max(0.0))
            .fold(worlds, f64::max);
        (needed < 1e6).then_some(needed.ceil() as u64)
    }

    fn scaled(&self, value: f64) -> f64 {
        (value - self.range.lower) / self.range.width()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: Interval = Interval {
        lower: 0.0,
        upper: 1.0,
    };

    #[test]
    fn the_capital_never_increases_in_the_candidate() {
        let mut side = LowerBound::new(0.05);
        for i in 0..40 {
            side.observe(f64::from(i * 7 % 11) / 10.0);
        }
        let capitals: Vec<_> = (0..=1000)
            .map(|m| side.capital_at(f64::from(m) / 1000.0))
            .collect();
        assert!(capitals.windows(2).all(|pair| pair[0] >= pair[1]));
    }

    #[test]
    fn the_bound_is_the_root() {
        let mut side = LowerBound::new(0.05);
        (0..30).for_each(|_| side.observe(0.8));
        assert!(side.bound > 0.5 && side.bound < 0.8, "{}", side.bound);
        assert!(side.capital_at(side.bound) >= 20.0 && side.capital_at(side.bound + 1e-9) < 20.0);
    }

    #[test]
    fn observations_outside_the_range_are_named() {
        let mut sequence = HedgedBetting::new(0.05, Sides::Two, UNIT).unwrap();
        let error = sequence.observe(1.5).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("observation = 1.5 is out of range"),
            "{error}"
        );
        assert!(sequence.observe(f64::NAN).is_err());
        assert_eq!(sequence.interval(), UNIT);
    }
}
