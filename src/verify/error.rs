//! The reasons why a run cannot begin or go on.

use crate::field::FieldError;
use crate::random_features::RandomFeatureError;
use crate::record::RecordError;
use thiserror::Error;

/// A run that cannot begin or go on.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// A field of a control's regime, or of a claim, cannot be used.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A read-out over random features cannot be solved.
    #[error(transparent)]
    RandomFeatures(#[from] RandomFeatureError),
}
