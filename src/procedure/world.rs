//! One world: its data, and networks trained on them.

use super::row::Checkpoint;
use crate::data::DataSet;
use crate::engine::state::{StepView, Trained};
use crate::engine::{Observer, Start, train};
use crate::evaluation::{Draws, Evaluation, Portrait};
use crate::objective::{Distillation, Objective};
use crate::regime::Regime;
use crate::seed::{Purpose, WorldSeed};

/// Indices of the networks of a world; the members of the ensemble are `0 … K − 1`.
///
/// Network `index` starts from the streams `index` of [`Purpose::Initialisation`] and
/// [`Purpose::Noise`]. Where its test error must be sampled, the inputs are stream
/// - `index + 1` of [`Purpose::Evaluation`] for members, for ensembles, and for networks trained as
///   one sum;
/// - `10_001 + 2 index` for students, and the next one for a student that starts with its views
///   exchanged.
pub mod network_index {
    /// The ensemble's students: that of all soft labels and that of the label's own. They share the
    /// start and the noise of the test inputs on purpose, so that the soft labels are all they
    /// differ by.
    pub const DISTILLED: u64 = 1_000;
    /// The student of member 0.
    pub const SELF_DISTILLED: u64 = 1_001;
    /// The networks trained as one sum.
    pub const JOINT: u64 = 1_002;
    /// The ensemble of the members, whose start is theirs.
    pub const ENSEMBLE: u64 = 1_003;
    /// The ensemble of the ensemble's students, whose start is theirs.
    pub const DISTILLED_ENSEMBLE: u64 = 1_004;
    /// Generation `g ≥ 2` of a chain of self-distillation is network `GENERATIONS + g`; the first
    /// one is the student of member 0.
    pub const GENERATIONS: u64 = 1_010;
    /// The ensemble's student `l ≥ 1` is network `FURTHER_STUDENTS + l`; student 0 is
    /// [`DISTILLED`].
    pub const FURTHER_STUDENTS: u64 = 1_100;
    /// Member `l` on [inputs without views](crate::no_views) is network `NO_VIEWS + l`.
    pub const NO_VIEWS: u64 = 2_000;
    /// The students of those members: that of their ensemble, and that of the labels alone. They
    /// share the start on purpose.
    pub const NO_VIEWS_STUDENT: u64 = 2_100;
}

/// A trained student.
pub struct Student {
    /// The network at its end.
    pub network: Trained<f32>,
    /// Its test errors.
    pub evaluation: Evaluation,
    /// Its errors on the way, and last at its end; none unless they were [asked
    /// for](Distillation::checkpoints).
    pub checkpoints: Vec<Checkpoint>,
}

/// The data of a world, and how its networks are tested.
pub struct World {
    /// The training set `Z`.
    pub data: DataSet,
    draws: Draws,
    pub(super) seed: WorldSeed,
    pub(super) regime: Regime,
}

impl World {
    /// Draws the data of a world.
    pub fn new(regime: &Regime, draws: Draws, seed: WorldSeed) -> Self {
        let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
        Self {
            data,
            draws,
            seed,
            regime: regime.clone(),
        }
    }

    /// The initialisation of network `index`.
    pub fn initial(&self, index: u64) -> Start<f32> {
        Start::draw(&self.regime, &self.data, self.seed, index)
    }

    /// The test errors of what a portrait shows: network `index`, or the ensemble. `regime` is the
    /// world's, but for the number of neurons.
    pub fn evaluate(&self, regime: &Regime, portrait: &Portrait, index: u64) -> Evaluation {
        let mut rng = self.seed.rng(Purpose::Evaluation, index + 1);
        Evaluation::of(regime, portrait, self.draws, &mut rng)
    }

    /// Trains a network alone, as the regime says; an observer sees the state at regular intervals.
    pub fn train_alone(
        &self,
        start: Start<f32>,
        observer: Option<Observer<'_, f32>>,
    ) -> Trained<f32> {
        let objective = Objective::cross_entropy();
        train(
            &self.regime,
            &self.data,
            self.seed,
            start,
            &objective,
            self.regime.steps(),
            observer.map(Observer::shorter),
        )
    }

    /// The regime of this many networks trained as one sum, which is one network of as many
    /// neurons.
    pub fn joint_regime(&self, networks: usize) -> Regime {
        let mut wide = self.regime.clone();
        wide.network.neurons_per_class *= networks;
        wide
    }

    /// The initialisation of networks trained as one sum, of their [regime](Self::joint_regime).
    pub fn joint_start(&self, wide: &Regime) -> Start<f32> {
        Start::draw(wide, &self.data, self.seed, network_index::JOINT)
    }

    /// Trains networks as one sum, by their [regime](Self::joint_regime).
    pub fn train_jointly(&self, wide: &Regime) -> Trained<f32> {
        let start = self.joint_start(wide);
        let objective = Objective::cross_entropy();
        let steps = wide.steps();
        train(wide, &self.data, self.seed, start, &objective, steps, None)
    }

    /// The objective of a student of `teachers`.
    pub fn objective<'a>(
        &self,
        spec: &Distillation,
        teachers: impl IntoIterator<Item = &'a Trained<f32>>,
    ) -> Objective<f32> {
        Objective::taught_by(
            self.regime.data.classes,
            spec,
            self.regime.training.learning_rate_per_class,
            teachers.into_iter().map(|t| &t.training_logits),
            self.data.samples.iter().map(|s| s.label),
        )
    }

    /// The initialisation of a student: that of network `index`, or the same with the views of
    /// every class exchanged.
    pub fn student_start(&self, index: u64, swap_views: bool) -> Start<f32> {
        let mut start = self.initial(index);
        if swap_views {
            start.swap_views(&self.regime);
        }
        start
    }

    /// Trains a student of `teachers` and evaluates it.
    pub fn distil<'a>(
        &self,
        spec: &Distillation,
        teachers: impl IntoIterator<Item = &'a Trained<f32>>,
        index: u64,
        swap_views: bool,
    ) -> Student {
        let objective = self.objective(spec, teachers);
        let start = self.student_start(index, swap_views);
        // A student is fitted long before it has learned its teacher's views: only the budget ends
        // it.
        let mut regime = self.regime.clone();
        regime.training.perfect_steps = 0;
        let stream = 10 * network_index::DISTILLED + 2 * index + u64::from(swap_views);
        let steps = spec.steps.of(regime.data.classes);
        let mut checkpoints = Vec::new();
        let mut test = |view: StepView<f32>| {
            if view.step > 0 {
                let portrait = Portrait::of_features(&regime, view.features);
                let evaluation = self.evaluate(&regime, &portrait, stream);
                checkpoints.push(Checkpoint::new(
                    view.step,
                    view.training_errors,
                    &evaluation,
                ));
            }
        };
        let observer = (spec.checkpoints > 0).then(|| Observer {
            every: steps.div_ceil(spec.checkpoints),
            call: &mut test,
        });
        let network = train(
            &regime, &self.data, self.seed, start, &objective, steps, observer,
        );
        let evaluation = self.evaluate(&regime, &Portrait::of(&regime, &network), stream);
        if spec.checkpoints > 0 {
            let errors = network.training_errors;
            checkpoints.push(Checkpoint::new(network.steps, errors, &evaluation));
        }
        Student {
            network,
            evaluation,
            checkpoints,
        }
    }
}
