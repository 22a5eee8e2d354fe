//! Intervals, and the two classical ones for a fixed number of worlds.
//!
//! [`clopper_pearson`] and [`student`] are valid at *one* sample size chosen beforehand. They
//! describe; they never decide when to stop.

use crate::field::{FieldError, require};
use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::beta::beta_reg;

use super::root::last_holding;
use super::{Band, Summary};

/// A closed interval. An infinite end means *unbounded*; it serialises as an absent end, so JSON
/// and TOML can carry it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "Band", into = "Band")]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl Interval {
    /// The interval that says nothing.
    pub const EVERYTHING: Self = Self {
        lower: f64::NEG_INFINITY,
        upper: f64::INFINITY,
    };

    /// `centre ± half_width`.
    pub fn around(centre: f64, half_width: f64) -> Self {
        Self {
            lower: centre - half_width,
            upper: centre + half_width,
        }
    }

    /// Returns true if `value` lies inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }

    /// Returns true if every point of `other` lies inside, ends included.
    pub fn encloses(&self, other: &Self) -> bool {
        self.lower <= other.lower && other.upper <= self.upper
    }

    /// Returns true if the two share a point.
    pub fn intersects(&self, other: &Self) -> bool {
        self.lower <= other.upper && other.lower <= self.upper
    }

    /// `upper − lower`.
    pub fn width(&self) -> f64 {
        self.upper - self.lower
    }
}

/// Rounded to four decimals, or to the formatter's precision.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(4);
        write!(f, "[{:.digits$}, {:.digits$}]", self.lower, self.upper)
    }
}

impl From<Band> for Interval {
    fn from(band: Band) -> Self {
        Self {
            lower: band.lower.unwrap_or(f64::NEG_INFINITY),
            upper: band.upper.unwrap_or(f64::INFINITY),
        }
    }
}

fn require_confidence(confidence: f64) -> Result<(), FieldError> {
    require(
        confidence > 0.0 && confidence < 1.0,
        "confidence",
        confidence,
        "in (0, 1)",
    )
}

/// Exact two-sided interval for a binomial share (Clopper & Pearson, Biometrika 26(4), 1934).
///
/// Its ends are quantiles of `Beta(s, n − s + 1)` and `Beta(s + 1, n − s)`, found by bisection on
/// the regularised incomplete beta function down to neighbouring floats, hence as accurate as that
/// function (about 1e-14) also in the far tails.
///
/// # Errors
/// If `trials` is 0, `successes > trials`, or `confidence` is outside `(0, 1)`.
pub fn clopper_pearson(
    successes: u64,
    trials: u64,
    confidence: f64,
) -> Result<Interval, FieldError> {
    require(trials > 0, "trials", trials, "at least 1")?;
    require(
        successes <= trials,
        "successes",
        successes,
        format_args!("in [0, {trials}]"),
    )?;
    require_confidence(confidence)?;
    let tail = 0.5 * (1.0 - confidence);
    let lower = |successes: u64| {
        let (s, n) = (successes as f64, trials as f64);
        match successes {
            0 => 0.0,
            _ => last_holding(0.0, 1.0, 0.0, |p| beta_reg(s, n - s + 1.0, p) <= tail),
        }
    };
    Ok(Interval {
        lower: lower(successes),
        upper: 1.0 - lower(trials - successes),
    })
}

/// Student's interval for a mean, `x̄ ± t_{n−1, (1+confidence)/2} · s/√n` (Biometrika 6(1), 1908):
/// exact for normal observations.
///
/// # Errors
/// If there are fewer than two observations, or `confidence` is outside `(0, 1)`.
pub fn student(summary: &Summary, confidence: f64) -> Result<Interval, FieldError> {
    require(summary.count >= 2, "count", summary.count, "at least 2")?;
    require_confidence(confidence)?;
    let freedom = (summary.count - 1) as f64;
    let quantile = StudentsT::new(0.0, 1.0, freedom)
        .map(|law| law.inverse_cdf(0.5 + 0.5 * confidence))
        .unwrap_or(f64::INFINITY);
    Ok(Interval::around(
        summary.mean,
        quantile * summary.standard_error(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!(
            (a - b).abs() <= tolerance,
            "{a} is not {b} within {tolerance}"
        );
    }

    #[test]
    fn clopper_pearson_matches_known_values() {
        // s = 0: 1 − (α/2)^{1/n}; s = n: (α/2)^{1/n}; the third is R's binom.test(7, 20).
        let zero = clopper_pearson(0, 10, 0.95).unwrap();
        close(zero.upper, 1.0 - 0.025_f64.powf(0.1), 1e-13);
        assert_eq!(zero.lower, 0.0);
        let all = clopper_pearson(45, 45, 0.99).unwrap();
        close(all.lower, 0.005_f64.powf(1.0 / 45.0), 1e-13);
        assert_eq!(all.upper, 1.0);
        let some = clopper_pearson(7, 20, 0.95).unwrap();
        close(some.lower, 0.153_909_2, 1e-6);
        close(some.upper, 0.592_188_5, 1e-6);
    }

    #[test]
    fn student_matches_the_t_table() {
        // Two-sided 95 % and 99 % quantiles from the printed table.
        for (freedom, confidence, quantile) in [
            (1, 0.95, 12.706),
            (4, 0.95, 2.776),
            (9, 0.99, 3.250),
            (29, 0.95, 2.045),
            (59, 0.999, 3.463),
            (1000, 0.95, 1.962),
        ] {
            let count = freedom + 1;
            let summary = Summary {
                count,
                mean: 0.0,
                squared_deviations: (freedom * count) as f64,
            };
            close(student(&summary, confidence).unwrap().upper, quantile, 6e-4);
        }
    }

    #[test]
    fn bad_input_is_named() {
        assert_eq!(clopper_pearson(3, 2, 0.9).unwrap_err().field, "successes");
        assert_eq!(clopper_pearson(0, 0, 0.9).unwrap_err().field, "trials");
        assert_eq!(clopper_pearson(0, 1, 1.0).unwrap_err().field, "confidence");
        assert_eq!(
            student(&Summary::default(), 0.9).unwrap_err().field,
            "count"
        );
        assert!(student(&Summary::of(&[1.0, 2.0]).unwrap(), f64::NAN).is_err());
    }

    #[test]
    fn interval_arithmetic_display_and_serde() {
        let interval = Interval {
            lower: 0.49,
            upper: f64::INFINITY,
        };
        assert!(interval.contains(0.49) && !interval.contains(0.48));
        assert!(interval.intersects(&Interval {
            lower: 0.0,
            upper: 0.49
        }));
        assert!(
            Interval::EVERYTHING.encloses(&interval) && !interval.encloses(&Interval::EVERYTHING)
        );
        assert_eq!(interval.to_string(), "[0.4900, inf]");
        let text = serde_json::to_string(&interval).unwrap();
        assert_eq!(serde_json::from_str::<Interval>(&text).unwrap(), interval);
    }
}
