//! The sparse engine against the reference loop, from the same starts on the same worlds.

use crate::small::after;
use multiview::data::DataSet;
use multiview::engine::state::{Overlaps, Trained};
use multiview::engine::{Stop, reference, sparse};
use multiview::objective::{Distillation, Form, Objective, SoftLabels};
use multiview::procedure::largest_overlaps;
use multiview::regime::{
    DataRegime, EngineKind, FeaturePatches, NetworkRegime, PatchCount, PatchRule, Regime,
    SampleCount, TrainingRegime,
};
use multiview::rows::ClassRows;
use multiview::seed::{Purpose, WorldSeed};

const ENGINES: [EngineKind; 2] = [EngineKind::Overlap, EngineKind::OverlapAdaptive];

fn regime(classes: usize, neurons: usize) -> Regime {
    let small = crate::small::regime();
    Regime {
        data: DataRegime {
            classes,
            samples: SampleCount::Count(25 * classes),
            single_view_share: 0.1,
            sparsity: 4.0,
            main_weight: [1.0, 1.05],
            ..small.data
        },
        network: NetworkRegime {
            neurons_per_class: neurons,
            init_scale: 1e-3.into(),
            ..small.network
        },
        training: TrainingRegime {
            learning_rate_per_class: 4.0,
            steps: 1200.into(),
            ..small.training
        },
    }
}

struct Case {
    regime: Regime,
    data: DataSet,
    seed: WorldSeed,
}

/// Two trainings, by the reference and by the sparse engine.
struct Pair([Trained<f32>; 2]);

impl Case {
    fn new(regime: Regime, world: u64) -> Self {
        let seed = WorldSeed {
            experiment: 5,
            world,
        };
        let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
        Self { regime, data, seed }
    }

    fn sparse(&self, objective: &Objective<f32>, stop: Stop, index: u64) -> Trained<f32> {
        let start = Overlaps::draw(&self.regime, self.seed, index);
        let rates = sparse::Rates::of(&self.regime);
        let (regime, data) = (&self.regime, &self.data);
        sparse::train(regime, rates, data, self.seed, start, objective, stop, None)
    }

    fn both(&self, objective: &Objective<f32>, stop: Stop, index: u64) -> Pair {
        let start = Overlaps::draw(&self.regime, self.seed, index);
        let literal = self.data.with_noise_patches(&self.regime.data, self.seed);
        Pair([
            reference::train(&self.regime, &literal, start, objective, stop, None),
            self.sparse(objective, stop, index),
        ])
    }

    /// A student's objective, with networks 0 to 3, trained alone for as many steps, as teachers.
    fn taught(&self, form: Form, push: f64, steps: usize) -> Objective<f32> {
        let cross_entropy = Objective::cross_entropy();
        let teachers: Vec<_> = (0..4)
            .map(|i| (self.sparse(&cross_entropy, after(steps), i)).training_logits)
            .collect();
        let teacher = ClassRows::sum(&teachers).map(|f| f / 4.0);
        let spec = Distillation {
            temperature: 0.2.into(),
            teacher_scale: 100.0,
            push_rate_per_class: push,
            form,
            soft_labels: SoftLabels::All,
            warm_up_steps: 100.into(),
            steps: steps.into(),
            checkpoints: 0,
        };
        let labels = self.data.samples.iter().map(|s| s.label);
        let rate = self.regime.training.learning_rate_per_class;
        Objective::distillation(self.regime.data.classes, &spec, rate, &teacher, labels)
    }

    /// The views that a network has learned.
    fn learned(&self, network: &Trained<f32>) -> Vec<bool> {
        let threshold = self.regime.network.relu_threshold / 2.0;
        (largest_overlaps(&self.regime, &network.features).into_iter())
            .map(|x| f64::from(x) > threshold)
            .collect()
    }

    /// The largest overlap of a class with a feature of another class, as a share of the largest of
    /// all.
    fn wrong_feature(&self, network: &Trained<f32>) -> f64 {
        let layout = network.layout;
        let rows = network.features.chunks_exact(layout.row()).enumerate();
        let (mut all, mut wrong) = (0.0, 0.0);
        for (v, row) in rows {
            for (class, neurons) in row.chunks_exact(layout.stride).enumerate() {
                let largest = neurons.iter().copied().fold(0.0, f32::max);
                all = f32::max(all, largest);
                if class != self.regime.data.class_of(v) {
                    wrong = f32::max(wrong, largest);
                }
            }
        }
        f64::from(wrong / all)
    }

    /// Classes that know at least one and both of their views.
    fn known(&self, network: &Trained<f32>) -> [usize; 2] {
        let learned = self.learned(network);
        let views = || learned.chunks(2);
        [
            views().filter(|v| v[0] || v[1]).count(),
            views().filter(|v| v[0] && v[1]).count(),
        ]
    }
}

impl Pair {
    /// The largest difference of feature overlaps, as a share of the largest overlap.
    fn gap(&self) -> f64 {
        let [slow, fast] = &self.0;
        let largest = slow.features.iter().copied().fold(0.0, f32::max);
        let gaps = (slow.features.iter().zip(&fast.features)).map(|(a, b)| (a - b).abs());
        f64::from(gaps.fold(0.0, f32::max) / largest)
    }

    /// The largest difference of training logits, as a share of the largest.
    fn logit_gap(&self) -> f64 {
        let [slow, fast] = self.0.each_ref().map(crate::small::logits);
        let largest = slow.iter().copied().fold(0.0, f32::max);
        let gaps = slow.iter().zip(&fast).map(|(a, b)| (a - b).abs());
        f64::from(gaps.fold(0.0, f32::max) / largest)
    }

    /// Checks that overlaps and logits agree, that the same views are learned, and the same
    /// training errors are left.
    fn check(&self, case: &Case, what: &str, tolerance: f64) {
        let (overlaps, logits) = (self.gap(), self.logit_gap());
        println!(
            "{what}: overlaps differ by {overlaps:.1e} of the largest, logits by {logits:.1e}"
        );
        assert!(
            overlaps < tolerance,
            "{what}: overlaps differ by {overlaps}"
        );
        assert!(logits < tolerance, "{what}: logits differ by {logits}");
        let [slow, fast] = &self.0;
        assert_eq!(slow.training_errors, fast.training_errors, "{what}");
        assert_eq!(
            case.learned(slow),
            case.learned(fast),
            "{what}: other views were learned"
        );
    }
}

fn pairs<A: Copy, const N: usize, B: Copy, const M: usize>(
    all: [A; N],
    each: [B; M],
) -> impl Iterator<Item = (A, B)> {
    (all.into_iter()).flat_map(move |a| each.into_iter().map(move |b| (a, b)))
}

/// The error of deferred and averaged payments, of the order of `δ²`, amplified while overlaps grow
/// from `σ_0` to `ϱ`; with the adaptive engine also the second order of changes by 8 % between two
/// evaluations. For the worlds of the tests that use it, in which no view is in flight at the end
/// and no class learns a wrong feature; `STATED` says what holds otherwise.
fn tolerance(engine: EngineKind) -> f64 {
    match engine {
        EngineKind::OverlapAdaptive => 2e-2,
        _ => 1e-4,
    }
}

#[test]
fn single_models_agree() {
    let networks = [(20, 8, 3), (24, 5, 3), (12, 20, 3), (12, 16, 4)];
    for ((classes, neurons, exponent), engine) in pairs(networks, ENGINES) {
        let mut regime = regime(classes, neurons);
        regime.training.engine = engine;
        regime.network.relu_exponent = exponent;
        if exponent == 4 {
            regime.network.init_scale = 2e-2.into();
        }
        let case = Case::new(regime, 0);
        let steps = case.regime.steps();
        let pair = case.both(&Objective::cross_entropy(), after(steps), 0);
        let what = format!("{engine:?}, k = {classes}, m = {neurons}, q = {exponent}");
        pair.check(&case, &what, tolerance(engine));
        let [any, both] = case.known(&pair.0[1]);
        assert!(
            any == classes && both < classes / 2,
            "the case should be one of single views: {any} of {classes} learned, {both} both"
        );
    }
}

#[test]
fn students_agree() {
    let pushes = [(Form::OneSidedGated, 10.0), (Form::TwoSided, 4.0)];
    for ((form, push), engine) in pairs(pushes, ENGINES) {
        let mut regime = regime(24, 8);
        regime.training.engine = engine;
        let case = Case::new(regime, 0);
        let steps = 500;
        let pair = case.both(&case.taught(form, push, steps), after(steps), 9);
        // A student's second views take off late, so that what a step misses is amplified longer.
        let allowed = match engine {
            EngineKind::OverlapAdaptive => 2.0 * tolerance(engine),
            _ => tolerance(engine),
        };
        pair.check(&case, &format!("{engine:?}, {form:?}"), allowed);
        let [any, both] = case.known(&pair.0[1]);
        println!("{any} classes learned, {both} with both views");
        assert_eq!(any, 24);
        if form == Form::OneSidedGated {
            let alone = case.both(&Objective::cross_entropy(), after(steps), 9);
            alone.check(
                &case,
                "the same network without the push",
                tolerance(engine),
            );
            let [_, before] = case.known(&alone.0[1]);
            assert!(
                both > before,
                "the push should teach second views: {both}, {before} without"
            );
        }
    }
}

/// The weights of the paper's figure: two to four patches of unequal weight for a feature, alone
/// and with the paper's other noise.
fn figure(classes: usize, neurons: usize) -> Regime {
    let mut regime = regime(classes, neurons);
    let data = &mut regime.data;
    data.patches_per_feature = FeaturePatches::Random([2, 4]);
    data.main_weight = [1.0, 1.3];
    data.other_weight = [0.35, 0.35];
    data.single_view_other_weight = 0.15;
    data.weak_weight = 0.06;
    regime.training.steps = 1500.into();
    regime
}

/// Random shares spread weights over all classes of weight at whose mean the absent classes are
/// paid.
#[test]
fn patches_of_unequal_weight_agree() {
    let [overlap, adaptive] = ENGINES;
    for (engine, noisy) in [(overlap, false), (overlap, true), (adaptive, false)] {
        let mut regime = figure(12, 8);
        regime.training.engine = engine;
        if noisy {
            regime.data.patches = PatchCount::Rule(PatchRule::Paper);
            regime.data.feature_noise = 3e-4.into();
        }
        let case = Case::new(regime, 0);
        let steps = case.regime.steps();
        let pair = case.both(&Objective::cross_entropy(), after(steps), 0);
        let what = format!("{engine:?}, unequal weights, all noise: {noisy}");
        let allowed = if noisy { 5.0 } else { 1.0 } * tolerance(engine);
        pair.check(&case, &what, allowed);
        let [any, both] = case.known(&pair.0[1]);
        assert!(
            any == 12 && both < 6,
            "the case should be one of single views: {any} of 12 learned, {both} both"
        );
    }
}

/// A student begins to learn lost views from patches of unequal weight, as by the reference: up to
/// where wrong features race at so small a `k`, when any difference grows.
#[test]
fn students_of_unequal_weights_agree() {
    let mut regime = regime(24, 8);
    regime.data.patches_per_feature = FeaturePatches::Random([2, 4]);
    let case = Case::new(regime, 0);
    let steps = 1200;
    let objective = case.taught(Form::OneSidedGated, 10.0, steps);
    let pair = case.both(&objective, after(steps), 9);
    pair.check(&case, "a student", tolerance(EngineKind::Overlap));
    let [_, both] = case.known(&pair.0[1]);
    let [_, alone] = case.known(&case.sparse(&Objective::cross_entropy(), after(steps), 9));
    assert!(
        both > alone,
        "the push should teach second views: {both}, {alone} without"
    );
}

/// Three views a class, alike or not: the winner of three takes off, as by the reference.
#[test]
fn three_views_agree() {
    for (engine, unequal) in pairs(ENGINES, [false, true]) {
        let mut regime = regime(14, 8);
        if unequal {
            regime.data.view_weights = vec![1.0, 1.1, 1.2];
        }
        regime.training.engine = engine;
        regime.data.views_per_class = 3;
        let case = Case::new(regime, 1);
        let steps = case.regime.steps();
        let pair = case.both(&Objective::cross_entropy(), after(steps), 0);
        pair.check(
            &case,
            &format!("{engine:?}, M = 3, unequal: {unequal}"),
            tolerance(engine),
        );
        let learned = case.learned(&pair.0[1]);
        let counts = learned.chunks(3).map(|c| c.iter().filter(|v| **v).count());
        let counts: Vec<usize> = counts.collect();
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
        assert!(counts.iter().sum::<usize>() < 2 * 14, "{counts:?}");
    }
}

/// A run that follows every block is the reference, up to rounding: nothing is deferred, averaged
/// or left out.
#[test]
fn following_every_block_is_the_reference() {
    let mut regime = regime(12, 5);
    regime.data.feature_noise = 0.01.into();
    let case = Case::new(regime, 0);
    let rates = sparse::Rates {
        pair_threshold: f64::NEG_INFINITY,
        ..sparse::Rates::of(&case.regime)
    };
    let start = Overlaps::<f64>::draw(&case.regime, case.seed, 0);
    let objective = Objective::cross_entropy();
    let (regime, data) = (&case.regime, &case.data);
    let slow = reference::train(regime, data, start.clone(), &objective, after(400), None);
    let fast = sparse::train(
        regime,
        rates,
        data,
        case.seed,
        start,
        &objective,
        after(400),
        None,
    );
    let gap = crate::small::relative_gap(&fast.features, &slow.features);
    assert!(gap < 1e-10, "{gap:e}");
}

/// A stop is true of the whole network. Where few features of other classes are shown most samples
/// show the label alone, and any logit of its own leads the classes that it is compared with; but
/// not those that are absent.
#[test]
fn a_stop_is_true_where_few_features_are_shown() {
    for (sparsity, engine) in pairs([0.0, 0.02], ENGINES) {
        let mut regime = regime(16, 8);
        regime.data.sparsity = sparsity;
        regime.training.engine = engine;
        let case = Case::new(regime, 3);
        let stop = Stop {
            steps: 4000,
            perfect_steps: 10,
        };
        let Pair([slow, fast]) = case.both(&Objective::cross_entropy(), stop, 0);
        println!(
            "s = {sparsity}, {engine:?}: {} and {} steps",
            slow.steps, fast.steps
        );
        assert_eq!(
            (slow.training_errors, fast.training_errors),
            (0, 0),
            "s = {sparsity}"
        );
        let late = fast.steps as f64 / slow.steps as f64;
        // An evaluation stands for up to 32 steps, and training errors are as of each sample's
        // last.
        assert!(
            (0.98..1.05).contains(&late),
            "s = {sparsity}, {engine:?}: {late}"
        );
        let halted = Stop {
            steps: 60,
            perfect_steps: 0,
        };
        let Pair([slow, fast]) = case.both(&Objective::cross_entropy(), halted, 0);
        assert!(slow.training_errors > 0);
        // Before anything is learned logits are compared at the scale of σ_0, where a few lie
        // closer than the drift at its mean is to the drift itself.
        let close = slow.training_errors.abs_diff(fast.training_errors);
        assert!(
            close <= case.data.samples.len() / 50,
            "s = {sparsity}: {close} more or less"
        );
    }
}

/// `P = k²` patches and feature noise, as small against `σ_0` as `γ = k^{−1.5}` is at k = 200: the
/// few patches of pure noise that are followed, and the crowd at its mean, against all of them
/// stored.
#[test]
fn the_papers_patches_and_feature_noise_agree() {
    for engine in ENGINES {
        let mut regime = regime(14, 6);
        regime.training.engine = engine;
        regime.data.sparsity = 3.0;
        regime.data.patches = PatchCount::Rule(PatchRule::Paper);
        regime.data.feature_noise = 3e-4.into();
        let case = Case::new(regime, 0);
        assert!(
            case.data.samples.iter().all(|s| s.patches.len() < 100),
            "kept compactly"
        );
        let pair = case.both(&Objective::cross_entropy(), after(800), 0);
        pair.check(&case, &format!("{engine:?}"), 5.0 * tolerance(engine));
    }
}

/// The largest share of the largest overlap by which an engine's overlaps and logits differ from
/// the reference's, without a wrong feature and with one. Stated in `reports/notes/engines.md`,
/// which says why they part; measured in other worlds (1.0e-5 and 0.12 with `overlap`, 6.5e-2 and
/// 0.10 with `overlap-adaptive`), each number at least half as large again.
const STATED: [(EngineKind, [f64; 2]); 2] = [
    (EngineKind::Overlap, [1e-4, 0.2]),
    (EngineKind::OverlapAdaptive, [0.1, 0.2]),
];

/// In worlds that took no part in choosing the numbers: single models and students, under a push at
/// which wrong features take off and under one at which they do not yet.
#[test]
fn overlaps_agree_as_stated_without_wrong_features_and_with_them() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/notes/engines.md");
    let page = std::fs::read_to_string(page).expect("a page");
    let mut seen = [0, 0];
    for (world, (engine, stated)) in pairs([3, 4], STATED) {
        let name = serde_json::to_value(engine).expect("a name");
        let [right, wrong] = stated;
        let number = |x: f64| {
            if x < 1e-3 {
                format!("{x:e}")
            } else {
                x.to_string()
            }
        };
        let row = format!(
            "| `{}` | {} | {} |",
            name.as_str().expect("a name"),
            number(right),
            number(wrong)
        );
        assert!(page.contains(&row), "the page lacks {row}");
        let mut regime = regime(24, 8);
        regime.training.engine = engine;
        let case = Case::new(regime, world);
        let taught = |push| case.taught(Form::OneSidedGated, push, 500);
        for (what, objective, steps) in [
            ("alone", Objective::cross_entropy(), 1200),
            ("push 10", taught(10.0), 500),
            ("push 40", taught(40.0), 500),
        ] {
            let pair = case.both(&objective, after(steps), 9);
            let wrong = case.wrong_feature(&pair.0[0]) > 0.01;
            seen[usize::from(wrong)] += 1;
            let allowed = stated[usize::from(wrong)];
            let (overlaps, logits) = (pair.gap(), pair.logit_gap());
            let [slow, fast] = &pair.0;
            let [a, b] = [slow, fast].map(|network| case.learned(network));
            let apart = a.iter().zip(&b).filter(|(a, b)| a != b).count();
            let errors = slow.training_errors.abs_diff(fast.training_errors);
            let said = format!(
                "{engine:?}, world {world}, {what}, wrong features: {wrong}: overlaps {overlaps:.1e}, logits {logits:.1e}, \
                 {apart} views, {errors} errors"
            );
            println!("{said}");
            assert!(overlaps < allowed && logits < allowed, "{said}");
            // A view that crosses the line just then, and samples that wait for it.
            assert!(
                apart <= 1 && errors <= case.data.samples.len() / 100,
                "{said}"
            );
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "both kinds: {seen:?}");
}

/// A regime that an engine cannot train is refused, with the field and what would train it.
#[test]
fn other_regimes_are_refused() {
    let mut linear = regime(12, 8);
    linear.network.relu_exponent = 1;
    let error = linear.check_engine().unwrap_err();
    assert_eq!(error.field, "network.relu_exponent");
    assert!(error.to_string().contains("overlap-reference"), "{error}");
    let mut crowded = regime(100, 8);
    crowded.network.init_scale = 0.05.into();
    crowded.data.patches = PatchCount::Rule(PatchRule::Paper);
    let error = crowded.check_engine().unwrap_err();
    assert_eq!(error.field, "data.patches");
    let mut noisy = regime(20, 8);
    noisy.data.feature_noise = 0.01.into();
    assert_eq!(
        noisy.check_engine().unwrap_err().field,
        "data.feature_noise"
    );
    assert!(regime(100, 8).check_engine().is_ok());
}
