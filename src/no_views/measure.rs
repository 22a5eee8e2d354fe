//! The measured quantities of one world.

use super::inputs::Labelled;
use super::spec::NoViews;
use crate::data::DataSet;
use crate::engine::dense::{self, NoisyData};
use crate::engine::{Stop, is_correct};
use crate::objective::Objective;
use crate::procedure::network_index::{NO_VIEWS, NO_VIEWS_STUDENT};
use crate::regime::Regime;
use crate::rows::ClassRows;
use crate::seed::WorldSeed;
use std::collections::BTreeMap;
use std::slice::from_ref;

/// The models of a world: (name, what it is).
pub const MODELS: [(&str, &str); 4] = [
    (
        "single",
        "one network, trained on the labels (mean over members)",
    ),
    ("ensemble", "sum of the members"),
    (
        "distilled",
        "a student, trained on the labels and the ensemble's soft labels",
    ),
    (
        "relabelled",
        "the same student, trained on the labels alone",
    ),
];

/// Quantities measured of every model; the name of the model follows, as in `err_single`.
pub const MODEL_QUANTITIES: [(&str, &str); 2] = [
    ("err", "share of wrong labels on fresh inputs"),
    (
        "training_err",
        "share of the training set misclassified at the end, wrong labels counted as they stand",
    ),
];

/// Quantities that compare the models, and one of the training set.
pub const WORLD_QUANTITIES: [(&str, &str); 4] = [
    ("gain_ratio", "err_ensemble / err_single"),
    ("carried_ratio", "err_distilled / err_relabelled"),
    (
        "recovered_share",
        "(err_relabelled − err_distilled) / (err_relabelled − err_ensemble)",
    ),
    (
        "wrong_labels",
        "share of the training labels that are wrong",
    ),
];

/// Returns true if [`run_world`] measures a quantity of this name.
pub fn measures(quantity: &str) -> bool {
    let of_model = |(name, _): &(&str, &str)| {
        let model = quantity.strip_prefix(name);
        let model = model.and_then(|rest| rest.strip_prefix('_'));
        model.is_some_and(|model| MODELS.iter().any(|(known, _)| *known == model))
    };
    WORLD_QUANTITIES.iter().any(|(name, _)| *name == quantity)
        || MODEL_QUANTITIES.iter().any(of_model)
}

/// Runs one world of a valid regime, and measures [`MODEL_QUANTITIES`] of the [`MODELS`], and
/// [`WORLD_QUANTITIES`]. A ratio is NaN where it divides 0 by 0, and the recovered share where the
/// ensemble gains nothing.
///
/// The students are paired: they start alike and take as many steps, so that the soft labels are
/// all they differ by.
pub fn run_world(regime: &Regime, spec: &NoViews, seed: WorldSeed) -> BTreeMap<String, f64> {
    let (training, wrong) = Labelled::training(regime, spec, seed);
    let fresh = Labelled::fresh(regime, spec, seed);
    let labels = || training.data.samples.iter().map(|s| s.label);
    let worlds = [
        NoisyData::of(&training.data, training.inputs),
        NoisyData::of(&fresh.data, fresh.inputs),
    ];
    let [own, unseen] = &worlds;
    let train = |index, objective: &Objective<f32>, stop| {
        let start = own.initialise(regime, seed, index);
        let (weights, trained) = dense::train(regime, own, start, objective, stop, None);
        Network {
            training_logits: trained.training_logits,
            fresh_logits: unseen.logits(regime, &weights),
        }
    };

    let alone = Stop {
        steps: regime.steps(),
        perfect_steps: regime.training.perfect_steps,
    };
    let by_labels = Objective::cross_entropy();
    let members: Vec<Network> = (0..spec.members as u64)
        .map(|l| train(NO_VIEWS + l, &by_labels, alone))
        .collect();
    let ensemble = Network::sum(&members);
    let by_ensemble = Objective::taught_by(
        regime.data.classes,
        &spec.distillation,
        regime.training.learning_rate_per_class,
        members.iter().map(|m| &m.training_logits),
        labels(),
    );
    let as_long = Stop {
        steps: spec.distillation.steps.of(regime.data.classes),
        perfect_steps: 0,
    };
    let distilled = train(NO_VIEWS_STUDENT, &by_ensemble, as_long);
    let relabelled = train(NO_VIEWS_STUDENT, &by_labels, as_long);

    let models = [
        members.as_slice(),
        from_ref(&ensemble),
        from_ref(&distilled),
        from_ref(&relabelled),
    ];
    let mut found = BTreeMap::new();
    for ((name, _), networks) in MODELS.iter().zip(models) {
        let mean = |error: &dyn Fn(&Network) -> f64| {
            networks.iter().map(error).sum::<f64>() / networks.len() as f64
        };
        let err = mean(&|network| network.fresh_error(&fresh.data));
        let training_err =
            mean(&|network| network.training_error(&training.data, regime.data.classes));
        found.insert(format!("err_{name}"), err);
        found.insert(format!("training_err_{name}"), training_err);
    }
    compare(&mut found);
    let wrong_labels = wrong as f64 / training.data.samples.len() as f64;
    found.insert("wrong_labels".into(), wrong_labels);
    found
}

/// The logits of a trained network, or of an ensemble, on the inputs.
struct Network {
    training_logits: ClassRows<f32>,
    /// `[fresh inputs][k]`.
    fresh_logits: Vec<f32>,
}

impl Network {
    /// The ensemble, as the sum of its members.
    fn sum(members: &[Self]) -> Self {
        let mut fresh_logits = members[0].fresh_logits.clone();
        for member in &members[1..] {
            let summed = fresh_logits.iter_mut().zip(&member.fresh_logits);
            summed.for_each(|(sum, f)| *sum += f);
        }
        Self {
            training_logits: ClassRows::sum(members.iter().map(|m| &m.training_logits)),
            fresh_logits,
        }
    }

    /// The share of fresh inputs whose label has not the strictly largest logit.
    fn fresh_error(&self, fresh: &DataSet) -> f64 {
        let count = fresh.samples.len();
        let rows = self
            .fresh_logits
            .chunks_exact(self.fresh_logits.len() / count);
        let wrong = rows
            .zip(&fresh.samples)
            .filter(|(f, s)| !is_correct(f, s.label));
        wrong.count() as f64 / count as f64
    }

    /// The same of training samples, with `classes` classes.
    fn training_error(&self, training: &DataSet, classes: usize) -> f64 {
        let rows = self.training_logits.iter().zip(&training.samples);
        let wrong = rows.filter(|(f, s)| !f.is_largest(s.label, classes));
        wrong.count() as f64 / training.samples.len() as f64
    }
}

/// Adds the comparisons of the models.
fn compare(found: &mut BTreeMap<String, f64>) {
    let err = |model: &str| found[&format!("err_{model}")];
    let gain = err("relabelled") - err("ensemble");
    let recovered = match gain > 0.0 {
        true => (err("relabelled") - err("distilled")) / gain,
        false => f64::NAN,
    };
    let values = [
        ("gain_ratio", err("ensemble") / err("single")),
        ("carried_ratio", err("distilled") / err("relabelled")),
        ("recovered_share", recovered),
    ];
    found.extend(values.map(|(name, value)| (name.to_owned(), value)));
}
