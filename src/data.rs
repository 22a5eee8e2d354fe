//! The data distribution `D` (Definition 3.1): inputs as lists of patches, each carrying one
//! feature (or none) with a weight. Noise vectors are the engines' affair: the dense engine draws
//! them in `R^d`, the overlap engine draws their overlaps with the weights.

use crate::regime::DataRegime;
use crate::seed::{Purpose, WorldSeed};
use rand::{Rng, RngExt};

/// One patch `x_p = z_p v + α_p Σ_{v'} v' + ξ_p`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patch {
    /// Index of the feature `v` (class · views + view), or `None` for a patch of pure noise.
    pub feature: Option<u32>,
    /// `z_p ≥ 0`.
    pub weight: f32,
    /// `α_p ∈ [0, γ]`, added to the weight of every feature, `v` included.
    pub feature_noise: f32,
}

/// The part of the mixture from which an input was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `D_m`: every view of the label at full weight.
    MultiView,
    /// `D_s`: only this view, counted from 0, at full weight.
    SingleView(u8),
}

/// An input without its noise vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `y`.
    pub label: usize,
    /// The part of the mixture.
    pub kind: Kind,
    /// `x_1 … x_P`.
    pub patches: Vec<Patch>,
}

/// The training set `Z`.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// The `N` samples.
    pub samples: Vec<Sample>,
}

impl DataSet {
    /// Draws `N` samples of `D`.
    pub fn draw(regime: &DataRegime, rng: &mut impl Rng) -> Self {
        let samples = (0..regime.sample_count())
            .map(|_| {
                let label = rng.random_range(0..regime.classes);
                let kind = draw_kind(regime, rng);
                draw_sample(regime, label, kind, rng)
            })
            .collect();
        Self { samples }
    }

    /// Total number of patches over all samples, patches of pure noise left out unless they have
    /// been [added](Self::with_noise_patches).
    pub fn patch_count(&self) -> usize {
        self.samples.iter().map(|s| s.patches.len()).sum()
    }

    /// First patch of each sample among those of all samples, and last their number.
    pub fn patch_starts(&self) -> Vec<usize> {
        let mut starts = vec![0];
        for sample in &self.samples {
            starts.push(starts[starts.len() - 1] + sample.patches.len());
        }
        starts
    }

    /// The same samples with every patch of pure noise written out behind the others, `P` patches
    /// each.
    #[must_use]
    pub fn with_noise_patches(&self, regime: &DataRegime, seed: WorldSeed) -> Self {
        let mut samples = self.samples.clone();
        for (n, sample) in samples.iter_mut().enumerate() {
            add_noise_patches(regime, sample, &mut noise_patch_rng(seed, n));
        }
        Self { samples }
    }
}

fn draw_kind(regime: &DataRegime, rng: &mut impl Rng) -> Kind {
    if rng.random_bool(regime.single_view_share) {
        Kind::SingleView(rng.random_range(0..regime.views_per_class) as u8)
    } else {
        Kind::MultiView
    }
}

/// Draws an input of the given label and kind (steps 2 to 6 of Definition 3.1), its patches of pure
/// noise left out (see [`add_noise_patches`]).
pub fn draw_sample(regime: &DataRegime, label: usize, kind: Kind, rng: &mut impl Rng) -> Sample {
    let views = regime.views_per_class;
    let mut patches = Vec::new();
    let mut add = |feature: usize, total: f64, rng: &mut dyn Rng| {
        for weight in regime.patches_per_feature.split(total, rng) {
            patches.push(Patch {
                feature: Some(feature as u32),
                weight: weight as f32,
                feature_noise: uniform([0.0, regime.feature_noise()], rng) as f32,
            });
        }
    };
    for view in 0..views {
        let weak = matches!(kind, Kind::SingleView(kept) if usize::from(kept) != view);
        let total = if weak {
            regime.weak_weight
        } else {
            uniform(regime.main_weight_of(view), rng)
        };
        add(label * views + view, total, rng);
    }
    let present = regime.sparsity / regime.classes as f64;
    for feature in (0..regime.features()).filter(|v| regime.class_of(*v) != label) {
        if rng.random_bool(present) {
            let total = match kind {
                Kind::MultiView => uniform(regime.other_weight, rng),
                Kind::SingleView(_) => regime.single_view_other_weight,
            };
            add(feature, total, rng);
        }
    }
    Sample {
        label,
        kind,
        patches,
    }
}

/// Patches of pure noise of an input that shows `present` patches with features: `P` less those, or
/// none as needed.
pub fn noise_patch_count(regime: &DataRegime, present: usize) -> usize {
    let total = regime.patch_count().unwrap_or(present);
    total.saturating_sub(present)
}

/// Writes out an input's patches of pure noise, behind the others. They differ in their noise
/// alone, and there may be `k²` of them, so a [`DataSet`] does without.
pub fn add_noise_patches(regime: &DataRegime, sample: &mut Sample, rng: &mut impl Rng) {
    for _ in 0..noise_patch_count(regime, sample.patches.len()) {
        sample.patches.push(Patch {
            feature: None,
            weight: 0.0,
            feature_noise: uniform([0.0, regime.feature_noise()], rng) as f32,
        });
    }
}

/// The stream of the feature noise `α_p` on the pure-noise patches of training sample `n`.
pub(crate) fn noise_patch_rng(seed: WorldSeed, n: usize) -> impl Rng {
    seed.rng(Purpose::NoisePatches, n as u64)
}

fn uniform([lo, hi]: [f64; 2], rng: &mut (impl Rng + ?Sized)) -> f64 {
    lo + (hi - lo) * rng.random::<f64>()
}
