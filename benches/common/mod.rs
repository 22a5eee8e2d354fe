//! Code that the benches share: one family of regimes, worlds drawn from it, and timing.
#![allow(dead_code)]

use multiview::data::DataSet;
use multiview::engine::sparse::Rates;
use multiview::engine::state::{Overlaps, Trained};
use multiview::engine::{Stop, dense, reference, sparse};
use multiview::objective::Objective;
use multiview::regime::{
    DataRegime, EngineKind, NetworkRegime, PatchCount, Regime, SampleCount, TrainingRegime,
};
use multiview::seed::{Purpose, WorldSeed};
use std::time::Instant;

/// The seed of everything that is timed.
pub const SEED: WorldSeed = WorldSeed {
    experiment: 1,
    world: 0,
};

/// A regime in which single models learn one view of each class; `samples` of `None` is the paper's
/// `N = k^1.2/μ`.
pub fn regime(classes: usize, neurons: usize, samples: Option<usize>) -> Regime {
    Regime {
        data: DataRegime {
            classes,
            views_per_class: 2,
            samples: samples.map_or_else(SampleCount::default, SampleCount::Count),
            single_view_share: 0.05,
            sparsity: 5.0,
            main_weight: [1.0, 1.05],
            view_weights: Vec::new(),
            other_weight: [0.38, 0.4],
            weak_weight: 0.1,
            single_view_other_weight: 0.25,
            patches_per_feature: 1.into(),
            patches: PatchCount::default(),
            feature_noise: 0.0.into(),
            noise_variance: 0.25,
            dimension: None,
        },
        network: NetworkRegime {
            neurons_per_class: neurons,
            relu_exponent: 3,
            relu_threshold: 2.0,
            init_scale: 6e-4.into(),
        },
        training: TrainingRegime {
            learning_rate_per_class: 5.0,
            steps: 3000.into(),
            perfect_steps: 200,
            engine: EngineKind::Overlap,
        },
    }
}

/// The same family with vectors in `R^d`, `d = 1,000`.
pub fn dense_regime(classes: usize, neurons: usize) -> Regime {
    let mut regime = regime(classes, neurons, None);
    regime.data.dimension = Some(1000);
    regime.training.engine = EngineKind::Dense;
    regime
}

/// A world and a network to train in it.
pub struct Case {
    pub regime: Regime,
    pub data: DataSet,
    pub start: Overlaps<f32>,
    pub objective: Objective<f32>,
}

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Engine {
    Reference,
    Sparse,
    /// The same, nothing deferred ever being paid.
    OnlyFollowed,
}

impl Case {
    pub fn new(regime: Regime) -> Self {
        let data = DataSet::draw(&regime.data, &mut SEED.rng(Purpose::Data, 0));
        let start = Overlaps::draw(&regime, SEED, 0);
        let objective = Objective::cross_entropy();
        Self {
            regime,
            data,
            start,
            objective,
        }
    }

    /// Updates of one (sample, patch, neuron) in a step.
    pub fn updates(&self) -> usize {
        let network = &self.regime.network;
        self.data.patch_count() * self.regime.data.classes * network.neurons_per_class
    }

    pub fn train(&self, engine: Engine, steps: usize) -> Trained<f32> {
        self.train_from(self.start.clone(), engine, steps)
    }

    pub fn train_from(&self, start: Overlaps<f32>, engine: Engine, steps: usize) -> Trained<f32> {
        let (regime, data, objective) = (&self.regime, &self.data, &self.objective);
        let rates = Rates::of(regime);
        let never = Rates {
            period: usize::MAX,
            absent_period: f64::INFINITY,
            ..rates
        };
        let stop = Stop {
            steps,
            perfect_steps: regime.training.perfect_steps,
        };
        let sparse =
            |rates, start| sparse::train(regime, rates, data, SEED, start, objective, stop, None);
        match engine {
            Engine::OnlyFollowed => sparse(never, start),
            Engine::Reference => reference::train(regime, data, start, objective, stop, None),
            Engine::Sparse => sparse(rates, start),
        }
    }

    /// Seconds of a run of `steps` steps, its copy of the start apart.
    pub fn seconds(&self, engine: Engine, steps: usize) -> f64 {
        let start = self.start.clone();
        let clock = Instant::now();
        std::hint::black_box(self.train_from(start, engine, steps));
        clock.elapsed().as_secs_f64()
    }

    /// Seconds of a step: a run of `steps + 1` less a run of 1, so that what a run costs once does
    /// not count.
    pub fn seconds_per_step(&self, engine: Engine, steps: usize) -> f64 {
        let once = self.seconds(engine, 1);
        (self.seconds(engine, steps + 1) - once).max(0.0) / steps as f64
    }
}

/// A world of the dense engine and a network to train in it.
pub struct DenseCase {
    pub regime: Regime,
    pub data: DataSet,
    pub start: dense::Weights<f32>,
    pub objective: Objective<f32>,
}

impl DenseCase {
    pub fn new(regime: Regime) -> Self {
        let data = DataSet::draw(&regime.data, &mut SEED.rng(Purpose::Data, 0));
        let start = world(&regime, &data).initialise(&regime, SEED, 0);
        let objective = Objective::cross_entropy();
        Self {
            regime,
            data,
            start,
            objective,
        }
    }

    /// The training set with its noise vectors.
    pub fn world(&self) -> dense::NoisyData<'_, f32> {
        world(&self.regime, &self.data)
    }

    pub fn train(&self, world: &dense::NoisyData<f32>, steps: usize) -> dense::Weights<f32> {
        let start = self.start.clone();
        {
            let stop = Stop {
                steps,
                perfect_steps: self.regime.training.perfect_steps,
            };
            dense::train(&self.regime, world, start, &self.objective, stop, None).0
        }
    }

    /// Seconds of a step: a run of `steps + 1` less a run of 1.
    pub fn seconds_per_step(&self, world: &dense::NoisyData<f32>, steps: usize) -> f64 {
        let seconds = |steps| {
            let clock = Instant::now();
            std::hint::black_box(self.train(world, steps));
            clock.elapsed().as_secs_f64()
        };
        let once = seconds(1);
        (seconds(steps + 1) - once).max(0.0) / steps as f64
    }
}

fn world<'a>(regime: &Regime, data: &'a DataSet) -> dense::NoisyData<'a, f32> {
    let dimension = regime
        .data
        .dimension
        .expect("a dense regime has a dimension");
    dense::NoisyData::draw(regime, data, dimension, SEED).expect("room for the features")
}

/// Median.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// The value of `--name VALUE` on the command line.
pub fn option(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let flag = format!("--{name}");
    let place = arguments.iter().position(|a| *a == flag)?;
    arguments.get(place + 1).cloned()
}
