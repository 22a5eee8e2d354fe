//! One world: its data, and networks trained on them.

use crate::data::DataSet;
use crate::engine::overlap::Trained;
use crate::engine::{Observer, Start, train};
use crate::evaluation::{Draws, Evaluation, TestSet};
use crate::objective::{Distillation, Objective};
use crate::regime::Regime;
use crate::seed::{Purpose, WorldSeed};

/// Indices of the networks of a world; the members of the ensemble are `0 … K − 1`.
///
/// Network `index` starts from the streams `index` of [`Purpose::Initialisation`] and [`Purpose::Noise`]. The test inputs
/// are stream 0 of [`Purpose::Evaluation`]; their noise, as the network sees it, is stream
/// - `index + 1` for members, and for networks trained as one sum;
/// - `10_001 + 2 index` for students, and the next one for a student that starts with its views exchanged.
pub mod network_index {
    /// The ensemble's students: that of all soft labels and that of the label's own. They share the start and the noise
    /// of the test inputs on purpose, so that the soft labels are all they differ by.
    pub const DISTILLED: u64 = 1_000;
    /// The student of member 0.
    pub const SELF_DISTILLED: u64 = 1_001;
    /// The networks trained as one sum.
    pub const JOINT: u64 = 1_002;
}

/// The data of a world: training set and test inputs.
pub struct World {
    /// The training set `Z`.
    pub data: DataSet,
    test: TestSet,
    pub(super) seed: WorldSeed,
    pub(super) regime: Regime,
}

impl World {
    /// Draws the data of a world.
    pub fn new(regime: &Regime, draws: Draws, seed: WorldSeed) -> Self {
        let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
        let test = TestSet::draw(&regime.data, draws, &mut seed.rng(Purpose::Evaluation, 0));
        Self {
            data,
            test,
            seed,
            regime: regime.clone(),
        }
    }

    /// The initialisation of network `index`.
    pub fn initial(&self, index: u64) -> Start<f32> {
        Start::draw(&self.regime, &self.data, self.seed, index)
    }

    /// Logits `[inputs][k]` of network `index` on the test inputs. `regime` is the world's, but for the number of neurons.
    pub fn test_logits(&self, regime: &Regime, network: &Trained<f32>, index: u64) -> Vec<f32> {
        self.test.logits(
            regime,
            network,
            &mut self.seed.rng(Purpose::Evaluation, index + 1),
        )
    }

    /// Scores logits on the test inputs.
    pub fn score(&self, logits: &[f32]) -> Evaluation {
        self.test.score(logits)
    }

    /// Trains a network alone, as the regime says; an observer sees the state every so many steps.
    pub fn train_alone(
        &self,
        start: Start<f32>,
        observer: Option<Observer<'_, f32>>,
    ) -> Trained<f32> {
        let objective = Objective::cross_entropy(self.regime.data.classes);
        train(
            &self.regime,
            &self.data,
            self.seed,
            start,
            &objective,
            self.regime.training.steps,
            observer.map(Observer::shorter),
        )
    }

    /// Trains a student of `teachers` and evaluates it.
    pub fn distil<'a>(
        &self,
        spec: &Distillation,
        teachers: impl IntoIterator<Item = &'a Trained<f32>>,
        index: u64,
        swap_views: bool,
    ) -> (Trained<f32>, Evaluation) {
        let mut mean = Vec::new();
        let mut count = 0;
        for teacher in teachers {
            add(&mut mean, &teacher.training_logits);
            count += 1;
        }
        mean.iter_mut().for_each(|f| *f /= count as f32);
        let regime = &self.regime;
        let objective = Objective::distillation(
            regime.data.classes,
            spec,
            regime.training.learning_rate_per_class,
            &mean,
            self.data.samples.iter().map(|s| s.label),
        );
        let mut start = self.initial(index);
        if swap_views {
            start.swap_views(&self.regime);
        }
        // A student is fitted long before it has learned its teacher's views: only the budget ends it.
        let mut regime = regime.clone();
        regime.training.perfect_steps = 0;
        let network = train(
            &regime, &self.data, self.seed, start, &objective, spec.steps, None,
        );
        let stream = 10 * network_index::DISTILLED + 2 * index + u64::from(swap_views);
        let logits = self.test_logits(&regime, &network, stream);
        let evaluation = self.score(&logits);
        (network, evaluation)
    }
}

/// Adds to a sum that begins empty.
pub(super) fn add(sum: &mut Vec<f32>, terms: &[f32]) {
    sum.resize(terms.len(), 0.0);
    sum.iter_mut().zip(terms).for_each(|(s, x)| *s += x);
}
