//! The quantities that are measured in a world, and the names by which claims ask for it.

use super::Procedure;
use super::lottery::{LOSER_GROWTH, Lottery};
use super::quantity::Quantity;
use super::world::World;
use crate::engine::state::Trained;
use crate::evaluation::{Evaluation, Portrait};
use crate::random_features::{self, growth};
use crate::regime::Regime;
use crate::rows::ClassRows;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything measured in one world.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldOutcome {
    /// The quantities that claims speak of, by name (see [`QUANTITIES`]).
    pub quantities: BTreeMap<String, Quantity>,
    /// One row for each model.
    pub models: Vec<ModelRow>,
}

/// One model of a world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// A `ROLE` of [`QUANTITIES`].
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
    /// What `test_error` may be off by: the bound of what its computation neglects, and a Monte-Carlo standard error where
    /// inputs were drawn. (Up to version 0.6 all errors were counted on fresh inputs, and this is the standard error.)
    pub monte_carlo_error: Quantity,
    /// How a student stood on its way, and last at its end, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<Checkpoint>,
}

/// How a student stood after some of its steps.
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

/// The quantities a claim may name, with their meaning. `ROLE` is one of `single`, `ensemble`, `distilled`, `distilled_ensemble` (of several
/// students), `label_distilled`, `self_distilled`, `generation_2` to `generation_4` (of a chain of self-distillation, which
/// `self_distilled` begins), `joint`; where a role has several models the value is their mean. The names after `random_features.` are those of [`random_features`]: a quantity and a model, as in
/// `err_single`, or a comparison.
pub const QUANTITIES: &[(&str, &str)] = &[
    (
        "ROLE.test_error",
        "err(D)/μ = err(D_s) + ((1 − μ)/μ) err(D_m)",
    ),
    ("ROLE.single_view_error", "err(D_s)"),
    ("ROLE.multi_view_error", "err(D_m)"),
    (
        "ROLE.coverage",
        "share of all (class, view) pairs learned: most single-view inputs that keep the view are classified",
    ),
    (
        "ROLE.training_error",
        "share of the training set misclassified at the end, of the worst model",
    ),
    (
        "ROLE.first.test_error",
        "err(D)/μ of the role's first model: one draw, where the role has several",
    ),
    (
        "ROLE.first.training_error",
        "share of the training set that the role's first model misclassifies",
    ),
    (
        "ROLE.iterations_within_0.001",
        "share of a student's checkpoints at which training is perfect and err(D)/μ ≤ 0.001",
    ),
    (
        "ROLE.iterations_within_0.01",
        "share of a student's checkpoints at which training is perfect and err(D)/μ ≤ 0.01",
    ),
    (
        "ROLE.gain",
        "err(D)/μ of the single models minus that of the role",
    ),
    (
        "ROLE.recovered_share",
        "gain of the role over gain of the ensemble; undefined in a world where the ensemble gains nothing",
    ),
    (
        "distilled_ensemble.gain_over_students",
        "err(D)/μ of the distilled students minus that of their ensemble",
    ),
    (
        "lottery.predicted_share",
        "share of all classes that learned a view, and that view is the one predicted at initialisation by S^{1/(q−2)} Λ",
    ),
    (
        "lottery.predicted_share_unweighted",
        "the same by Λ alone, S taken for 1: where the views weigh differently it should be wrong",
    ),
    (
        "lottery.some_view_share",
        "share of classes that learned at least one view",
    ),
    (
        "lottery.both_views_share",
        "share of classes that learned both views, or more than one of several (ties)",
    ),
    (
        "lottery.loser_growth",
        "largest overlap over its start, of a view that starts behind by 1 + 1/ln k or more, when its class's first view reaches ϱ",
    ),
    (
        "random_features.NAME",
        "of random-feature models: err_MODEL (test error over D), acc_view_1_MODEL, gain_ratio, recovered_share, …",
    ),
];

/// A role of a world's models, and how many of them a procedure with members has.
type Role = (&'static str, fn(&Procedure) -> usize);

/// The roles, in the order they are written.
const ROLES: [Role; 10] = [
    ("single", |p| p.members),
    ("ensemble", |_| 1),
    ("distilled", |p| match &p.distillation {
        Some(_) => p.distilled_students,
        None => 0,
    }),
    ("distilled_ensemble", |p| {
        usize::from(p.distilled_students > 1)
    }),
    ("label_distilled", |p| {
        usize::from(p.label_distillation.is_some())
    }),
    ("self_distilled", |p| match &p.self_distillation {
        Some(_) => 1 + usize::from(p.antithetic),
        None => 0,
    }),
    (GENERATIONS[0], |p| usize::from(p.generations >= 2)),
    (GENERATIONS[1], |p| usize::from(p.generations >= 3)),
    (GENERATIONS[2], |p| usize::from(p.generations >= 4)),
    ("joint", |p| usize::from(p.joint_networks > 0)),
];

/// The roles of the generations of a chain from the second on; the first is `self_distilled`.
pub(super) const GENERATIONS: [&str; 3] = ["generation_2", "generation_3", "generation_4"];

/// Most generations of a chain.
pub(super) const MOST_GENERATIONS: usize = 1 + GENERATIONS.len();

/// How often the students of a role are tested on their way.
fn checkpoints(procedure: &Procedure, role: &str) -> usize {
    let spec = match role {
        "distilled" => &procedure.distillation,
        "label_distilled" => &procedure.label_distillation,
        "self_distilled" => &procedure.self_distillation,
        role if GENERATIONS.contains(&role) => &procedure.self_distillation,
        _ => &None,
    };
    spec.as_ref().map_or(0, |spec| spec.checkpoints)
}

/// The names of the quantities that `procedure` measures, without those of random features.
pub fn measured(procedure: &Procedure) -> Vec<String> {
    let names = QUANTITIES.iter().flat_map(|(name, _)| {
        let of_roles = |measure| ROLES.map(|(role, _)| format!("{role}.{measure}")).to_vec();
        name.strip_prefix("ROLE.")
            .map_or(vec![(*name).to_owned()], of_roles)
    });
    names.filter(|name| measures(procedure, name)).collect()
}

/// True if a quantity of this name is measured by `procedure`.
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
        "lottery" => {
            let watched = measure != LOSER_GROWTH || procedure.watch_take_off;
            procedure.members > 0 && listed(quantity) && watched
        }
        role => {
            let mut roles = ROLES.iter();
            let on_the_way = ITERATION_BOUNDS.iter().any(|(name, _)| *name == measure);
            procedure.members > 0
                && roles.any(|(known, models)| *known == role && models(procedure) > 0)
                && (listed(&format!("ROLE.{measure}")) || listed(quantity))
                && (!on_the_way || checkpoints(procedure, role) > 0)
        }
    }
}

impl WorldOutcome {
    /// Checks a recorded outcome: that it has the models that the procedure trains in a world of this regime, that their errors are
    /// errors, and that every quantity which follows from them is the one that does.
    ///
    /// Version 0.6 (`older`) put a number where a quantity has none: there the two are not compared.
    ///
    /// # Errors
    /// The first value that does not fit, with its value and the one that would.
    pub fn check(&self, regime: &Regime, procedure: &Procedure, older: bool) -> Result<(), String> {
        for row in &self.models {
            row.check(regime)?;
        }
        let trains = |models: usize| if procedure.members > 0 { models } else { 0 };
        for (role, models) in ROLES {
            let (found, due) = (
                self.models.iter().filter(|m| m.role == role).count(),
                trains(models(procedure)),
            );
            if found != due {
                return Err(format!("{found} models {role:?}, where {due} are trained"));
            }
        }
        let mut due = of_roles(&self.models, regime.data.sample_count());
        for (name, recorded) in &self.quantities {
            match due.remove(name) {
                Some(own) if own == *recorded || (older && own.number().is_none()) => {}
                Some(own) => {
                    return Err(format!(
                        "{name} is {recorded}, but its model rows give {own}"
                    ));
                }
                None if name.starts_with("lottery.") || name.starts_with("random_features.") => {}
                None => return Err(format!("{name} = {recorded} is of no model of this world")),
            }
            if !measures(procedure, name) {
                return Err(format!("{name} = {recorded} is not measured in this world"));
            }
        }
        // Version 0.7 recorded nothing of a role's first model alone.
        match due.keys().find(|name| !name.contains(".first.")) {
            Some(name) => Err(format!("{name} is missing")),
            None => Ok(()),
        }
    }
}

impl ModelRow {
    fn check(&self, regime: &Regime) -> Result<(), String> {
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

    /// Share of the checkpoints at which training is perfect and `err(D)/μ` at most `bound`; an error without a number is above every
    /// bound.
    fn iterations_within(&self, bound: f64) -> Option<f64> {
        let holds = |c: &&Checkpoint| {
            c.training_errors == 0 && c.test_error.number().is_some_and(|error| error <= bound)
        };
        let count = self.checkpoints.iter().filter(holds).count();
        (!self.checkpoints.is_empty()).then(|| count as f64 / self.checkpoints.len() as f64)
    }

    fn new(steps: usize, training_errors: usize, evaluation: &Evaluation) -> Self {
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

/// The quantities of Theorem 3's iterations, each with its bound on `err(D)/μ`.
const ITERATION_BOUNDS: [(&str, f64); 2] = [
    ("iterations_within_0.001", 0.001),
    ("iterations_within_0.01", 0.01),
];

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

    /// Adds the ensemble of `members`, network `index`, of which `portrait` shows the sum.
    pub fn ensemble<'a>(
        &mut self,
        (role, index): (&str, u64),
        world: &World,
        portrait: &Portrait,
        members: impl Iterator<Item = &'a Trained<f32>>,
    ) {
        let training = ClassRows::sum(members.map(|member| &member.training_logits));
        let classes = world.regime.data.classes;
        let errors = (training.iter().zip(&world.data.samples))
            .filter(|(f, s)| !f.is_largest(s.label, classes))
            .count();
        let evaluation = world.evaluate(&world.regime, portrait, index);
        self.add(role, ModelRow::new(0, errors, &evaluation));
    }

    /// What the models say of their world, with a training set of so many samples.
    pub fn finish(self, training_samples: usize) -> WorldOutcome {
        let mut quantities = of_roles(&self.models, training_samples);
        quantities.extend(self.lottery.quantities());
        WorldOutcome {
            quantities,
            models: self.models,
        }
    }
}

/// The means over each role's models, on a training set of so many samples: the quantities that follow from the models' rows alone.
fn of_roles(models: &[ModelRow], training_samples: usize) -> BTreeMap<String, Quantity> {
    let of = |role: &str, f: fn(&ModelRow) -> &Quantity| {
        Quantity::mean(models.iter().filter(|m| m.role == role).map(f))
    };
    let less = |a: &Quantity, b: &Quantity| a.with(b, |a, b| (a - b).into());
    let mut quantities = BTreeMap::new();
    let test_errors = |role| of(role, |m| &m.test_error);
    let (Some(single), Some(ensemble)) = (test_errors("single"), test_errors("ensemble")) else {
        return quantities;
    };
    let ensemble_gain = less(&single, &ensemble);
    let students = (test_errors("distilled"), test_errors("distilled_ensemble"));
    if let (Some(students), Some(ensemble)) = students {
        let name = "distilled_ensemble.gain_over_students".to_owned();
        quantities.insert(name, less(&students, &ensemble));
    }
    for (role, _) in ROLES {
        let errors = (
            test_errors(role),
            of(role, |m| &m.single_view_error),
            of(role, |m| &m.multi_view_error),
        );
        let (Some(test_error), Some(single_view_error), Some(multi_view_error)) = errors else {
            continue;
        };
        let gain = less(&single, &test_error);
        let recovered = gain.with(&ensemble_gain, |gain, of_ensemble| {
            if of_ensemble > 0.0 {
                (gain / of_ensemble).into()
            } else {
                Quantity::undefined("the ensemble gains nothing over the single models")
            }
        });
        let own = models.iter().filter(|m| m.role == role);
        let worst = own.map(|m| m.training_errors).max().unwrap_or_default();
        let training_error = worst as f64 / training_samples as f64;
        quantities.extend(
            [
                ("test_error", test_error),
                ("single_view_error", single_view_error),
                ("multi_view_error", multi_view_error),
                ("training_error", training_error.into()),
                ("gain", gain),
                ("recovered_share", recovered),
            ]
            .map(|(measure, value)| (format!("{role}.{measure}"), value)),
        );
        let own = models.iter().filter(|m| m.role == role);
        let coverage = Quantity::mean(own.filter_map(|m| m.coverage.as_ref()));
        quantities.extend(coverage.map(|share| (format!("{role}.coverage"), share)));
        if let Some(model) = models.iter().find(|m| m.role == role) {
            let training_error = model.training_errors as f64 / training_samples as f64;
            let name = |measure: &str| format!("{role}.first.{measure}");
            quantities.insert(name("test_error"), model.test_error.clone());
            quantities.insert(name("training_error"), training_error.into());
        }
        for (name, bound) in ITERATION_BOUNDS {
            let shares: Vec<f64> = (models.iter().filter(|m| m.role == role))
                .filter_map(|m| m.iterations_within(bound))
                .collect();
            if !shares.is_empty() {
                quantities.insert(format!("{role}.{name}"), mean(&shares).into());
            }
        }
    }
    quantities
}

pub(super) fn mean(xs: &[f64]) -> f64 {
    xs.iter().sum::<f64>() / xs.len() as f64
}
