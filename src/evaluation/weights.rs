//! The weights of one feature's patches, cut into boxes of known chance.
//!
//! A feature's total weight `Z` lies in an interval, and its patches share it: equally, or at
//! random with shares `u_p` uniform on the simplex. In descending order such shares are
//!
//! ```text
//! u_(i) = Σ_{j ≥ i} v_j / j,      v_1 = b_1,   v_2 = (1 − b_1) b_2,   …,   v_C = (1 − b_1) … (1 − b_{C−1})
//! ```
//!
//! with `v` uniform on the simplex again (the spacings between ordered exponentials are
//! exponentials), so that `b_1, …, b_{C−1}` are independent and `1 − b_j` is the `1/(C − j)`-th
//! power of a uniform number. A box is an interval of each `b_j` and of `Z`.
//!
//! A feature adds `Σ_p g(Z u_p)` to a logit, with a convex `g`: the larger, the more unequal the
//! shares. That is, of two vectors of shares the one whose largest `i` have the larger sum for each
//! `i` gives more (Karamata's inequality). In a box the sums `S_i = u_(1) + … + u_(i)` lie between
//! bounds whose differences are two vectors of shares, one that gives least and one that gives
//! most:
//! - the least `S_i` are concave in `i`, being the minimum of concave sequences, so that their
//!   differences are in descending order;
//! - the largest `S_i` have differences in some order, and in descending order these have sums no
//!   smaller.
//!
//! Two to four patches are `C − 1 ≤ 3` coordinates, and some hundred boxes know their law well.
//! With many patches most coordinates are left whole: the bounds then hold but are wide, and
//! sampling takes over where they are apart.

use crate::regime::FeaturePatches;
use std::rc::Rc;

/// The shares of some patches of a feature in a box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    /// Number of patches.
    pub patches: f64,
    /// Each one's share in the vectors that give least and most.
    pub least: f64,
    pub most: f64,
    /// Ends of each one's share.
    pub ends: [f64; 2],
}

impl Share {
    /// The whole of a feature's patches, all of one share.
    fn equal(count: usize) -> Self {
        let share = 1.0 / count as f64;
        Self {
            patches: count as f64,
            least: share,
            most: share,
            ends: [share; 2],
        }
    }
}

/// A box: weights of a feature's patches.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub chance: f64,
    /// An interval of the total weight.
    pub total: [f64; 2],
    /// Of all patches.
    pub shares: Rc<[Share]>,
}

/// True if there is more than one way to weigh the patches of a feature of this total; without
/// weight there is nothing to share.
pub(super) fn is_free(patches: FeaturePatches, [low, high]: [f64; 2]) -> bool {
    low < high || (matches!(patches, FeaturePatches::Random(_)) && high > 0.0)
}

/// Cuts the weights of a feature of this total into at most `count` boxes.
pub(super) fn boxes(patches: FeaturePatches, total: [f64; 2], count: usize) -> Vec<Weights> {
    let [least, most] = match patches {
        FeaturePatches::Equal(patches) => {
            let shares: Rc<[Share]> = Rc::new([Share::equal(patches)]);
            return weigh(1.0, &cut(total, count), &shares).collect();
        }
        FeaturePatches::Random(range) => range,
    };
    let count = if is_free(patches, total) { count } else { 1 };
    let each = most - least + 1;
    if count < each {
        return weigh(1.0, &[total], &whole(most)).collect();
    }
    let mut all = Vec::new();
    for patches in least..=most {
        let cuts = resolution(patches - 1, total[0] < total[1], count / each);
        let totals = cut(total, cuts.total);
        let splits: usize = cuts.shares.iter().product();
        let chance = 1.0 / (each * splits) as f64;
        for split in 0..splits {
            let shares = shares(patches, &cuts.shares, split);
            all.extend(weigh(chance, &totals, &shares));
        }
    }
    all
}

/// Any shares of at most this number of patches, in one box: a patch that is not there is one
/// without weight.
fn whole(patches: usize) -> Rc<[Share]> {
    let equal = 1.0 / patches as f64;
    let of = |patches: usize, most: f64, ends: [f64; 2]| Share {
        patches: patches as f64,
        least: equal,
        most,
        ends,
    };
    Rc::new([of(1, 1.0, [equal, 1.0]), of(patches - 1, 0.0, [0.0, 0.5])])
}

/// The same shares at each of some intervals of the total weight, all of one chance.
fn weigh(chance: f64, totals: &[[f64; 2]], shares: &Rc<[Share]>) -> impl Iterator<Item = Weights> {
    let chance = chance / totals.len() as f64;
    totals.iter().map(move |total| Weights {
        chance,
        total: *total,
        shares: Rc::clone(shares),
    })
}

/// The number of intervals into which each coordinate of a box is cut.
struct Resolution {
    total: usize,
    shares: Vec<usize>,
}

/// Halves one coordinate after the other as long as there are no more than `count` boxes: the first
/// shares are the largest.
fn resolution(shares: usize, halves_total: bool, count: usize) -> Resolution {
    let mut cuts = Resolution {
        total: 1,
        shares: vec![1; shares],
    };
    if shares == 0 {
        cuts.total = if halves_total { count.max(1) } else { 1 };
        return cuts;
    }
    let mut boxes = 2;
    'doubled: loop {
        for share in 0..shares {
            for halve_total in [false, true] {
                if halve_total && !(halves_total && share == 0) {
                    continue;
                }
                if boxes > count {
                    break 'doubled;
                }
                boxes *= 2;
                match halve_total {
                    true => cuts.total *= 2,
                    false => cuts.shares[share] *= 2,
                }
            }
        }
    }
    cuts
}

/// The shares of the patches in the box `index`, `b_j` being cut into `cuts[j − 1]` intervals of
/// equal chance.
fn shares(patches: usize, cuts: &[usize], index: usize) -> Rc<[Share]> {
    let mut rest = index;
    let sticks: Vec<[f64; 2]> = (cuts.iter().zip((1..patches).rev()))
        .map(|(count, power)| {
            let place = rest % count;
            rest /= count;
            let end = |place| 1.0 - (1.0 - place as f64 / *count as f64).powf(1.0 / power as f64);
            [end(place), end(place + 1)]
        })
        .collect();
    let sums = |i: usize| extremes(&sticks, |j| i.min(j) as f64 / j as f64);
    let mut before = [0.0; 2];
    (1..=patches)
        .map(|i| {
            let sum = sums(i);
            let own = extremes(&sticks, |j| if j < i { 0.0 } else { 1.0 / j as f64 });
            let share = Share {
                patches: 1.0,
                least: (sum[0] - before[0]).max(0.0),
                most: (sum[1] - before[1]).max(0.0),
                ends: own,
            };
            before = sum;
            share
        })
        .collect()
}

/// The least and the largest `Σ_j c_j v_j` over a box of `b`: from the last stick to the first it
/// is `b_j c_j + (1 − b_j)` times what comes behind, monotone in each.
fn extremes(sticks: &[[f64; 2]], c: impl Fn(usize) -> f64) -> [f64; 2] {
    let last = c(sticks.len() + 1);
    let mut behind = [last; 2];
    for (index, stick) in sticks.iter().enumerate().rev() {
        let of = |b: f64, rest: f64| b * c(index + 1) + (1.0 - b) * rest;
        behind = [
            of(stick[0], behind[0]).min(of(stick[1], behind[0])),
            of(stick[0], behind[1]).max(of(stick[1], behind[1])),
        ];
    }
    behind
}

/// An interval cut into `count` of equal length, or left as it is if it is a point.
fn cut([low, high]: [f64; 2], count: usize) -> Vec<[f64; 2]> {
    if low == high {
        return vec![[low, high]];
    }
    let at = |i: usize| low + (high - low) * i as f64 / count as f64;
    (0..count).map(|i| [at(i), at(i + 1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    /// The law of `Σ g(u_p)` with a convex `g` by the boxes, in order: chance, least and most.
    fn said(patches: FeaturePatches, count: usize, g: impl Fn(f64) -> f64) -> Vec<(f64, [f64; 2])> {
        let boxes = boxes(patches, [1.0, 1.0], count);
        assert!(boxes.len() <= count);
        let sum = |b: &Weights, of: fn(&Share) -> f64| -> f64 {
            b.shares.iter().map(|s| s.patches * g(of(s))).sum()
        };
        boxes
            .iter()
            .map(|b| (b.chance, [sum(b, |s| s.least), sum(b, |s| s.most)]))
            .collect()
    }

    /// The chance that `Σ g(u_p)` exceeds each of some values lies between what the boxes say. Of
    /// four patches 4,096 boxes are sixteen intervals of each of three coordinates: they leave open
    /// three of sixteen at most.
    #[test]
    fn boxes_bracket_the_law_of_a_convex_sum() {
        let g = |u: f64| f64::max(u - 0.3, 0.0) + u.powi(3);
        let mut rng = Pcg64::seed_from_u64(3);
        const DRAWS: usize = 40_000;
        for range in [[1, 1], [2, 2], [3, 3], [4, 4], [6, 6], [1, 3], [2, 9]] {
            let patches = FeaturePatches::Random(range);
            let mut drawn: Vec<f64> = (0..DRAWS)
                .map(|_| patches.split(1.0, &mut rng).into_iter().map(g).sum())
                .collect();
            drawn.sort_by(f64::total_cmp);
            for (count, within) in [(1, 1.0), (64, 1.0), (4096, 3.0 / 16.0)] {
                let said = said(patches, count, g);
                let total: f64 = said.iter().map(|(chance, _)| chance).sum();
                assert!((total - 1.0).abs() < 1e-12);
                for t in [0.1, 0.3, 0.5, 0.7, 0.9].map(|q| drawn[(q * DRAWS as f64) as usize]) {
                    let above = drawn.iter().filter(|x| **x >= t).count() as f64 / DRAWS as f64;
                    let chance = |end: usize| -> f64 {
                        let reach = said.iter().filter(|(_, ends)| ends[end] >= t - 1e-12);
                        reach.map(|(chance, _)| chance).sum()
                    };
                    // Five standard deviations of the count.
                    let spread = 5.0 * (0.25 / DRAWS as f64).sqrt();
                    let [low, high] = [chance(0), chance(1)];
                    assert!(
                        low - spread <= above && above <= high + spread,
                        "{range:?} patches, {count} boxes: {low} {above} {high}"
                    );
                    assert!(
                        range[1] > 4 || high - low <= within,
                        "{range:?} patches, {count} boxes: {low} to {high}"
                    );
                }
            }
        }
    }

    proptest! {
        /// In every box the extreme shares add up to 1, the least are in order, and each patch's
        /// own ends hold its share.
        #[test]
        fn shares_are_shares(patches in 1..9usize, count in 1..200usize) {
            for b in boxes(FeaturePatches::Random([patches; 2]), [0.5, 0.7], count) {
                let [mut least, mut most] = [0.0, 0.0];
                let mut before = f64::INFINITY;
                for share in b.shares.iter() {
                    least += share.least;
                    most += share.most;
                    prop_assert!(share.least <= before + 1e-12);
                    prop_assert!(0.0 <= share.ends[0] && share.ends[0] <= share.ends[1] && share.ends[1] <= 1.0 + 1e-12);
                    before = share.least;
                }
                prop_assert!((least - 1.0).abs() < 1e-12 && (most - 1.0).abs() < 1e-12);
            }
        }
    }
}
