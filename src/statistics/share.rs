//! Time-uniform sequence for the share of worlds that succeed: a mixture of bets with a closed
//! form.
//!
//! Against the candidate share `m`, bet `λ = (1 − u)/m`: the capital is multiplied by
//! `u + (1 − u)/m` at a success and by `u` at a failure, a fair game when the share is `m`. Mixing
//! over `u ~ Beta(b, 1)`, that is, the likelihood ratio against a share `p ∈ (m, 1)` with density ∝
//! `(1 − p)^{b−1}`, gives a martingale from 1 (the mixture method: Robbins, Ann. Math. Statist.
//! 41(5), 1970; Howard, Ramdas, McAuliffe & Sekhon, Ann. Statist. 49(2), 2021). After `s` successes
//! and `f` failures
//!
//! ```text
//! K(m) = ∫₀¹ b u^{f+b−1} (u + (1 − u)/m)^s du
//!      = b B(s + 1, f + b) I_{1−m}(f + b, s + 1) / ( m^s (1 − m)^{f+b} ).
//! ```
//!
//! Every integrand falls with `m`, so `K(m) ≥ 1/α_end` excludes an interval from the left: a lower
//! bound. The upper one is the same on failures. Exact at every stopping time, and sooner than the
//! hedged bets of [`betting`](super::betting) when nearly all worlds succeed, for no bet is
//! truncated.

use crate::field::{FieldError, require};
use statrs::function::beta::{beta_reg, ln_beta};

use super::budget::require_alpha;
use super::verdict::first_decided;
use super::{Band, Interval, Sides};

/// `b`: how strongly the mixture leans towards all-in bets. One half (the prior of Krichevsky &
/// Trofimov at the end 1) confirms "≥ 0.9" at 95 % after fewer successes than the uniform mixture
/// `b = 1`, and gives up little when some worlds fail.
const LEAN: f64 = 0.5;

/// The search for a bound stops here: a millionth of the worlds makes no difference.
const TOLERANCE: f64 = 1e-6;

/// `ln K(m)` after `successes` and `failures` (real-valued, so that a future pace can be asked
/// for).
fn log_capital(m: f64, successes: f64, failures: f64) -> f64 {
    let (a, b) = (failures + LEAN, successes + 1.0);
    LEAN.ln() + ln_beta(b, a) + beta_reg(a, b, 1.0 - m).ln() - successes * m.ln() - a * (-m).ln_1p()
}

/// Raises a lower `bound` to where `ln K` falls to `threshold`, by Newton's method from the left
/// with `d ln K/dm = (f + b − b/K)/(1 − m) − s/m`. Each integrand of `K` is log-convex in `m`,
/// hence so is `K`: the steps never pass the root, and the point returned is excluded (or is
/// `bound` itself).
fn raised(bound: f64, successes: f64, failures: f64, threshold: f64) -> f64 {
    let (mut bound, mut m, mut step) = (bound, bound.max(TOLERANCE), f64::INFINITY);
    while step > TOLERANCE {
        let log_capital = log_capital(m, successes, failures);
        if log_capital < threshold {
            break;
        }
        bound = m;
        let slope = (failures + LEAN - LEAN * (-log_capital).exp()) / (1.0 - m) - successes / m;
        step = (threshold - log_capital) / slope;
        m += step;
    }
    bound
}

/// Confidence sequence for a share of worlds; see the [module](self).
#[derive(Debug, Clone)]
pub struct ShareSequence {
    /// `ln(1/α_end)`.
    threshold: f64,
    successes: u64,
    failures: u64,
    /// Running lower bounds for the share of successes and of failures.
    bounds: [f64; 2],
}

impl ShareSequence {
    /// A sequence at level `alpha`.
    ///
    /// # Errors
    /// If `alpha` is outside `(0, 0.25]`.
    pub fn new(alpha: f64, sides: Sides) -> Result<Self, FieldError> {
        require_alpha(alpha)?;
        let threshold = -sides.alpha_per_end(alpha).ln();
        Ok(Self {
            threshold,
            successes: 0,
            failures: 0,
            bounds: [0.0; 2],
        })
    }

    /// Adds one world: 1 for a success, 0 for a failure.
    ///
    /// # Errors
    /// If `value` is neither; the sequence is then unchanged.
    pub fn observe(&mut self, value: f64) -> Result<(), FieldError> {
        require(value == 0.0 || value == 1.0, "observation", value, "0 or 1")?;
        let success = value == 1.0;
        *(if success {
            &mut self.successes
        } else {
            &mut self.failures
        }) += 1;
        // A success can raise the lower bound only, a failure the upper bound's mirror image.
        let (bound, hits, misses) = if success {
            (
                &mut self.bounds[0],
                self.successes as f64,
                self.failures as f64,
            )
        } else {
            (
                &mut self.bounds[1],
                self.failures as f64,
                self.successes as f64,
            )
        };
        *bound = raised(*bound, hits, misses, self.threshold);
        Ok(())
    }

    /// The intersection of the intervals so far (in order, should the ends ever cross: an event of
    /// probability at most the level).
    pub fn interval(&self) -> Interval {
        let (low, high) = (self.bounds[0], 1.0 - self.bounds[1]);
        Interval {
            lower: low.min(high),
            upper: low.max(high),
        }
    }

    /// Worlds that would decide `band` if the share stayed as it is; none beyond a million.
    pub fn worlds_needed(&self, band: &Band) -> Option<u64> {
        let worlds = self.successes + self.failures;
        let share = self.successes as f64 / worlds.max(1) as f64;
        let excluded = |end: f64, n: f64| {
            let (m, hits) = if end < share {
                (end, share)
            } else {
                (1.0 - end, 1.0 - share)
            };
            m < 0.0 || (hits > m && log_capital(m, n * hits, n * (1.0 - hits)) >= self.threshold)
        };
        let decided = |n| {
            band.ends_to_exclude(share)
                .all(|end| excluded(end, n as f64))
        };
        if worlds == 0 {
            None
        } else {
            first_decided(worlds, decided)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capital_is_a_martingale_and_falls_with_the_candidate() {
        for (s, f) in [(0.0, 0.0), (3.0, 0.0), (17.0, 2.0), (5.0, 30.0)] {
            let mut before = f64::INFINITY;
            for m in (1..100).map(|m| f64::from(m) / 100.0) {
                let now = log_capital(m, s, f).exp();
                let next = m * log_capital(m, s + 1.0, f).exp()
                    + (1.0 - m) * log_capital(m, s, f + 1.0).exp();
                assert!((next / now - 1.0).abs() < 1e-9, "{s} {f} {m}: {now} {next}");
                assert!(now <= before * (1.0 + 1e-12));
                before = now;
            }
        }
    }

    #[test]
    fn the_bound_is_the_root() {
        for (s, f) in [
            (1.0, 0.0),
            (10.0, 0.0),
            (45.0, 0.0),
            (54.0, 6.0),
            (20.0, 40.0),
            (900.0, 50.0),
        ] {
            let bound = raised(0.0, s, f, 20_f64.ln());
            let excess = |m| log_capital(m, s, f) - 20_f64.ln();
            assert!(
                excess(bound) >= 0.0 && excess(bound + 2.0 * TOLERANCE) < 0.0,
                "{s} {f} {bound}"
            );
        }
    }

    #[test]
    fn bounds_mirror_each_other() {
        let mut one = ShareSequence::new(0.05, Sides::Two).unwrap();
        let mut other = one.clone();
        for value in [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0] {
            one.observe(value).unwrap();
            other.observe(1.0 - value).unwrap();
        }
        let (one, other) = (one.interval(), other.interval());
        assert!(
            (one.lower - (1.0 - other.upper)).abs() < 1e-12,
            "{one} {other}"
        );
        assert!(one.contains(0.8) && one.width() < 0.9);
    }

    #[test]
    fn only_zero_and_one_are_worlds() {
        let mut sequence = ShareSequence::new(0.05, Sides::One).unwrap();
        let refused = sequence.observe(0.5).unwrap_err().to_string();
        assert_eq!(refused, "observation = 0.5 is out of range: 0 or 1");
        assert!(sequence.observe(f64::NAN).is_err());
    }
}
