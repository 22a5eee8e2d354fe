//! Axes that choose their own ticks and label them.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use std::ops::Range;

/// A linear or logarithmic axis with labelled ticks.
///
/// Ticks are decimals of few digits, at least two of them wherever five are allowed, and no two
/// labels are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruler {
    range: Range<f64>,
    logarithmic: bool,
    ticks: Vec<(f64, String)>,
}

/// Ticks at measured values are drawn up to this number.
const FEW: usize = 12;

impl Ruler {
    /// A linear axis with `most` ticks at most.
    pub fn linear(range: Range<f64>, most: usize) -> Self {
        let ticks = even(&range, most);
        Self {
            range,
            logarithmic: false,
            ticks: labelled(&ticks, false),
        }
    }

    /// A logarithmic axis over positive numbers with `most` ticks at most.
    pub fn logarithmic(range: Range<f64>, most: usize) -> Self {
        let ticks = of_powers(&range, most);
        Self {
            range,
            logarithmic: true,
            ticks: labelled(&ticks, true),
        }
    }

    /// The axis with a tick at each of these values, if they are few.
    #[must_use]
    pub fn at(mut self, values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        if values.len() <= FEW {
            self.ticks = labelled(&values, self.logarithmic);
        }
        self
    }

    /// An axis of names, at 0, 1, 2, …
    pub fn names(names: &[impl ToString]) -> Self {
        let ticks = names.iter().enumerate();
        Self {
            range: -0.5..names.len() as f64 - 0.5,
            logarithmic: false,
            ticks: ticks
                .map(|(n, name)| (n as f64, name.to_string()))
                .collect(),
        }
    }

    /// Where the axis begins and ends.
    pub fn ends(&self) -> [f64; 2] {
        [self.range.start, self.range.end]
    }

    /// The nearest value on the axis.
    pub fn inside(&self, x: f64) -> f64 {
        x.clamp(self.range.start, self.range.end)
    }

    /// The ticks with their labels, in ascending order.
    pub fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    fn scale(&self) -> RangedCoordf64 {
        (self.scaled(self.range.start)..self.scaled(self.range.end)).into()
    }

    fn scaled(&self, x: f64) -> f64 {
        if self.logarithmic { x.ln() } else { x }
    }
}

impl Ranged for Ruler {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, x: &f64, limit: (i32, i32)) -> i32 {
        self.scale().map(&self.scaled(*x), limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        match hint.weight().allow_light_points() {
            true => Vec::new(),
            false => self.ticks.iter().map(|(x, _)| *x).collect(),
        }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Ruler {
    fn format_ext(&self, x: &f64) -> String {
        let tick = self.ticks.iter().find(|(at, _)| at == x);
        tick.map_or(String::new(), |(_, label)| label.clone())
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, as many as fit.
fn even(range: &Range<f64>, most: usize) -> Vec<f64> {
    let least = ((range.end - range.start) / most as f64).log10().floor();
    for exponent in least as i32.. {
        for step in [1, 2, 5] {
            let unit = decimal(step, exponent);
            let (first, last) = ((range.start / unit).ceil(), (range.end / unit).floor());
            if last - first < most as f64 {
                let multiples = first as i64..=last as i64;
                return multiples.map(|n| decimal(n * step, exponent)).collect();
            }
        }
    }
    Vec::new()
}

/// Powers of ten with as many of their multiples as fit, or every second, third, … power. Where the
/// range has fewer than two of these, even steps.
fn of_powers(range: &Range<f64>, most: usize) -> Vec<f64> {
    let [first, last] = [range.start, range.end].map(|x| x.log10().floor() as i32);
    let of = |every: usize, digits: &[i64]| -> Vec<f64> {
        let powers = (first..=last).step_by(every);
        let all = powers.flat_map(|power| digits.iter().map(move |d| decimal(*d, power)));
        all.filter(|x| (range.start..=range.end).contains(x))
            .collect()
    };
    let dense = [&[1, 2, 3, 4, 5, 6, 7, 8, 9][..], &[1, 2, 5], &[1, 3]];
    let dense = dense.into_iter().map(|digits| of(1, digits));
    let sparse = (1..=most.max(2)).map(|every| of(every, &[1]));
    dense
        .chain(sparse)
        .find(|ticks| ticks.len() <= most)
        .filter(|ticks| ticks.len() >= 2)
        .unwrap_or_else(|| even(range, most))
}

/// `digits × 10^exponent`; dividing by a power of ten is exact where multiplying by it is not.
fn decimal(digits: i64, exponent: i32) -> f64 {
    match exponent < 0 {
        true => digits as f64 / 10f64.powi(-exponent),
        false => digits as f64 * 10f64.powi(exponent),
    }
}

/// Ticks, in ascending order, with labels of as many digits, from four on, as place each within a
/// hundredth of the least distance between two. Numbers on a linear axis are all written in the way
/// that suits the largest.
fn labelled(ticks: &[f64], logarithmic: bool) -> Vec<(f64, String)> {
    let distances = ticks.windows(2).map(|pair| pair[1] - pair[0]);
    let least = distances.fold(f64::INFINITY, f64::min);
    let exact = |digits: &usize| {
        let of = |x: &f64| (rounded(*x, *digits) - x).abs() <= 0.01 * least;
        ticks.iter().all(of)
    };
    let digits = (4..17).find(exact).unwrap_or(17);
    let largest = ticks.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    let label = |x: &f64| {
        let size = if logarithmic { x.abs() } else { largest };
        (*x, written(rounded(*x, digits), size))
    };
    ticks.iter().map(label).collect()
}

/// A number of this many significant digits.
fn rounded(x: f64, digits: usize) -> f64 {
    format!("{x:.*e}", digits - 1).parse().unwrap_or(x)
}

/// A number in the shortest way: as a decimal, or with a power of ten where numbers of this size
/// would be long.
fn written(x: f64, size: f64) -> String {
    let text = match x == 0.0 {
        true => "0".into(),
        false if (1e-4..1e6).contains(&size) => x.to_string(),
        false => format!("{x:e}"),
    };
    text.replace('-', "−")
}

/// A number of this many significant digits, in the shortest way.
pub fn short(x: f64, digits: usize) -> String {
    written(rounded(x, digits), x.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(axis: &Ruler) -> Vec<&str> {
        axis.ticks().iter().map(|(_, label)| &**label).collect()
    }

    fn number(label: &str) -> f64 {
        label.replace('−', "-").parse().expect("a number")
    }

    /// Ticks lie on the axis and ascend, also as they are printed, and none is a negative zero.
    fn sound(axis: &Ruler) {
        let (ticks, labels) = (axis.ticks(), labels(axis));
        let [start, end] = axis.ends();
        for ((x, _), label) in ticks.iter().zip(&labels) {
            assert!((start..=end).contains(x), "{x} in {start}..{end}");
            let error = (number(label) - x).abs();
            assert!(error <= 0.02 * (end - start), "{label} for {x}");
            assert!(number(label) != 0.0 || *label == "0", "{label}");
        }
        let printed: Vec<f64> = labels.iter().map(|label| number(label)).collect();
        assert!(
            printed.windows(2).all(|pair| pair[0] < pair[1]),
            "{labels:?}"
        );
    }

    proptest! {
        #[test]
        fn linear_ticks_are_told_apart(
            size in -12.0..12.0f64,
            offset in prop_oneof![-2.0..1.0f64, -1e6..1e6f64],
            most in 5usize..12,
        ) {
            let length = 10f64.powf(size);
            let start = offset * length;
            let axis = Ruler::linear(start..start + length, most);
            sound(&axis);
            prop_assert!((2..=most).contains(&axis.ticks().len()), "{:?}", axis.ticks());
        }

        #[test]
        fn logarithmic_ticks_are_told_apart(
            start in -12.0..6.0f64,
            decades in 0.01..20.0f64,
            most in 5usize..12,
        ) {
            let axis = Ruler::logarithmic(10f64.powf(start)..10f64.powf(start + decades), most);
            sound(&axis);
            prop_assert!((2..=most).contains(&axis.ticks().len()), "{:?}", axis.ticks());
        }

        #[test]
        fn measured_values_are_told_apart(values in proptest::collection::vec(1e-6..1e6f64, 1..8)) {
            let axis = Ruler::logarithmic(1e-6..1e6, 5).at(values.iter().copied());
            let labels: std::collections::HashSet<_> = labels(&axis).into_iter().collect();
            prop_assert_eq!(labels.len(), axis.ticks().len());
        }
    }

    #[test]
    fn ticks_are_short() {
        let cases = [
            (
                Ruler::linear(-0.08..1.08, 8),
                vec!["0", "0.2", "0.4", "0.6", "0.8", "1"],
            ),
            (
                Ruler::linear(0.9984..1.0016, 5),
                vec!["0.999", "1", "1.001"],
            ),
            (
                Ruler::linear(-6e-10..6e-10, 3),
                vec!["−5e−10", "0", "5e−10"],
            ),
            (
                Ruler::linear(0.0..2e-3, 5),
                vec!["0", "0.0005", "0.001", "0.0015", "0.002"],
            ),
            (
                Ruler::logarithmic(1e-3..20.0, 5),
                vec!["0.001", "0.01", "0.1", "1", "10"],
            ),
            (
                Ruler::logarithmic(6.6e3..1.1e4, 7),
                vec!["7000", "8000", "9000", "10000"],
            ),
            (
                Ruler::logarithmic(1.2..1.9, 7),
                vec!["1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8"],
            ),
            (
                Ruler::logarithmic(8.0..64.0, 7).at([64.0, 8.0, 16.0, 32.0]),
                vec!["8", "16", "32", "64"],
            ),
            (
                Ruler::linear(0.5..10.5, 10).at((1..=10).map(f64::from)),
                vec!["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
            ),
            (Ruler::names(&["a", "b"]), vec!["a", "b"]),
        ];
        for (axis, expected) in cases {
            assert_eq!(labels(&axis), expected);
        }
        assert_eq!(short(0.0012345, 2), "0.0012");
        assert_eq!(short(0.30000000000000004, 2), "0.3");
        assert_eq!(short(-0.0, 2), "0");
    }
}
