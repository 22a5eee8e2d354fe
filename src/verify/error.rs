//! Why a run cannot begin or go on.

use crate::random_features::RandomFeatureError;
use crate::record::RecordError;
use crate::regime::RegimeError;
use crate::statistics::StatisticsError;
use thiserror::Error;

/// A run that cannot begin or go on.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// A control's regime is out of range.
    #[error(transparent)]
    Regime(#[from] RegimeError),
    /// A claim's sequence cannot be set up or fed.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A read-out over random features cannot be solved.
    #[error(transparent)]
    RandomFeatures(#[from] RandomFeatureError),
}
