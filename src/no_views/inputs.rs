//! Labelled inputs as vectors.

use super::spec::{Inputs, NoViews};
use crate::data::{DataSet, Kind, Patch, Sample, add_noise_patches};
use crate::engine::dense::{NoisyData, Weights, draw_inputs};
use crate::procedure::largest;
use crate::regime::{DataRegime, Regime, SampleCount};
use crate::seed::{Purpose, WorldSeed};
use faer::{Mat, Scale};
use rand::{Rng, RngExt};
use std::f64::consts::FRAC_1_SQRT_2;

/// The parts of a world that have a stream of [`Purpose::NoViews`] each.
mod stream {
    pub const TEACHER: u64 = 0;
    pub const CENTRES: u64 = 1;
    pub const TRAINING: u64 = 2;
    pub const WRONG_LABELS: u64 = 3;
    pub const FRESH: u64 = 4;
}

/// Inputs with their labels.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The labels, and the patches of each input.
    pub data: DataSet,
    /// The patches as vectors, `[d][patches of all inputs]`.
    pub inputs: Mat<f32>,
}

impl Labelled {
    /// The training set of a world of a valid regime, and its count of wrong labels. That of
    /// [`Inputs::MultiView`] is the one on which the [dense engine](crate::engine::dense) trains
    /// the networks of this world, but for wrong labels.
    pub fn training(regime: &Regime, spec: &NoViews, seed: WorldSeed) -> (Self, usize) {
        let mut training = match spec.inputs {
            Inputs::MultiView => {
                let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
                let data = data.with_noise_patches(&regime.data, seed);
                let mut rng = seed.rng(Purpose::Noise, 0);
                let inputs = draw_inputs(&regime.data, &data, dimension(regime), &mut rng);
                Self { data, inputs }
            }
            _ => {
                let count = regime.data.sample_count();
                Self::by_teacher(regime, spec, seed, count, stream::TRAINING)
            }
        };
        let mut rng = seed.rng(Purpose::NoViews, stream::WRONG_LABELS);
        let (classes, share) = (regime.data.classes, spec.label_noise);
        let wrong = spoil(&mut training.data, classes, share, &mut rng);
        (training, wrong)
    }

    /// The fresh inputs of a world of a valid regime, with their true labels.
    pub fn fresh(regime: &Regime, spec: &NoViews, seed: WorldSeed) -> Self {
        let count = spec.fresh_inputs;
        match spec.inputs {
            Inputs::MultiView => {
                let fresh = DataRegime {
                    samples: SampleCount::Count(count),
                    ..regime.data.clone()
                };
                let mut rng = seed.rng(Purpose::NoViews, stream::FRESH);
                let mut data = DataSet::draw(&fresh, &mut rng);
                for sample in &mut data.samples {
                    add_noise_patches(&fresh, sample, &mut rng);
                }
                let inputs = draw_inputs(&fresh, &data, dimension(regime), &mut rng);
                Self { data, inputs }
            }
            _ => Self::by_teacher(regime, spec, seed, count, stream::FRESH),
        }
    }

    /// Draws `count` inputs without views, which the teacher labels.
    fn by_teacher(
        regime: &Regime,
        spec: &NoViews,
        seed: WorldSeed,
        count: usize,
        stream: u64,
    ) -> Self {
        let mut data = unlabelled(count);
        let mut rng = seed.rng(Purpose::NoViews, stream);
        let mut inputs = draw_inputs(&regime.data, &data, dimension(regime), &mut rng);
        if let Inputs::Mixture(centres) = spec.inputs {
            let mut of_centres = seed.rng(Purpose::NoViews, stream::CENTRES);
            let centres = unlabelled(centres);
            let centres: Mat<f32> =
                draw_inputs(&regime.data, &centres, dimension(regime), &mut of_centres);
            for mut x in inputs.as_mut().col_iter_mut() {
                x += centres.col(rng.random_range(0..centres.ncols()));
                x *= Scale(FRAC_1_SQRT_2 as f32);
            }
        }
        let wide = of_teacher(regime, spec);
        let weights = teacher(regime, spec, seed);
        let world = NoisyData::of(&data, inputs.clone());
        let logits = world.logits(&wide, &weights);
        let labels = logits.chunks_exact(regime.data.classes).map(largest);
        for (sample, label) in data.samples.iter_mut().zip(labels) {
            sample.label = label;
        }
        Self { data, inputs }
    }
}

/// The weights of the teacher `F*` of a world of a valid regime.
pub fn teacher(regime: &Regime, spec: &NoViews, seed: WorldSeed) -> Weights<f32> {
    let scale = regime.network.relu_threshold / regime.data.noise_variance.sqrt();
    let mut rng = seed.rng(Purpose::NoViews, stream::TEACHER);
    Weights::draw(
        &of_teacher(regime, spec),
        dimension(regime),
        scale,
        &mut rng,
    )
}

/// The regime with the teacher's number of neurons.
fn of_teacher(regime: &Regime, spec: &NoViews) -> Regime {
    let mut wide = regime.clone();
    wide.network.neurons_per_class = spec.teacher_neurons;
    wide
}

fn dimension(regime: &Regime) -> usize {
    let dimension = regime.data.dimension;
    dimension.unwrap_or_else(|| unreachable!("a valid regime has the dimension its engine needs"))
}

/// Returns `count` inputs of one patch without a feature, as yet without labels.
fn unlabelled(count: usize) -> DataSet {
    let patch = Patch {
        feature: None,
        weight: 0.0,
        feature_noise: 0.0,
    };
    let sample = Sample {
        label: 0,
        kind: Kind::MultiView,
        patches: vec![patch],
    };
    DataSet {
        samples: vec![sample; count],
    }
}

/// Replaces each label with this probability by another class, and returns how many it has
/// replaced.
fn spoil(data: &mut DataSet, classes: usize, share: f64, rng: &mut impl Rng) -> usize {
    let mut wrong = 0;
    for sample in &mut data.samples {
        // Both are drawn for every label, so that a larger share spoils the same labels and others.
        let (coin, step) = (rng.random::<f64>(), rng.random_range(1..classes));
        if coin < share {
            sample.label = (sample.label + step) % classes;
            wrong += 1;
        }
    }
    wrong
}
