//! Count, mean and spread in one pass.

use crate::field::{FieldError, require};
use serde::{Deserialize, Serialize};

/// Largest magnitude whose square still sums without overflow.
const LARGEST: f64 = 1e150;

/// Running mean and sum of squared deviations of finite numbers, by Welford's update (Technometrics
/// 4(3), 1962), which does not cancel when the spread is tiny beside the mean.
///
/// The result is a function of the numbers *in their order*: feed worlds in world order and it is
/// the same to the last bit on every run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of observations `n`.
    pub count: u64,
    /// Mean `x̄` (0 while empty).
    pub mean: f64,
    /// `Σ (x − x̄)²`.
    pub squared_deviations: f64,
}

impl Summary {
    /// Summarises `values` in their order.
    ///
    /// # Errors
    /// If a value is not finite or beyond ±1e150.
    pub fn of(values: &[f64]) -> Result<Self, FieldError> {
        let mut summary = Self::default();
        values.iter().try_for_each(|&value| summary.push(value))?;
        Ok(summary)
    }

    /// Adds one observation.
    ///
    /// # Errors
    /// If `value` is not finite or beyond ±1e150; the summary is then unchanged.
    pub fn push(&mut self, value: f64) -> Result<(), FieldError> {
        require(
            value.abs() <= LARGEST,
            "observation",
            value,
            format_args!("finite, in ±{LARGEST:e}"),
        )?;
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squared_deviations += before * (value - self.mean);
        Ok(())
    }

    /// Unbiased variance `Σ (x − x̄)² / (n − 1)`; 0 below two observations.
    pub fn variance(&self) -> f64 {
        if self.count < 2 {
            0.0
        } else {
            self.squared_deviations / (self.count - 1) as f64
        }
    }

    /// Square root of [`variance`](Self::variance).
    pub fn standard_deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    /// Standard error of the mean, `√(variance / n)`; 0 below two observations.
    pub fn standard_error(&self) -> f64 {
        (self.variance() / self.count.max(1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_survives_a_large_mean() {
        let summary = Summary::of(&[1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0]).unwrap();
        assert_eq!(
            (summary.count, summary.mean, summary.variance()),
            (4, 1e9 + 10.0, 30.0)
        );
    }

    #[test]
    fn non_finite_observations_are_refused_and_change_nothing() {
        let mut summary = Summary::of(&[1.0, 2.0]).unwrap();
        let before = summary;
        assert!(
            summary
                .push(f64::NAN)
                .unwrap_err()
                .to_string()
                .contains("nan")
        );
        assert!(summary.push(f64::INFINITY).is_err());
        assert_eq!(summary, before);
    }
}
