//! Engines that train a network on a world by full-batch gradient descent.

pub mod dense;
pub mod multirate;
pub mod overlap;
pub mod reference;

use crate::data::DataSet;
use crate::objective::Objective;
use crate::real::{Lanes, Real, across};
use crate::regime::Regime;
use overlap::{Overlaps, StepView, Trained};

/// Trains a network in the limit `d → ∞`, at two rates where that is sound and step by step elsewhere.
pub fn train<'a, R: Real>(
    regime: &'a Regime,
    data: &'a DataSet,
    start: Overlaps<R>,
    objective: &'a Objective<R>,
    steps: usize,
    observer: Option<Observer<'a, R>>,
) -> Trained<R> {
    if multirate::applies(regime) {
        multirate::train(
            regime,
            multirate::Rates::of(regime),
            data,
            start,
            objective,
            steps,
            observer,
        )
    } else {
        reference::train(regime, data, start, objective, steps, observer)
    }
}

/// A callback that sees the state every few steps.
pub struct Observer<'a, R> {
    /// Steps between two calls.
    pub every: usize,
    /// The callback.
    pub call: &'a mut dyn FnMut(StepView<R>),
}

impl<R> Observer<'_, R> {
    fn due(&self, step: usize) -> bool {
        step.is_multiple_of(self.every)
    }
}

/// Stops once training error 0 has held for a stated number of consecutive steps.
struct StopRule {
    perfect_steps: usize,
    held: usize,
}

impl StopRule {
    fn new(perfect_steps: usize) -> Self {
        Self {
            perfect_steps,
            held: 0,
        }
    }

    fn reached(&mut self, errors: usize) -> bool {
        self.held = if errors == 0 { self.held + 1 } else { 0 };
        self.perfect_steps > 0 && self.held >= self.perfect_steps
    }
}

/// Whether `label` has the strictly largest logit.
pub(crate) fn is_correct<R: Real>(logits: &[R], label: usize) -> bool {
    logits
        .iter()
        .enumerate()
        .all(|(i, f)| i == label || *f < logits[label])
}

/// Sums lanes in a fixed order.
#[inline(always)]
fn lane_sum<R: Real>(x: Lanes<R>) -> R {
    across(x, |a, b| a + b)
}
