//! A model's errors, cell by cell, and what they add up to.

use serde::{Deserialize, Serialize};

/// Draws and errors of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Inputs drawn.
    pub draws: usize,
    /// Inputs misclassified.
    pub errors: usize,
}

impl Cell {
    /// Share of the draws misclassified.
    pub fn rate(self) -> f64 {
        self.errors as f64 / self.draws.max(1) as f64
    }

    /// Whether the model has learned what the cell shows: most of its inputs are classified.
    pub fn is_learned(self) -> bool {
        self.rate() < 0.5
    }
}

/// A model's errors, cell by cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// `μ`.
    pub(super) single_view_share: f64,
    /// Cells (class, view) of `D_s`, class-major.
    pub single: Vec<Cell>,
    /// Cells (class) of `D_m`.
    pub multi: Vec<Cell>,
}

impl Evaluation {
    /// Views of a class.
    pub fn views(&self) -> usize {
        self.single.len() / self.multi.len()
    }

    /// `err(D_s)`.
    pub fn single_view_error(&self) -> f64 {
        mean(self.single.iter())
    }

    /// `err(D_m)`.
    pub fn multi_view_error(&self) -> f64 {
        mean(self.multi.iter())
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

    /// The Monte-Carlo standard error of [`test_error_over_mu`](Self::test_error_over_mu), from the
    /// binomial variance of each cell with the square of one input's share added (so that a cell without
    /// errors is not taken for certain).
    pub fn standard_error(&self) -> f64 {
        let weight = self.multi_weight();
        (variance(&self.single) + weight * weight * variance(&self.multi)).sqrt()
    }

    /// Accuracy on single-view inputs that keep this view, over all classes.
    pub fn view_accuracy(&self, view: usize) -> f64 {
        1.0 - mean(self.single.iter().skip(view).step_by(self.views()))
    }

    /// Share of the classes of which exactly `views` views are learned.
    pub fn classes_knowing(&self, views: usize) -> f64 {
        let classes = self.single.chunks_exact(self.views());
        let count = classes.len() as f64;
        let known = |cells: &[Cell]| cells.iter().filter(|c| c.is_learned()).count();
        classes.filter(|cells| known(cells) == views).count() as f64 / count
    }

    fn multi_weight(&self) -> f64 {
        (1.0 - self.single_view_share) / self.single_view_share
    }
}

fn mean<'a>(cells: impl Iterator<Item = &'a Cell>) -> f64 {
    let (count, sum) = cells.fold((0, 0.0), |(n, sum), c| (n + 1, sum + c.rate()));
    sum / f64::from(count)
}

/// Variance of the mean over equally weighted cells, pooled for the cells that show no error.
fn variance(cells: &[Cell]) -> f64 {
    let spread: f64 = cells
        .iter()
        .filter(|c| c.draws > 0)
        .map(|c| c.rate() * (1.0 - c.rate()) / c.draws as f64)
        .sum();
    let draws: usize = cells.iter().map(|c| c.draws).sum();
    let cells = cells.len() as f64;
    // One error more than seen, spread over all draws: what "no error seen" still allows.
    spread / (cells * cells) + 1.0 / (draws.max(1) as f64).powi(2)
}
