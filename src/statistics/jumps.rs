//! Time-uniform sequence for the mean of worlds that jump no farther than a stated distance, exact
//! for every such law: a mixture of bets.
//!
//! Against the candidate mean `m`, bet that worlds lie below it. The capital
//!
//! ```text
//! K(m) = Σ_j w_j Π_i max(0, 1 + λ_j (m − x_i)),     λ_j = 2^{−j}/J
//! ```
//!
//! starts from `Σ w_j = 1`. Let the true mean `μ` be `m` or more, and let no world lie beyond
//! `m + J`. Then no factor is truncated, since `λ_j ≤ 1/J`, its expectation is
//! `1 + λ_j (m − μ) ≤ 1`, and `K(m)` is a supermartingale: by Ville's inequality it ever reaches
//! `1/α_end` with probability at most `α_end`. If worlds do lie beyond `m + J`, the expectation of
//! a factor grows by at most `E(x − m − J)₊ / J`, so a little mass beyond costs little. Every
//! factor rises with `m`, so the candidates excluded form an interval from the right. Bets that
//! worlds lie above `m` are the mirror image.
//!
//! The bets are fixed beforehand and mixed, not chosen from the worlds seen so far, so that a run
//! of equal worlds cannot make them bold. The boldest, `1/J`, gets half of the capital: it decides
//! where the evidence is large against `J`. The others are for worlds of large spread, and they
//! survive a jump beyond `J`.
//!
//! The number `t` of equal worlds that exclude an end at distance `Δ` follows from
//! `½ (1 + Δ/J)^t ≥ 1/α_end`. It cannot take many fewer: a law that jumps by `Δ + J` with
//! probability `Δ/(Δ + J)` has its mean at the end, and shows `t` equal worlds with probability
//! `(1 + Δ/J)^{−t}`.

use super::Interval;
use super::root::last_holding;
use crate::field::{FieldError, require};

/// `w_j`: how the capital is spread over the bets `1/J`, `1/(2J)`, `1/(4J)`, `1/(8J)`.
const WEIGHTS: [f64; 4] = [0.5, 0.25, 0.125, 0.125];

/// Bisection stops here, in units of `J`.
const TOLERANCE: f64 = 1e-9;

/// Confidence sequence for the mean of worlds with bounded jumps; see the [module](self).
#[derive(Debug, Clone)]
pub(super) struct BoundedJumps {
    /// `J`.
    jump: f64,
    /// `ln(1/α_end)`.
    threshold: f64,
    worlds: Vec<f64>,
}

impl BoundedJumps {
    /// A sequence for worlds that jump by at most `jump` beyond the mean, each end at level
    /// `alpha_end`.
    pub(super) fn new(jump: f64, alpha_end: f64) -> Result<Self, FieldError> {
        require(
            jump > 0.0 && jump.is_finite(),
            "scale",
            jump,
            "finite and above 0",
        )?;
        Ok(Self {
            jump,
            threshold: -alpha_end.ln(),
            worlds: Vec::new(),
        })
    }

    /// Adds one finite world.
    pub(super) fn observe(&mut self, value: f64) {
        self.worlds.push(value);
    }

    /// `ln K` against the candidate `m`: that worlds lie below it for a `direction` of 1, above it
    /// for −1.
    fn log_capital(&self, m: f64, direction: f64) -> f64 {
        let logs = [0, 1, 2, 3].map(|j| {
            let bet = direction * 0.5_f64.powi(j) / self.jump;
            let factor = |x: &f64| (1.0 + bet * (m - x)).max(0.0);
            // A logarithm for every eight factors, for it takes most of the time.
            let eights = (self.worlds.chunks(8)).map(|eight| eight.iter().map(factor).product());
            WEIGHTS[j as usize].ln() + eights.map(f64::ln).sum::<f64>()
        });
        let largest = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
        if largest.is_finite() {
            largest
                + logs
                    .map(|log| (log - largest).exp())
                    .iter()
                    .sum::<f64>()
                    .ln()
        } else {
            largest
        }
    }

    /// `ln K` against `end`, betting on the side of it on which `mean` lies, as a share of what
    /// excludes it.
    pub(super) fn evidence(&self, end: f64, mean: f64) -> f64 {
        self.log_capital(end, if mean < end { 1.0 } else { -1.0 }) / self.threshold
    }

    /// The candidates that are not excluded, about the `mean` of the worlds so far.
    pub(super) fn interval(&self, mean: f64) -> Interval {
        let reach = |direction: f64| {
            let excluded =
                |off: f64| self.log_capital(mean + direction * off, direction) >= self.threshold;
            // The gentlest bet alone excludes what lies this far beyond the farthest world, if
            // there are enough worlds.
            let spread = (self.worlds.iter()).fold(0.0_f64, |most, x| most.max((x - mean).abs()));
            let far = spread + 8.0 * self.jump * (8.0 / (-self.threshold).exp());
            if excluded(far) {
                last_holding(far, 0.0, TOLERANCE * self.jump, excluded)
            } else {
                f64::INFINITY
            }
        };
        Interval {
            lower: mean - reach(-1.0),
            upper: mean + reach(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(worlds: &[f64]) -> BoundedJumps {
        let mut sequence = BoundedJumps::new(0.05, 0.01).unwrap();
        worlds.iter().for_each(|&x| sequence.observe(x));
        sequence
    }

    #[test]
    fn the_capital_is_a_martingale_at_the_mean_of_the_boldest_law() {
        // Jumps of 0.06 with probability 1/6: the mean is 0.01 and the farthest world 0.01 + J.
        for seen in [vec![], vec![0.0], vec![0.0, 0.06, 0.0], vec![0.06; 2]] {
            let capital = |next: f64| {
                let worlds: Vec<f64> = seen.iter().copied().chain([next]).collect();
                after(&worlds).log_capital(0.01, 1.0).exp()
            };
            let now = after(&seen).log_capital(0.01, 1.0).exp();
            let expected = 5.0 / 6.0 * capital(0.0) + capital(0.06) / 6.0;
            assert!((expected - now).abs() < 1e-12, "{seen:?}: {expected} {now}");
        }
    }

    #[test]
    fn equal_worlds_exclude_an_end_when_they_must() {
        // Of the bets' four terms the boldest alone gives the count of the module's documentation;
        // the others help a little.
        let worlds = (1..)
            .find(|&t| after(&vec![0.0; t]).evidence(0.01, 0.0) >= 1.0)
            .unwrap();
        let boldest = (200_f64.ln() / 1.2_f64.ln()).ceil() as usize;
        let bound = (100_f64.ln() / 1.2_f64.ln()).ceil() as usize;
        assert_eq!((worlds, boldest, bound), (29, 30, 26));
    }

    #[test]
    fn the_interval_ends_where_the_evidence_suffices() {
        let worlds: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11) / 500.0).collect();
        let mean = worlds.iter().sum::<f64>() / 40.0;
        let sequence = after(&worlds);
        let Interval { lower, upper } = sequence.interval(mean);
        assert!(lower < mean && mean < upper && upper.is_finite());
        for (end, inwards) in [(lower, 1e-8), (upper, -1e-8)] {
            assert!(sequence.evidence(end, mean) >= 1.0);
            assert!(sequence.evidence(end + inwards, mean) < 1.0);
        }
    }

    #[test]
    fn one_world_excludes_only_what_is_far_and_a_jump_is_survived() {
        assert!(after(&[0.0]).evidence(0.05, 0.0) < 1.0);
        let mut worlds = vec![0.0; 60];
        let before = after(&worlds).evidence(0.03, 0.0);
        worlds[30] = 0.2; // beyond 0.03 + J: the boldest bets are lost, the gentle ones are not
        let evidence = after(&worlds).evidence(0.03, 0.2 / 60.0);
        assert!(0.0 < evidence && evidence < before, "{evidence} {before}");
    }
}
