//! Regimes that were tried and failed, with the reason: what the shipped regimes were chosen
//! against.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

const RECORD: &str = include_str!("../../theorems/regimes/failed.toml");

/// One regime that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedRegime {
    /// The theorem that was tried.
    pub theorem: String,
    /// The regime, where it differs from the shipped one, in the paper's symbols.
    pub regime: String,
    /// The measurement, in words.
    pub measured: String,
    /// The reason of the failure, as far as it is understood.
    pub reason: String,
}

/// Every one.
pub fn failed_regimes() -> Vec<FailedRegime> {
    #[derive(Deserialize)]
    struct File {
        regime: Vec<FailedRegime>,
    }
    let file: File = toml::from_str(RECORD)
        .unwrap_or_else(|e| unreachable!("the embedded record is valid: {e}"));
    file.regime
}

/// `failed-regimes.md`.
pub(super) fn page() -> String {
    let mut out = String::from(
        "# Regimes that failed\n\nTried while the shipped regimes were chosen, on tuning seeds, a few worlds each.\n\n| theorem | regime | \
         measured | reason |\n|---|---|---|---|\n",
    );
    for r in failed_regimes() {
        let _ = writeln!(
            out,
            "| [{0}](theorems/{0}.md) | {1} | {2} | {3} |",
            r.theorem, r.regime, r.measured, r.reason
        );
    }
    out
}
