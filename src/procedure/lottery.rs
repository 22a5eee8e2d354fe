//! The lottery: which view of each class the initialisation favours, and which one a network has
//! learned.

use super::Procedure;
use super::quantity::{Quantity, mean};
use crate::data::DataSet;
use crate::engine::Start;
use crate::engine::state::Layout;
use crate::evaluation::Evaluation;
use crate::regime::Regime;

/// Largest learned overlap of each class with each of its own views,
/// `Λ_{i,ℓ} = max_r ⟨w_{i,r}, v_{i,ℓ}⟩`, `[k][views]`. `features` is the `A` of one of the regime's
/// networks, `[features][k][stride]`.
pub fn largest_overlaps(regime: &Regime, features: &[f32]) -> Vec<f32> {
    let Layout {
        classes,
        neurons,
        stride,
    } = Layout::of(regime);
    (0..regime.data.features())
        .map(|v| {
            let block = &features[(v * classes + regime.data.class_of(v)) * stride..][..neurons];
            block.iter().copied().fold(f32::NEG_INFINITY, f32::max)
        })
        .collect()
}

/// `S_{i,ℓ} = Σ z_p^q` over the training samples of class `i`, `[k][views]`: how strongly each view
/// pulls at its class (at finite `N` the few single-view samples tell: **choice**).
pub fn view_strengths(regime: &Regime, data: &DataSet) -> Vec<f64> {
    let q = regime.network.relu_exponent as i32;
    let mut strengths = vec![0.0f64; regime.data.features()];
    for sample in &data.samples {
        for patch in &sample.patches {
            if let Some(v) = patch.feature.map(|v| v as usize)
                && regime.data.class_of(v) == sample.label
            {
                strengths[v] += f64::from(patch.weight).powi(q);
            }
        }
    }
    strengths
}

/// For each class, the view that wins by the theory: the one of largest
/// `S_{i,ℓ}^{1/(q−2)} max_r ⟨w_{i,r}, v_{i,ℓ}⟩` at the start (with exponent 1 for the linear
/// activation, which has no lottery to predict). Without `strengths`, `[k][views]`, all are taken
/// for 1. `None` for classes with a single view.
pub fn predicted_views(
    regime: &Regime,
    strengths: Option<&[f64]>,
    start: &Start<f32>,
) -> Vec<Option<usize>> {
    let views = regime.data.views_per_class;
    if views == 1 {
        return vec![None; regime.data.classes];
    }
    scores(regime, strengths, start)
        .chunks_exact(views)
        .map(|own| Some(largest(own)))
        .collect()
}

/// The scores `S_{i,ℓ}^{1/(q−2)} max_r ⟨w_{i,r}, v_{i,ℓ}⟩` of [`predicted_views`], `[k][views]`.
fn scores(regime: &Regime, strengths: Option<&[f64]>, start: &Start<f32>) -> Vec<f64> {
    let power = 1.0 / (f64::from(regime.network.relu_exponent) - 2.0).max(1.0);
    let favour = |v: usize| strengths.map_or(1.0, |strengths| strengths[v].powf(power));
    let overlaps = largest_overlaps(regime, &start.features(regime));
    let scores = overlaps.iter().enumerate();
    scores.map(|(v, a)| favour(v) * f64::from(*a)).collect()
}

/// The index of the first of the largest.
pub(crate) fn largest<T: PartialOrd>(scores: &[T]) -> usize {
    let views = 1..scores.len();
    views.fold(0, |best, view| match scores[view] > scores[best] {
        true => view,
        false => best,
    })
}

/// The views that are predicted to win at the start of a network.
pub(super) struct Predicted {
    weighted: Vec<Option<usize>>,
    unweighted: Vec<Option<usize>>,
}

impl Predicted {
    /// For a network that starts from `start`, with the strengths of its training set and without.
    pub fn of(regime: &Regime, data: &DataSet, start: &Start<f32>) -> Self {
        let strengths = view_strengths(regime, data);
        Self {
            weighted: predicted_views(regime, Some(&strengths), start),
            unweighted: predicted_views(regime, None, start),
        }
    }
}

/// The races between the views of each class, watched while a network is trained.
///
/// The paper: if the start favours a view by a factor `1 + 1/polylog(k)`, the largest overlap of
/// any other view when the winner takes off is at most `polylog(k)` times its start. Here
/// `polylog(k)` is `ln k`, and a class takes off when the first of its views reaches `ϱ`, where the
/// activation becomes linear (**choices**).
pub(super) struct Race {
    threshold: f32,
    /// The starts `Λ`, `[k][views]`.
    starts: Vec<f32>,
    /// For each class, the view that is ahead by `1 + 1/ln k`, if there is one.
    favourites: Vec<Option<usize>>,
    /// For each class with a favourite, once it has taken off, the largest growth of its other
    /// views.
    growth: Vec<Option<f64>>,
}

impl Race {
    /// The race that begins at `start`.
    pub fn new(regime: &Regime, data: &DataSet, start: &Start<f32>) -> Self {
        let scores = scores(regime, Some(&view_strengths(regime, data)), start);
        let lead = 1.0 + 1.0 / (regime.data.classes as f64).ln();
        let favourite = |own: &[f64]| {
            let first = largest(own);
            let mut others = own.iter().enumerate().filter(|(view, _)| *view != first);
            (own.len() > 1 && others.all(|(_, score)| own[first] >= lead * score)).then_some(first)
        };
        let views = regime.data.views_per_class;
        Self {
            threshold: regime.network.relu_threshold as f32,
            starts: largest_overlaps(regime, &start.features(regime)),
            favourites: scores.chunks_exact(views).map(favourite).collect(),
            growth: vec![None; regime.data.classes],
        }
    }

    /// Looks at a network in training, whose `A` is `features`.
    pub fn see(&mut self, regime: &Regime, features: &[f32]) {
        let views = regime.data.views_per_class;
        let overlaps = largest_overlaps(regime, features);
        let classes = overlaps
            .chunks_exact(views)
            .zip(self.starts.chunks_exact(views));
        let races = classes.zip(self.favourites.iter().zip(&mut self.growth));
        for ((overlaps, starts), (favourite, growth)) in races {
            let took_off = overlaps.iter().any(|overlap| *overlap >= self.threshold);
            let (Some(favourite), None, true) = (favourite, &growth, took_off) else {
                continue;
            };
            let views = overlaps.iter().zip(starts).enumerate();
            // A view whose overlaps all start at or below 0, where the activation is flat, has no
            // start to grow from.
            let others = views.filter(|(view, (_, start))| view != favourite && **start > 0.0);
            let grown = others.map(|(_, (overlap, start))| f64::from(overlap / start));
            *growth = Some(grown.fold(0.0, f64::max));
        }
    }

    /// The largest growth of all classes that have a favourite.
    pub fn loser_growth(&self) -> Quantity {
        let favoured = self.favourites.iter().zip(&self.growth).enumerate();
        let favoured = favoured.filter(|(_, (favourite, _))| favourite.is_some());
        let mut most = None;
        for (class, (_, growth)) in favoured {
            let Some(growth) = growth else {
                return Quantity::undefined(format!("class {class} reached ϱ with no view"));
            };
            most = Some(most.map_or(*growth, |most: f64| most.max(*growth)));
        }
        let none = || Quantity::undefined("no class has a view that starts ahead by 1 + 1/ln k");
        most.map_or_else(none, Quantity::from)
    }
}

/// The outcomes of the lotteries of a world's single models: for each model, shares of the classes.
#[derive(Default)]
pub(super) struct Lottery {
    predicted: Vec<f64>,
    predicted_unweighted: Vec<f64>,
    some_view: Vec<f64>,
    several_views: Vec<f64>,
    loser_growth: Vec<Quantity>,
}

impl Lottery {
    /// Adds one model, whose largest overlaps ended at `overlaps`. A view is *learned* if its cell
    /// [is](crate::evaluation::CellError::is_learned); the *winner* of a class that has learned some is
    /// the view of largest final overlap. A class that has learned none has no winner, and none was
    /// predicted.
    pub fn observe(
        &mut self,
        regime: &Regime,
        overlaps: &[f32],
        evaluation: &Evaluation,
        predicted: &Predicted,
    ) {
        let views = regime.data.views_per_class;
        let classes = regime.data.classes;
        let (mut hits, mut some, mut several) = ([0usize; 2], 0usize, 0usize);
        for class in 0..classes {
            let cells = &evaluation.single[class * views..][..views];
            let learned = cells.iter().filter(|cell| cell.is_learned()).count();
            some += usize::from(learned > 0);
            several += usize::from(learned > 1);
            let winner = largest(&overlaps[class * views..][..views]);
            let guesses = [&predicted.weighted, &predicted.unweighted];
            for (hits, guess) in hits.iter_mut().zip(guesses) {
                *hits += usize::from(learned > 0 && guess[class] == Some(winner));
            }
        }
        let share = |count: usize| count as f64 / classes as f64;
        self.predicted.push(share(hits[0]));
        self.predicted_unweighted.push(share(hits[1]));
        self.some_view.push(share(some));
        self.several_views.push(share(several));
    }

    /// Adds what was seen of one model's race.
    pub fn watched(&mut self, race: &Race) {
        self.loser_growth.push(race.loser_growth());
    }

    /// The quantities of the lottery: means over models.
    pub fn quantities(&self) -> impl Iterator<Item = (String, Quantity)> {
        MEASURES.iter().filter_map(|measure| {
            let value = (measure.value)(self)?;
            Some((format!("lottery.{}", measure.name), value))
        })
    }
}

/// A quantity of the lottery.
pub(super) struct Measure {
    /// Its name: `lottery.NAME`.
    pub name: &'static str,
    pub meaning: &'static str,
    /// Returns true if a procedure with members measures it.
    pub asked: fn(&Procedure) -> bool,
    value: fn(&Lottery) -> Option<Quantity>,
}

/// The one table of the quantities of the lottery.
pub(super) const MEASURES: [Measure; 5] = [
    Measure {
        name: "predicted_share",
        meaning: "share of all classes that learned a view, and that view is the one predicted at initialisation by S^{1/(q−2)} Λ",
        asked: |_| true,
        value: |lottery| Some(mean(&lottery.predicted).into()),
    },
    Measure {
        name: "predicted_share_unweighted",
        meaning: "the same by Λ alone, S taken for 1: where the views weigh differently it should be wrong",
        asked: |_| true,
        value: |lottery| Some(mean(&lottery.predicted_unweighted).into()),
    },
    Measure {
        name: "some_view_share",
        meaning: "share of classes that learned at least one view",
        asked: |_| true,
        value: |lottery| Some(mean(&lottery.some_view).into()),
    },
    Measure {
        name: "both_views_share",
        meaning: "share of classes that learned both views, or more than one of several (ties)",
        asked: |_| true,
        value: |lottery| Some(mean(&lottery.several_views).into()),
    },
    Measure {
        name: "loser_growth",
        meaning: "largest overlap over its start, of a view that starts behind by 1 + 1/ln k or more, when its class's first view reaches ϱ",
        asked: |procedure| procedure.watch_take_off,
        value: |lottery| Quantity::mean(&lottery.loser_growth),
    },
];
