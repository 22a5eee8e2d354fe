//! The pace at which a sample is evaluated, when that need not be every step.
//!
//! An evaluation stands for `h` steps. Over these, gradient descent would have added the residual
//! times the slope of every block `h` times, each as of its own step; the sum is `h` times their
//! value half-way, `(h − 1)/2` steps on, up to terms of second order in the change. That value is
//! extrapolated from the last evaluation: residuals by their own change, slopes by the change of
//! the class's logit, since on the first branch of `φ` a slope follows its logit as
//! `φ' ∝ φ^{(q−1)/q}`.

use crate::real::{Lanes, Real, each};

/// Change between two evaluations, in the unit of [`Pace::advance`], beyond which the next comes
/// sooner.
const RESIDUAL_CHANGE: f64 = 0.08;

/// A change of a residual that is always allowed, however small the residuals.
const RESIDUAL_FLOOR: f64 = 1e-4;

/// Share of itself by which a logit may change between two evaluations: about `q` times what the
/// overlaps behind it change. A class counts by its residual `e`, as `|e|/(|e| + FAINT)`: where
/// that is faint the class is not what moves its overlaps.
const LOGIT_CHANGE: f64 = 0.08;
const FAINT: f64 = 0.05;

/// The next evaluation of a sample, and the result of the last.
#[derive(Clone, Copy)]
pub(super) struct Pace<R> {
    /// The step of the next evaluation.
    pub(super) next: usize,
    /// Steps between two evaluations, a power of two, and the steps that the last one stands for.
    interval: u32,
    pub(super) stands: u32,
    pub(super) standing: Standing,
    pub(super) label_logit: R,
    /// As in [`Fit`](crate::objective::Fit).
    pub(super) behind: R,
    pub(super) mass: R,
}

/// The classification of a sample, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The label's logit is the strict maximum.
    Correct,
    /// The label's logit is not the strict maximum.
    Wrong,
    /// It leads the classes present, but is so small that a class taken for 0 might have more.
    Open,
}

impl<R: Real> Pace<R> {
    /// A sample that has not been evaluated.
    pub(super) fn new() -> Self {
        Self {
            next: 0,
            interval: 1,
            stands: 0,
            standing: Standing::Wrong,
            label_logit: R::zero(),
            behind: R::zero(),
            mass: R::one(),
        }
    }

    /// Chooses the next evaluation of sample `n` after one at `step` at which `change`, of the 1
    /// that is allowed, had been seen since the last: the interval is doubled, up to `longest`,
    /// when that was less than half, and halved, or begun anew at 1, when it was more than all.
    /// Evaluations of an interval are spread over its steps by `n`. Returns the number of steps, of
    /// the `left` ones, that this evaluation stands for.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        step: usize,
        n: usize,
        change: R,
        longest: usize,
        left: usize,
    ) -> usize {
        if self.stands == 0 {
            // The first evaluation has nothing to compare with.
        } else if change > R::of(2.0) {
            self.interval = 1;
        } else if change > R::one() {
            self.interval = (self.interval / 2).max(1);
        } else if change < R::of(0.5) {
            self.interval = (2 * self.interval).min(longest as u32);
        }
        let interval = self.interval as usize;
        let steps = (interval - ((step + n) & (interval - 1))).min(left);
        self.next = step + steps;
        self.stands = steps as u32;
        steps
    }
}

/// A class's residuals and logits on eight samples, at the last evaluation and now.
#[derive(Clone, Copy)]
pub(super) struct Seen<R> {
    pub(super) residual: [Lanes<R>; 2],
    pub(super) logit: [Lanes<R>; 2],
}

/// Keeps 0/0 out of shares.
const TINY: f64 = 1e-30;

impl<R: Real> Seen<R> {
    /// The logits' changes, of what is allowed.
    #[inline(always)]
    pub(super) fn logit_change(&self) -> Lanes<R> {
        let e = each(|l| self.residual[1][l].abs());
        let moved = each(|l| (self.logit[1][l] - self.logit[0][l]).abs());
        let of = each(|l| self.logit[1][l].abs() + R::of(TINY));
        let allowed = each(|l| (e[l] + R::of(FAINT)) * R::of(LOGIT_CHANGE));
        each(|l| e[l] * moved[l] / (allowed[l] * of[l]))
    }

    /// The residuals' changes.
    #[inline(always)]
    pub(super) fn residual_change(&self) -> Lanes<R> {
        each(|l| (self.residual[1][l] - self.residual[0][l]).abs())
    }

    /// The residuals, times what the slopes have become, `ahead` times as far on as the last
    /// evaluations are back; `slope_power` is `(q − 1)/q`, and from logits of `bend` on slopes stay
    /// as they are.
    #[inline(always)]
    pub(super) fn half_way(&self, ahead: Lanes<R>, slope_power: R, bend: R) -> Lanes<R> {
        let [before, now] = self.residual;
        let [was, is] = self.logit;
        let size = each(|l| now[l].abs());
        let residual = each(|l| ahead[l] * (now[l] - before[l]) / (size[l] + R::of(TINY)));
        let logit =
            each(|l| ahead[l] * slope_power * (is[l] - was[l]) / (is[l].abs() + R::of(TINY)));
        let logit = each(|l| if is[l] < bend { logit[l] } else { R::zero() });
        // So far at most that a residual keeps its sign.
        let (residual, logit) = (limited(residual), limited(logit));
        each(|l| now[l] + size[l] * residual[l] + now[l] * logit[l])
    }
}

#[inline(always)]
fn limited<R: Real>(x: Lanes<R>) -> Lanes<R> {
    let most = R::of(0.25);
    let x = each(|l| if x[l] < most { x[l] } else { most });
    each(|l| if x[l] > -most { x[l] } else { -most })
}

/// The largest changes of residuals, `change`, of what is allowed where the largest residuals are
/// `size`.
#[inline(always)]
pub(super) fn residual_share<R: Real>(change: Lanes<R>, size: Lanes<R>) -> Lanes<R> {
    let floor = R::of(RESIDUAL_FLOOR / RESIDUAL_CHANGE);
    let size = each(|l| if size[l] > floor { size[l] } else { floor });
    each(|l| change[l] / (R::of(RESIDUAL_CHANGE) * size[l]))
}
