//! Room for the intermediate results of a step.

use super::pace::Pace;
use crate::real::{LANES, Lanes, Real};

/// Room for the intermediate results of eight samples.
pub(super) struct Work<R> {
    /// Samples whose evaluation is due.
    pub(super) due: Vec<u32>,
    /// Number of classes present on the sample that has most.
    pub(super) present: usize,
    /// Slopes of the blocks, one sample after the other.
    pub(super) slopes: Vec<Lanes<R>>,
    /// Logits before they are summed across neurons, and after, class by class.
    pub(super) sums: Vec<[Lanes<R>; LANES]>,
    pub(super) logits: Vec<Lanes<R>>,
    pub(super) residual: Vec<Lanes<R>>,
    pub(super) soft: Vec<Lanes<R>>,
    pub(super) scratch: Vec<Lanes<R>>,
    /// Residuals, logits and debts, in whole lanes of classes.
    pub(super) groups: Vec<[Lanes<R>; LANES]>,
}

impl<R: Real> Work<R> {
    pub(super) fn new(samples: usize) -> Self {
        Self {
            due: vec![0; samples],
            present: 0,
            slopes: Vec::new(),
            sums: Vec::new(),
            logits: Vec::new(),
            residual: Vec::new(),
            soft: Vec::new(),
            scratch: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Notes which samples are to be evaluated at `step`, and returns their number.
    #[inline(always)]
    pub(super) fn note_due(&mut self, step: usize, paces: &[Pace<R>]) -> usize {
        let mut count = 0;
        for (t, pace) in paces.iter().enumerate() {
            self.due[count] = t as u32;
            count += usize::from(step >= pace.next);
        }
        count
    }

    /// Makes room for `present` classes.
    pub(super) fn hold(&mut self, present: usize) {
        self.present = present;
        let padded = present.next_multiple_of(LANES);
        if self.sums.len() < padded {
            let zeros = [R::zero(); LANES];
            self.sums.resize(padded, [zeros; LANES]);
            self.groups.resize(padded / LANES, [zeros; LANES]);
            for lanes in [
                &mut self.logits,
                &mut self.residual,
                &mut self.soft,
                &mut self.scratch,
            ] {
                lanes.resize(padded, zeros);
            }
        }
    }
}
