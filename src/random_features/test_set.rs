//! Plain test error over `D`, from fresh inputs drawn cell by cell.
//!
//! `err(D) = μ err(D_s) + (1 − μ) err(D_m)`. A random-feature model errs on both parts, so the error is not
//! divided by `μ` as for the trained network.

use super::regime::RandomFeatureRegime;
use crate::data::{Kind, Sample, draw_sample};
use crate::engine::is_correct;
use crate::evaluation::Cell;
use faer::Mat;
use rand::Rng;

/// Fresh inputs: for each class its single-view cells, then its multi-view cell.
#[derive(Clone, Debug)]
pub struct TestSet {
    pub(super) samples: Vec<Sample>,
    views: usize,
    single_view_share: f64,
}

/// Errors of one model, cell by cell.
#[derive(Clone, Debug)]
pub struct Score {
    views: usize,
    single_view_share: f64,
    /// Cells (class, view) of `D_s`, class-major.
    pub single: Vec<Cell>,
    /// Cells (class) of `D_m`.
    pub multi: Vec<Cell>,
}

impl TestSet {
    /// Draws every cell.
    pub fn draw(regime: &RandomFeatureRegime, rng: &mut impl Rng) -> Self {
        let data = &regime.data;
        let mut samples = Vec::new();
        for label in 0..data.classes {
            let mut cell = |kind, draws| {
                samples.extend((0..draws).map(|_| draw_sample(data, label, kind, rng)));
            };
            for view in 0..data.views_per_class {
                cell(Kind::SingleView(view as u8), regime.model.draws.single_view);
            }
            cell(Kind::MultiView, regime.model.draws.multi_view);
        }
        Self {
            samples,
            views: data.views_per_class,
            single_view_share: data.single_view_share,
        }
    }

    /// Weight of each input that makes a mean over the set a mean over `D`.
    pub fn weights(&self, regime: &RandomFeatureRegime) -> Vec<f64> {
        let k = regime.data.classes as f64;
        let single = k * (self.views * regime.model.draws.single_view) as f64;
        let multi = k * regime.model.draws.multi_view as f64;
        let mu = self.single_view_share;
        (self.samples.iter())
            .map(|s| match s.kind {
                Kind::SingleView(_) => mu / single,
                Kind::MultiView => (1.0 - mu) / multi,
            })
            .collect()
    }

    /// An input is an error unless its label's output is the strict maximum.
    pub fn score(&self, outputs: &Mat<f64>) -> Score {
        let k = outputs.ncols();
        let mut score = Score {
            views: self.views,
            single_view_share: self.single_view_share,
            single: vec![Cell::default(); k * self.views],
            multi: vec![Cell::default(); k],
        };
        let mut row = vec![0.0; k];
        for (n, sample) in self.samples.iter().enumerate() {
            let cell = match sample.kind {
                Kind::SingleView(view) => {
                    &mut score.single[sample.label * self.views + usize::from(view)]
                }
                Kind::MultiView => &mut score.multi[sample.label],
            };
            for (i, f) in row.iter_mut().enumerate() {
                *f = outputs[(n, i)];
            }
            cell.draws += 1;
            cell.errors += usize::from(!is_correct(&row, sample.label));
        }
        score
    }
}

impl Score {
    /// Views of a class.
    pub fn views(&self) -> usize {
        self.views
    }

    /// `err(D)`.
    pub fn error(&self) -> f64 {
        let mu = self.single_view_share;
        mu * self.single_view_error() + (1.0 - mu) * self.multi_view_error()
    }

    /// `err(D_s)`.
    pub fn single_view_error(&self) -> f64 {
        mean(self.single.iter())
    }

    /// `err(D_m)`.
    pub fn multi_view_error(&self) -> f64 {
        mean(self.multi.iter())
    }

    /// Accuracy on single-view inputs that keep this view, over all classes.
    pub fn view_accuracy(&self, view: usize) -> f64 {
        1.0 - mean(self.single.iter().skip(view).step_by(self.views))
    }

    /// Share of the classes of which exactly `views` views are known: most of the single-view inputs
    /// that keep the view are classified correctly.
    pub fn classes_knowing(&self, views: usize) -> f64 {
        let classes = self.single.chunks_exact(self.views);
        let count = classes.len() as f64;
        let known = |cells: &[Cell]| cells.iter().filter(|c| c.rate() < 0.5).count();
        classes.filter(|cells| known(cells) == views).count() as f64 / count
    }
}

fn mean<'a>(cells: impl Iterator<Item = &'a Cell>) -> f64 {
    let (count, sum) = cells.fold((0, 0.0), |(n, sum), c| (n + 1, sum + c.rate()));
    sum / f64::from(count)
}
