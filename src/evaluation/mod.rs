//! Test error, stratified by (class, part of the mixture).
//!
//! `err(D)/μ = err(D_s) + ((1 − μ)/μ) err(D_m)`. Within a cell (class, view) the outcome is almost
//! constant, so a few draws for each cell give a small Monte-Carlo error, where plain sampling of `D`
//! would waste nearly all of them.

mod logits;
mod score;

pub use score::{Cell, Evaluation};

use crate::data::{Kind, Sample, draw_sample};
use crate::engine::is_correct;
use crate::engine::overlap::Trained;
use crate::normals::Normals;
use crate::real::Real;
use crate::regime::{DataRegime, Regime, RegimeError, require};
use logits::Logits;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How many fresh inputs are drawn for each cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Draws {
    /// Single-view inputs for each (class, view).
    pub single_view: usize,
    /// Multi-view inputs for each class.
    pub multi_view: usize,
}

impl Default for Draws {
    fn default() -> Self {
        Self {
            single_view: 16,
            multi_view: 64,
        }
    }
}

impl Draws {
    /// Checks every field; `path` prefixes the field names.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn validate(&self, path: &str) -> Result<(), RegimeError> {
        for (field, draws) in [
            ("single_view", self.single_view),
            ("multi_view", self.multi_view),
        ] {
            require(
                (1..=1_000_000).contains(&draws),
                &format!("{path}.{field}"),
                draws,
                "1 to 1000000",
            )?;
        }
        Ok(())
    }
}

/// Fresh inputs of `D`, cell by cell.
#[derive(Clone, Debug)]
pub struct TestSet {
    pub(crate) samples: Vec<Sample>,
    classes: usize,
    views: usize,
    /// `μ`.
    single_view_share: f64,
}

impl TestSet {
    /// Draws the cells in order: for each class its single-view cells, then its multi-view cell.
    pub fn draw(data: &DataRegime, draws: Draws, rng: &mut impl Rng) -> Self {
        let mut samples = Vec::new();
        for label in 0..data.classes {
            let mut cell = |kind, draws| {
                samples.extend((0..draws).map(|_| draw_sample(data, label, kind, rng)));
            };
            for view in 0..data.views_per_class {
                cell(Kind::SingleView(view as u8), draws.single_view);
            }
            cell(Kind::MultiView, draws.multi_view);
        }
        Self {
            samples,
            classes: data.classes,
            views: data.views_per_class,
            single_view_share: data.single_view_share,
        }
    }

    /// The logits of a trained network, `[inputs][k]`. Fresh Gaussian noise enters a pre-activation as an
    /// independent `N(0, σ_0² ν²)`, as at the start: in the limit `d → ∞` training leaves the overlaps with fresh noise as they were (at
    /// finite `d`, for the dense engine, this leaves out their change of order `d^{-1/2}`). Blocks whose features stay under `8 σ_0` (and under
    /// `ϱ`), patches of pure noise among them, are left without it: for `ν ≤ 1` it moves a logit by less than `m φ(14 σ_0)` for each such
    /// patch, and for larger `ν` by as much at `σ_0 ν`.
    pub fn logits(&self, regime: &Regime, network: &Trained<f32>, rng: &mut impl Rng) -> Vec<f32> {
        pulp::Arch::new().dispatch(Logits {
            samples: &self.samples,
            regime,
            network,
            normals: Normals::new(rng),
        })
    }

    /// Scores logits `[inputs][k]`: an input is an error unless its label's logit is the strict maximum.
    pub fn score<R: Real>(&self, logits: &[R]) -> Evaluation {
        let mut single = vec![Cell::default(); self.classes * self.views];
        let mut multi = vec![Cell::default(); self.classes];
        for (sample, f) in self.samples.iter().zip(logits.chunks_exact(self.classes)) {
            let cell = match sample.kind {
                Kind::SingleView(view) => {
                    &mut single[sample.label * self.views + usize::from(view)]
                }
                Kind::MultiView => &mut multi[sample.label],
            };
            cell.draws += 1;
            cell.errors += usize::from(!is_correct(f, sample.label));
        }
        Evaluation {
            single_view_share: self.single_view_share,
            single,
            multi,
        }
    }
}
