//! How often a sample is evaluated, when it need not be at every step.

use crate::real::{Lanes, Real, each};

/// Share of a sample's largest residual by which a residual may change between two evaluations.
const RESIDUAL_CHANGE: f64 = 0.02;

/// A change of a residual that is always allowed, however small the residuals.
const RESIDUAL_FLOOR: f64 = 1e-4;

/// Share of itself by which the label's logit may change between two evaluations: about `q` times what the overlaps behind it change,
/// however small they still are.
const LOGIT_CHANGE: f64 = 0.02;

/// When a sample is next evaluated, and what its last evaluation said.
#[derive(Clone, Copy)]
pub(super) struct Pace<R> {
    /// The step of the next evaluation.
    pub(super) next: usize,
    /// Steps between two evaluations, a power of two.
    interval: usize,
    pub(super) label_logit: R,
    pub(super) label_probability: R,
    pub(super) correct: bool,
}

impl<R: Real> Pace<R> {
    /// A sample that has not been evaluated.
    pub(super) fn new() -> Self {
        Self {
            next: 0,
            interval: 1,
            label_logit: R::zero(),
            label_probability: R::one(),
            correct: false,
        }
    }

    /// Chooses the next evaluation of sample `n` after one at `step`, at which the label had `label_logit` and `excess` of what is
    /// allowed had changed since the last: the interval is doubled, up to `longest`, when that was less than half, and halved, or begun
    /// anew at 1, when it was more than all. Evaluations of an interval are spread over its steps by `n`.
    /// Returns the number of steps, of the `left` ones, that this evaluation stands for.
    #[inline(always)]
    pub(super) fn advance(
        &mut self,
        step: usize,
        n: usize,
        [excess, label_logit]: [R; 2],
        longest: usize,
        left: usize,
    ) -> usize {
        self.label_logit = label_logit;
        if excess > R::of(2.0) {
            self.interval = 1;
        } else if excess > R::one() {
            self.interval = (self.interval / 2).max(1);
        } else if excess < R::of(0.5) {
            self.interval = (2 * self.interval).min(longest);
        }
        let steps = (self.interval - ((step + n) & (self.interval - 1))).min(left);
        self.next = step + steps;
        steps
    }
}

/// How much of what is allowed has changed on eight samples since their last evaluations, at which the labels had the logits `last`:
/// no residual by more than `change`, the largest now being `size`, and the label's logit to `label_logit`.
#[inline(always)]
pub(super) fn excess<R: Real>(
    change: Lanes<R>,
    size: Lanes<R>,
    last: Lanes<R>,
    label_logit: Lanes<R>,
) -> Lanes<R> {
    let share = |part: R, whole: f64, of: R| part / (R::of(whole) * of);
    let floor = R::of(RESIDUAL_FLOOR / RESIDUAL_CHANGE);
    each(|l| {
        let size = if size[l] > floor { size[l] } else { floor };
        let moved = (label_logit[l] - last[l]).abs();
        let residual = share(change[l], RESIDUAL_CHANGE, size);
        let logit = share(moved, LOGIT_CHANGE, label_logit[l]);
        // A logit of 0 that has not moved is not a number here, and has not moved.
        if logit > residual { logit } else { residual }
    })
}
