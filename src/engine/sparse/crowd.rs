//! Patches of pure noise, of which an input may have `P = k²`.
//!
//! They differ in their noise alone. For a class and a neuron, the few whose overlaps began largest
//! are drawn exactly, in law, and treated as patches of their own ([`Extremes`]); the others are a
//! *crowd* that enters at its mean ([`Crowd`]).

use super::absent::{MeanSlope, lanes};
use super::common::Common;
use crate::data::{DataSet, noise_patch_count, noise_patch_rng};
use crate::engine::noise::{Noise, NoiseStream};
use crate::engine::state::Layout;
use crate::real::{LANES, Lanes, Real, each};
use crate::regime::Regime;
use crate::seed::WorldSeed;
use rand::RngExt;
use statrs::function::erf::erfc_inv;

/// Extremes that are kept for each class and neuron.
pub(super) const KEPT: usize = 2;

/// Up to this number, patches are drawn one by one, and the largest picked: the same draws as where
/// all are stored.
const COUNTED: usize = 256;

/// The largest noise overlaps among patches of pure noise.
pub(super) struct Extremes {
    /// `γ`, and `γ/2`.
    gamma: f32,
    pub(super) mean_alpha: f32,
    seed: WorldSeed,
}

impl Extremes {
    /// None without patches of pure noise.
    pub(super) fn of(regime: &Regime, seed: WorldSeed) -> Option<Self> {
        regime.data.patch_count()?;
        let gamma = regime.data.feature_noise() as f32;
        Some(Self {
            gamma,
            mean_alpha: gamma / 2.0,
            seed,
        })
    }

    /// Writes the `j`-th largest overlap of each neuron of a class on sample `n`, and the `α` of
    /// its patch, into row `j`.
    #[inline(always)]
    pub(super) fn fill<R: Real>(
        &self,
        regime: &Regime,
        data: &DataSet,
        noise: &Noise<R>,
        (layout, n, class): (Layout, usize, u32),
        [overlaps, alphas]: [&mut [R]; 2],
    ) {
        let present = data.samples[n].patches.len();
        let count = noise_patch_count(&regime.data, present);
        overlaps.fill(R::neg_infinity());
        alphas.fill(R::zero());
        if let (Noise::Counted { stream, scale }, true) = (noise, count > COUNTED) {
            self.by_spacings(
                stream,
                *scale,
                count,
                (layout, n, class),
                [overlaps, alphas],
            );
            return;
        }
        let stride = layout.stride;
        let mut rng = noise_patch_rng(self.seed, n);
        let mut own = vec![R::zero(); stride];
        for p in 0..count {
            let alpha = R::of(f64::from(self.gamma) * rng.random::<f64>());
            let patch = (present + p) as u32;
            noise.fill(layout, n, &[[patch, class]], &mut own);
            for (r, own) in own.iter().enumerate().take(layout.neurons) {
                // Insertion into rows in descending order.
                let mut entry = (*own, alpha);
                for row in 0..KEPT {
                    let place = row * stride + r;
                    if entry.0 > overlaps[place] {
                        std::mem::swap(&mut entry.0, &mut overlaps[place]);
                        std::mem::swap(&mut entry.1, &mut alphas[place]);
                    }
                }
            }
        }
    }

    /// The largest of `count` normals: of as many uniforms the largest is `V^{1/count}` for a
    /// uniform `V`, the next a share `V^{1/(count−1)}` of it, and so on; the normal quantile takes
    /// them where they belong.
    fn by_spacings<R: Real>(
        &self,
        stream: &NoiseStream,
        scale: R,
        count: usize,
        (layout, n, class): (Layout, usize, u32),
        [overlaps, alphas]: [&mut [R]; 2],
    ) {
        let unit = |bits: u32| (f64::from(bits) + 0.5) / 2f64.powi(32);
        for first in (0..layout.neurons).step_by(LANES) {
            // Counters that no patch has: patches are numbered up to 2^20.
            let counters = |j: u32| {
                [
                    [n as u32; LANES],
                    [u32::MAX - j; LANES],
                    [class; LANES],
                    each(|l| (first + l) as u32),
                ]
            };
            let mut log = [0.0f64; LANES];
            for row in 0..KEPT {
                let words = stream.words(counters(row as u32));
                for l in 0..LANES.min(layout.neurons - first) {
                    log[l] += unit(words[0][l]).ln() / (count - row) as f64;
                    let above = -log[l].exp_m1();
                    let normal = std::f64::consts::SQRT_2 * erfc_inv(2.0 * above);
                    let place = row * layout.stride + first + l;
                    overlaps[place] = scale * R::of(normal);
                    alphas[place] = R::of(f64::from(self.gamma) * unit(words[1][l]));
                }
            }
        }
    }
}

/// The patches of pure noise that are not followed, where feature noise lets them pull at
/// `Σ_v A[v]`.
pub(super) struct Crowd<R> {
    /// Patches of a sample, on average.
    count: R,
    gamma: R,
    /// Residuals of the step, summed over samples: what every class has as if it were absent
    /// everywhere, and beyond that.
    pub(super) absent: R,
    pub(super) beyond: Vec<R>,
}

impl<R: Real> Crowd<R> {
    /// None where there is no such pull.
    pub(super) fn of(regime: &Regime, layout: Layout) -> Option<Self> {
        let total = regime.data.patch_count()?;
        let data = &regime.data;
        let count = total as f64 - data.mean_patches() - KEPT as f64;
        (data.feature_noise() > 0.0 && count > 0.0).then(|| Self {
            count: R::of(count),
            gamma: R::of(data.feature_noise()),
            absent: R::zero(),
            beyond: vec![R::zero(); layout.classes],
        })
    }

    /// Adds the step's pull, `Σ_n e[n,i] P E[α φ'(α Σ_v A[v] + B)]` over `α` uniform on `[0, γ]`
    /// (by three Gauss points), and begins anew.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        mean_slope: &MeanSlope<R>,
        common: &mut Common<R>,
        vectors: usize,
    ) {
        const GAUSS: [[f64; 2]; 3] = [
            [0.112_701_665_379_258_3, 5.0 / 18.0],
            [0.5, 8.0 / 18.0],
            [0.887_298_334_620_741_7, 5.0 / 18.0],
        ];
        let rows = common.total.chunks_exact(vectors);
        let rows = rows.zip(common.gradient.chunks_exact_mut(vectors));
        for (beyond, (total, gradient)) in self.beyond.iter_mut().zip(rows) {
            let pull = (self.absent + *beyond) * self.count;
            *beyond = R::zero();
            for (total, g) in total.iter().zip(gradient) {
                let mut mean: Lanes<R> = lanes(R::zero());
                for [node, weight] in GAUSS {
                    let alpha = R::of(node) * self.gamma;
                    let slope = mean_slope.at(each(|l| alpha * total[l]));
                    let share = R::of(weight) * alpha;
                    mean = each(|l| mean[l] + share * slope[l]);
                }
                *g = each(|l| g[l] + pull * mean[l]);
            }
        }
        self.absent = R::zero();
    }
}
