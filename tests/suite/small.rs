//! Regimes small enough to train in milliseconds, and comparisons of what comes out.

use multiview::data::DataSet;
use multiview::engine::Stop;
use multiview::engine::state::{Layout, Trained};
use multiview::real::Real;
use multiview::regime::*;
use multiview::seed::{Purpose, WorldSeed};
use proptest::prelude::*;

/// Every field in the middle of its range; `k = 4`, `m = 3` (so that rows are padded), `N = 40`.
pub fn regime() -> Regime {
    Regime {
        data: DataRegime {
            classes: 4,
            views_per_class: 2,
            samples: SampleCount::Count(40),
            single_view_share: 0.2,
            sparsity: 1.0,
            main_weight: [1.0, 1.2],
            view_weights: Vec::new(),
            other_weight: [0.3, 0.4],
            weak_weight: 0.1,
            single_view_other_weight: 0.25,
            patches_per_feature: 1.into(),
            patches: PatchCount::default(),
            feature_noise: 0.0.into(),
            noise_variance: 0.25,
            dimension: None,
        },
        network: NetworkRegime {
            neurons_per_class: 3,
            relu_exponent: 3,
            relu_threshold: 1.0,
            init_scale: 0.05.into(),
        },
        training: TrainingRegime {
            learning_rate_per_class: 2.0,
            steps: 100.into(),
            perfect_steps: 0,
            engine: EngineKind::Overlap,
        },
    }
}

/// Any way for a few patches to carry a feature.
pub fn feature_patches() -> impl Strategy<Value = FeaturePatches> {
    let range = (1..4usize, 0..3usize);
    prop_oneof![
        (1..4usize).prop_map(FeaturePatches::Equal),
        range.prop_map(|(least, more)| FeaturePatches::Random([least, least + more])),
    ]
}

/// No weights of views, or some that are at least 1, for up to four views.
pub fn view_weights() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![Just(Vec::new()), prop::collection::vec(1.0..2.0, 4)]
}

/// The smoothed ReLU `φ`, its three branches as defined.
pub fn smoothed_relu(network: &NetworkRegime, z: f64) -> f64 {
    let threshold = network.relu_threshold;
    let (q, power) = (
        f64::from(network.relu_exponent),
        network.relu_exponent as i32,
    );
    if z <= 0.0 {
        0.0
    } else if z <= threshold {
        z.powi(power) / (q * threshold.powi(power - 1))
    } else {
        z - (1.0 - 1.0 / q) * threshold
    }
}

/// World `world` of a fixed experiment.
pub fn seed(world: u64) -> WorldSeed {
    WorldSeed {
        experiment: 20,
        world,
    }
}

/// The training set of a world, every patch written out.
pub fn data(regime: &Regime, seed: WorldSeed) -> DataSet {
    let data = DataSet::draw(&regime.data, &mut seed.rng(Purpose::Data, 0));
    data.with_noise_patches(&regime.data, seed)
}

/// So many steps, whatever the training error.
pub fn after(steps: usize) -> Stop {
    Stop {
        steps,
        perfect_steps: 0,
    }
}

/// `F_i(X_n)`, `[N][k]`.
pub fn logits<R: Real>(network: &Trained<R>) -> Vec<R> {
    let k = network.layout.classes;
    let mut logits = vec![R::zero(); network.training_logits.len() * k];
    for (row, out) in network
        .training_logits
        .iter()
        .zip(logits.chunks_exact_mut(k))
    {
        row.write(out);
    }
    logits
}

/// `‖x − y‖ / ‖y‖`, entries that are infinite in both left out.
pub fn relative_gap(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    let pairs = || x.iter().zip(y).filter(|(x, y)| x != y || x.is_finite());
    let gap: f64 = pairs().map(|(x, y)| (x - y).powi(2)).sum();
    let size: f64 = pairs().map(|(_, y)| y * y).sum();
    (gap / size).sqrt()
}

/// `max |x − y| / max |y|`.
pub fn largest_gap(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    let gap = x.iter().zip(y).map(|(x, y)| (x - y).abs());
    let size = y.iter().map(|y| y.abs());
    gap.fold(0.0, f64::max) / size.fold(f64::MIN_POSITIVE, f64::max)
}

/// Index of neuron `r` of class `i` in row `v` of an array `[…][k][stride]`.
pub fn at(layout: Layout, v: usize, i: usize, r: usize) -> usize {
    v * layout.row() + i * layout.stride + r
}

/// Widens to `f64`.
pub fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|x| f64::from(*x)).collect()
}
