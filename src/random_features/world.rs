//! One world: a data set, an ensemble of read-outs, its students and their controls.

use super::features::{Features, RandomNeurons};
use super::logistic::softmax;
use super::readout::SolveError;
use super::regime::{RandomFeatureRegime, ReadoutKind};
use super::standardise::Standardiser;
use super::strength::{self, Chosen, Supervised};
use crate::data::{DataSet, Sample, add_noise_patches};
use crate::evaluation::{Evaluation, TestSet};
use crate::field::FieldError;
use crate::regime::{DataRegime, SampleCount};
use crate::seed::{Purpose, WorldSeed};
use faer::Mat;
use rayon::prelude::*;
use std::ops::Range;
use thiserror::Error;

/// The reason why a world could not be run.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RandomFeatureError {
    /// A parameter outside its allowed range.
    #[error(transparent)]
    Regime(#[from] FieldError),
    /// A system that could not be solved.
    #[error(transparent)]
    Solve(#[from] SolveError),
}

/// The inputs of a world.
pub(super) struct Inputs<'a> {
    pub regime: &'a RandomFeatureRegime,
    pub seed: WorldSeed,
    training: Vec<Sample>,
    held_out: Vec<Sample>,
    pub test: TestSet,
    pub labels: Targets,
    /// One-hot labels of the test set, centred as the targets are.
    pub test_labels: Mat<f64>,
}

/// The outputs that a read-out is to reproduce on the training and the held-out inputs,
/// `[inputs][k]`.
#[derive(Clone)]
pub(super) struct Targets {
    pub training: Mat<f64>,
    pub held_out: Mat<f64>,
}

/// One model's features of the three sets of inputs, as drawn.
#[derive(Clone)]
pub(super) struct Sets {
    pub training: Features,
    pub held_out: Features,
    pub test: Features,
}

/// A read-out trained on one model's features, and its outputs.
pub(super) struct Model {
    pub chosen: Chosen,
    /// Outputs on the test set.
    pub test_outputs: Mat<f64>,
    held_out_outputs: Mat<f64>,
    pub score: Evaluation,
    pub dropped: usize,
}

impl<'a> Inputs<'a> {
    pub(super) fn draw(regime: &'a RandomFeatureRegime, seed: WorldSeed) -> Self {
        let training = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
        let training = training.with_noise_patches(&regime.data, seed).samples;
        let fresh = DataRegime {
            samples: SampleCount::Count(regime.model.held_out),
            ..regime.data.clone()
        };
        let mut rng = seed.rng(Purpose::Validation, 0);
        let mut held_out = DataSet::draw(&fresh, &mut rng).samples;
        for sample in &mut held_out {
            add_noise_patches(&fresh, sample, &mut rng);
        }
        let labels = Targets {
            training: one_hot(regime, &training),
            held_out: one_hot(regime, &held_out),
        };
        let test = TestSet::draw(
            &regime.data,
            regime.model.draws,
            &mut seed.rng(Purpose::Evaluation, 0),
        );
        Self {
            regime,
            seed,
            test_labels: one_hot(regime, &test.samples),
            test,
            training,
            held_out,
            labels,
        }
    }

    /// The features of model number `index` of this world: its own neurons, and its own overlaps
    /// with the noise of every patch.
    pub(super) fn features(&self, index: usize) -> Sets {
        let index = index as u64;
        let mut rng = self.seed.rng(Purpose::RandomFeatures, index);
        let model = &self.regime.model;
        let drawn = model
            .distinct_neurons
            .map_or(model.neurons, |most| most.min(model.neurons));
        let neurons = RandomNeurons::draw(self.regime, drawn, &mut rng);
        let of = |samples: &[Sample], set: u64| {
            neurons.features(
                samples,
                &mut self.seed.rng(Purpose::RandomFeatureNoise, 3 * index + set),
            )
        };
        let sets = Sets {
            training: of(&self.training, 0),
            held_out: of(&self.held_out, 1),
            test: of(&self.test.samples, 2),
        };
        match model.neurons.div_ceil(drawn) {
            1 => sets,
            times => Sets::concatenated(&vec![sets; times]),
        }
    }

    /// The features of several models.
    pub(super) fn all_features(&self, indices: Range<usize>) -> Vec<Sets> {
        indices.into_par_iter().map(|l| self.features(l)).collect()
    }

    /// Trains a read-out on `targets`, with `λ` chosen among `strengths`.
    pub(super) fn train(
        &self,
        sets: &Sets,
        targets: &Targets,
        strengths: &[f64],
    ) -> Result<Model, SolveError> {
        let standardiser = Standardiser::fit(self.regime.model.kind, &sets.training);
        let held_out = standardiser.apply(&sets.held_out);
        let chosen = strength::choose(
            self.regime.model.readout,
            strengths,
            Supervised {
                features: &standardiser.apply(&sets.training),
                targets: &targets.training,
            },
            Supervised {
                features: &held_out,
                targets: &targets.held_out,
            },
        )?;
        let readout = &chosen.fit.readout;
        let test_outputs = readout.outputs(&standardiser.apply(&sets.test));
        Ok(Model {
            held_out_outputs: readout.outputs(&held_out),
            score: self.score(&test_outputs),
            dropped: standardiser.dropped(&sets.training),
            test_outputs,
            chosen,
        })
    }

    /// Scores outputs `[inputs][k]` on the test set.
    pub(super) fn score(&self, outputs: &Mat<f64>) -> Evaluation {
        let rows = outputs.row_iter().flat_map(|row| row.iter().copied());
        self.test.score(&rows.collect::<Vec<f64>>())
    }

    /// Trains one read-out for each of `sets`.
    pub(super) fn train_all(
        &self,
        sets: &[Sets],
        targets: &Targets,
        strengths: &[f64],
    ) -> Result<Vec<Model>, SolveError> {
        sets.par_iter()
            .map(|s| self.train(s, targets, strengths))
            .collect()
    }

    /// The targets of a student of the average of `members`: their mean outputs (ridge), or the
    /// softmax of their mean logits.
    pub(super) fn distilled(&self, members: &[Model]) -> Targets {
        let soften = |outputs: Mat<f64>| match self.regime.model.readout {
            ReadoutKind::Ridge => outputs,
            ReadoutKind::Logistic => softmax(&outputs),
        };
        Targets {
            training: soften(average(
                members.iter().map(|m| &m.chosen.fit.training_outputs),
            )),
            held_out: soften(average(members.iter().map(|m| &m.held_out_outputs))),
        }
    }
}

impl Sets {
    /// The features of all `models` side by side.
    pub(super) fn concatenated(models: &[Self]) -> Self {
        let join = |set: fn(&Self) -> &Features| {
            Features::concatenated(&models.iter().map(set).collect::<Vec<_>>())
        };
        Self {
            training: join(|m| &m.training),
            held_out: join(|m| &m.held_out),
            test: join(|m| &m.test),
        }
    }
}

/// Entry-wise mean.
pub(super) fn average<'a>(mut outputs: impl ExactSizeIterator<Item = &'a Mat<f64>>) -> Mat<f64> {
    let share = 1.0 / outputs.len() as f64;
    let first = outputs.next().expect("at least one model").clone();
    outputs.fold(first, |sum, f| sum + f) * share
}

/// One-hot labels; for ridge centred by their mean `1/k`.
fn one_hot(regime: &RandomFeatureRegime, samples: &[Sample]) -> Mat<f64> {
    let k = regime.data.classes;
    let centre = match regime.model.readout {
        ReadoutKind::Ridge => 1.0 / k as f64,
        ReadoutKind::Logistic => 0.0,
    };
    Mat::from_fn(samples.len(), k, |n, i| {
        f64::from(samples[n].label == i) - centre
    })
}
