//! Engines that train a network on a world by full-batch gradient descent.
//!
//! An engine is a [step, a state to observe and a finish](driver::Engine); one
//! [driver](driver::drive) runs them all.

pub mod dense;
pub mod driver;
mod layout;
pub mod noise;
pub mod reference;
pub mod sparse;
pub mod state;

use crate::data::DataSet;
use crate::objective::Objective;
use crate::real::Real;
use crate::regime::{EngineKind, Regime};
use crate::seed::WorldSeed;
pub use driver::{Observer, Stop};
use rand_distr::{Distribution, StandardNormal};
use state::{Layout, Overlaps, Trained};

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
                let literal = data.with_noise_patches(&regime.data, seed);
                Self::Weights(dense_world(regime, &literal, seed).initialise(regime, seed, index))
            }
            _ => Self::Overlaps(Overlaps::draw(regime, seed, index)),
        }
    }
}

impl<R: Real> Start<R> {
    /// Exchanges the views of every class, of which there are two: the antithetic initialisation,
    /// of the same law.
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

/// Bytes, about, of the largest arrays that training a network of a regime in `f32` needs.
pub fn network_bytes(regime: &Regime) -> f64 {
    let data = &regime.data;
    let k = data.classes as f64;
    let (features, present) = (data.mean_features(), data.mean_patches());
    let n = data.sample_count() as f64;
    let patches = n * data.patch_count().map_or(present, |p| p as f64);
    let layout = Layout::of(regime);
    let overlaps = data.features() as f64 * layout.row() as f64;
    let numbers = match (regime.training.engine, data.dimension) {
        (EngineKind::Dense, Some(d)) => d as f64 * (patches + 2.0 * k * layout.neurons as f64),
        (EngineKind::OverlapReference, _) => patches * layout.row() as f64 + 2.0 * overlaps,
        _ => 0.25 * n * sparse::sample_bytes(regime, present, 1.0 + features) + 1.1 * overlaps,
    };
    4.0 * numbers
}

/// A training set with its noise vectors, every patch written out, for the dense engine of a valid
/// regime.
pub(crate) fn dense_world<'a, R: Real>(
    regime: &Regime,
    data: &'a DataSet,
    seed: WorldSeed,
) -> dense::NoisyData<'a, R>
where
    StandardNormal: Distribution<R>,
{
    let dimension = regime.data.dimension.unwrap_or_default();
    dense::NoisyData::draw(regime, data, dimension, seed)
        .unwrap_or_else(|e| unreachable!("a valid regime has the dimension its engine needs: {e}"))
}

/// Trains a network of a world with the engine of a valid regime, for at most `steps` steps.
pub fn train<R: Real>(
    regime: &Regime,
    data: &DataSet,
    seed: WorldSeed,
    start: Start<R>,
    objective: &Objective<R>,
    steps: usize,
    observer: Option<Observer<'_, R>>,
) -> Trained<R>
where
    StandardNormal: Distribution<R>,
{
    let stop = Stop {
        steps,
        perfect_steps: regime.training.perfect_steps,
    };
    match (start, regime.training.engine) {
        (Start::Weights(weights), _) => {
            let literal = data.with_noise_patches(&regime.data, seed);
            let world = dense_world(regime, &literal, seed);
            dense::train(regime, &world, weights, objective, stop, observer).1
        }
        (Start::Overlaps(start), EngineKind::OverlapReference) => {
            let literal = data.with_noise_patches(&regime.data, seed);
            reference::train(regime, &literal, start, objective, stop, observer)
        }
        (Start::Overlaps(start), _) => {
            let rates = sparse::Rates::of(regime);
            sparse::train(regime, rates, data, seed, start, objective, stop, observer)
        }
    }
}

/// True if `label` has the strictly largest logit.
pub(crate) fn is_correct<R: Real>(logits: &[R], label: usize) -> bool {
    logits
        .iter()
        .enumerate()
        .all(|(i, f)| i == label || *f < logits[label])
}
