//! The lottery: which view of each class the initialisation favours, and which one a network has learned.

use super::quantities::mean;
use super::quantity::Quantity;
use crate::data::DataSet;
use crate::engine::Start;
use crate::engine::state::Layout;
use crate::evaluation::Evaluation;
use crate::regime::Regime;

/// Largest learned overlap of each class with each of its own views, `Λ_{i,ℓ} = max_r ⟨w_{i,r}, v_{i,ℓ}⟩`,
/// `[k][views]`. `features` is the `A` of one of the regime's networks, `[features][k][stride]`.
pub fn largest_overlaps(regime: &Regime, features: &[f32]) -> Vec<f32> {
    let Layout {
        classes, stride, ..
    } = Layout::of(regime);
    (0..regime.data.features())
        .map(|v| {
            let block = &features[(v * classes + regime.data.class_of(v)) * stride..][..stride];
            block.iter().copied().fold(f32::NEG_INFINITY, f32::max)
        })
        .collect()
}

/// For each class, the view that the initialisation favours: the one of largest
/// `S_{i,ℓ}^{1/(q−2)} max_r ⟨w_{i,r}, v_{i,ℓ}⟩`, with `S_{i,ℓ} = Σ z_p^q` over the training samples of class `i`
/// (at finite `N` the few single-view ones tell: **choice**). `None` for classes with a single view.
pub fn predicted_views(regime: &Regime, data: &DataSet, start: &Start<f32>) -> Vec<Option<usize>> {
    if regime.data.views_per_class == 1 {
        return vec![None; regime.data.classes];
    }
    lottery_scores(regime, data, start)
        .chunks_exact(regime.data.views_per_class)
        .map(|scores| Some(largest(scores)))
        .collect()
}

/// The first of the largest.
fn largest<T: PartialOrd>(scores: &[T]) -> usize {
    let views = 1..scores.len();
    views.fold(0, |best, view| match scores[view] > scores[best] {
        true => view,
        false => best,
    })
}

/// The score of each view, `[k][views]`: `S_{i,ℓ}^{1/(q−2)} max_r ⟨w_{i,r}, v_{i,ℓ}⟩` at the start (with exponent 1 for
/// the linear activation, which has no lottery to predict).
fn lottery_scores(regime: &Regime, data: &DataSet, start: &Start<f32>) -> Vec<f64> {
    let q = regime.network.relu_exponent as i32;
    let mut strength = vec![0.0f64; regime.data.features()];
    for sample in &data.samples {
        for patch in &sample.patches {
            if let Some(v) = patch.feature.map(|v| v as usize)
                && regime.data.class_of(v) == sample.label
            {
                strength[v] += f64::from(patch.weight).powi(q);
            }
        }
    }
    let overlaps = largest_overlaps(regime, &start.features(regime));
    let power = 1.0 / f64::from((q - 2).max(1));
    (strength.iter().zip(&overlaps))
        .map(|(strength, overlap)| strength.powf(power) * f64::from(*overlap))
        .collect()
}

/// How the lotteries of a world's single models ended: for each model, shares of the classes.
#[derive(Default)]
pub(super) struct Lottery {
    predicted: Vec<f64>,
    some_view: Vec<f64>,
    several_views: Vec<f64>,
}

impl Lottery {
    /// Adds one model, whose largest overlaps ended at `overlaps`. A view is *learned* if its cell [is](crate::evaluation::Cell::is_learned); the *winner* of a class that has
    /// learned some is the view of largest final overlap. A class that has learned none has no winner, and none was predicted.
    pub fn observe(
        &mut self,
        regime: &Regime,
        overlaps: &[f32],
        evaluation: &Evaluation,
        predicted: &[Option<usize>],
    ) {
        let views = regime.data.views_per_class;
        let (mut hits, mut some, mut several) = (0usize, 0usize, 0usize);
        for (class, guess) in predicted.iter().enumerate() {
            let cells = &evaluation.single[class * views..][..views];
            let learned = cells.iter().filter(|cell| cell.is_learned()).count();
            some += usize::from(learned > 0);
            several += usize::from(learned > 1);
            let winner = largest(&overlaps[class * views..][..views]);
            hits += usize::from(learned > 0 && *guess == Some(winner));
        }
        let share = |count: usize| count as f64 / predicted.len() as f64;
        self.predicted.push(share(hits));
        self.some_view.push(share(some));
        self.several_views.push(share(several));
    }

    /// The quantities of the lottery: means over models.
    pub fn quantities(&self) -> [(String, Quantity); 3] {
        [
            ("predicted_share", &self.predicted),
            ("some_view_share", &self.some_view),
            ("both_views_share", &self.several_views),
        ]
        .map(|(name, shares)| (format!("lottery.{name}"), mean(shares).into()))
    }
}
