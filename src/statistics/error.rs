//! The one error of this module: a value outside its allowed range.

use thiserror::Error;

/// A value that a statistic cannot use.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{field} = {value} is out of range: it must be {allowed}")]
pub struct StatisticsError {
    /// Name of the offending argument or field.
    pub field: &'static str,
    /// The value that was given.
    pub value: String,
    /// The allowed range, in words.
    pub allowed: String,
}

/// `Ok` when `condition` holds, else the error that names `field`, `value` and the `allowed` range.
pub(super) fn require(
    condition: bool,
    field: &'static str,
    value: impl ToString,
    allowed: impl ToString,
) -> Result<(), StatisticsError> {
    if condition {
        return Ok(());
    }
    Err(StatisticsError {
        field,
        value: value.to_string(),
        allowed: allowed.to_string(),
    })
}

/// Checks an error level: beyond one quarter the formulas for the tuning of the sequences lose their sense.
pub(super) fn require_alpha(alpha: f64) -> Result<(), StatisticsError> {
    require(alpha > 0.0 && alpha <= 0.25, "alpha", alpha, "in (0, 0.25]")
}
