//! One family-wise error budget over the claims of a run.
//!
//! Bonferroni: claim `i` gets `α_i = α w_i / Σ w`, so the probability that *any* verdict of the run
//! is wrong is at most `Σ α_i = α`, whatever the dependence between claims (they share worlds). The
//! sequences are time-uniform, so this holds under optional stopping too, with a stopping time of
//! its own for each claim. Holm's method is uniformly better for p-values, but it raises the level
//! of a claim after the others have been decided: its intervals would change with the order of
//! decisions, and a confidence sequence must fix its level before the first world.

use crate::field::{FieldError, require};

/// The division of one level over the claims of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorBudget {
    alphas: Vec<f64>,
}

impl ErrorBudget {
    /// The same share, `alpha / claims`, for each claim.
    ///
    /// # Errors
    /// If `alpha` is outside `(0, 0.25]` or there is no claim.
    pub fn equal(alpha: f64, claims: usize) -> Result<Self, FieldError> {
        Self::weighted(alpha, &vec![1.0; claims])
    }

    /// Shares proportional to `weights`, fixed before any world is seen.
    ///
    /// # Errors
    /// If `alpha` is outside `(0, 0.25]`, there is no weight, or one is not positive and finite.
    pub fn weighted(alpha: f64, weights: &[f64]) -> Result<Self, FieldError> {
        require_alpha(alpha)?;
        require(!weights.is_empty(), "claims", 0, "at least 1")?;
        for &weight in weights {
            require(
                weight > 0.0 && weight.is_finite(),
                "weight",
                weight,
                "positive and finite",
            )?;
        }
        let total: f64 = weights.iter().sum();
        Ok(Self {
            alphas: weights
                .iter()
                .map(|weight| alpha * (weight / total))
                .collect(),
        })
    }

    /// The level of each claim, in order.
    pub fn alphas(&self) -> &[f64] {
        &self.alphas
    }
}

/// Checks an error level: beyond one quarter the formulas for the tuning of the sequences lose
/// their sense.
pub(super) fn require_alpha(alpha: f64) -> Result<(), FieldError> {
    require(alpha > 0.0 && alpha <= 0.25, "alpha", alpha, "in (0, 0.25]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_the_budget() {
        let budget = ErrorBudget::weighted(0.05, &[1.0, 2.0, 7.0]).unwrap();
        assert!((budget.alphas().iter().sum::<f64>() - 0.05).abs() < 1e-15);
        assert!((budget.alphas()[1] - 0.01).abs() < 1e-15);
        assert_eq!(
            ErrorBudget::equal(0.05, 2).unwrap().alphas(),
            [0.025, 0.025]
        );
    }

    #[test]
    fn bad_budgets_are_named() {
        assert_eq!(ErrorBudget::equal(0.05, 0).unwrap_err().field, "claims");
        assert_eq!(ErrorBudget::equal(0.0, 1).unwrap_err().field, "alpha");
        assert_eq!(
            ErrorBudget::weighted(0.05, &[1.0, -1.0]).unwrap_err().field,
            "weight"
        );
    }
}
