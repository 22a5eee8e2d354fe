//! `results.json`: the verdicts for machines.

use super::Evidence;
use crate::verify::Finding;
use serde_json::{Map, Value, json};

/// The JSON Schema of `results.json`.
pub const SCHEMA: &str = include_str!("results.schema.json");

/// Version of the schema; it changes when a reader would have to.
const VERSION: u32 = 1;

pub(super) fn results(main: &Evidence, replications: &[Evidence]) -> Value {
    json!({
        "schema_version": VERSION,
        "main": run(main),
        "replications": replications.iter().map(run).collect::<Vec<_>>(),
    })
}

fn run(evidence: &Evidence) -> Value {
    let plan = &evidence.report.plan;
    let findings: Vec<Value> = evidence
        .report
        .findings
        .iter()
        .map(|f| {
            let mut finding = json!({
                "theorem": f.theorem,
                "control": f.control,
                "claim": f.claim,
                "quantity": f.quantity,
                "statistic": f.statistic,
                "band": f.band,
                "event": f.event,
                "with": f.with,
                "origin": origin(f),
                "alpha": rounded(f.alpha),
                "worlds": f.estimate.worlds,
                "measured": rounded(f.estimate.mean),
                "standard_deviation": rounded(f.estimate.standard_deviation),
                "interval": { "lower": rounded(f.estimate.interval.lower), "upper": rounded(f.estimate.interval.upper) },
                "verdict": f.estimate.verdict,
                "expected": f.expected,
                "experiments": f.experiments,
            });
            if let Some(undefined) = &f.undefined {
                finding["undefined"] = undefined.worlds.into();
                finding["undefined_reason"] = undefined.reason.clone().into();
            }
            finding
        })
        .collect();
    json!({
        "record": evidence.name,
        "version": plan.version,
        "seed": plan.seed,
        "profile": plan.profile,
        "confidence": plan.confidence,
        "worlds": evidence.report.worlds,
        "findings": findings,
    })
}

/// The source of each part of the claim.
fn origin(f: &Finding) -> Value {
    let parts = f.origins().into_iter();
    let named = parts.map(|(part, source)| (part.replace(' ', "_"), json!(source)));
    named.collect::<Map<_, _>>().into()
}

/// Three significant digits, or nothing for a number that is not finite: more differs between
/// processors.
fn rounded(x: f64) -> Option<f64> {
    x.is_finite()
        .then(|| format!("{x:.2e}").parse().unwrap_or(x))
}
