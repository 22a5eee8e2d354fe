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

/// Those of one theorem, as a list for its page. Empty if there are none.
pub(super) fn of_theorem(name: &str) -> String {
    let mut out = String::new();
    for r in failed_regimes().iter().filter(|r| r.theorem == name) {
        let _ = writeln!(
            out,
            "- {}: {}. {}.",
            r.regime,
            r.measured,
            capital(&r.reason)
        );
    }
    if !out.is_empty() {
        out.insert_str(0, "\nRegimes that were tried, and failed:\n\n");
    }
    out
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// `failed-regimes.md`.
pub(super) fn page() -> String {
    let mut out = String::from(
        "# Regimes that failed\n\nMost were tried while the shipped regimes were chosen, on tuning seeds, a few worlds each. Each is on the page of its theorem too.\n\n| theorem | regime | \
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
