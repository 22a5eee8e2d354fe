//! Sparse rows over classes: a few entries for each sample, and one value for all classes left out.
//!
//! A trained network's logits are 0, up to noise at the scale of `σ_0`, on every class of which a
//! sample shows nothing. So logits and soft labels are kept for the classes present alone: arrays
//! of size `N`, not `N k`.

use crate::real::Real;

/// One row of [`ClassRows`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassRow<'a, R> {
    /// Classes with an entry of their own, ascending.
    pub classes: &'a [u32],
    /// Their values.
    pub values: &'a [R],
    /// The value of every other class.
    pub rest: R,
}

/// Rows over classes, one for each sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassRows<R> {
    /// The end of the entries of each row.
    ends: Vec<usize>,
    classes: Vec<u32>,
    values: Vec<R>,
    rest: Vec<R>,
}

impl<R: Real> ClassRows<R> {
    /// No rows yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows in which every one of `classes` classes has an entry; `values` is row-major
    /// `[N][classes]`.
    pub fn dense(classes: usize, values: &[R]) -> Self {
        let mut rows = Self::new();
        for row in values.chunks_exact(classes) {
            rows.push((0..).zip(row.iter().copied()), R::zero());
        }
        rows
    }

    /// Appends a row; `entries` may come in any order, each class once.
    pub fn push(&mut self, entries: impl Iterator<Item = (u32, R)>, rest: R) {
        let start = self.classes.len();
        for (class, value) in entries {
            let place = self.classes[start..].partition_point(|c| *c < class) + start;
            self.classes.insert(place, class);
            self.values.insert(place, value);
        }
        self.ends.push(self.classes.len());
        self.rest.push(rest);
    }

    /// The number of rows, `N`.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The row of sample `n`.
    pub fn row(&self, n: usize) -> ClassRow<'_, R> {
        let start = n.checked_sub(1).map_or(0, |before| self.ends[before]);
        ClassRow {
            classes: &self.classes[start..self.ends[n]],
            values: &self.values[start..self.ends[n]],
            rest: self.rest[n],
        }
    }

    /// All rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = ClassRow<'_, R>> {
        (0..self.len()).map(|n| self.row(n))
    }

    /// The same rows with every value mapped.
    #[must_use]
    pub fn map(mut self, f: impl Fn(R) -> R) -> Self {
        for value in self.values.iter_mut().chain(&mut self.rest) {
            *value = f(*value);
        }
        self
    }

    /// The sum of the rows of several models of the same samples; empty for no model.
    pub fn sum<'a>(models: impl IntoIterator<Item = &'a Self>) -> Self {
        let models: Vec<&Self> = models.into_iter().collect();
        let mut sum = Self::new();
        for n in 0..models.first().map_or(0, |rows| rows.len()) {
            let rows = || models.iter().map(|rows| rows.row(n));
            let mut classes: Vec<u32> = rows().flat_map(|row| row.classes).copied().collect();
            classes.sort_unstable();
            classes.dedup();
            let total = |f: &dyn Fn(ClassRow<R>) -> R| rows().fold(R::zero(), |s, row| s + f(row));
            let entries = classes
                .iter()
                .map(|i| (*i, total(&|row| row.of(*i as usize))));
            sum.push(entries, total(&|row| row.rest));
        }
        sum
    }
}

impl<R: Real> ClassRow<'_, R> {
    /// The value of a class.
    pub fn of(&self, class: usize) -> R {
        match self.classes.binary_search(&(class as u32)) {
            Ok(place) => self.values[place],
            Err(_) => self.rest,
        }
    }

    /// Classes with a value of their own, and their values.
    pub fn entries(&self) -> impl Iterator<Item = (usize, R)> {
        let classes = self.classes.iter().map(|class| *class as usize);
        classes.zip(self.values.iter().copied())
    }

    /// Writes the values of all classes into `out`, `[k]`.
    pub fn write(&self, out: &mut [R]) {
        out.fill(self.rest);
        for (class, value) in self.entries() {
            out[class] = value;
        }
    }

    /// True if `label` has the strictly largest value among `classes` classes.
    pub fn is_largest(&self, label: usize, classes: usize) -> bool {
        let own = self.of(label);
        let beaten = self.entries().all(|(i, f)| i == label || f < own);
        // The label has an entry of its own in every network's row; the classes left out are beaten
        // together.
        beaten && (self.classes.len() >= classes || self.rest < own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_what_is_pushed_and_the_rest() {
        let mut rows = ClassRows::<f64>::new();
        rows.push([(3, 1.5), (1, 2.5)].into_iter(), 0.25);
        rows.push(std::iter::empty(), 0.0);
        assert_eq!(rows.row(0).classes, [1, 3]);
        assert_eq!(
            [0, 1, 2, 3].map(|i| rows.row(0).of(i)),
            [0.25, 2.5, 0.25, 1.5]
        );
        let mut out = [9.0; 4];
        rows.row(0).write(&mut out);
        assert_eq!(out, [0.25, 2.5, 0.25, 1.5]);
        assert_eq!((rows.row(1).of(2), rows.len()), (0.0, 2));
    }

    #[test]
    fn sums_add_entries_and_rests() {
        let mut first = ClassRows::<f64>::new();
        first.push([(0, 1.0)].into_iter(), 0.5);
        let mut second = ClassRows::<f64>::new();
        second.push([(2, 4.0)].into_iter(), 0.125);
        let sum = ClassRows::sum([&first, &second, &second]);
        assert_eq!([0, 1, 2].map(|i| sum.row(0).of(i)), [1.25, 0.75, 8.5]);
    }

    #[test]
    fn only_a_strict_maximum_is_largest() {
        let dense = ClassRows::dense(3, &[1.0, 2.0, 2.0, 3.0, 2.0, 1.0]);
        assert!(!dense.row(0).is_largest(1, 3), "a tie");
        assert!(dense.row(1).is_largest(0, 3) && !dense.row(1).is_largest(1, 3));
        let mut sparse = ClassRows::<f64>::new();
        sparse.push([(1, 0.0)].into_iter(), 0.0);
        assert!(
            !sparse.row(0).is_largest(1, 3),
            "a tie with the classes left out"
        );
    }
}
