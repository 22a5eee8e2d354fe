//! A world's report, rebuilt from the library's public parts: which networks are trained, from
//! which start, on which labels, and how their rows and the quantities follow. In the regime used
//! here networks err on `D_m` too, so that its weight `(1 − μ)/μ` shows.

use crate::small::{self, after};
use multiview::data::DataSet;
use multiview::engine::state::Trained;
use multiview::engine::{Start, train};
use multiview::evaluation::{CellError, Draws, Evaluation, Portrait};
use multiview::objective::{Distillation, Form, Objective, SoftLabels};
use multiview::prediction::Prediction;
use multiview::procedure::{
    ModelRow, Models, Procedure, WorldOutcome, largest_overlaps, network_index, predicted_views,
    view_strengths,
};
use multiview::regime::{EngineKind, Regime, SampleCount};
use multiview::rows::ClassRows;
use multiview::seed::{Purpose, WorldSeed};
use multiview::theorem::{Control, Theorem};
use std::collections::BTreeSet;

const DRAWS: Draws = Draws {
    single_view: 40,
    multi_view: 40,
};

/// Of single models.
const STEPS: usize = 60;

/// Strong features of other classes and few steps: networks err in training, on `D_s` and on `D_m`.
fn regime() -> Regime {
    let mut regime = small::regime();
    regime.data.classes = 5;
    regime.data.samples = SampleCount::Count(150);
    regime.data.other_weight = [0.4, 0.4];
    regime.data.sparsity = 3.0;
    regime.training.steps = STEPS.into();
    regime
}

fn student(soft_labels: SoftLabels) -> Distillation {
    Distillation {
        temperature: 0.2.into(),
        teacher_scale: 10.0,
        push_rate_per_class: 10.0,
        form: Form::default(),
        soft_labels,
        warm_up_steps: 30.into(),
        steps: 200.into(),
        checkpoints: 0,
    }
}

/// Every kind of network model.
fn procedure() -> Procedure {
    Procedure {
        members: 3,
        shared_initialisation: false,
        joint_networks: 2,
        distillation: Some(student(SoftLabels::All)),
        label_distillation: Some(student(SoftLabels::LabelOnly)),
        self_distillation: Some(student(SoftLabels::All)),
        antithetic: true,
        distilled_students: 2,
        generations: 3,
        watch_take_off: false,
        student_starts_as_teacher: false,
        random_features: None,
        no_views: None,
        test_draws: DRAWS,
    }
}

fn outcome(procedure: &Procedure, seed: WorldSeed) -> WorldOutcome {
    procedure.validate(&regime()).expect("a valid procedure");
    let outcome = Models::new(&regime(), DRAWS, seed).outcome(procedure);
    outcome.expect("measured")
}

/// The same world from its parts.
struct Parts {
    regime: Regime,
    data: DataSet,
    seed: WorldSeed,
}

/// A network and what was found of it.
type Found = (Trained<f32>, Evaluation);

impl Parts {
    fn new(seed: WorldSeed) -> Self {
        let regime = regime();
        let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
        Self { regime, data, seed }
    }

    fn start(&self, index: u64) -> Start<f32> {
        Start::draw(&self.regime, &self.data, self.seed, index)
    }

    fn train(&self, start: Start<f32>, objective: &Objective<f32>, steps: usize) -> Trained<f32> {
        train(
            &self.regime,
            &self.data,
            self.seed,
            start,
            objective,
            steps,
            None,
        )
    }

    /// The errors of the sum of `networks`, on the stream of test inputs of this number.
    fn evaluate(&self, networks: &[&Trained<f32>], stream: u64) -> Evaluation {
        let of = |network: &&Trained<f32>| Portrait::of(&self.regime, network);
        let portraits: Vec<Portrait> = networks.iter().map(of).collect();
        let mut rng = self.seed.rng(Purpose::Evaluation, stream);
        Evaluation::of(&self.regime, &Portrait::sum(&portraits), DRAWS, &mut rng)
    }

    fn member(&self, index: u64) -> Found {
        let objective = Objective::cross_entropy();
        let network = self.train(self.start(index), &objective, self.regime.steps());
        let evaluation = self.evaluate(&[&network], index + 1);
        (network, evaluation)
    }

    /// `Σ_ℓ F^[ℓ]/K` on the training set, for classes that any member gives a logit.
    fn mean_logits(&self, members: &[&Trained<f32>]) -> ClassRows<f32> {
        let mut mean = ClassRows::new();
        for n in 0..self.data.samples.len() {
            let rows: Vec<_> = members.iter().map(|m| m.training_logits.row(n)).collect();
            let classes: BTreeSet<u32> = rows.iter().flat_map(|row| row.classes).copied().collect();
            let of = |class: u32| {
                let total: f32 = rows.iter().map(|row| row.of(class as usize)).sum();
                (class, total / members.len() as f32)
            };
            mean.push(classes.into_iter().map(of), 0.0);
        }
        mean
    }

    fn student(
        &self,
        spec: &Distillation,
        teachers: &[&Trained<f32>],
        mut start: Start<f32>,
        (swapped, stream): (bool, u64),
    ) -> Found {
        if swapped {
            start.swap_views(&self.regime);
        }
        let rate = self.regime.training.learning_rate_per_class;
        let labels = self.data.samples.iter().map(|s| s.label);
        let mean = self.mean_logits(teachers);
        let k = self.regime.data.classes;
        let objective = Objective::distillation(k, spec, rate, &mean, labels);
        let network = self.train(start, &objective, spec.steps.of(k));
        let evaluation = self.evaluate(&[&network], stream);
        (network, evaluation)
    }

    /// Samples that the sum of `networks` has wrong.
    fn training_errors(&self, networks: &[&Trained<f32>]) -> usize {
        let wrong = |(n, sample): (usize, &multiview::data::Sample)| {
            let logit = |class: usize| -> f32 {
                let rows = networks.iter().map(|m| m.training_logits.row(n));
                rows.map(|row| row.of(class)).sum()
            };
            let own = logit(sample.label);
            (0..self.regime.data.classes).any(|i| i != sample.label && logit(i) >= own)
        };
        let samples = self.data.samples.iter().enumerate();
        samples.filter(|(n, sample)| wrong((*n, *sample))).count()
    }
}

/// Two ways to sum a few numbers, which may round differently.
fn close(found: f64, expected: f64, what: &str) {
    let allowed = 1e-12 * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= allowed,
        "{what}: {found}, not {expected}"
    );
}

fn mean(cells: &[CellError]) -> f64 {
    cells.iter().map(|cell| cell.rate).sum::<f64>() / cells.len() as f64
}

/// `err(D)/μ` with `μ = 0.2`: `D_m` is four times as common as `D_s`.
fn test_error(evaluation: &Evaluation) -> f64 {
    mean(&evaluation.single) + 4.0 * mean(&evaluation.multi)
}

fn rows<'a>(outcome: &'a WorldOutcome, role: &str) -> Vec<&'a ModelRow> {
    outcome
        .models
        .iter()
        .filter(|row| row.role == role)
        .collect()
}

fn number(outcome: &WorldOutcome, name: &str) -> f64 {
    outcome.quantities[name].number().expect("a number")
}

fn is_row(row: &ModelRow, steps: usize, training_errors: usize, evaluation: &Evaluation) {
    let what = &row.role;
    assert_eq!(
        (row.steps, row.training_errors),
        (steps, training_errors),
        "{what}"
    );
    let numbers = [
        &row.single_view_error,
        &row.multi_view_error,
        &row.test_error,
    ];
    let [single, multi, test] = numbers.map(|x| x.number().expect("a number"));
    close(single, mean(&evaluation.single), what);
    close(multi, mean(&evaluation.multi), what);
    close(test, test_error(evaluation), what);
}

#[test]
fn rows_are_those_of_the_networks_that_the_procedure_names() {
    let seed = small::seed(0);
    let (parts, found) = (Parts::new(seed), outcome(&procedure(), seed));
    let members: Vec<Found> = (0..3).map(|index| parts.member(index)).collect();
    let networks: Vec<&Trained<f32>> = members.iter().map(|(network, _)| network).collect();
    let singles = rows(&found, "single");
    assert_eq!(singles.len(), 3);
    for (row, (network, evaluation)) in singles.iter().zip(&members) {
        is_row(row, STEPS, parts.training_errors(&[network]), evaluation);
    }

    let on_multi_view = singles
        .iter()
        .filter_map(|row| row.multi_view_error.number());
    assert!(on_multi_view.fold(0.0, f64::max) > 0.1, "D_m is learned");

    let of_ensemble = parts.evaluate(&networks, network_index::ENSEMBLE + 1);
    let errors = parts.training_errors(&networks);
    is_row(rows(&found, "ensemble")[0], 0, errors, &of_ensemble);

    let taught = |spec: &Distillation, teachers: &[&Trained<f32>], index: u64, swapped: bool| {
        let stream = 10_001 + 2 * index + u64::from(swapped);
        parts.student(spec, teachers, parts.start(index), (swapped, stream))
    };
    let (all, own) = (student(SoftLabels::All), student(SoftLabels::LabelOnly));
    let students = [
        ("distilled", 0, taught(&all, &networks, 1_000, false)),
        ("label_distilled", 0, taught(&own, &networks, 1_000, false)),
        // The first of the pair is the student that Theorem 4 speaks of; the second is its mirror
        // image.
        (
            "self_distilled",
            0,
            taught(&all, &networks[..1], 1_001, false),
        ),
        (
            "self_distilled",
            1,
            taught(&all, &networks[..1], 1_001, true),
        ),
    ];
    for (role, place, (network, evaluation)) in &students {
        let errors = parts.training_errors(&[network]);
        is_row(rows(&found, role)[*place], 200, errors, evaluation);
    }

    // A second student of the ensemble, and the ensemble of the two.
    let second = taught(&all, &networks, network_index::FURTHER_STUDENTS + 1, false);
    let of_both = [&students[0].2.0, &second.0];
    assert_eq!(rows(&found, "distilled").len(), 2);
    let errors = parts.training_errors(&[&second.0]);
    is_row(rows(&found, "distilled")[1], 200, errors, &second.1);
    let evaluation = parts.evaluate(&of_both, network_index::DISTILLED_ENSEMBLE + 1);
    let errors = parts.training_errors(&of_both);
    is_row(
        rows(&found, "distilled_ensemble")[0],
        0,
        errors,
        &evaluation,
    );

    // A chain: each generation starts afresh, and its teacher is the one before it.
    let mut teacher = &students[2].2.0;
    let second = taught(&all, &[teacher], network_index::GENERATIONS + 2, false);
    teacher = &second.0;
    let third = taught(&all, &[teacher], network_index::GENERATIONS + 3, false);
    for (role, (network, evaluation)) in [("generation_2", &second), ("generation_3", &third)] {
        let errors = parts.training_errors(&[network]);
        is_row(rows(&found, role)[0], 200, errors, evaluation);
    }
    assert!(rows(&found, "generation_4").is_empty());

    // Two networks of three neurons as one sum are one network of six.
    let mut wide = Parts::new(seed);
    wide.regime.network.neurons_per_class = 6;
    let start = wide.start(network_index::JOINT);
    let joint = wide.train(start, &Objective::cross_entropy(), STEPS);
    let evaluation = wide.evaluate(&[&joint], network_index::JOINT + 1);
    let errors = wide.training_errors(&[&joint]);
    is_row(rows(&found, "joint")[0], STEPS, errors, &evaluation);

    // No two models are alike, so that a mix-up would show.
    let anonymous = |row: &ModelRow| ModelRow {
        role: String::new(),
        ..row.clone()
    };
    for (index, row) in found.models.iter().enumerate() {
        let mut others = found.models[..index].iter();
        assert!(
            others.all(|other| anonymous(other) != anonymous(row)),
            "{row:?}"
        );
    }
}

#[test]
fn quantities_follow_from_the_rows() {
    let found = outcome(&procedure(), small::seed(0));
    let single = rows(&found, "single");
    let errors: Vec<f64> = single
        .iter()
        .filter_map(|row| row.test_error.number())
        .collect();
    let of_single = errors.iter().sum::<f64>() / 3.0;
    close(
        number(&found, "single.test_error"),
        of_single,
        "a mean, not a sum or an end",
    );
    close(
        number(&found, "single.first.test_error"),
        errors[0],
        "one draw",
    );
    let pair: Vec<f64> = (rows(&found, "self_distilled").iter())
        .filter_map(|row| row.test_error.number())
        .collect();
    assert!((pair[0] - pair[1]).abs() > 0.01, "{pair:?}");
    // Theorem 4 speaks of one student, and not of the mean of a pair.
    let student = number(&found, "self_distilled.first.test_error");
    close(student, pair[0], "the student without its mirror image");
    let wrong: Vec<usize> = single.iter().map(|row| row.training_errors).collect();
    let [least, most] = [wrong.iter().min(), wrong.iter().max()].map(|n| *n.expect("three"));
    assert!(least < most, "all alike: the worst would not show");
    close(
        number(&found, "single.training_error"),
        most as f64 / 150.0,
        "the worst",
    );
    let of_ensemble = number(&found, "ensemble.test_error");
    assert!(of_ensemble < of_single, "the ensemble gains");
    for role in [
        "ensemble",
        "distilled",
        "distilled_ensemble",
        "label_distilled",
        "self_distilled",
        "generation_2",
        "generation_3",
        "joint",
    ] {
        let of = |measure: &str| number(&found, &format!("{role}.{measure}"));
        let own: Vec<f64> = (rows(&found, role).iter())
            .filter_map(|row| row.test_error.number())
            .collect();
        let own = own.iter().sum::<f64>() / own.len() as f64;
        close(of("test_error"), own, role);
        close(of("gain"), of_single - own, role);
        let share = (of_single - own) / (of_single - of_ensemble);
        close(of("recovered_share"), share, role);
    }
    close(
        number(&found, "ensemble.recovered_share"),
        1.0,
        "all of its own gain",
    );
    let of = |role: &str| number(&found, &format!("{role}.test_error"));
    let gain = number(&found, "distilled_ensemble.gain_over_students");
    close(gain, of("distilled") - of("distilled_ensemble"), "a gain");
    assert!(gain.abs() > 1e-6, "too small to tell: {gain}");
}

/// A longer chain, further students and a look at the race add to an outcome, and change nothing
/// that was in it.
#[test]
fn what_is_added_to_a_procedure_changes_nothing_else() {
    let seed = small::seed(0);
    let short = Procedure {
        distilled_students: 1,
        generations: 1,
        ..procedure()
    };
    let watched = Procedure {
        watch_take_off: true,
        ..procedure()
    };
    let [short, long, watched] = [short, procedure(), watched].map(|p| outcome(&p, seed));
    for role in ["single", "ensemble", "self_distilled", "joint"] {
        assert_eq!(rows(&short, role), rows(&long, role), "{role}");
    }
    assert_eq!(rows(&short, "distilled")[0], rows(&long, "distilled")[0]);
    assert_eq!(rows(&short, "distilled").len(), 1);
    for role in ["generation_2", "distilled_ensemble"] {
        assert!(rows(&short, role).is_empty(), "{role}");
    }
    assert_eq!(watched.models, long.models);
    let mut without = watched.clone();
    let growth = without.quantities.remove("lottery.loser_growth");
    assert!(growth.is_some() && without == long);
    watched
        .check(
            &regime(),
            &Procedure {
                watch_take_off: true,
                ..procedure()
            },
            false,
        )
        .expect("its own rows give it");
}

/// Shares of the classes, over members: whose learned view is the guessed one, that learned some
/// view, and that learned both.
fn lotteries(parts: &Parts, guesses: impl Fn(u64, usize) -> Option<usize>) -> [f64; 3] {
    let k = parts.regime.data.classes;
    let mut counts = [0.0; 3];
    for index in 0..3 {
        let (network, evaluation) = parts.member(index);
        let overlaps = largest_overlaps(&parts.regime, &network.features);
        for class in 0..k {
            let known = evaluation.single[2 * class..][..2].iter();
            let learned = known.filter(|cell| cell.rate < 0.5).count();
            let winner = usize::from(overlaps[2 * class + 1] > overlaps[2 * class]);
            let guessed = learned > 0 && guesses(index, class) == Some(winner);
            for (count, hit) in counts.iter_mut().zip([guessed, learned > 0, learned == 2]) {
                *count += f64::from(u8::from(hit));
            }
        }
    }
    counts.map(|count| count / (3 * k) as f64)
}

/// Guesses of the right classes come true; the same guesses, dealt to other classes, are worth a
/// coin. (Within one world both would be a matter of luck: ten worlds of three members and five
/// classes.)
#[test]
fn the_lottery_is_predicted_and_shuffled_predictions_are_worth_a_coin() {
    let (mut right, mut shuffled, mut ties) = (0.0, 0.0, 0.0);
    for world in 0..10 {
        let mut parts = Parts::new(small::seed(world));
        parts.regime.training.steps = 150.into();
        let k = parts.regime.data.classes;
        let predicted: Vec<Vec<Option<usize>>> = (0..3)
            .map(|index| {
                let strengths = view_strengths(&parts.regime, &parts.data);
                predicted_views(&parts.regime, Some(&strengths), &parts.start(index))
            })
            .collect();
        let found = Models::new(&parts.regime, DRAWS, small::seed(world)).outcome(&procedure());
        let found = found.expect("measured");
        let own = lotteries(&parts, |index, class| predicted[index as usize][class]);
        for (name, own) in ["predicted", "some_view", "both_views"].iter().zip(own) {
            close(number(&found, &format!("lottery.{name}_share")), own, name);
        }
        // Of the next member too: within one member the data lean the same way for no two classes.
        let other = |index: u64, class: usize| predicted[(index as usize + 1) % 3][(class + 1) % k];
        right += own[0] / 10.0;
        ties += own[2] / 10.0;
        shuffled += lotteries(&parts, other)[0] / 10.0;
    }
    assert!(ties > 0.1, "some classes learn both views: {ties}");
    // 150 coins have a standard deviation of 0.04; five of them.
    assert!(right > 0.75, "{right}");
    assert!((shuffled - 0.5).abs() < 0.2, "{shuffled}");
}

#[test]
fn copies_of_one_initialisation_are_copies_and_nothing_else_is_changed() {
    let seed = small::seed(0);
    let independent = outcome(&procedure(), seed);
    let copies = outcome(
        &Procedure {
            shared_initialisation: true,
            ..procedure()
        },
        seed,
    );
    let [of_copies, of_theirs] = [&copies, &independent].map(|found| rows(found, "single"));
    assert_eq!(
        of_copies,
        vec![of_theirs[0]; 3],
        "three times the first member"
    );
    // The same data, the same students of member 0, the same sum of two: only what the ensemble is
    // made of has changed.
    for role in ["self_distilled", "joint"] {
        assert_eq!(rows(&copies, role), rows(&independent, role), "{role}");
    }
    let row = rows(&copies, "ensemble")[0];
    assert_eq!(
        row.training_errors, of_copies[0].training_errors,
        "F + F + F errs where F does"
    );
    let gain = number(&copies, "ensemble.gain").abs();
    // Fresh noise meets every copy anew: the errors agree up to what each may be off by.
    let off = |row: &ModelRow| row.monte_carlo_error.number().expect("a number");
    let allowed = 5.0 * (off(row) + off(of_copies[0]));
    assert!(gain <= allowed, "copies gain {gain} (allowed {allowed})");
    assert!(
        number(&independent, "ensemble.gain") > 2.0 * allowed,
        "independent members gain"
    );
}

#[test]
fn a_student_that_starts_as_its_teacher_starts_there_and_nothing_else_is_changed() {
    let seed = small::seed(0);
    let plain = Procedure {
        antithetic: false,
        ..procedure()
    };
    let fresh = outcome(&plain, seed);
    let again = outcome(
        &Procedure {
            student_starts_as_teacher: true,
            ..plain
        },
        seed,
    );
    let parts = Parts::new(seed);
    let (teacher, _) = parts.member(0);
    let spec = student(SoftLabels::All);
    let (network, evaluation) = parts.student(&spec, &[&teacher], parts.start(0), (false, 10_001));
    let errors = parts.training_errors(&[&network]);
    is_row(rows(&again, "self_distilled")[0], 200, errors, &evaluation);
    for role in [
        "single",
        "ensemble",
        "distilled",
        "label_distilled",
        "joint",
    ] {
        assert_eq!(rows(&again, role), rows(&fresh, role), "{role}");
    }
}

#[test]
fn a_student_without_a_push_is_a_single_model() {
    let seed = small::seed(0);
    let mut procedure = procedure();
    let silent = Distillation {
        push_rate_per_class: 0.0,
        ..student(SoftLabels::All)
    };
    procedure.distillation = Some(silent);
    let found = outcome(&procedure, seed);
    let parts = Parts::new(seed);
    let start = parts.start(network_index::DISTILLED);
    let network = parts.train(start, &Objective::cross_entropy(), 200);
    let evaluation = parts.evaluate(&[&network], 10_001 + 2 * network_index::DISTILLED);
    let errors = parts.training_errors(&[&network]);
    is_row(rows(&found, "distilled")[0], 200, errors, &evaluation);
}

/// A student trains for all of its steps, however early it is fitted.
#[test]
fn only_the_budget_ends_a_student() {
    let mut regime = regime();
    regime.data.other_weight = [0.1, 0.2];
    regime.training.steps = 4_000.into();
    regime.training.perfect_steps = 5;
    let mut procedure = procedure();
    let long = Distillation {
        steps: 4_000.into(),
        ..student(SoftLabels::All)
    };
    procedure.distillation = Some(long);
    let mut models = Models::new(&regime, DRAWS, small::seed(0));
    let found = models.outcome(&procedure).expect("measured");
    assert!(
        rows(&found, "single")
            .iter()
            .all(|row| row.steps < 4_000 && row.training_errors == 0)
    );
    assert_eq!(rows(&found, "distilled")[0].steps, 4_000);
}

/// An iteration of a student counts where its training is perfect and its error small.
#[test]
fn iterations_count_where_both_bullets_hold() {
    let mut procedure = procedure();
    let watched = Distillation {
        checkpoints: 4,
        ..student(SoftLabels::All)
    };
    procedure.distilled_students = 1;
    procedure.distillation = Some(watched);
    let mut found = outcome(&procedure, small::seed(0));
    // Both, errors in training alone, the looser bound alone, neither bound.
    let made = [(0, 0.0005), (1, 0.0), (0, 0.005), (0, 0.5)];
    let mut models = found.models.iter_mut();
    let row = models.find(|m| m.role == "distilled").expect("one");
    for (checkpoint, (errors, test)) in row.checkpoints.iter_mut().zip(made) {
        checkpoint.training_errors = errors;
        checkpoint.test_error = test.into();
    }
    let mut follows = |tight: f64, loose: f64| {
        for (bound, share) in [("0.001", tight), ("0.01", loose)] {
            let name = format!("distilled.iterations_within_{bound}");
            found.quantities.insert(name, share.into());
        }
        found.check(&regime(), &procedure, false).is_ok()
    };
    assert!(follows(0.25, 0.5));
    assert!(!follows(0.5, 0.75) && !follows(0.25, 0.75) && !follows(0.5, 0.5));
}

/// The engines count as misclassified, at the end, what their final logits have wrong.
#[test]
fn training_errors_are_those_of_the_final_logits() {
    for engine in [
        EngineKind::Overlap,
        EngineKind::OverlapAdaptive,
        EngineKind::OverlapReference,
        EngineKind::Dense,
    ] {
        let mut parts = Parts::new(small::seed(8));
        parts.regime.training.engine = engine;
        parts.regime.data.dimension = Some(100); // for the dense engine
        let mut counts = BTreeSet::new();
        for steps in [20, 60, 90, 120, 200] {
            let start = parts.start(0);
            let network = parts.train(start, &Objective::cross_entropy(), steps);
            let due = parts.training_errors(&[&network]);
            // Where nothing is learned yet the sparse engines take logits at the scale of σ_0 for
            // 0, and count ties among them.
            assert_eq!(network.training_errors, due, "{engine:?}, {steps} steps");
            assert_eq!(after(steps).steps, network.steps);
            counts.insert(due);
        }
        assert!(counts.len() > 3, "{engine:?}: {counts:?}");
    }
}

/// Where a control trains fewer members to save time, the theorem's law still holds of so few: it
/// is what the control breaks that refutes the claim.
#[test]
fn no_claim_is_refuted_by_a_cheaper_ensemble_alone() {
    let mut checked = 0;
    for theorem in Theorem::all_embedded() {
        for control in &theorem.controls {
            let Some(members) = control.set.get("procedure.members") else {
                continue;
            };
            let cheap = std::collections::BTreeMap::from([(
                "procedure.members".to_owned(),
                members.clone(),
            )]);
            // Where the number of members is all that a control changes, it is what breaks; and
            // there may be no ensemble.
            if control.set.len() == 1 || members.as_integer() == Some(0) {
                continue;
            }
            let Ok(setting) = theorem.setting().with(&cheap) else {
                continue;
            };
            // The share lost by this many independent lotteries without ties: single-view inputs of
            // a view that no member has learned.
            let law = Prediction::of(&setting.regime, &setting.procedure).ensemble_test_error;
            let lost = law * 2f64.powi(setting.procedure.members as i32);
            for claim in refuted(&theorem, control) {
                let predicted = match claim.quantity.as_str() {
                    "ensemble.gain" => 0.5 * lost - law,
                    "ensemble.test_error" | "distilled.test_error" => law,
                    _ => continue,
                };
                let band = claim.event.unwrap_or(claim.band);
                let inside = band.lower.is_none_or(|end| predicted >= end)
                    && band.upper.is_none_or(|end| predicted <= end);
                let what = format!("{}, {}, {}", theorem.name, control.name, claim.name);
                assert!(inside, "{what}: {predicted} with members = {members} alone");
                checked += 1;
            }
        }
    }
    assert!(checked > 0);
}

fn refuted<'a>(
    theorem: &'a Theorem,
    control: &'a Control,
) -> impl Iterator<Item = &'a multiview::theorem::Claim> {
    let claims = theorem.claims.iter();
    claims.filter(|claim| control.refutes.contains(&claim.name))
}
