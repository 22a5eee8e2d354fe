//! The drift of feature overlaps that absent classes cause, at its mean over their noise.

use super::Rates;
use crate::data::DataSet;
use crate::real::{LANES, Lanes, Real, each};
use crate::regime::Regime;

/// Patches are gathered by weight, in classes whose upper ends are these.
const WEIGHTS: [f32; 3] = [0.1, 0.25, 0.5];

/// Classes of weight.
const KINDS: usize = WEIGHTS.len() + 1;

/// The debts of absent classes to the overlaps with each feature: residuals times weights, summed
/// over the patches that carry it.
pub(super) struct Absent<R> {
    /// `[features][KINDS]`.
    pub(super) owed: Vec<[R; KINDS]>,
    /// Mean weight and feature noise of these patches.
    pub(super) weights: Vec<[R; KINDS]>,
    pub(super) mean_alpha: R,
    /// The debt at which a feature is due, and the features that are.
    pub(super) most: R,
    pub(super) due: Vec<u32>,
    pub(super) mean_slope: MeanSlope<R>,
}

/// The class of weight of a patch.
pub(super) fn kind(weight: f32) -> usize {
    WEIGHTS.iter().filter(|end| weight >= **end).count()
}

impl<R: Real> Absent<R> {
    pub(super) fn new(
        regime: &Regime,
        rates: &Rates,
        data: &DataSet,
        mean_slope: MeanSlope<R>,
    ) -> Self {
        let features = regime.data.features();
        let mut sums = vec![[[0.0; 2]; KINDS]; features];
        for patch in data.samples.iter().flat_map(|s| &s.patches) {
            if let Some(v) = patch.feature {
                let [weight, count] = &mut sums[v as usize][kind(patch.weight)];
                *weight += f64::from(patch.weight);
                *count += 1.0;
            }
        }
        let mean = |[weight, count]: [f64; 2]| R::of(weight / count.max(1.0));
        Self {
            owed: vec![[R::zero(); KINDS]; features],
            weights: sums.iter().map(|kinds| kinds.map(mean)).collect(),
            mean_alpha: R::of(regime.data.feature_noise() / 2.0),
            most: R::of(rates.absent_period),
            due: Vec::new(),
            mean_slope,
        }
    }

    /// Notes a debt on a patch.
    #[inline(always)]
    pub(super) fn note(&mut self, feature: u32, weight: f32, residual: R) {
        let owed = &mut self.owed[feature as usize][kind(weight)];
        let before = owed.abs();
        *owed += residual * R::of(weight.into());
        if owed.abs() >= self.most && before < self.most {
            self.due.push(feature);
        }
    }
}

/// `E[φ'(a + B)]` over `B ~ N(0, σ_0² ν²)`, on the first branch of `φ`:
/// `E[((a + B)^+)^{q−1}] / ϱ^{q−1}`.
///
/// With `a = σ x` and `I_p(x) = E[((x + X)^+)^p]` for a standard normal `X`, integration by parts
/// gives `I_p = x I_{p−1} + (p − 1) I_{p−2}`, from `I_0 = Φ(x)` and `I_1 = x Φ(x) + φ(x)`.
#[derive(Clone, Copy)]
pub(super) struct MeanSlope<R> {
    power: u32,
    /// `σ_0 ν`, its inverse, and `(σ_0 ν/ϱ)^{q−1}`; without noise, `1/ϱ` in the last place.
    scale: R,
    inverse: R,
    unit: R,
}

impl<R: Real> MeanSlope<R> {
    pub(super) fn of(regime: &Regime) -> Self {
        let scale = regime.init_scale() * regime.data.noise_variance.sqrt();
        let power = regime.network.relu_exponent - 1;
        let threshold = regime.network.relu_threshold;
        let unit = match scale > 0.0 {
            true => (scale / threshold).powi(power as i32),
            false => 1.0 / threshold,
        };
        Self {
            power,
            scale: R::of(scale),
            inverse: R::of(1.0 / scale.max(f64::MIN_POSITIVE)),
            unit: R::of(unit),
        }
    }

    /// The mean slope at eight `a`.
    #[inline(always)]
    pub(super) fn at(&self, a: Lanes<R>) -> Lanes<R> {
        let zero = R::zero();
        if self.scale == zero {
            let t = each(|l| if a[l] > zero { a[l] * self.unit } else { zero });
            return each(|l| (1..self.power).fold(t[l], |p, _| p * t[l]));
        }
        let x = each(|l| a[l] * self.inverse);
        // Far below 0 nothing is left, and the recursion would leave rounding.
        let x = each(|l| {
            if x[l] > R::of(-6.0) {
                x[l]
            } else {
                R::of(-6.0)
            }
        });
        let square = each(|l| R::of(-0.5) * x[l] * x[l]);
        let power = R::exp_lanes(square);
        let density = each(|l| power[l] * R::of(0.398_942_280_401_432_7));
        // Abramowitz and Stegun 26.2.17: absolute error below 7.5e-8.
        let t = each(|l| R::one() / (R::one() + R::of(0.231_641_9) * x[l].abs()));
        let p = each(|l| R::of(1.330_274_429) * t[l] - R::of(1.821_255_978));
        let p = each(|l| p[l] * t[l] + R::of(1.781_477_937));
        let p = each(|l| p[l] * t[l] - R::of(0.356_563_782));
        let p = each(|l| (p[l] * t[l] + R::of(0.319_381_530)) * t[l]);
        let tail = each(|l| density[l] * p[l]);
        let whole = each(|l| {
            if x[l] > zero {
                R::one() - tail[l]
            } else {
                tail[l]
            }
        });
        let mut before = whole;
        let mut moment = each(|l| x[l] * whole[l] + density[l]);
        for power in 2..=self.power {
            let factor = R::of(f64::from(power - 1));
            let next = each(|l| x[l] * moment[l] + factor * before[l]);
            (before, moment) = (moment, next);
        }
        each(|l| {
            if moment[l] > zero {
                moment[l] * self.unit
            } else {
                zero
            }
        })
    }
}

/// Whole lanes of one value.
pub(super) fn lanes<R: Real>(value: R) -> Lanes<R> {
    [value; LANES]
}
