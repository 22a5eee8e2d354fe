//! The contribution of a feature to a logit.
//!
//! A feature of total weight `Z`, on patches of weight `z_p = Z u_p` each, adds to a class the sum
//! over patches and neurons of `φ(s + ξ)` with `s = z_p a + α_p S` and fresh noise `ξ ~ N(0, τ²)`,
//! `τ = σ_0 ν`, independent for each patch and neuron. `φ` is convex and its slope grows up to `ϱ`,
//! so around any `s`
//!
//! ```text
//! φ(s) + φ'(s) ξ  ≤  φ(s + ξ)  ≤  φ(s) + φ'(s) ξ + κ ξ²/2,      κ = max φ'' within reach of the noise.
//! ```
//!
//! The linear terms add up to one normal number of deviation `τ (Σ φ'(s)²)^½`: a contribution lies
//! between two normals. With `L = ln(1/δ)` the squares stay below `Σκ + 2 (L Σκ²)^½ + 2 L max κ`
//! times `τ²/2` but for a chance `δ` (Laurent and Massart 2000, lemma 1), and `τ` times the *reach*
//! bounds every noise number of an input but for a chance `δ`. Where `Z` lies in an interval and
//! `α_p` in `[0, γ]`, the lower normal takes the smallest `s` of each neuron and the upper one the
//! largest. Where the shares `u_p` lie in a [box](super::weights), `Σ_p φ(s)` is convex in them and
//! taken at those that give least and most; the slopes, which then lie between bounds, leave the
//! deviation between two.

use super::portrait::Neurons;
use super::weights::Weights;
use crate::network::SmoothedRelu;
use crate::regime::Regime;
use statrs::function::gamma::ln_gamma;

/// `ln(1/δ)` with `δ = e^{−30} ≈ 1e-13`.
pub(super) const SURETY: f64 = 30.0;

/// The part of a cell's error that the bounds of chance `δ` leave out: there are fewer than 1e5 of
/// them for an input, a few for each class and each feature present.
pub(super) const NEGLECTED: f64 = 1e-8;

/// A normal number `mean + deviation · N(0, 1)` whose deviation lies between two known values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Normal {
    pub mean: f64,
    pub deviation: [f64; 2],
}

impl Normal {
    /// The sum of two that are independent.
    pub fn plus(self, other: Self) -> Self {
        let deviation = [0, 1].map(|end| self.deviation[end].hypot(other.deviation[end]));
        Self {
            mean: self.mean + other.mean,
            deviation,
        }
    }

    /// A bound from below, and one from above, of the number for a standard normal `x`.
    pub fn ends(self, x: f64) -> [f64; 2] {
        let [least, most] = self.deviation.map(|deviation| deviation * x);
        [self.mean + least.min(most), self.mean + least.max(most)]
    }
}

/// Bounds of a contribution: one normal that it is no smaller than, and one that it is no larger
/// than, each in distribution.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    pub low: Normal,
    pub high: Normal,
}

/// Contributions in one regime.
pub(super) struct Contribution {
    activation: SmoothedRelu<f64>,
    exponent: i32,
    threshold: f64,
    /// `τ = σ_0 ν`.
    pub noise: f64,
    /// `γ`.
    feature_noise: f64,
    /// Largest noise number of an input, in units of `τ`.
    pub reach: f64,
}

impl Contribution {
    /// For inputs that show a class at most this number of noise patches, over all classes.
    pub fn new(regime: &Regime, numbers: f64) -> Self {
        let (data, network) = (&regime.data, &regime.network);
        Self {
            activation: SmoothedRelu::new(network),
            exponent: network.relu_exponent as i32,
            threshold: network.relu_threshold,
            noise: regime.init_scale() * data.noise_variance.sqrt(),
            feature_noise: data.feature_noise(),
            // P(|N| > x) ≤ 2 e^{−x²/2}.
            reach: (2.0 * (SURETY + (2.0 * numbers).ln())).sqrt(),
        }
    }

    /// `φ(s)`.
    pub fn value(&self, s: f64) -> f64 {
        self.activation.value_and_slope(s).0
    }

    /// Bounds of what a feature of these weights adds through these neurons.
    pub fn bounds(&self, neurons: &Neurons, weights: &Weights) -> Bounds {
        let mut bounds = Bounds::default();
        let (mut variances, mut curvature) = ([[0.0; 2]; 2], Curvature::default());
        for [a, s] in neurons {
            let (a, s) = (f64::from(*a), f64::from(*s));
            // Overlaps with the whole of the feature's weight, and what feature noise adds.
            let [z0, z1] = weights.total.map(|total| total * a);
            let whole = [z0.min(z1), z0.max(z1)];
            let common = [s.min(0.0), s.max(0.0)].map(|s| self.feature_noise * s);
            for share in weights.shares.iter() {
                let shares = [share.least, share.most];
                let normals = [&mut bounds.low, &mut bounds.high];
                for (side, normal) in normals.into_iter().enumerate() {
                    let at = |share: f64| whole[side] * share + common[side];
                    let (value, slope) = self.activation.value_and_slope(at(shares[side]));
                    let slopes = match share.ends[0] < share.ends[1] {
                        true => share.ends.map(|u| self.activation.value_and_slope(at(u)).1),
                        false => [slope; 2],
                    };
                    normal.mean += share.patches * value;
                    let [least, most] = &mut variances[side];
                    *least += share.patches * slopes[0].min(slopes[1]).powi(2);
                    *most += share.patches * slopes[0].max(slopes[1]).powi(2);
                }
                let [u0, u1] = share.ends.map(|u| whole[1] * u + common[1]);
                curvature.add(share.patches, self.remainder([u0.min(u1), u0.max(u1)]));
            }
        }
        bounds.low.deviation = variances[0].map(|variance| self.noise * variance.sqrt());
        bounds.high.deviation = variances[1].map(|variance| self.noise * variance.sqrt());
        bounds.high.mean += curvature.bound();
        bounds
    }

    /// Bounds that hold for every noise within reach.
    pub fn ends(&self, bounds: Bounds) -> [f64; 2] {
        let Bounds { low, high } = bounds;
        [low.ends(-self.reach)[0].max(0.0), high.ends(self.reach)[1]]
    }

    /// `κ τ²/2` for an `s` between these. The linear activation bends at 0 alone: there it is what
    /// a noise within reach can add beyond its tangent, all of it certain.
    fn remainder(&self, [least, most]: [f64; 2]) -> [f64; 2] {
        let reach = self.reach * self.noise;
        if self.exponent == 1 {
            let nearest = least.max(-most).max(0.0);
            return [(reach - nearest).max(0.0), 0.0];
        }
        if most + reach <= 0.0 || least - reach >= self.threshold {
            return [0.0; 2];
        }
        let largest = ((most + reach) / self.threshold).min(1.0);
        let bend = f64::from(self.exponent - 1) / self.threshold * largest.powi(self.exponent - 2);
        [0.0, 0.5 * self.noise * self.noise * bend]
    }

    /// A bound of what patches of weight `z`, each with neurons of overlap at most `peak` with its
    /// feature, add to a class but for a chance `δ` (Bernstein's inequality, with Minkowski's for
    /// the moments: `E (s + ξ)_+^n ≤ (s + τ (E N_+^n)^{1/n})^n`).
    pub fn crowd(&self, groups: &[(f64, f64)], neurons: usize, [peak, common]: [f64; 2]) -> f64 {
        let (mut mean, mut variance, mut largest) = (0.0, 0.0, 0.0f64);
        for (patches, z) in groups.iter().filter(|(patches, _)| *patches > 0.0) {
            let s = z * peak + self.feature_noise * common.max(0.0);
            let count = patches * neurons as f64;
            mean += count * self.moment(s, 1);
            variance += count * self.moment(s, 2);
            largest = largest.max(self.value(s + self.reach * self.noise));
        }
        mean + (2.0 * variance * SURETY).sqrt() + largest * SURETY / 3.0
    }

    /// A bound of `E φ(s + ξ)^n` for `s ≥ 0`: `φ` is below both `z_+^q/(q ϱ^{q−1})` and `z_+`.
    fn moment(&self, s: f64, n: i32) -> f64 {
        let bent = s + self.noise * half_normal_norm(n * self.exponent);
        let straight = s + self.noise * half_normal_norm(n);
        self.activation.first_branch(bent).min(straight).powi(n)
    }

    /// The largest `φ(α S + ξ)` within reach of the noise.
    pub fn extreme(&self, common: f64) -> f64 {
        self.value(self.feature_noise * common.max(0.0) + self.reach * self.noise)
    }

    /// Bounds of the mean of `φ(α S + ξ)`, `α` uniform in `[0, γ]`, which a patch of pure noise
    /// adds through a neuron, and one of the second moment. Both are convex in `α`, so that the
    /// midpoint rule falls short of them and the trapezoidal rule exceeds them.
    pub fn pure_noise(&self, common: f64) -> PureNoise {
        const SHARES: i32 = 8;
        let largest = self.feature_noise * common;
        let mut noise = PureNoise::default();
        for half in 0..=2 * SHARES {
            let [mean, square] = self.moments(largest * f64::from(half) / f64::from(2 * SHARES));
            if half % 2 == 1 {
                noise.mean[0] += mean / f64::from(SHARES);
            } else {
                let ends = half == 0 || half == 2 * SHARES;
                let weight = if ends { 0.5 } else { 1.0 } / f64::from(SHARES);
                noise.mean[1] += weight * mean;
                noise.square += weight * square;
            }
            if largest == 0.0 {
                let mean = [mean; 2];
                return PureNoise { mean, square };
            }
        }
        noise
    }

    /// Mean and second moment of `φ(s + ξ)`, by the trapezoidal rule, which is exact but for
    /// rounding where a function is smooth.
    fn moments(&self, s: f64) -> [f64; 2] {
        const HALF: i32 = 40;
        let (mut moments, mut total) = ([0.0; 2], 0.0);
        for step in -HALF..=HALF {
            let n = 8.0 * f64::from(step) / f64::from(HALF);
            let weight = (-0.5 * n * n).exp();
            let value = self.value(s + self.noise * n);
            total += weight;
            moments[0] += weight * value;
            moments[1] += weight * value * value;
        }
        moments.map(|m| m / total)
    }
}

/// Moments of what a patch of pure noise adds through a neuron, or through several.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PureNoise {
    /// Lower and upper bound of the mean.
    pub mean: [f64; 2],
    /// Upper bound of the second moment.
    pub square: f64,
}

/// Sums over the squares of the noise.
#[derive(Default)]
struct Curvature {
    certain: f64,
    sum: f64,
    squares: f64,
    largest: f64,
}

impl Curvature {
    fn add(&mut self, patches: f64, [certain, bend]: [f64; 2]) {
        self.certain += patches * certain;
        self.sum += patches * bend;
        self.squares += patches * bend * bend;
        self.largest = self.largest.max(bend);
    }

    fn bound(&self) -> f64 {
        let spread = 2.0 * (self.squares * SURETY).sqrt() + 2.0 * self.largest * SURETY;
        self.certain + self.sum + spread
    }
}

/// `(E N_+^n)^{1/n}` of a standard normal: `E N_+^n = 2^{n/2−1} Γ((n+1)/2)/√π`.
fn half_normal_norm(n: i32) -> f64 {
    let n = f64::from(n);
    let log = (0.5 * n - 1.0) * std::f64::consts::LN_2 + ln_gamma(0.5 * (n + 1.0))
        - 0.5 * std::f64::consts::PI.ln();
    (log / n).exp()
}
