//! Test error, stratified by (class, part of the mixture).
//!
//! `err(D)/μ = err(D_s) + ((1 − μ)/μ) err(D_m)`. In the limit `d → ∞` the error of each cell
//! (class, view) is computed, not sampled: [`product`] derives a lower and an upper bound. Where
//! these are apart, as where strong wrong features were learned, fresh inputs are drawn, with what
//! was computed as control variate. [`TestSet`] samples plainly: it serves models whose logits are
//! no sum over features, and checks the others.
//!
//! Fresh Gaussian noise enters a pre-activation as an independent `N(0, σ_0² ν²)`, as at the start:
//! in the limit `d → ∞` training leaves the overlaps with fresh noise as they were. At finite `d`,
//! for the dense engine, this leaves out their change of order `d^{-1/2}`.

mod contribution;
mod law;
mod plain;
mod portrait;
pub mod product;
mod sampled;
mod score;
mod weights;

use crate::field::{FieldError, require};
pub use plain::TestSet;
pub use portrait::Portrait;
pub use score::{CellError, Evaluation};

use crate::data::Kind;
use crate::regime::Regime;
use product::{Extent, Part};
use rand::Rng;
use sampled::{Sampler, Seen};
use serde::{Deserialize, Serialize};

/// A part's half-width of `err/μ` that needs no sampling: both parts together know `err/μ` to
/// 0.0005, so that a draw can be held against 0.001 `μ`.
const NARROW: f64 = 0.00025;

/// The number of fresh inputs drawn for each cell whose error must be sampled.
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
    pub fn validate(&self, path: &str) -> Result<(), FieldError> {
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

impl Evaluation {
    /// The errors of a network, or of a sum of some. Draws inputs from `rng` only where the
    /// computed bounds are apart.
    pub fn of(regime: &Regime, portrait: &Portrait, draws: Draws, rng: &mut impl Rng) -> Self {
        let (k, views) = (regime.data.classes, regime.data.views_per_class);
        let mut evaluation = Self {
            single_view_share: regime.data.single_view_share,
            single: Vec::new(),
            multi: Vec::new(),
        };
        let weight = evaluation.multi_weight();
        let single: Vec<(usize, Kind)> = (0..k * views)
            .map(|v| (v / views, Kind::SingleView((v % views) as u8)))
            .collect();
        let multi: Vec<(usize, Kind)> = (0..k).map(|label| (label, Kind::MultiView)).collect();
        evaluation.single = cells(regime, portrait, &single, NARROW, draws.single_view, rng);
        evaluation.multi = cells(
            regime,
            portrait,
            &multi,
            NARROW / weight,
            draws.multi_view,
            rng,
        );
        evaluation
    }
}

/// The errors of the cells of one part of the mixture.
fn cells(
    regime: &Regime,
    portrait: &Portrait,
    cells: &[(usize, Kind)],
    narrow: f64,
    draws: usize,
    rng: &mut impl Rng,
) -> Vec<CellError> {
    if !portrait.finite {
        // A logit that is no number is never the strict maximum.
        return vec![CellError::computed([1.0; 2]); cells.len()];
    }
    let multi_view = cells[0].1 == Kind::MultiView;
    let contribution = product::contribution(regime, portrait);
    let part = |extent| Part::new(regime, portrait, &contribution, extent, multi_view);
    let whole = part(Extent::Whole);
    let computed: Vec<CellError> = (cells.iter())
        .map(|(label, kind)| CellError::computed(whole.error(*label, *kind, narrow)))
        .collect();
    if score::mean(&computed, |c| c.half_width) <= narrow {
        return computed;
    }
    let product = part(Extent::Product);
    let seen = portrait.whole;
    let sampler = Sampler {
        regime,
        portrait,
        contribution: &contribution,
        rest: product::rest(regime, portrait, &contribution, multi_view, seen),
    };
    let [mut plain, mut controlled] = [computed.clone(), computed.clone()];
    for (index, (label, kind)) in cells.iter().enumerate() {
        if computed[index].half_width <= narrow {
            continue;
        }
        let seen = sampler.draw(*label, *kind, draws, rng);
        let control = CellError::computed(product.error(*label, *kind, narrow));
        plain[index] = estimate(CellError::default(), seen, seen.errors);
        controlled[index] = estimate(control, seen, seen.differences);
        let CellError {
            rate, half_width, ..
        } = computed[index];
        for cell in [&mut plain[index], &mut controlled[index]] {
            cell.rate = cell.rate.clamp(rate - half_width, rate + half_width);
        }
    }
    // What is known best; decided for the part as a whole, since a cell's few draws would flatter
    // themselves.
    let uncertainty = |cells: &Vec<CellError>| {
        score::mean(cells, |c| c.half_width) + score::variance(cells).sqrt()
    };
    let candidates = [computed, controlled, plain].into_iter();
    candidates
        .min_by(|a, b| uncertainty(a).total_cmp(&uncertainty(b)))
        .unwrap_or_default()
}

/// The state of a cell after some draws: the rate of the control and the mean of what was summed
/// beside it.
fn estimate(control: CellError, seen: Seen, [sum, squares]: [f64; 2]) -> CellError {
    let n = seen.draws as f64;
    let mean = sum / n;
    CellError {
        rate: control.rate + mean,
        half_width: control.half_width + 0.5 * seen.open as f64 / n,
        draws: seen.draws,
        variance: (squares / n - mean * mean).max(0.0) / n,
    }
}
