//! A row for each model of a world, as a record keeps it.

use super::quantity::Quantity;
use super::role::ROLES;
use crate::engine::state::Trained;
use crate::evaluation::Evaluation;
use crate::regime::Regime;
use serde::{Deserialize, Serialize};

/// One model of a world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// A `ROLE` of [quantity](super::all_quantities).
    pub role: String,
    /// Gradient steps taken (0 for an ensemble).
    pub steps: usize,
    /// Training samples misclassified at the end.
    pub training_errors: usize,
    /// `err(D)/μ`.
    pub test_error: Quantity,
    /// `err(D_s)`.
    pub single_view_error: Quantity,
    /// `err(D_m)`.
    pub multi_view_error: Quantity,
    /// Share of all (class, view) pairs that are learned. (Up to version 0.7 it was not recorded.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Quantity>,
    /// The possible error of `test_error`: the bound of what its computation neglects, and a
    /// Monte-Carlo standard error where inputs were drawn. (Up to version 0.6 all errors were
    /// counted on fresh inputs, and this is the standard error.)
    pub monte_carlo_error: Quantity,
    /// The student's errors on its way, and last at its end, where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<Checkpoint>,
}

/// A student's errors after some of its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// `t`: gradient steps taken.
    pub step: usize,
    /// Training samples misclassified, as of their last evaluations.
    pub training_errors: usize,
    /// `err(D)/μ`.
    pub test_error: Quantity,
}

impl Checkpoint {
    pub(super) fn new(step: usize, training_errors: usize, evaluation: &Evaluation) -> Self {
        Self {
            step,
            training_errors,
            test_error: evaluation.test_error_over_mu().into(),
        }
    }
}

impl ModelRow {
    pub(super) fn check(&self, regime: &Regime) -> Result<(), String> {
        let role = &self.role;
        if !ROLES.iter().any(|(known, _)| known == role) {
            return Err(format!("role = {role:?} is none of a world's models"));
        }
        let samples = regime.data.sample_count();
        if self.training_errors > samples {
            return Err(format!(
                "{role}: training_errors = {} of {samples} samples",
                self.training_errors
            ));
        }
        for (name, error) in [
            ("single_view_error", &self.single_view_error),
            ("multi_view_error", &self.multi_view_error),
        ]
        .into_iter()
        .chain(self.coverage.iter().map(|share| ("coverage", share)))
        {
            if error.number().is_some_and(|x| !(0.0..=1.0).contains(&x)) {
                return Err(format!("{role}: {name} = {error} is not within [0, 1]"));
            }
        }
        let mu = regime.data.single_view_share;
        let due = (self.single_view_error).with(&self.multi_view_error, |single, multi| {
            (single + (1.0 - mu) / mu * multi).into()
        });
        // Two ways to sum may round differently, by some units in the last place.
        let agrees = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs();
        match (self.test_error.number(), due.number()) {
            (Some(found), Some(due)) if agrees(found, due) => Ok(()),
            (None, None) => Ok(()),
            _ => Err(format!(
                "{role}: test_error = {}, where err(D_s) + ((1 − μ)/μ) err(D_m) is {due}",
                self.test_error
            )),
        }
    }

    /// A network's row, without a role as yet.
    pub(super) fn of(network: &Trained<f32>, evaluation: &Evaluation) -> Self {
        Self::new(network.steps, network.training_errors, evaluation)
    }

    /// Share of the checkpoints at which training is perfect and `err(D)/μ` at most `bound`; an
    /// error without a number is above every bound.
    pub(super) fn iterations_within(&self, bound: f64) -> Option<f64> {
        let holds = |c: &&Checkpoint| {
            c.training_errors == 0 && c.test_error.number().is_some_and(|error| error <= bound)
        };
        let count = self.checkpoints.iter().filter(holds).count();
        (!self.checkpoints.is_empty()).then(|| count as f64 / self.checkpoints.len() as f64)
    }

    pub(super) fn new(steps: usize, training_errors: usize, evaluation: &Evaluation) -> Self {
        Self {
            role: String::new(),
            steps,
            training_errors,
            test_error: evaluation.test_error_over_mu().into(),
            single_view_error: evaluation.single_view_error().into(),
            multi_view_error: evaluation.multi_view_error().into(),
            coverage: Some(evaluation.coverage().into()),
            monte_carlo_error: evaluation.uncertainty().into(),
            checkpoints: Vec::new(),
        }
    }
}
