//! The measured quantities of one world.

use super::regime::{RandomFeatureRegime, RandomFeatures, StudentFeatures};
use super::world::{Inputs, Model, RandomFeatureError, Sets, average};
use crate::evaluation::Evaluation;
use crate::order::TestErrors;
use crate::seed::WorldSeed;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::slice::from_ref;

/// The models of a world, in the order of their quantities: (name, what it is).
pub const MODELS: [(&str, &str); 6] = [
    (
        "single",
        "one member, trained on the labels (mean over members)",
    ),
    ("ensemble", "average of the members' outputs"),
    (
        "student",
        "fresh features (in the control all members'), trained on the ensemble's outputs (mean over students)",
    ),
    (
        "relabelled",
        "a student's fresh features, trained on the labels instead (mean over students)",
    ),
    (
        "joint",
        "all members' features in one read-out, trained on the labels: training the average",
    ),
    (
        SELF_DISTILLED,
        "fresh features (in the control the member's), trained on the outputs of one member (mean over such students; absent without them)",
    ),
];

/// Quantities measured of every model; the name of the model follows, as in `err_single`.
pub const MODEL_QUANTITIES: [(&str, &str); 10] = [
    ("err", "test error over D"),
    ("err_multi_view", "test error over D_m"),
    ("err_single_view", "test error over D_s"),
    (
        "acc_view_1",
        "accuracy on single-view inputs that keep view 1",
    ),
    (
        "acc_view_2",
        "accuracy on single-view inputs that keep view 2 (absent with fewer views)",
    ),
    (
        "acc_view_3",
        "accuracy on single-view inputs that keep view 3 (absent with fewer views)",
    ),
    (
        "acc_view_4",
        "accuracy on single-view inputs that keep view 4 (absent with fewer views)",
    ),
    (
        "classes_both",
        "share of classes of which every view is known, 0 with one view: most single-view inputs are right",
    ),
    (
        "classes_one",
        "share of classes of which exactly one view is known",
    ),
    ("classes_none", "share of classes of which no view is known"),
];

/// The view, from 1, that the quantity `random_features.acc_view_VIEW_MODEL` is of.
pub fn view_of(quantity: &str) -> Option<usize> {
    let view = quantity.strip_prefix("random_features.acc_view_")?;
    view.split('_').next()?.parse().ok()
}

/// Quantities of the solves behind every model but the ensemble; the name of the model follows.
pub const SOLVER_QUANTITIES: [(&str, &str); 4] = [
    (
        "lambda_log10",
        "log10 of the chosen strength (mean over models)",
    ),
    (
        "condition",
        "2-norm condition number of the system solved (largest over models)",
    ),
    (
        "optimiser_steps",
        "steps of L-BFGS (largest over models); 0 for ridge",
    ),
    (
        "optimiser_gradient",
        "largest gradient entry at the end, over models; 0 for ridge",
    ),
];

/// Quantities that compare the models.
pub const WORLD_QUANTITIES: [(&str, &str); 8] = [
    ("gain_ratio", "err_ensemble / err_single"),
    ("joint_less_ensemble", "err_joint − err_ensemble"),
    (
        "recovered_share",
        "(err_relabelled − err_student) / (err_relabelled − err_ensemble): paired (with the teacher's features: unpaired)",
    ),
    (
        "recovered_share_unpaired",
        "(err_single − err_student) / (err_single − err_ensemble)",
    ),
    (
        "err_single_spread",
        "standard deviation of err_single between the members",
    ),
    (
        "features_dropped",
        "features without variance on the training set (mean over members)",
    ),
    (
        SELF_DISTILLED_SHARE,
        "(err_student − err_self_distilled) / (err_single − err_ensemble): what self-distillation gains over distillation (absent without it)",
    ),
    (
        ORDER,
        "1 if training the average > ensemble > single ≥ distilled ≥ self-distilled, 0 if not; > is by more than a tenth of the ensemble's gain (absent without self-distillation)",
    ),
];

/// The model that only worlds with [`RandomFeatures::self_distilled`] have.
const SELF_DISTILLED: &str = "self_distilled";

/// The comparisons that need it.
const SELF_DISTILLED_SHARE: &str = "self_distilled_share";
const ORDER: &str = "order";

/// Returns true if [`run_world`] measures a quantity of this name in worlds of these models.
pub fn measures(model: &RandomFeatures, quantity: &str) -> bool {
    let has = |name: &str, table: &[(&str, &str)]| {
        let alone = [SELF_DISTILLED, SELF_DISTILLED_SHARE, ORDER].contains(&name);
        table.iter().any(|(known, _)| *known == name) && (model.self_distilled > 0 || !alone)
    };
    let of_a_model = |table: &[(&str, &str)]| {
        table.iter().any(|(name, _)| {
            let model = quantity
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('_'));
            model.is_some_and(|model| has(model, &MODELS))
        })
    };
    has(quantity, &WORLD_QUANTITIES)
        || of_a_model(&MODEL_QUANTITIES)
        || of_a_model(&SOLVER_QUANTITIES)
}

/// Runs one world and measures the quantities of [`MODEL_QUANTITIES`] and [`SOLVER_QUANTITIES`] for
/// the [`MODELS`], and [`WORLD_QUANTITIES`]. A share of the ensemble's gain is NaN where the
/// ensemble gains nothing: there is nothing to share.
///
/// The recovered share is paired: each student is compared with a read-out over the *same* features
/// trained on the labels. The luck of a draw of features then enters both alike; unpaired, it is
/// most of the spread.
///
/// # Errors
/// A parameter outside its range, or a system that could not be solved.
pub fn run_world(
    regime: &RandomFeatureRegime,
    seed: WorldSeed,
) -> Result<BTreeMap<String, f64>, RandomFeatureError> {
    regime.validate()?;
    let inputs = Inputs::draw(regime, seed);
    let teacher_sets = inputs.all_features(0..regime.model.members);
    let fresh =
        inputs.all_features(regime.model.members..regime.model.members + regime.model.students);
    let grid = &regime.model.strengths;

    let members = inputs.train_all(&teacher_sets, &inputs.labels, grid)?;
    let ensemble = average(members.iter().map(|m| &m.test_outputs));
    let ensemble = inputs.score(&ensemble);
    let taught = inputs.distilled(&members);
    let relabelled = inputs.train_all(&fresh, &inputs.labels, grid)?;
    let all = Sets::concatenated(&teacher_sets);
    let joint = inputs.train(&all, &inputs.labels, grid)?;
    let students = match regime.model.student_features {
        StudentFeatures::Fresh => inputs.train_all(&fresh, &taught, grid)?,
        StudentFeatures::Teachers => vec![inputs.train(&all, &taught, grid)?],
    };
    let self_distilled = self_distil(&inputs, &teacher_sets, &members)?;

    let mut found = BTreeMap::new();
    describe(&mut found, "ensemble", &[&ensemble]);
    for (name, models) in [
        ("single", members.as_slice()),
        ("student", &students),
        ("relabelled", &relabelled),
        ("joint", from_ref(&joint)),
        (SELF_DISTILLED, &self_distilled),
    ] {
        if models.is_empty() {
            continue;
        }
        let scores: Vec<&Evaluation> = models.iter().map(|m| &m.score).collect();
        describe(&mut found, name, &scores);
        describe_solves(&mut found, name, models);
    }
    compare(&mut found, &members, regime.model.student_features);
    if !self_distilled.is_empty() {
        compare_self_distilled(&mut found);
    }
    Ok(found)
}

/// Trains the students of one member each. Their features come after those of all other models.
fn self_distil(
    inputs: &Inputs,
    teacher_sets: &[Sets],
    members: &[Model],
) -> Result<Vec<Model>, RandomFeatureError> {
    let model = &inputs.regime.model;
    let others = model.members + model.students;
    let of_student = |l: usize| {
        let teacher = l % members.len();
        let taught = inputs.distilled(from_ref(&members[teacher]));
        match model.student_features {
            StudentFeatures::Fresh => {
                inputs.train(&inputs.features(others + l), &taught, &model.strengths)
            }
            StudentFeatures::Teachers => {
                inputs.train(&teacher_sets[teacher], &taught, &model.strengths)
            }
        }
    };
    let students = (0..model.self_distilled).into_par_iter().map(of_student);
    Ok(students.collect::<Result<_, _>>()?)
}

fn describe(found: &mut BTreeMap<String, f64>, model: &str, scores: &[&Evaluation]) {
    let mut put = |name: &str, of: &dyn Fn(&Evaluation) -> f64| {
        found.insert(
            format!("{name}_{model}"),
            mean(scores.iter().map(|s| of(s))),
        );
    };
    let views = scores[0].views();
    put("err", &Evaluation::error);
    put("err_multi_view", &Evaluation::multi_view_error);
    put("err_single_view", &Evaluation::single_view_error);
    for view in 0..views {
        put(&format!("acc_view_{}", view + 1), &|s| {
            s.view_accuracy(view)
        });
    }
    put("classes_both", &|s| {
        if views > 1 {
            s.classes_knowing(views)
        } else {
            0.0
        }
    });
    put("classes_one", &|s| s.classes_knowing(1));
    put("classes_none", &|s| s.classes_knowing(0));
}

fn describe_solves(found: &mut BTreeMap<String, f64>, model: &str, models: &[Model]) {
    let largest = |of: fn(&Model) -> f64| models.iter().map(of).fold(0.0, f64::max);
    let lambda = mean(models.iter().map(|m| m.chosen.strength.log10()));
    for (name, value) in [
        ("lambda_log10", lambda),
        ("condition", largest(|m| m.chosen.fit.condition)),
        ("optimiser_steps", largest(|m| m.chosen.fit.steps as f64)),
        ("optimiser_gradient", largest(|m| m.chosen.fit.gradient)),
    ] {
        found.insert(format!("{name}_{model}"), value);
    }
}

fn compare(found: &mut BTreeMap<String, f64>, members: &[Model], students_read: StudentFeatures) {
    // A student of all the teacher's features has no counterpart of its own size: a member is its
    // base.
    let base = match students_read {
        StudentFeatures::Fresh => "relabelled",
        StudentFeatures::Teachers => "single",
    };
    let err = |model: &str| found[&format!("err_{model}")];
    let recovered = |from: &str, by: &str| {
        let gain = err(from) - err("ensemble");
        if gain > 0.0 {
            (err(from) - err(by)) / gain
        } else {
            f64::NAN
        }
    };
    let spread: f64 = members
        .iter()
        .map(|m| (m.score.error() - err("single")).powi(2))
        .sum();
    let values = [
        ("gain_ratio", err("ensemble") / err("single")),
        ("joint_less_ensemble", err("joint") - err("ensemble")),
        ("recovered_share", recovered(base, "student")),
        ("recovered_share_unpaired", recovered("single", "student")),
        (
            "err_single_spread",
            (spread / (members.len() as f64 - 1.0)).sqrt(),
        ),
        (
            "features_dropped",
            mean(members.iter().map(|m| m.dropped as f64)),
        ),
    ];
    found.extend(values.map(|(name, value)| (name.to_owned(), value)));
}

/// The comparisons with self-distilled models.
fn compare_self_distilled(found: &mut BTreeMap<String, f64>) {
    let err = |model: &str| found[&format!("err_{model}")];
    let errors = TestErrors {
        single: err("single"),
        ensemble: err("ensemble"),
        joint: err("joint"),
        distilled: err("student"),
        self_distilled: err(SELF_DISTILLED),
    };
    let gain = errors.single - errors.ensemble;
    let share = match gain > 0.0 {
        true => (errors.distilled - errors.self_distilled) / gain,
        false => f64::NAN,
    };
    let in_order = errors.are_those_of_random_features();
    let values = [(SELF_DISTILLED_SHARE, share), (ORDER, f64::from(in_order))];
    found.extend(values.map(|(name, value)| (name.to_owned(), value)));
}

pub(super) fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
