//! Engines that train a network on a world by full-batch gradient descent.

pub mod dense;
pub mod multirate;
pub mod overlap;
pub mod reference;
mod storage;

use crate::data::DataSet;
use crate::objective::Objective;
use crate::real::Real;
use crate::regime::{EngineKind, Regime};
use crate::seed::WorldSeed;
use overlap::{Layout, Overlaps, StepView, Trained};
use rand_distr::{Distribution, StandardNormal};
pub use storage::Storage;

/// A network at its start.
#[derive(Clone, Debug)]
pub enum Start<R: Real> {
    /// For the engines of the limit `d → ∞`.
    Overlaps(Overlaps<R>),
    /// For the dense engine.
    Weights(dense::Weights<R>),
}

impl<R: Real> Start<R>
where
    StandardNormal: Distribution<R>,
{
    /// The initialisation of network `index` of a world, for the engine of a valid regime.
    pub fn draw(regime: &Regime, data: &DataSet, seed: WorldSeed, index: u64) -> Self {
        match regime.training.engine {
            EngineKind::Dense => {
                Self::Weights(dense_world(regime, data, seed).initialise(regime, seed, index))
            }
            _ => Self::Overlaps(Overlaps::draw(regime, data, seed, index)),
        }
    }
}

impl<R: Real> Start<R> {
    /// Exchanges the two views of every class: the antithetic initialisation, of the same law.
    pub fn swap_views(&mut self, regime: &Regime) {
        match self {
            Self::Overlaps(overlaps) => overlaps.swap_views(),
            Self::Weights(weights) => weights.swap_views(regime),
        }
    }

    /// `A` at the start, `[features][k][stride]`.
    pub fn features(&self, regime: &Regime) -> Vec<R> {
        match self {
            Self::Overlaps(overlaps) => overlaps.features.clone(),
            Self::Weights(weights) => weights.features(regime),
        }
    }
}

/// Bytes, about, of the largest arrays that training a network of a regime in `f32` needs: its overlaps with the noise of all patches and with
/// the features, or with the dense engine the inputs and the weights, and the gradient.
pub fn network_bytes(regime: &Regime) -> f64 {
    let data = &regime.data;
    let (k, views) = (data.classes as f64, data.views_per_class as f64);
    // The label's features are present, and each other one with probability s/k.
    let present = views * (1.0 + data.sparsity * (1.0 - 1.0 / k));
    let present = present * data.patches_per_feature as f64;
    let patches = data.sample_count() as f64 * data.patch_count().map_or(present, |p| p as f64);
    let (layout, features) = (Layout::of(regime), data.features() as f64);
    let numbers = match (regime.training.engine, data.dimension) {
        (EngineKind::Dense, Some(d)) => d as f64 * (patches + 2.0 * k * layout.neurons as f64),
        _ => (patches + 2.0 * features) * layout.row() as f64,
    };
    4.0 * numbers
}

fn dense_world<'a, R: Real>(
    regime: &Regime,
    data: &'a DataSet,
    seed: WorldSeed,
) -> dense::World<'a, R>
where
    StandardNormal: Distribution<R>,
{
    let dimension = regime.data.dimension.unwrap_or_default();
    dense::World::draw(regime, data, dimension, seed)
        .unwrap_or_else(|e| unreachable!("a valid regime has the dimension its engine needs: {e}"))
}

/// Trains a network of a world with the engine of a valid regime, for at most `steps` steps.
pub fn train<'a, R: Real>(
    regime: &'a Regime,
    data: &'a DataSet,
    seed: WorldSeed,
    start: Start<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
) -> Trained<R>
where
    StandardNormal: Distribution<R>,
{
    let state = match start {
        Start::Overlaps(state) => state,
        Start::Weights(weights) => {
            let world = dense_world(regime, data, seed);
            let observer = observer.map(Observer::shorter);
            return dense::train(regime, &world, weights, objective, steps, observer).1;
        }
    };
    let engine = regime.training.engine;
    let deferring = matches!(engine, EngineKind::Overlap | EngineKind::OverlapAdaptive);
    if deferring && multirate::applies(regime) {
        let rates = multirate::Rates::of(regime);
        multirate::train(regime, rates, data, state, objective, steps, observer)
    } else {
        reference::train(regime, data, state, objective, steps, observer)
    }
}

/// A callback that sees the state every few steps.
pub struct Observer<'a, R> {
    /// Steps between two calls.
    pub every: usize,
    /// The callback.
    pub call: &'a mut dyn FnMut(StepView<R>),
}

impl<'a, R> Observer<'a, R> {
    /// The same for a shorter time: nothing else shortens the lifetime behind `&mut dyn`.
    pub(crate) fn shorter<'b>(self) -> Observer<'b, R>
    where
        'a: 'b,
    {
        Observer {
            every: self.every,
            call: self.call,
        }
    }

    fn due(&self, step: usize) -> bool {
        step.is_multiple_of(self.every)
    }
}

/// Stops once training error 0 has held for a stated number of consecutive steps.
struct StopRule {
    perfect_steps: usize,
    held: usize,
}

impl StopRule {
    fn new(perfect_steps: usize) -> Self {
        Self {
            perfect_steps,
            held: 0,
        }
    }

    fn reached(&mut self, errors: usize) -> bool {
        self.held = if errors == 0 { self.held + 1 } else { 0 };
        self.perfect_steps > 0 && self.held >= self.perfect_steps
    }
}

/// Whether `label` has the strictly largest logit.
pub(crate) fn is_correct<R: Real>(logits: &[R], label: usize) -> bool {
    logits
        .iter()
        .enumerate()
        .all(|(i, f)| i == label || *f < logits[label])
}
