//! The two-rate engine against the reference loop, on the same worlds.

use multiview::data::DataSet;
use multiview::engine::overlap::{Overlaps, Trained};
use multiview::engine::{multirate, reference};
use multiview::objective::{Distillation, Form, Objective, SoftLabels};
use multiview::procedure::largest_overlaps;
use multiview::regime::{
    DataRegime, EngineKind, NetworkRegime, Regime, SampleCount, TrainingRegime,
};
use multiview::seed::{Purpose, WorldSeed};

/// Final overlaps agree within this share of the largest one: what `f32` sums in different orders, and the
/// stated errors, come to once they have been amplified while overlaps grow from `σ_0` to `ϱ`. (A faster
/// push makes classes race for wrong features, and then amplifies without bound.)
const TOLERANCE: f32 = 1e-4;

/// With evaluations that stand for several steps: over these a logit changes by up to a fiftieth, so that what is frozen lags by one
/// percent on average, and growth with it.
const ADAPTIVE_TOLERANCE: f32 = 1e-2;

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
            steps: 700,
            ..small.training
        },
    }
}

struct Case {
    regime: Regime,
    data: DataSet,
    seed: WorldSeed,
}

impl Case {
    fn new(regime: Regime) -> Self {
        let seed = WorldSeed {
            experiment: 5,
            world: 0,
        };
        let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
        Self { regime, data, seed }
    }

    fn both(&self, objective: &Objective<f32>, steps: usize, index: u64) -> [Trained<f32>; 2] {
        let start = Overlaps::draw(&self.regime, &self.data, self.seed, index);
        let rates = multirate::Rates::of(&self.regime);
        let (regime, data) = (&self.regime, &self.data);
        [
            reference::train(regime, data, start.clone(), objective, steps, None),
            multirate::train(regime, rates, data, start, objective, steps, None),
        ]
    }

    fn tolerance(&self) -> f32 {
        match self.regime.training.engine {
            EngineKind::OverlapAdaptive => ADAPTIVE_TOLERANCE,
            _ => TOLERANCE,
        }
    }

    /// Checks agreement and returns how many classes know at least one and both of their views.
    fn check(&self, what: &str, [slow, fast]: &[Trained<f32>; 2]) -> [usize; 2] {
        let tolerance = self.tolerance();
        let largest = |xs: &[f32]| xs.iter().copied().fold(0.0, f32::max);
        let differences = |a: &[f32], b: &[f32]| {
            let gaps: Vec<f32> = a.iter().zip(b).map(|(a, b)| (a - b).abs()).collect();
            largest(&gaps)
        };
        let overlap = differences(&slow.features, &fast.features) / largest(&slow.features);
        let logit = differences(&slow.training_logits, &fast.training_logits)
            / largest(&slow.training_logits);
        println!("{what}: overlaps differ by {overlap:.1e} of the largest, logits by {logit:.1e}");
        assert!(overlap < tolerance, "{what}: overlaps differ by {overlap}");
        assert!(logit < tolerance, "{what}: logits differ by {logit}");
        assert_eq!(slow.training_errors, fast.training_errors, "{what}");
        let learned = [slow, fast].map(|t| {
            largest_overlaps(&self.regime, &t.features)
                .into_iter()
                .map(|x| f64::from(x) > self.regime.network.relu_threshold / 2.0)
                .collect::<Vec<_>>()
        });
        assert_eq!(learned[0], learned[1], "{what}: other views were learned");
        let views = learned[0].chunks(2);
        let known = |both: bool| {
            views
                .clone()
                .filter(|v| if both { v[0] && v[1] } else { v[0] || v[1] })
                .count()
        };
        [known(false), known(true)]
    }
}

fn pairs<A: Copy, const N: usize, B: Copy, const M: usize>(
    all: [A; N],
    each: [B; M],
) -> impl Iterator<Item = (A, B)> {
    (all.into_iter()).flat_map(move |a| each.into_iter().map(move |b| (a, b)))
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
        let case = Case::new(regime);
        let pair = case.both(
            &Objective::cross_entropy(classes),
            case.regime.training.steps,
            0,
        );
        let [any, both] = case.check(
            &format!("{engine:?}, k = {classes}, m = {neurons}, q = {exponent}"),
            &pair,
        );
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
        let case = Case::new(regime);
        let steps = 500;
        let cross_entropy = Objective::cross_entropy(24);
        let teachers: Vec<_> = (0..4)
            .map(|i| {
                case.both(&cross_entropy, steps, i)[1]
                    .training_logits
                    .clone()
            })
            .collect();
        let teacher: Vec<f32> = (0..teachers[0].len())
            .map(|j| teachers.iter().map(|t| t[j]).sum::<f32>() / 4.0)
            .collect();
        let spec = Distillation {
            temperature: 0.2.into(),
            teacher_scale: 100.0,
            push_rate_per_class: push,
            form,
            soft_labels: SoftLabels::All,
            warm_up_steps: 100,
            steps,
        };
        let labels = case.data.samples.iter().map(|s| s.label);
        let objective = Objective::distillation(24, &spec, 4.0, &teacher, labels);
        let pair = case.both(&objective, steps, 9);
        let [any, both] = case.check(&format!("{engine:?}, {form:?}"), &pair);
        println!("{any} classes learned, {both} with both views");
        assert_eq!(any, 24);
        if form == Form::OneSidedGated {
            let alone = case.both(&cross_entropy, steps, 9);
            let [_, before] = case.check("the same network without the push", &alone);
            assert!(
                both > before,
                "the push should teach second views: {both}, {before} without"
            );
        }
    }
}

/// Under a fast push, pairs of a class and another's feature cease to be slow while their blocks are still owed much: they are paid it
/// first. (Without that the gap is 7e-6, and grows with the period.)
#[test]
fn nothing_owed_is_lost_on_the_way_to_the_fast_storage() {
    let case = Case::new(regime(24, 8));
    let [_, teacher] = case.both(&Objective::cross_entropy(24), 500, 0);
    let spec = Distillation {
        temperature: 0.2.into(),
        teacher_scale: 100.0,
        push_rate_per_class: 20.0,
        form: Form::OneSidedGated,
        soft_labels: SoftLabels::All,
        warm_up_steps: 0,
        steps: 200,
    };
    let labels = case.data.samples.iter().map(|s| s.label);
    let objective = Objective::distillation(24, &spec, 4.0, &teacher.training_logits, labels);
    let [prompt, late] = [0, 16].map(|period| {
        let rates = multirate::Rates {
            period,
            ..multirate::Rates::of(&case.regime)
        };
        let start = Overlaps::draw(&case.regime, &case.data, case.seed, 9);
        let (regime, data) = (&case.regime, &case.data);
        let trained = multirate::train(regime, rates, data, start, &objective, 200, None);
        (trained.features.iter().map(|x| f64::from(*x))).collect::<Vec<_>>()
    });
    let gap = crate::small::relative_gap(&prompt, &late);
    assert!(gap < 3e-6, "{gap:e}");
}
