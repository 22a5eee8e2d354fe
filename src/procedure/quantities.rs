//! What is measured in a world, and the names by which claims ask for it.

use super::Procedure;
use super::lottery::Lottery;
use super::world::{World, add};
use crate::engine::is_correct;
use crate::engine::overlap::Trained;
use crate::evaluation::Evaluation;
use crate::random_features::{self, growth};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything measured in one world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorldOutcome {
    /// What claims are made of, by name (see [`QUANTITIES`]).
    pub quantities: BTreeMap<String, f64>,
    /// One row for each model.
    pub models: Vec<ModelRow>,
}

/// One model of a world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRow {
    /// A `ROLE` of [`QUANTITIES`].
    pub role: String,
    /// Gradient steps taken (0 for an ensemble).
    pub steps: usize,
    /// Training samples misclassified at the end.
    pub training_errors: usize,
    /// `err(D)/μ`.
    pub test_error: f64,
    /// `err(D_s)`.
    pub single_view_error: f64,
    /// `err(D_m)`.
    pub multi_view_error: f64,
    /// Monte-Carlo standard error of `test_error`.
    pub monte_carlo_error: f64,
}

/// The quantities a claim may name, with their meaning. `ROLE` is one of `single`, `ensemble`, `distilled`,
/// `label_distilled`, `self_distilled`, `joint`; where a role has several models the value is their mean. The
/// names after `random_features.` are those of [`random_features`]: a quantity and a model, as in
/// `err_single`, or a comparison.
pub const QUANTITIES: &[(&str, &str)] = &[
    (
        "ROLE.test_error",
        "err(D)/μ = err(D_s) + ((1 − μ)/μ) err(D_m)",
    ),
    ("ROLE.single_view_error", "err(D_s)"),
    ("ROLE.multi_view_error", "err(D_m)"),
    (
        "ROLE.training_error",
        "share of the training set misclassified at the end, of the worst model",
    ),
    (
        "ROLE.gain",
        "err(D)/μ of the single models minus that of the role",
    ),
    (
        "ROLE.recovered_share",
        "gain of the role over gain of the ensemble (1 where the ensemble gains nothing and the role loses nothing)",
    ),
    (
        "lottery.predicted_share",
        "share of classes whose learned view is the one predicted at initialisation by S^{1/(q−2)} Λ",
    ),
    (
        "lottery.some_view_share",
        "share of classes that learned at least one view",
    ),
    (
        "lottery.both_views_share",
        "share of classes that learned both views (ties)",
    ),
    (
        "random_features.NAME",
        "of random-feature models: err_MODEL (test error over D), acc_view_1_MODEL, gain_ratio, recovered_share, …",
    ),
];

/// A role of a world's models, and whether a procedure with members trains it.
type Role = (&'static str, fn(&Procedure) -> bool);

/// The roles, in the order they are written.
const ROLES: [Role; 6] = [
    ("single", |_| true),
    ("ensemble", |_| true),
    ("distilled", |p| p.distillation.is_some()),
    ("label_distilled", |p| p.label_distillation.is_some()),
    ("self_distilled", |p| p.self_distillation.is_some()),
    ("joint", |p| p.joint_networks > 0),
];

/// Whether a quantity of this name is measured by `procedure`.
pub fn measures(procedure: &Procedure, quantity: &str) -> bool {
    let Some((subject, measure)) = quantity.split_once('.') else {
        return false;
    };
    let listed = |name: &str| QUANTITIES.iter().any(|(known, _)| *known == name);
    match subject {
        "random_features" => procedure.random_features.as_ref().is_some_and(|model| {
            random_features::measures(measure)
                || (!model.growth.is_empty() && growth::measures(measure, &model.growth))
        }),
        "lottery" => procedure.members > 0 && listed(quantity),
        role => {
            let mut roles = ROLES.iter();
            procedure.members > 0
                && roles.any(|(known, trained)| *known == role && trained(procedure))
                && listed(&format!("ROLE.{measure}"))
        }
    }
}

impl ModelRow {
    /// A network's row, without a role as yet.
    pub(super) fn of(network: &Trained<f32>, evaluation: &Evaluation) -> Self {
        Self::new(network.steps, network.training_errors, evaluation)
    }

    fn new(steps: usize, training_errors: usize, evaluation: &Evaluation) -> Self {
        Self {
            role: String::new(),
            steps,
            training_errors,
            test_error: evaluation.test_error_over_mu(),
            single_view_error: evaluation.single_view_error(),
            multi_view_error: evaluation.multi_view_error(),
            monte_carlo_error: evaluation.standard_error(),
        }
    }
}

/// Collects models and averages over those of one role.
#[derive(Default)]
pub(super) struct Outcome {
    pub lottery: Lottery,
    models: Vec<ModelRow>,
}

impl Outcome {
    pub fn add(&mut self, role: &str, row: ModelRow) {
        let role = role.into();
        self.models.push(ModelRow { role, ..row });
    }

    /// Adds the ensemble of `members`, whose logits on the test inputs sum to `sum`.
    pub fn ensemble<'a>(
        &mut self,
        world: &World,
        sum: &[f32],
        members: impl Iterator<Item = &'a Trained<f32>>,
    ) {
        let mut training = Vec::new();
        for member in members {
            add(&mut training, &member.training_logits);
        }
        let rows = training.chunks_exact(training.len() / world.data.samples.len());
        let errors = rows
            .zip(&world.data.samples)
            .filter(|(f, s)| !is_correct(f, s.label))
            .count();
        self.add("ensemble", ModelRow::new(0, errors, &world.score(sum)));
    }

    /// The means over each role's models, on a training set of so many samples.
    pub fn finish(self, training_samples: usize) -> WorldOutcome {
        let mut quantities = BTreeMap::new();
        let of = |role: &str, f: fn(&ModelRow) -> f64| -> Vec<f64> {
            self.models
                .iter()
                .filter(|m| m.role == role)
                .map(f)
                .collect()
        };
        let single = mean(&of("single", |m| m.test_error));
        let ensemble_gain = single - mean(&of("ensemble", |m| m.test_error));
        for (role, _) in ROLES {
            let errors = of(role, |m| m.test_error);
            if errors.is_empty() {
                continue;
            }
            let mut put =
                |measure: &str, value: f64| quantities.insert(format!("{role}.{measure}"), value);
            let gain = single - mean(&errors);
            put("test_error", mean(&errors));
            put(
                "single_view_error",
                mean(&of(role, |m| m.single_view_error)),
            );
            put("multi_view_error", mean(&of(role, |m| m.multi_view_error)));
            let worst = of(role, |m| m.training_errors as f64)
                .into_iter()
                .fold(0.0, f64::max);
            put("training_error", worst / training_samples as f64);
            put("gain", gain);
            put(
                "recovered_share",
                if ensemble_gain > 0.0 {
                    gain / ensemble_gain
                } else {
                    f64::from(gain >= 0.0)
                },
            );
        }
        quantities.extend(self.lottery.quantities());
        WorldOutcome {
            quantities,
            models: self.models,
        }
    }
}

pub(super) fn mean(xs: &[f64]) -> f64 {
    xs.iter().sum::<f64>() / xs.len() as f64
}
