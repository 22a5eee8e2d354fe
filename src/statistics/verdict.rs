//! From an interval and a claimed band to a verdict.

use crate::field::{FieldError, require};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Interval;

/// The claimed range of a mean, ends included; an absent end is unbounded: `{ upper = 0.01 }`
/// claims "at most 0.01".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// Lower end, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// Upper end, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
}

impl Band {
    /// Checks that the band, the value of `field`, claims something.
    ///
    /// # Errors
    /// If both ends are absent, one is not finite, or they are in the wrong order.
    pub fn validate(&self, field: &str) -> Result<(), FieldError> {
        if self.ends().count() == 0 {
            let needed = "a band has a lower end, an upper end, or both";
            return Err(FieldError::missing(format!("{field}.upper"), needed));
        }
        let Interval { lower, upper } = (*self).into();
        let ordered = self.ends().all(f64::is_finite) && lower <= upper;
        require(ordered, field, self, "finite ends, with lower ≤ upper")
    }

    /// The ends that are present.
    pub fn ends(&self) -> impl Iterator<Item = f64> {
        self.lower.into_iter().chain(self.upper)
    }

    /// Returns the number of the band's ends.
    pub fn sides(&self) -> Sides {
        if self.lower.is_some() && self.upper.is_some() {
            Sides::Two
        } else {
            Sides::One
        }
    }

    /// The ends an interval must leave on one side for a decision when the mean is `mean`: all of
    /// them if `mean` lies inside (to confirm), the nearest if it lies outside (to refute).
    pub(super) fn ends_to_exclude(&self, mean: f64) -> impl Iterator<Item = f64> {
        let inside = Interval::from(*self).contains(mean);
        let nearest = self
            .ends()
            .map(|end| (end - mean).abs())
            .fold(f64::INFINITY, f64::min);
        self.ends()
            .filter(move |end| inside || (end - mean).abs() == nearest)
    }
}

/// Same text as the interval: `[0.4900, inf]`.
impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Interval::from(*self).fmt(f)
    }
}

impl From<Interval> for Band {
    fn from(interval: Interval) -> Self {
        let finite = |end: f64| end.is_finite().then_some(end);
        Self {
            lower: finite(interval.lower),
            upper: finite(interval.upper),
        }
    }
}

/// The division of a sequence's level `α` between the two ends of its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Each end is a `1 − α` bound by itself: for a band with one end (see the [module](super) on
    /// why this is enough).
    One,
    /// The two ends together cover with `1 − α`.
    Two,
}

impl Sides {
    /// The level of each single end: `α` or `α/2`.
    pub fn alpha_per_end(self, alpha: f64) -> f64 {
        match self {
            Self::One => alpha,
            Self::Two => 0.5 * alpha,
        }
    }
}

/// The evidence's answer to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole interval lies inside the band.
    Confirmed,
    /// The interval and the band are disjoint.
    Refuted,
    /// Anything else: more worlds may tell.
    Undecided,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        })
    }
}

/// Confirmed iff `interval` lies inside `band`, refuted iff the two are disjoint, else undecided.
pub fn decide(interval: &Interval, band: &Band) -> Verdict {
    let band = Interval::from(*band);
    if band.encloses(interval) {
        Verdict::Confirmed
    } else if band.intersects(interval) {
        Verdict::Undecided
    } else {
        Verdict::Refuted
    }
}

/// The smallest number in `[from, 10⁶]` for which `decided` holds, taken to stay true once true;
/// none if it never does.
pub(super) fn first_decided(from: u64, decided: impl Fn(u64) -> bool) -> Option<u64> {
    const MOST: u64 = 1_000_000;
    let (mut low, mut high) = (from.max(1), from.max(1));
    while !decided(high) {
        if high >= MOST {
            return None;
        }
        (low, high) = (high + 1, (2 * high).min(MOST));
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if decided(middle) {
            high = middle
        } else {
            low = middle + 1
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: Band = Band {
        lower: Some(0.49),
        upper: Some(0.51),
    };
    const SMALL: Band = Band {
        lower: None,
        upper: Some(0.01),
    };

    #[test]
    fn ends_belong_to_the_band() {
        let at = |lower, upper| Interval { lower, upper };
        assert_eq!(decide(&at(0.49, 0.51), &HALF), Verdict::Confirmed);
        assert_eq!(decide(&at(0.51, 0.60), &HALF), Verdict::Undecided);
        assert_eq!(decide(&at(0.52, 0.60), &HALF), Verdict::Refuted);
        assert_eq!(decide(&at(0.0, 0.01), &SMALL), Verdict::Confirmed);
        assert_eq!(decide(&at(-1.0, 0.02), &SMALL), Verdict::Undecided);
        assert_eq!(decide(&Interval::EVERYTHING, &SMALL), Verdict::Undecided);
    }

    #[test]
    fn only_the_ends_that_matter_are_excluded() {
        let ends = |mean| HALF.ends_to_exclude(mean).collect::<Vec<_>>();
        assert_eq!(ends(0.5), [0.49, 0.51]);
        assert_eq!(ends(0.2), [0.49]);
        assert_eq!(ends(0.6), [0.51]);
    }

    #[test]
    fn bands_that_claim_nothing_are_refused() {
        for (lower, upper) in [(None, None), (Some(1.0), Some(0.0)), (Some(f64::NAN), None)] {
            let refused = Band { lower, upper }.validate("band").unwrap_err();
            assert!(refused.field.starts_with("band"), "{refused}");
        }
    }

    #[test]
    fn names_are_stable() {
        assert_eq!(
            serde_json::to_string(&Verdict::Undecided).unwrap(),
            "\"undecided\""
        );
        assert_eq!(format!("{:>10}|", Verdict::Refuted), "   refuted|");
        let band: Band = toml::from_str("upper = 0.01").unwrap();
        assert_eq!(band, SMALL);
    }

    #[test]
    fn the_search_finds_the_first() {
        assert_eq!(first_decided(3, |n| n >= 777), Some(777));
        assert_eq!(first_decided(900, |n| n >= 777), Some(900));
        assert_eq!(first_decided(1, |_| false), None);
    }
}
