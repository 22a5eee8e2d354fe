//! The smoothed ReLU.

use crate::real::{Lanes, Real, each};
use crate::regime::NetworkRegime;

/// The smoothed ReLU with exponent `q` and threshold `ϱ`:
/// `φ(z) = 0` for `z ≤ 0`, `z^q / (q ϱ^{q-1})` up to `ϱ`, and `z − (1 − 1/q) ϱ` beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothedRelu<R> {
    exponent: u32,
    threshold: R,
    inverse_threshold: R,
    threshold_over_exponent: R,
    inverse_exponent: R,
}

impl<R: Real> SmoothedRelu<R> {
    /// Returns true if `q = 3`.
    pub fn is_cubic(&self) -> bool {
        self.exponent == 3
    }

    /// The activation of a regime.
    pub fn new(regime: &NetworkRegime) -> Self {
        Self {
            exponent: regime.relu_exponent,
            threshold: R::of(regime.relu_threshold),
            inverse_threshold: R::of(1.0 / regime.relu_threshold),
            threshold_over_exponent: R::of(regime.relu_threshold / f64::from(regime.relu_exponent)),
            inverse_exponent: R::of(1.0 / f64::from(regime.relu_exponent)),
        }
    }

    /// `z^q / (q ϱ^{q-1})` for `z ≥ 0`, however large, and 0 below: what `φ` is up to `ϱ`.
    pub(crate) fn first_branch(&self, z: R) -> R {
        let zero = R::zero();
        let positive = if z > zero { z } else { zero };
        let t = positive * self.inverse_threshold;
        t.powi(self.exponent as i32) * self.threshold_over_exponent
    }

    /// `(φ(z), φ'(z))`. With `t = clamp(z/ϱ, 0, 1)` both branches are one expression:
    /// `φ' = t^{q-1}` and `φ = ϱ t^q / q + (z − ϱ)^+`.
    #[inline(always)]
    pub fn value_and_slope(&self, z: R) -> (R, R) {
        let zero = R::zero();
        let positive = if z > zero { z } else { zero };
        let scaled = positive * self.inverse_threshold;
        let t = if scaled < R::one() { scaled } else { R::one() };
        let slope = if self.exponent == 1 {
            if z > zero { R::one() } else { zero }
        } else {
            (2..self.exponent).fold(t, |power, _| power * t)
        };
        let excess = positive - self.threshold;
        let excess = if excess > zero { excess } else { zero };
        (slope * t * self.threshold_over_exponent + excess, slope)
    }

    /// [`value_and_slope`](Self::value_and_slope) of eight pre-activations at once, for an exponent
    /// known to be 3 if `CUBIC`. One operation on all lanes at a time: the compiler makes each a
    /// single vector instruction.
    #[inline(always)]
    pub fn evaluate_lanes<const CUBIC: bool>(&self, z: Lanes<R>) -> (Lanes<R>, Lanes<R>) {
        let zero = R::zero();
        let positive = each(|l| if z[l] > zero { z[l] } else { zero });
        let bent = each(|l| {
            if positive[l] < self.threshold {
                positive[l]
            } else {
                self.threshold
            }
        });
        let excess = each(|l| positive[l] - bent[l]);
        let t = each(|l| bent[l] * self.inverse_threshold);
        let slopes = if CUBIC {
            each(|l| t[l] * t[l])
        } else if self.exponent == 1 {
            each(|l| if z[l] > zero { R::one() } else { zero })
        } else {
            (2..self.exponent).fold(t, |power, _| each(|l| power[l] * t[l]))
        };
        let bend = each(|l| slopes[l] * (bent[l] * self.inverse_exponent));
        (each(|l| bend[l] + excess[l]), slopes)
    }
}
