//! Names carry no information: renaming classes, exchanging the views of a class, or permuting
//! neurons, patches or samples permutes what training returns and changes nothing else.

use crate::small::{after, at, data, relative_gap, seed};
use multiview::data::{DataSet, Kind};
use multiview::engine::noise::Noise;
use multiview::engine::state::{Layout, Overlaps, Trained};
use multiview::engine::{reference, sparse};
use multiview::objective::{Distillation, Form, Objective, SoftLabels};
use multiview::real::Real;
use multiview::regime::Regime;
use multiview::rows::ClassRows;
use multiview::seed::Purpose;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

/// A renaming. Every list says where an index goes.
#[derive(Clone, Debug)]
struct Renaming {
    /// Class `i` becomes `classes[i]`.
    classes: Vec<usize>,
    /// True if the views of (old) class `i` are exchanged.
    exchanged: Vec<bool>,
    /// Neuron `r` of every class becomes `neurons[r]`.
    neurons: Vec<usize>,
    /// Sample `n` becomes `samples[n]`.
    samples: Vec<usize>,
    /// Patch `p` of (old) sample `n` becomes `patches[n][p]`.
    patches: Vec<Vec<usize>>,
}

impl Renaming {
    fn identity(layout: Layout, data: &DataSet) -> Self {
        Self {
            classes: (0..layout.classes).collect(),
            exchanged: vec![false; layout.classes],
            neurons: (0..layout.neurons).collect(),
            samples: (0..data.samples.len()).collect(),
            patches: data
                .samples
                .iter()
                .map(|s| (0..s.patches.len()).collect())
                .collect(),
        }
    }

    fn feature(&self, v: usize) -> usize {
        let (class, view) = (v / 2, v % 2);
        2 * self.classes[class] + (view + usize::from(self.exchanged[class])) % 2
    }

    fn data(&self, data: &DataSet) -> DataSet {
        let mut renamed = data.clone();
        for (n, sample) in data.samples.iter().enumerate() {
            let mut moved = sample.clone();
            moved.label = self.classes[sample.label];
            if let Kind::SingleView(view) = &mut moved.kind {
                *view = (*view + u8::from(self.exchanged[sample.label])) % 2;
            }
            for (p, patch) in sample.patches.iter().enumerate() {
                let to = &mut moved.patches[self.patches[n][p]];
                *to = *patch;
                to.feature = patch.feature.map(|v| self.feature(v as usize) as u32);
            }
            renamed.samples[self.samples[n]] = moved;
        }
        renamed
    }

    /// Renames classes and neurons in row `from` of `old` and puts it in row `to` of `new`.
    fn row<R: Real>(&self, layout: Layout, old: &[R], from: usize, new: &mut [R], to: usize) {
        for i in 0..layout.classes {
            for r in 0..layout.neurons {
                new[at(layout, to, self.classes[i], self.neurons[r])] = old[at(layout, from, i, r)];
            }
        }
    }

    fn features<R: Real>(&self, layout: Layout, old: &[R]) -> Vec<R> {
        let mut new = old.to_vec();
        for v in 0..old.len() / layout.row() {
            self.row(layout, old, v, &mut new, self.feature(v));
        }
        new
    }

    fn overlaps<R: Real>(&self, data: &DataSet, state: &Overlaps<R>) -> Overlaps<R> {
        let renamed = self.data(data);
        let (old, new) = (data.patch_starts(), renamed.patch_starts());
        let Noise::Stored { values, .. } = &state.noise else {
            panic!("written out before");
        };
        let mut moved = values.clone();
        for (n, patches) in self.patches.iter().enumerate() {
            for (p, q) in patches.iter().enumerate() {
                let (from, to) = (old[n] + p, new[self.samples[n]] + q);
                self.row(state.layout, values, from, &mut moved, to);
            }
        }
        let noise = Noise::Stored {
            starts: new,
            values: moved,
        };
        Overlaps {
            layout: state.layout,
            features: self.features(state.layout, &state.features),
            noise,
        }
    }

    fn logits<R: Real>(&self, old: &[R]) -> Vec<R> {
        let k = self.classes.len();
        let mut new = old.to_vec();
        for (n, row) in old.chunks_exact(k).enumerate() {
            for (i, f) in row.iter().enumerate() {
                new[self.samples[n] * k + self.classes[i]] = *f;
            }
        }
        new
    }
}

/// An engine under test.
#[derive(Clone, Copy, Debug)]
enum Engine {
    Reference,
    /// At the rates a user gets.
    Sparse,
    /// The same, a sample being evaluated only when something about it changes.
    Adaptive,
    /// Every block followed.
    Followed,
}

impl Engine {
    fn train<R: Real>(
        self,
        regime: &Regime,
        data: &DataSet,
        state: Overlaps<R>,
        objective: &Objective<R>,
    ) -> Trained<R> {
        let stop = after(regime.steps());
        let rates = sparse::Rates::of(regime);
        let rates = match self {
            Self::Reference => {
                return reference::train(regime, data, state, objective, stop, None);
            }
            Self::Sparse => rates,
            Self::Adaptive => sparse::Rates {
                longest: sparse::LONGEST_INTERVAL,
                ..rates
            },
            Self::Followed => sparse::Rates {
                pair_threshold: f64::NEG_INFINITY,
                ..rates
            },
        };
        sparse::train(regime, rates, data, seed(0), state, objective, stop, None)
    }
}

/// Teacher logits that follow the labels, with an opinion on every class, so that renaming must
/// carry them along.
fn objective<R: Real>(regime: &Regime, data: &DataSet, teacher: &[R]) -> Objective<R> {
    let spec = Distillation {
        temperature: 0.5.into(),
        teacher_scale: 2.0,
        push_rate_per_class: 2.0,
        form: Form::OneSidedGated,
        soft_labels: SoftLabels::All,
        warm_up_steps: 30.into(),
        steps: 100.into(),
        checkpoints: 0,
    };
    let rate = regime.training.learning_rate_per_class;
    let labels = data.samples.iter().map(|s| s.label);
    let teacher = ClassRows::dense(regime.data.classes, teacher);
    Objective::distillation(regime.data.classes, &spec, rate, &teacher, labels)
}

/// Largest relative gap, over `A` and the logits, between training renamed and renaming what was
/// trained.
fn gap<R: Real>(engine: Engine, feature_noise: f64, rename: impl Fn(&mut Renaming)) -> f64
where
    StandardNormal: Distribution<R>,
{
    let mut regime = crate::small::regime();
    regime.data.feature_noise = feature_noise.into();
    let data = data(&regime, seed(0));
    let state = Overlaps::<R>::draw(&regime, seed(0), 0).written_out(&data);
    let mut rng = seed(0).rng(Purpose::Validation, 0);
    let teacher: Vec<R> = (0..data.samples.len() * regime.data.classes)
        .map(|_| R::of(2.0 * rng.random::<f64>()))
        .collect();
    let mut renaming = Renaming::identity(state.layout, &data);
    rename(&mut renaming);

    let plain = engine.train(
        &regime,
        &data,
        state.clone(),
        &objective(&regime, &data, &teacher),
    );
    let renamed_data = renaming.data(&data);
    let renamed = engine.train(
        &regime,
        &renamed_data,
        renaming.overlaps(&data, &state),
        &objective(&regime, &renamed_data, &renaming.logits(&teacher)),
    );
    assert_eq!(plain.training_errors, renamed.training_errors);
    assert_eq!(plain.steps, renamed.steps);
    let wide = |x: &[R]| x.iter().map(|x| x.wide()).collect::<Vec<f64>>();
    let expected = renaming.features(plain.layout, &plain.features);
    assert!(
        plain.features.iter().any(|a| a.wide() > 0.5),
        "something was learned"
    );
    let in_a = relative_gap(&wide(&renamed.features), &wide(&expected));
    let expected = renaming.logits(&crate::small::logits(&plain));
    in_a.max(relative_gap(
        &wide(&crate::small::logits(&renamed)),
        &wide(&expected),
    ))
}

fn rename_classes(to: &mut Renaming) {
    to.classes = vec![2, 0, 3, 1];
}
fn exchange_views(to: &mut Renaming) {
    to.exchanged = vec![true, false, true, true];
}
fn permute_neurons(to: &mut Renaming) {
    to.neurons = vec![1, 2, 0];
}
fn permute_patches(to: &mut Renaming) {
    to.patches.iter_mut().for_each(|p| p.reverse());
}
/// A stride coprime to the number of samples.
fn permute_samples(to: &mut Renaming) {
    let n = to.samples.len();
    to.samples = (0..n).map(|i| (7 * i + 3) % n).collect();
}
fn rename_all(to: &mut Renaming) {
    rename_classes(to);
    exchange_views(to);
    permute_neurons(to);
    permute_patches(to);
    permute_samples(to);
}

/// A kind of renaming, by name.
type Case = (&'static str, fn(&mut Renaming));

const RENAMINGS: [Case; 6] = [
    ("classes", rename_classes),
    ("views", exchange_views),
    ("neurons", permute_neurons),
    ("patches", permute_patches),
    ("samples", permute_samples),
    ("all", rename_all),
];

/// Renaming changes the order of sums and so their last bit, 1.1·10⁻¹⁶; while an overlap grows from
/// `σ_0 = 0.05` to order 1 the dynamics amplify a relative error by up to about
/// `(1/0.05)^{q−1} = 400`.
const ROUNDING: f64 = 1e-13;

/// The same with 6·10⁻⁸.
const SINGLE_ROUNDING: f64 = 5e-5;

#[test]
fn the_reference_engine_is_blind_to_names() {
    for (what, rename) in RENAMINGS {
        for feature_noise in [0.0, 0.05] {
            let gap = gap::<f64>(Engine::Reference, feature_noise, rename);
            println!("{what}, γ = {feature_noise}: {gap:.1e}");
            assert!(gap < ROUNDING, "{what}, γ = {feature_noise}: {gap}");
        }
        let single = gap::<f32>(Engine::Reference, 0.0, rename);
        println!("{what}, f32: {single:.1e}");
        assert!(single < SINGLE_ROUNDING, "{what} in f32: {single}");
    }
}

/// Exchanging views reorders no sum at all.
#[test]
fn exchanged_views_are_exact() {
    assert_eq!(gap::<f32>(Engine::Reference, 0.0, exchange_views), 0.0);
}

#[test]
fn the_sparse_engine_is_blind_to_names_where_it_follows_every_block() {
    for (what, rename) in RENAMINGS {
        for feature_noise in [0.0, 0.05] {
            let gap = gap::<f64>(Engine::Followed, feature_noise, rename);
            println!("{what}, γ = {feature_noise}: {gap:.1e}");
            assert!(gap < ROUNDING, "{what}, γ = {feature_noise}: {gap}");
        }
    }
}

/// At a user's rates names decide in which order debts are paid, and a sample's number when they
/// first are and at which steps it is evaluated, so that renaming moves the result within the
/// engine's own error. That error is large here, a period being a third of so short a training: the
/// overlaps still agree to 5 %.
#[test]
fn only_the_order_of_payments_meets_names() {
    for engine in [Engine::Sparse, Engine::Adaptive] {
        for (what, rename) in RENAMINGS {
            let gap = gap::<f64>(engine, 0.0, rename);
            println!("{engine:?}, {what}: {gap:.1e}");
            assert!(gap < 0.05, "{engine:?}, {what}: {gap}");
        }
    }
}
