//! Laws of logits as atoms, rounded to one side.
//!
//! An error is the likelier the larger, in distribution, the other classes' logits are and the
//! smaller the label's is. So rounding every other class up and the label down bounds the error's
//! probability from above, and the reverse from below.

use super::contribution::{Bounds, Normal};
use statrs::function::erf::erfc;

/// Atoms kept of a law.
const ATOMS: usize = 64;
/// Atoms kept of each of two laws whose sum is taken.
const COARSE: usize = 24;

/// Values of one group of atoms lie within this factor: one feature too few is never taken for one
/// more.
const ALIKE: f64 = 0.75;

/// The direction in which a law is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Low,
    High,
}

impl Side {
    pub fn of(self, bounds: Bounds) -> Normal {
        match self {
            Self::Low => bounds.low,
            Self::High => bounds.high,
        }
    }
}

/// A standard normal cut into slices, `(chance, [lower end, upper end])`; the outermost end at the
/// reach of the noise.
pub(super) fn slices(reach: f64) -> Vec<(f64, [f64; 2])> {
    let inner = (-12..=12).map(|step| 0.25 * f64::from(step));
    let mut ends = vec![-reach, -5.0, -4.25, -3.5];
    ends.extend(inner);
    ends.extend([3.5, 4.25, 5.0, reach]);
    let below = |x: f64| 0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    let last = ends.len() - 2;
    (ends.windows(2).enumerate())
        .map(|(index, pair)| {
            let lower = if index == 0 { 0.0 } else { below(pair[0]) };
            let upper = if index == last { 1.0 } else { below(pair[1]) };
            (upper - lower, [pair[0], pair[1]])
        })
        .collect()
}

/// A law on numbers that are not negative: atoms, and 0 with what chance they leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Law {
    /// `(value, chance of it or of a larger one)`, largest value first.
    atoms: Vec<(f64, f64)>,
}

impl Law {
    /// From atoms `(value, chance)`, in any order, rounded to one side where they are too many.
    pub fn new(mut atoms: Vec<(f64, f64)>, side: Side, most: usize) -> Self {
        atoms.retain(|(_, chance)| *chance > 0.0);
        atoms.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let part = if atoms.len() > most {
            atoms.iter().map(|a| a.1).sum::<f64>() / most as f64
        } else {
            0.0
        };
        let mut law = Self::default();
        let (mut tail, mut group) = (0.0, 0.0);
        let mut top = atoms.first().map_or(0.0, |atom| atom.0);
        for (index, (value, chance)) in atoms.iter().enumerate() {
            tail += chance;
            group += chance;
            let next = atoms
                .get(index + 1)
                .map_or(f64::NEG_INFINITY, |atom| atom.0);
            if group >= part || next < ALIKE * top {
                let value = if side == Side::High { top } else { *value };
                law.atoms.push((value, tail));
                (group, top) = (0.0, next);
            }
        }
        law
    }

    /// A normal number for each of some boxes, each with its chance, negative values taken for 0.
    pub fn mixture(parts: &[(f64, Normal)], slices: &[(f64, [f64; 2])], side: Side) -> Self {
        let mut atoms = Vec::with_capacity(parts.len() * slices.len());
        for (share, normal) in parts {
            if normal.deviation[1] == 0.0 {
                atoms.push((normal.mean, *share));
                continue;
            }
            for (chance, ends) in slices {
                let end = side as usize;
                let value = normal.ends(ends[end])[end].max(0.0);
                atoms.push((value, share * chance));
            }
        }
        Self::new(atoms, side, ATOMS)
    }

    fn chances(&self) -> impl Iterator<Item = (f64, f64)> {
        let before = std::iter::once(0.0).chain(self.atoms.iter().map(|a| a.1));
        (self.atoms.iter().zip(before)).map(|((value, tail), before)| (*value, tail - before))
    }

    /// The chance of a value above the rest at 0.
    fn total(&self) -> f64 {
        self.atoms.last().map_or(0.0, |a| a.1)
    }

    /// Adds, with a chance, an independent number.
    pub fn plus(&self, chance: f64, other: &Self, side: Side) -> Self {
        let (without, rest) = (1.0 - chance, (1.0 - self.total()).max(0.0));
        let scaled = |law: &Self, by: f64| -> Vec<(f64, f64)> {
            law.chances().map(|(v, p)| (v, by * p)).collect()
        };
        let mut atoms = scaled(self, without + chance * (1.0 - other.total()).max(0.0));
        atoms.extend(scaled(other, chance * rest));
        let coarse = |law: &Self| Self::new(law.chances().collect(), side, COARSE);
        let (mine, theirs) = (coarse(self), coarse(other));
        for (a, p) in mine.chances() {
            atoms.extend(theirs.chances().map(|(b, r)| (a + b, chance * p * r)));
        }
        Self::new(atoms, side, ATOMS)
    }

    /// Takes the chance left at 0 for an atom, and adds `shift` to all.
    pub fn settled(mut self, shift: f64) -> Self {
        self.atoms.push((0.0, 1.0));
        self.atoms.iter_mut().for_each(|(value, _)| *value += shift);
        self
    }

    /// `P(X ≥ t)`.
    fn at_least(&self, t: f64) -> f64 {
        let count = self.atoms.partition_point(|(value, _)| *value >= t);
        count.checked_sub(1).map_or(0.0, |last| self.atoms[last].1)
    }
}

/// The largest logit of independent classes.
#[derive(Default)]
pub(super) struct Largest {
    laws: Vec<Law>,
    /// Values of all atoms, largest first, and the product over classes of `P(X < value)`.
    values: Vec<f64>,
    below: Vec<Product>,
}

/// A product of factors in `[0, 1]`, from which factors can be taken back.
#[derive(Clone, Copy, Debug, Default)]
struct Product {
    log: f64,
    zeros: i32,
}

impl Product {
    /// The same with a factor `1 − p` more often by `times` (−1 takes one back).
    fn times(self, p: f64, times: i32) -> Self {
        // A chance this near to 1 is 1 but for rounding errors of its sum.
        if p > 1.0 - 1e-12 {
            Self {
                zeros: self.zeros + times,
                ..self
            }
        } else {
            Self {
                log: self.log + f64::from(times) * (-p).ln_1p(),
                ..self
            }
        }
    }

    fn value(self) -> f64 {
        if self.zeros > 0 {
            0.0
        } else {
            self.log.exp().min(1.0)
        }
    }
}

impl Largest {
    /// The largest logit of these classes.
    pub fn new(laws: Vec<Law>) -> Self {
        let mut events: Vec<(f64, usize, f64)> = Vec::new();
        for (class, law) in laws.iter().enumerate() {
            events.extend(law.atoms.iter().map(|(value, tail)| (*value, class, *tail)));
        }
        events.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.2.total_cmp(&b.2)));
        let mut tails = vec![0.0; laws.len()];
        let mut product = Product::default();
        let (mut values, mut below) = (Vec::new(), Vec::new());
        for (value, class, tail) in events {
            product = product.times(tails[class], -1).times(tail, 1);
            tails[class] = tail;
            values.push(value);
            below.push(product);
        }
        Self {
            laws,
            values,
            below,
        }
    }

    /// The largest value that has a chance.
    pub fn most(&self) -> f64 {
        self.values[0]
    }

    /// `P(some class is at least t)`, with `shift` added to each class of `shifted`; a shift of −∞
    /// leaves its class out.
    pub fn at_least(&self, t: f64, shifted: &[(usize, f64)]) -> f64 {
        let count = self.values.partition_point(|value| *value >= t);
        let mut product = count
            .checked_sub(1)
            .map_or(Product::default(), |last| self.below[last]);
        for (class, shift) in shifted {
            let law = &self.laws[*class];
            product = product
                .times(law.at_least(t), -1)
                .times(law.at_least(t - shift), 1);
        }
        1.0 - product.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn atoms(most: usize) -> impl Strategy<Value = Vec<(f64, f64)>> {
        // Some are alike, some tied, some far apart.
        let value = prop_oneof![0.0..2.0, (0..4u8).prop_map(f64::from), 0.9..1.0];
        let atoms = prop::collection::vec((value, 0.01..1.0), 1..most);
        (atoms, 0.1..=1.0).prop_map(|(mut atoms, total)| {
            let sum: f64 = atoms.iter().map(|a| a.1).sum();
            atoms.iter_mut().for_each(|a| a.1 *= total / sum);
            atoms
        })
    }

    /// `P(X ≥ t)`, where what the chances leave is at 0.
    fn exact(atoms: &[(f64, f64)], t: f64) -> f64 {
        let rest = 1.0 - atoms.iter().map(|a| a.1).sum::<f64>();
        let above = atoms.iter().filter(|a| a.0 >= t).map(|a| a.1);
        above.sum::<f64>() + if t <= 0.0 { rest } else { 0.0 }
    }

    fn bracketed(laws: [&Law; 2], atoms: &[(f64, f64)]) {
        for t in atoms.iter().map(|a| a.0) {
            let [low, high] = laws.map(|law| law.at_least(t));
            let exact = exact(atoms, t);
            // Sums of chances in another order.
            assert!(
                low <= exact + 1e-12 && exact <= high + 1e-12,
                "{low} {exact} {high}"
            );
        }
    }

    proptest! {
        #[test]
        fn rounding_goes_to_its_side(first in atoms(40), second in atoms(40), chance in 0.0..1.0) {
            let sides = [Side::Low, Side::High];
            let of = |atoms: &Vec<(f64, f64)>| sides.map(|side| Law::new(atoms.clone(), side, 8));
            let [a, b] = [of(&first), of(&second)];
            let settled = a.clone().map(|law| law.settled(0.0));
            bracketed([&settled[0], &settled[1]], &first);
            let rest = |atoms: &[(f64, f64)]| 1.0 - atoms.iter().map(|a| a.1).sum::<f64>();
            let mut with: Vec<_> = second.iter().map(|&(v, p)| (v, chance * p)).collect();
            with.push((0.0, 1.0 - chance + chance * rest(&second)));
            let mut without = first.clone();
            without.push((0.0, rest(&first)));
            let sums: Vec<_> = (with.iter())
                .flat_map(|&(v, p)| without.iter().map(move |&(u, q)| (v + u, p * q)))
                .collect();
            let plus = |index: usize| a[index].plus(chance, &b[index], sides[index]).settled(0.0);
            bracketed([&plus(0), &plus(1)], &sums);
        }

        #[test]
        fn the_largest_of_independent_classes(laws in prop::collection::vec(atoms(6), 2..5), t in 0.0..2.0, shift in 0.0..2.0) {
            let largest = Largest::new(
                laws.iter().map(|atoms| Law::new(atoms.clone(), Side::Low, 100).settled(0.0)).collect(),
            );
            let shifted = [(0, f64::NEG_INFINITY), (1, shift)];
            let below: f64 = (laws.iter().enumerate().skip(1))
                .map(|(class, atoms)| 1.0 - exact(atoms, if class == 1 { t - shift } else { t }))
                .product();
            prop_assert!((largest.at_least(t, &shifted) - (1.0 - below)).abs() < 1e-9);
        }
    }
}
