//! Numbers that options take: what is refused is named as every other field is.

use multiview::field::{Fault, FieldError, written};
use multiview::regime::require_confidence;
use std::ops::RangeInclusive;

/// The reader of a whole number within a range, for the option of this name.
pub fn whole<T: TryFrom<u64>>(
    option: &'static str,
    allowed: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, FieldError> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            refused(option, text, format!("a whole number, {least} to {most}"))
        })
    }
}

/// Reads a confidence.
pub fn confidence(text: &str) -> Result<f64, FieldError> {
    let number = text.parse();
    let number = number.map_err(|_| refused("confidence", text, "a number".into()))?;
    require_confidence("confidence", number)?;
    Ok(number)
}

/// The refusal of what stands for an option's number: a number as it was typed, or words in quotes.
fn refused(option: &str, text: &str, allowed: String) -> FieldError {
    let value = match text.parse::<f64>() {
        Ok(number) if number.is_finite() => text.into(),
        _ => written(text),
    };
    let fault = Fault::OutOfRange { value, allowed };
    FieldError {
        field: option.into(),
        fault,
    }
}
