//! The error of each cell as a product over classes, bracketed.
//!
//! In the limit `d → ∞` a logit on a fresh input is a sum over the features present,
//! `F_i = Σ_v X_{v,i}`, and given the weights of the label's features all else is independent: the
//! presence and the weight of each other feature, and the noise that each class sees. A class's own
//! features decide its logit. With `U_i` their sum, and `T` the label's,
//!
//! ```text
//! P(error | cell) = 1 − E_T Π_{i ≠ y} P(U_i < T)                                                              (1)
//! ```
//!
//! where `U_i` is a mixture over which of the class's features are present. This is the *product*.
//! It is computed with every law rounded down, and rounded up: intervals of the label's weights and
//! of the noise are taken at their ends, so that what (1) becomes is a bound whatever the number of
//! intervals. A tie is an error: `P(U_i < T)` is strict.
//!
//! Four things are missing from the product, and bracketed:
//!
//! - *Features of other classes that are not awake*, with the noise on their patches. Of the
//!   features of all classes at most `n` are present (Bernstein's inequality), and what they can
//!   add to a logit is bounded likewise; at least they add nothing.
//! - *Patches of pure noise*: their number and its part in a logit lie between bounds (Bernstein);
//!   nearly the same is added to every class.
//! - *A wrong feature `v` of class `i` on the label's side* (`v` one of the label's): always
//!   present, and of the label's weight; its part is added to the class in each interval of that
//!   weight. This belongs to the product.
//! - *Other wrong features.* Of each class the strongest few are followed, and what the others add
//!   is bounded as a sum of independent numbers (Bernstein). If `v` feeds class `i ≠ y`, then
//!   upwards: the events `F_i < t` all say that independent numbers are small, so they help one
//!   another (Harris' inequality), and `P(all F_i < t) ≥ Π P(F_i < t)` with each class's own chance
//!   to see its wrong features. Downwards they are left out. If `v` feeds the label, then
//!   downwards: with those features present or not, the label gains at most all of their parts, and
//!   errors from the classes that own them are left out; upwards they are left out.
//!
//! Everything else that is neglected has a chance below 1e-8, which each cell's half-width
//! includes. The result holds for every regime; it is narrow where strong wrong features are few
//! and the noise is small beside what the classes have learned.

use super::contribution::{Bounds, Contribution, Normal, SURETY};
use super::law::{Largest, Law, Side, slices};
use super::portrait::{Neurons, Portrait, Wrong};
use super::weights::{Weights, boxes, is_free};
use crate::data::Kind;
use crate::regime::{DataRegime, FeaturePatches, Regime};

/// Boxes of another class's weights: intervals of its total, where the patches of a feature have
/// equal shares; of the shares too, where these are random.
const OTHER_BOXES: [usize; 2] = [24, 192];
/// Boxes of the label's weights, one after the other until the error is known.
const LABEL_BOXES: [usize; 4] = [1, 8, 64, 512];
/// Wrong features of one class that are followed one by one.
const FOLLOWED: usize = 4;

/// The part of an input that is taken into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The product alone.
    Product,
    /// Everything, bounded.
    Whole,
}

/// Lower and upper bound.
pub(super) type Bracket = [f64; 2];

/// A part of the mixture, ready for the cells of all labels.
pub(super) struct Part<'a> {
    data: &'a DataRegime,
    portrait: &'a Portrait,
    contribution: &'a Contribution,
    extent: Extent,
    multi_view: bool,
    slices: Vec<(f64, [f64; 2])>,
    /// The largest logit of the classes, rounded down and up.
    largest: [Largest; 2],
    /// `[k]`: what is added to each class besides its own and the awake features, at least and at
    /// most.
    rest: Vec<Bracket>,
    /// `[k]`: the wrong features that are followed.
    fed: Vec<Fed<'a>>,
}

/// The wrong features of one class.
#[derive(Clone, Default)]
struct Fed<'a> {
    by: Vec<&'a Wrong>,
    /// The most that they add, if all are present.
    most: f64,
}

/// The contribution of a regime to a portrait's classes.
pub(super) fn contribution(regime: &Regime, portrait: &Portrait) -> Contribution {
    let data = &regime.data;
    let patches = data.features() * data.patches_per_feature.most();
    let numbers = patches.max(data.patch_count().unwrap_or(0)) * data.classes * portrait.neurons;
    Contribution::new(regime, numbers as f64)
}

/// Bounds of what is added to each class, `[k]`, by patches of pure noise and, unless the portrait
/// is whole and every pair is `seen`, by features of other classes that are not awake, in inputs of
/// one part of the mixture.
pub(super) fn rest(
    regime: &Regime,
    portrait: &Portrait,
    contribution: &Contribution,
    multi_view: bool,
    seen: bool,
) -> Vec<Bracket> {
    let data = &regime.data;
    let (cp, views) = (data.patches_per_feature, data.views_per_class as f64);
    let [least_cp, most_cp] = [cp.least(), cp.most()].map(|count| count as f64);
    let others = (data.features() - data.views_per_class) as f64;
    let present = data.sparsity / data.classes as f64;
    // Bernstein's inequality for the number of other features present.
    let mean = others * present;
    let spread = (2.0 * mean * (1.0 - present) * SURETY).sqrt() + SURETY / 3.0;
    let (fewest, most) = ((mean - spread).max(0.0), (mean + spread).min(others));
    let pure = |features: f64, cp: f64| {
        let total = data.patch_count().unwrap_or(0) as f64;
        (total - cp * (views + features)).max(0.0)
    };
    let (pure_fewest, pure_most) = (pure(most.floor(), most_cp), pure(fewest.ceil(), least_cp));
    let other = match multi_view {
        true => data.other_weight[1],
        false => data.single_view_other_weight,
    };
    // Moments of φ are convex in the weight: random shares give no more than the whole on one patch
    // and nothing on the others.
    let groups: Vec<(f64, f64)> = [(most.floor(), other), (views, data.largest_main_weight())]
        .into_iter()
        .flat_map(|(features, total)| match cp {
            FeaturePatches::Equal(_) => [(features * most_cp, total / most_cp), (0.0, 0.0)],
            FeaturePatches::Random(_) => [(features, total), (features * (most_cp - 1.0), 0.0)],
        })
        .collect();
    (0..data.classes)
        .map(|class| {
            let commons = || {
                let neurons = &portrait.own[class * data.views_per_class];
                neurons.iter().map(|n| f64::from(n[1]))
            };
            let (mut low, mut high) = (0.0, 0.0);
            if !seen {
                let common = commons().fold(0.0, f64::max);
                let overlaps = [portrait.silent[class], common];
                high = contribution.crowd(&groups, portrait.neurons, overlaps);
            }
            if pure_most > 0.0 {
                let (mut mean, mut square, mut largest) = ([0.0; 2], 0.0, 0.0f64);
                for common in commons() {
                    let noise = contribution.pure_noise(common);
                    mean = [mean[0] + noise.mean[0], mean[1] + noise.mean[1]];
                    square += noise.square;
                    largest = largest.max(contribution.extreme(common));
                }
                let spread = (2.0 * pure_most * square * SURETY).sqrt();
                low += (pure_fewest * mean[0] - spread).max(0.0);
                high += pure_most * mean[1] + spread + largest * SURETY / 3.0;
            }
            [low, high]
        })
        .collect()
}

impl<'a> Part<'a> {
    pub fn new(
        regime: &'a Regime,
        portrait: &'a Portrait,
        contribution: &'a Contribution,
        extent: Extent,
        multi_view: bool,
    ) -> Self {
        let data = &regime.data;
        let rest = match extent {
            Extent::Product => vec![[0.0; 2]; data.classes],
            Extent::Whole => rest(regime, portrait, contribution, multi_view, false),
        };
        let mut part = Self {
            data,
            portrait,
            contribution,
            extent,
            multi_view,
            slices: slices(contribution.reach),
            largest: [Side::Low, Side::High].map(|_| Largest::default()),
            rest,
            fed: Vec::new(),
        };
        part.follow();
        let weights = part.other_weights(match data.patches_per_feature {
            FeaturePatches::Equal(_) => OTHER_BOXES[0],
            FeaturePatches::Random(_) => OTHER_BOXES[1],
        });
        part.largest = [Side::Low, Side::High].map(|side| {
            let laws = (0..data.classes).map(|class| part.law(class, &weights, side));
            Largest::new(laws.collect())
        });
        part
    }

    /// The weights of another class's feature, cut into boxes.
    fn other_weights(&self, count: usize) -> Vec<Weights> {
        let total = match self.multi_view {
            true => self.data.other_weight,
            false => [self.data.single_view_other_weight; 2],
        };
        boxes(self.data.patches_per_feature, total, count)
    }

    /// Chooses the wrong features to follow, none where they are left out, and adds a bound of the
    /// others to the rest.
    fn follow(&mut self) {
        self.fed = vec![Fed::default(); self.data.classes];
        if self.extent == Extent::Product {
            return;
        }
        let weights = self.other_weights(1);
        let mut parts: Vec<Vec<(f64, &Wrong)>> = vec![Vec::new(); self.data.classes];
        for wrong in self.portrait.awake() {
            let most = weights.iter().map(|weights| {
                let bounds = self.contribution.bounds(&wrong.neurons, weights);
                self.contribution.ends(bounds)[1]
            });
            parts[wrong.class].push((most.fold(0.0, f64::max), wrong));
        }
        for (class, mut parts) in parts.into_iter().enumerate() {
            parts.sort_by(|a, b| b.0.total_cmp(&a.0));
            let others = parts.split_off(FOLLOWED.min(parts.len()));
            self.fed[class] = Fed {
                most: parts.iter().map(|(most, _)| most).sum(),
                by: parts.into_iter().map(|(_, wrong)| wrong).collect(),
            };
            let others: Vec<f64> = others.into_iter().map(|(most, _)| most).collect();
            self.rest[class][1] += bernstein(self.present(), &others);
        }
    }

    fn present(&self) -> f64 {
        self.data.sparsity / self.data.classes as f64
    }

    /// The law of a class that is not the label, its features' weights in these boxes.
    fn law(&self, class: usize, weights: &[Weights], side: Side) -> Law {
        let present = self.present();
        let of = |neurons: &Neurons| {
            let bounds = |weights| self.contribution.bounds(neurons, weights);
            let parts: Vec<(f64, Normal)> = (weights.iter())
                .map(|weights| (weights.chance, side.of(bounds(weights))))
                .collect();
            Law::mixture(&parts, &self.slices, side)
        };
        let views = self.data.views_per_class;
        let own = &self.portrait.own[class * views..][..views];
        let mut law = Law::default();
        for neurons in own {
            law = law.plus(present, &of(neurons), side);
        }
        let [low, high] = self.rest[class];
        if side == Side::Low {
            return law.settled(low);
        }
        for wrong in &self.fed[class].by {
            law = law.plus(present, &of(&wrong.neurons), side);
        }
        law.settled(high)
    }

    /// The mean of a function of a normal number, negative ones taken for 0, with each slice at its
    /// lower (0) or upper (1) end.
    fn mean(&self, normal: Normal, end: usize, f: impl Fn(f64) -> f64) -> f64 {
        if normal.deviation[1] == 0.0 {
            return f(normal.mean);
        }
        let slices = self.slices.iter();
        slices
            .map(|(p, ends)| p * f(normal.ends(ends[end])[end].max(0.0)))
            .sum()
    }

    /// Bounds of the error's probability in a cell, with the label's weights cut as finely as it
    /// takes to bring them within `narrow` of their mean, or as it helps.
    pub fn error(&self, label: usize, kind: Kind, narrow: f64) -> Bracket {
        let mut last = [0.0, 1.0];
        for boxes in LABEL_BOXES {
            let bracket = self.error_with(&BoxedCell::new(self, label, kind, boxes), label);
            let (width, before) = (bracket[1] - bracket[0], last[1] - last[0]);
            last = bracket;
            // What is left is due to other things.
            if width <= 2.0 * narrow || (boxes > 8 && width > 0.7 * before) {
                break;
            }
        }
        last
    }

    fn error_with(&self, cell: &BoxedCell, label: usize) -> Bracket {
        let [low, high] = &self.largest;
        let [rest_low, rest_high] = self.rest[label];
        // Nobody reaches the label: most cells.
        if cell.least_lead(self.contribution) + rest_low > high.most() {
            return [0.0; 2];
        }
        let fed = &self.fed[label];
        let none_present = (1.0 - self.present()).powi(fed.by.len() as i32);
        let mut excluded: Vec<usize> = (fed.by.iter())
            .map(|wrong| self.data.class_of(wrong.feature))
            .collect();
        excluded.sort_unstable();
        excluded.dedup();
        excluded.insert(0, label);
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let mut bracket = [0.0; 2];
        cell.each(|chance, own, shifts| {
            let without = |class: &usize| (*class, f64::NEG_INFINITY);
            up.clear();
            up.push(without(&label));
            up.extend(shifts.iter().map(|(class, ends)| (*class, ends[1])));
            down.clear();
            down.extend(excluded.iter().map(without));
            let others = shifts.iter().filter(|(class, _)| !excluded.contains(class));
            down.extend(others.map(|(class, ends)| (*class, ends[0])));
            bracket[1] += chance * self.mean(own.low, 0, |t| high.at_least(t + rest_low, &up));
            bracket[0] += chance
                * self.mean(own.high, 1, |t| {
                    let t = t + rest_high;
                    let error = none_present * low.at_least(t, &down);
                    match fed.by.is_empty() {
                        true => error,
                        false => error + (1.0 - none_present) * low.at_least(t + fed.most, &down),
                    }
                });
        });
        bracket.map(|error| error.clamp(0.0, 1.0))
    }
}

/// A cell: the label's features, their weights cut into boxes.
struct BoxedCell<'a> {
    /// For each of the label's features, each box's chance and its bounds on the label's logit.
    own: Vec<Vec<(f64, Bounds)>>,
    /// Wrong features among them: which one, the class that has learned it, and the ends of its
    /// part for each box.
    wrong: Vec<(usize, &'a Wrong, Vec<Bracket>)>,
}

impl<'a> BoxedCell<'a> {
    /// About the number of boxes into which the weights are cut.
    fn new(part: &Part<'a>, label: usize, kind: Kind, count: usize) -> Self {
        let data = part.data;
        let views = data.views_per_class;
        let feature = |view: usize| label * views + view;
        let total = |view: usize| match kind {
            Kind::SingleView(kept) if usize::from(kept) != view => [data.weak_weight; 2],
            _ => data.main_weight_of(view),
        };
        let weights = |view: usize, count| boxes(data.patches_per_feature, total(view), count);
        let of = |neurons: &Neurons, weights: &[Weights]| -> Vec<(f64, Bounds)> {
            let bounds = |weights| part.contribution.bounds(neurons, weights);
            (weights.iter())
                .map(|weights| (weights.chance, bounds(weights)))
                .collect()
        };
        let own = |view: usize| &part.portrait.own[feature(view)];
        // Cut where it tells most: the label's logit hardly depends on a view that was not learned.
        let is_cut = |view| count > 1 && is_free(data.patches_per_feature, total(view));
        let spreads: Vec<f64> = (0..views)
            .map(|view| match is_cut(view) {
                true => spread(&of(own(view), &weights(view, 1))),
                false => 0.0,
            })
            .collect();
        let cuts = shared_out(count, &spreads);
        let weights: Vec<Vec<Weights>> = (0..views).map(|view| weights(view, cuts[view])).collect();
        let mut wrong = Vec::new();
        for (view, weights) in weights.iter().enumerate() {
            let seeing = part.portrait.seeing(feature(view));
            for pair in seeing.iter().filter(|w| w.awake) {
                let ends = of(&pair.neurons, weights).into_iter();
                wrong.push((
                    view,
                    pair,
                    ends.map(|(_, b)| part.contribution.ends(b)).collect(),
                ));
            }
        }
        let own = (0..views).map(|view| of(own(view), &weights[view]));
        Self {
            own: own.collect(),
            wrong,
        }
    }

    /// The least by which the label's logit may exceed what its features add to any other class.
    fn least_lead(&self, contribution: &Contribution) -> f64 {
        let least = |boxes: &Vec<(f64, Bounds)>| -> f64 {
            let ends = boxes.iter().map(|(_, b)| contribution.ends(*b)[0]);
            ends.fold(f64::INFINITY, f64::min)
        };
        let mut added: Vec<(usize, f64)> = Vec::new();
        for (_, pair, ends) in &self.wrong {
            let most = ends.iter().fold(0.0f64, |most, ends| most.max(ends[1]));
            match added.iter_mut().find(|(class, _)| *class == pair.class) {
                Some((_, sum)) => *sum += most,
                None => added.push((pair.class, most)),
            }
        }
        let most = added.iter().fold(0.0f64, |most, (_, sum)| most.max(*sum));
        self.own.iter().map(least).sum::<f64>() - most
    }

    /// Calls `visit` for each combination of boxes: its chance, bounds of the label's logit, and
    /// what wrong features add to classes.
    fn each(&self, mut visit: impl FnMut(f64, Bounds, &[(usize, Bracket)])) {
        let counts: Vec<usize> = self.own.iter().map(Vec::len).collect();
        let total: usize = counts.iter().product();
        let mut shifts: Vec<(usize, Bracket)> = Vec::new();
        for index in 0..total {
            let mut rest = index;
            let place: Vec<usize> = (counts.iter())
                .map(|count| {
                    let place = rest % count;
                    rest /= count;
                    place
                })
                .collect();
            let own = (self.own.iter().zip(&place)).map(|(boxes, at)| boxes[*at]);
            let (chance, own) = own.fold((1.0, Bounds::default()), |(chance, all), (p, own)| {
                (chance * p, sum(all, own))
            });
            shifts.clear();
            for (view, pair, ends) in &self.wrong {
                let [low, high] = ends[place[*view]];
                match shifts.iter_mut().find(|(class, _)| *class == pair.class) {
                    Some((_, sum)) => *sum = [sum[0] + low, sum[1] + high],
                    None => shifts.push((pair.class, [low, high])),
                }
            }
            visit(chance, own, &shifts);
        }
    }
}

/// A bound of the sum of these numbers, each taken with a chance, independently.
fn bernstein(chance: f64, numbers: &[f64]) -> f64 {
    let mean: f64 = numbers.iter().sum();
    let square: f64 = numbers.iter().map(|x| x * x).sum();
    let largest = numbers.iter().copied().fold(0.0, f64::max);
    chance * mean + (2.0 * chance * square * SURETY).sqrt() + largest * SURETY / 3.0
}

fn sum(a: Bounds, b: Bounds) -> Bounds {
    Bounds {
        low: a.low.plus(b.low),
        high: a.high.plus(b.high),
    }
}

/// The largest distance between the means of these boxes.
fn spread(boxes: &[(f64, Bounds)]) -> f64 {
    let low = boxes.iter().map(|(_, b)| b.low.mean);
    let high = boxes.iter().map(|(_, b)| b.high.mean);
    high.fold(f64::NEG_INFINITY, f64::max) - low.fold(f64::INFINITY, f64::min)
}

/// Shares out about `count` boxes among views: the one whose boxes are widest is halved, again and
/// again.
fn shared_out(count: usize, spreads: &[f64]) -> Vec<usize> {
    let mut cuts = vec![1; spreads.len()];
    let mut boxes = 1;
    while 2 * boxes <= count {
        let width = |view: usize| spreads[view] / cuts[view] as f64;
        let free = (0..cuts.len()).filter(|view| spreads[*view] > 0.0);
        let Some(widest) = free.max_by(|a, b| width(*a).total_cmp(&width(*b))) else {
            break;
        };
        cuts[widest] *= 2;
        boxes *= 2;
    }
    cuts
}
