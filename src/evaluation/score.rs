//! A model's errors, cell by cell, and what they add up to.

use super::contribution::NEGLECTED;
use serde::{Deserialize, Serialize};

/// The error of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellError {
    /// Share of the cell's inputs misclassified.
    pub rate: f64,
    /// Half the distance of the computed bounds, at most; 0 if `rate` was counted on fresh inputs.
    pub half_width: f64,
    /// Fresh inputs drawn; 0 if `rate` was computed.
    pub draws: usize,
    /// Monte-Carlo variance of `rate`.
    pub variance: f64,
}

impl CellError {
    /// The cell of a computed error, from its bounds.
    pub(super) fn computed([low, high]: [f64; 2]) -> Self {
        Self {
            rate: 0.5 * (low + high),
            half_width: 0.5 * (high - low) + NEGLECTED,
            ..Self::default()
        }
    }

    /// The cell of an error counted on fresh inputs.
    pub fn counted(errors: usize, draws: usize) -> Self {
        let n = draws.max(1) as f64;
        let rate = errors as f64 / n;
        Self {
            rate,
            half_width: 0.0,
            draws,
            variance: rate * (1.0 - rate) / n,
        }
    }

    /// True if the model has learned what the cell shows: most of its inputs are classified.
    pub fn is_learned(self) -> bool {
        self.rate < 0.5
    }
}

/// A model's errors, cell by cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `μ`.
    pub(super) single_view_share: f64,
    /// Cells (class, view) of `D_s`, class-major.
    pub single: Vec<CellError>,
    /// Cells (class) of `D_m`.
    pub multi: Vec<CellError>,
}

impl Evaluation {
    /// Views of a class.
    pub fn views(&self) -> usize {
        self.single.len() / self.multi.len()
    }

    /// `err(D_s)`.
    pub fn single_view_error(&self) -> f64 {
        mean(&self.single, |c| c.rate)
    }

    /// `err(D_m)`.
    pub fn multi_view_error(&self) -> f64 {
        mean(&self.multi, |c| c.rate)
    }

    /// `err(D)`: of models that err on `D_m` too.
    pub fn error(&self) -> f64 {
        let mu = self.single_view_share;
        mu * self.single_view_error() + (1.0 - mu) * self.multi_view_error()
    }

    /// `err(D)/μ`.
    pub fn test_error_over_mu(&self) -> f64 {
        self.single_view_error() + self.multi_weight() * self.multi_view_error()
    }

    /// The possible error of [`test_error_over_mu`](Self::test_error_over_mu): the bound of what
    /// its computed cells neglect, and one Monte-Carlo standard error of those that were drawn.
    pub fn uncertainty(&self) -> f64 {
        let weight = self.multi_weight();
        let bound =
            mean(&self.single, |c| c.half_width) + weight * mean(&self.multi, |c| c.half_width);
        bound + (variance(&self.single) + weight * weight * variance(&self.multi)).sqrt()
    }

    /// Accuracy on single-view inputs that keep this view, over all classes.
    pub fn view_accuracy(&self, view: usize) -> f64 {
        let views = self.views();
        let cells: Vec<CellError> = self
            .single
            .iter()
            .skip(view)
            .step_by(views)
            .copied()
            .collect();
        1.0 - mean(&cells, |c| c.rate)
    }

    /// Share of the classes of which exactly `views` views are learned.
    pub fn classes_knowing(&self, views: usize) -> f64 {
        let classes = self.single.chunks_exact(self.views());
        let count = classes.len() as f64;
        let known = |cells: &[CellError]| cells.iter().filter(|c| c.is_learned()).count();
        classes.filter(|cells| known(cells) == views).count() as f64 / count
    }

    /// Share of all (class, view) pairs that are learned.
    pub fn coverage(&self) -> f64 {
        let learned = self.single.iter().filter(|cell| cell.is_learned());
        learned.count() as f64 / self.single.len() as f64
    }

    /// `(1 − μ)/μ`: what an error on `D_m` weighs against one on `D_s`.
    pub(super) fn multi_weight(&self) -> f64 {
        (1.0 - self.single_view_share) / self.single_view_share
    }
}

/// The mean over equally weighted cells.
pub(super) fn mean(cells: &[CellError], of: impl Fn(&CellError) -> f64) -> f64 {
    cells.iter().map(of).sum::<f64>() / cells.len() as f64
}

/// Monte-Carlo variance of the mean over equally weighted cells, with the square of one input's
/// share added (so that cells whose inputs all came out alike are not taken for certain).
pub(super) fn variance(cells: &[CellError]) -> f64 {
    let drawn = || cells.iter().filter(|c| c.draws > 0);
    let draws: usize = drawn().map(|c| c.draws).sum();
    if draws == 0 {
        return 0.0;
    }
    let count = cells.len() as f64;
    let spread: f64 = drawn().map(|c| c.variance).sum();
    // One more input than seen, spread over all draws: what "none seen" still allows.
    let one = drawn().count() as f64 / count / draws as f64;
    spread / (count * count) + one * one
}
