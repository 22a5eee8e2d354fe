//! The findings of an exploration, cell by cell.

use super::store::Manifest;
use super::sweep::{Cell, Sweep, SweepError, VARIANT};
use crate::figure::Table;
use crate::prediction::Prediction;
use crate::printable::line;
use crate::statistics::{Estimate, Verdict};
use crate::theorem::{Claim, Statistic};
use crate::verify::Finding;
use serde_json::Value;
use std::collections::BTreeMap;

/// The cells of a sweep and how each claim stands in them.
#[derive(Clone, Debug)]
pub struct Cells {
    /// The sweep.
    pub sweep: Sweep,
    /// Short name of each axis (the last word of its path).
    pub axes: Vec<String>,
    /// Distinct values of each axis, as written, in the order of the sweep.
    pub values: Vec<Vec<String>>,
    claims: Vec<String>,
    shares: Vec<String>,
    /// The outcomes of the claims so far.
    pub standings: Vec<CellFinding>,
}

/// One claim in one cell.
#[derive(Clone, Debug)]
pub struct CellFinding {
    /// Index of the cell.
    pub cell: usize,
    /// Position of the cell's value on each axis.
    pub at: Vec<usize>,
    /// The cell's values.
    pub parameters: Vec<toml::Value>,
    /// The prediction of the quantity before training, where there is one.
    pub predicted: Option<f64>,
    /// The claim's outcome in the cell.
    pub finding: Finding,
}

impl Cells {
    /// The cells of an exploration with what has been found in them.
    ///
    /// # Errors
    /// A sweep out of range.
    pub fn of(manifest: &Manifest, findings: &[Finding]) -> Result<Self, SweepError> {
        let sweep = &manifest.sweep;
        let cells = manifest.cells()?;
        let paths: Vec<String> = cells.first().map_or(Vec::new(), |cell| {
            cell.values.iter().map(|(path, _)| path.clone()).collect()
        });
        let axes = paths
            .iter()
            .map(|path| {
                let last = |p: &str| p.rsplit('.').next().unwrap_or_default().to_owned();
                let alone = paths.iter().filter(|p| last(p) == last(path)).count() == 1;
                if alone {
                    last(path)
                } else {
                    path.replace('.', "_")
                }
            })
            .collect();
        let mut values: Vec<Vec<String>> = vec![Vec::new(); paths.len()];
        let mut by_name: BTreeMap<String, Vec<&Finding>> = BTreeMap::new();
        for finding in findings {
            by_name
                .entry(finding.theorem.clone())
                .or_default()
                .push(finding);
        }
        let mut standings = Vec::new();
        for Cell {
            index,
            values: parameters,
            theorem,
        } in cells
        {
            let at = parameters
                .iter()
                .zip(&mut values)
                .map(|((_, value), seen)| {
                    let text = line(&value.as_str().map_or(value.to_string(), str::to_owned));
                    seen.iter().position(|v| *v == text).unwrap_or_else(|| {
                        seen.push(text);
                        seen.len() - 1
                    })
                })
                .collect::<Vec<_>>();
            let Some(findings) = by_name.get(&theorem.name) else {
                continue;
            };
            let prediction = Prediction::of(&theorem.regime, &theorem.procedure);
            for finding in findings {
                standings.push(CellFinding {
                    cell: index,
                    at: at.clone(),
                    parameters: parameters.iter().map(|(_, v)| v.clone()).collect(),
                    predicted: prediction.quantity(&finding.quantity),
                    finding: (*finding).clone(),
                });
            }
        }
        let named = |of: fn(&Claim) -> bool| {
            let claims = manifest.base.claims.iter().filter(|c| of(c));
            claims.map(|c| c.name.clone()).collect()
        };
        Ok(Self {
            sweep: sweep.clone(),
            axes,
            values,
            claims: named(|_| true),
            shares: named(|claim| claim.statistic == Statistic::Share),
            standings,
        })
    }

    /// The names of the claims, in the order of the theorem.
    pub fn claims(&self) -> Vec<&str> {
        self.claims.iter().map(String::as_str).collect()
    }

    /// The names of the claims, as labels of a picture.
    pub(super) fn claims_as_labels(&self) -> Vec<String> {
        self.claims.iter().map(|name| line(name)).collect()
    }

    /// Returns true if variants are all that varies.
    pub(super) fn variants_alone(&self) -> bool {
        self.axes == [VARIANT]
    }

    /// The names of the claims on shares of worlds, in the order of the theorem.
    pub fn shares(&self) -> Vec<&str> {
        self.shares.iter().map(String::as_str).collect()
    }

    /// A row for each claim in each cell.
    pub fn table(&self) -> Table {
        let mut columns = vec![("cell".to_owned(), "index of the cell".to_owned())];
        columns.extend(self.axes.iter().enumerate().map(|(index, name)| {
            let meaning = match self.sweep.axes.get(index) {
                Some(axis) => format!("value of {} in the cell", axis.parameter),
                None => "the named change of the base theorem in the cell".into(),
            };
            (name.clone(), meaning)
        }));
        let rest = [
            ("claim", "name of the claim"),
            (
                "quantity",
                "what is measured in each world (errors are shares of test inputs, divided by μ where named test_error)",
            ),
            ("band_lower", "lower end of the claimed band, empty if open"),
            ("band_upper", "upper end of the claimed band, empty if open"),
            ("measured", "mean or share over the worlds of the cell"),
            (
                "predicted",
                "leading-order estimate before training, where there is one",
            ),
            ("standard_deviation", "over worlds"),
            (
                "lower",
                "lower end of the time-uniform interval (of a claim on every world: the least value seen), empty if unbounded",
            ),
            (
                "upper",
                "upper end of the time-uniform interval (of a claim on every world: the largest value seen), empty if unbounded",
            ),
            ("worlds", "worlds that count"),
            (
                "undefined",
                "those of them that have no number, which count against the claim",
            ),
            (
                "undefined_reason",
                "why the first of them has no number, empty if all have one",
            ),
            (
                "verdict",
                "confirmed, refuted or undecided, at the sweep's confidence for this cell alone",
            ),
            ("experiment", "key of the cell's worlds in worlds.jsonl"),
        ];
        columns.extend(rest.map(|(name, meaning)| (name.to_owned(), meaning.to_owned())));
        let rows = self.standings.iter().map(|standing| {
            let f = &standing.finding;
            let e: &Estimate = &f.estimate;
            let finite = |x: f64| -> Value { if x.is_finite() { x.into() } else { Value::Null } };
            let mut row: Vec<Value> = vec![standing.cell.into()];
            row.extend(
                (standing.parameters.iter())
                    .map(|v| serde_json::to_value(v).unwrap_or(Value::Null)),
            );
            row.extend([
                f.claim.clone().into(),
                f.quantity.clone().into(),
                f.band.lower.into(),
                f.band.upper.into(),
                finite(e.mean),
                standing.predicted.into(),
                finite(e.standard_deviation),
                finite(e.interval.lower),
                finite(e.interval.upper),
                e.worlds.into(),
                f.undefined.as_ref().map_or(0, |u| u.worlds).into(),
                f.undefined.as_ref().map(|u| line(&u.reason)).into(),
                e.verdict.to_string().into(),
                f.experiments.first().cloned().into(),
            ]);
            row
        });
        Table {
            rows: rows.collect(),
            columns,
        }
    }

    /// Number of (claim, cell) pairs that have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let standings = self.standings.iter();
        standings
            .filter(|s| s.finding.estimate.verdict == verdict)
            .count()
    }
}
