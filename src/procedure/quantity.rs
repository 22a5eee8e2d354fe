//! A quantity in one world: a finite number, or the reason why the world has none.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The value of a quantity in one world, or the reason why it has none. A ratio without a
/// denominator has no meaning there, and arithmetic may overflow: then the reason is kept in the
/// number's place, so that such a world is neither dropped nor taken for another.
///
/// In JSON it is a number, or `{"undefined": "reason"}`; `null` is neither.
///
/// ```
/// use multiview::procedure::Quantity;
///
/// assert_eq!(Quantity::from(0.5).number(), Some(0.5));
/// assert_eq!(Quantity::from(f64::NAN).number(), None);
/// let nothing = Quantity::undefined("the ensemble gains nothing");
/// assert_eq!(serde_json::to_string(&nothing)?, r#"{"undefined":"the ensemble gains nothing"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Quantity(Result<f64, String>);

/// A quantity as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a number or {\"undefined\": \"reason\"}"
)]
enum Written {
    Number(f64),
    Undefined { undefined: String },
}

impl Quantity {
    /// No number, for this reason.
    pub fn undefined(reason: impl Into<String>) -> Self {
        Self(Err(reason.into()))
    }

    /// The number.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn get(&self) -> Result<f64, &str> {
        self.0.as_ref().copied().map_err(String::as_str)
    }

    /// The number, if there is one.
    pub fn number(&self) -> Option<f64> {
        self.get().ok()
    }

    /// Combines two numbers; without one of them the result is the reason for that.
    pub fn with(&self, other: &Self, combine: impl FnOnce(f64, f64) -> Self) -> Self {
        match (self.get(), other.get()) {
            (Ok(own), Ok(other)) => combine(own, other),
            (Err(reason), _) | (_, Err(reason)) => Self::undefined(reason),
        }
    }

    /// The mean, undefined if one of the terms is; none without terms.
    pub fn mean<'a>(terms: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let numbers: Result<Vec<f64>, &str> = terms.into_iter().map(Self::get).collect();
        match numbers {
            Ok(numbers) if numbers.is_empty() => None,
            Ok(numbers) => Some((numbers.iter().sum::<f64>() / numbers.len() as f64).into()),
            Err(reason) => Some(Self::undefined(reason)),
        }
    }
}

impl From<f64> for Quantity {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            Self(Ok(value))
        } else if value.is_nan() {
            Self::undefined("not a number, as 0/0 is none")
        } else {
            Self::undefined("beyond the largest number")
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(number) => number.fmt(f),
            Err(reason) => write!(f, "undefined ({reason})"),
        }
    }
}

impl From<Written> for Quantity {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(value) => value.into(),
            Written::Undefined { undefined } => Self::undefined(undefined),
        }
    }
}

impl From<Quantity> for Written {
    fn from(Quantity(value): Quantity) -> Self {
        match value {
            Ok(value) => Self::Number(value),
            Err(undefined) => Self::Undefined { undefined },
        }
    }
}

/// The mean; not a number without terms.
pub(super) fn mean(xs: &[f64]) -> f64 {
    xs.iter().sum::<f64>() / xs.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Every double, finite or not, is written as something that reads back as the same.
        #[test]
        fn what_is_written_reads_back(bits in any::<u64>()) {
            let quantity = Quantity::from(f64::from_bits(bits));
            let text = serde_json::to_string(&quantity).expect("it is written");
            prop_assert!(!text.contains("null"));
            let read: Quantity = serde_json::from_str(&text).expect("it reads back");
            prop_assert_eq!(read, quantity);
        }
    }

    #[test]
    fn neither_null_nor_other_words_are_a_quantity() {
        for text in ["null", "\"0.5\"", "{}", "{\"undefined\": 1}", "1e999"] {
            assert!(serde_json::from_str::<Quantity>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_made_of_an_undefined_quantity_is_undefined() {
        let (number, none) = (Quantity::from(1.0), Quantity::undefined("why"));
        let less = |a: &Quantity, b: &Quantity| a.with(b, |a, b| (a - b).into());
        assert_eq!(less(&number, &number), Quantity::from(0.0));
        assert_eq!(less(&number, &none).get(), Err("why"));
        assert_eq!(less(&none, &number).get(), Err("why"));
        assert_eq!(Quantity::mean([&number, &none]), Some(none));
        assert_eq!(Quantity::mean([&number, &number]), Some(number));
        assert_eq!(Quantity::mean([]), None);
        let huge = Quantity::from(f64::MAX);
        assert_eq!(
            Quantity::mean([&huge, &huge]).and_then(|m| m.number()),
            None
        );
    }
}
