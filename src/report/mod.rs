//! Reports: the verdicts, the evidence and the mechanism, as pages that read well on a code host, one self-contained
//! HTML file, figures with the numbers behind them, and results for machines.
//!
//! [`render`] is a function of the records alone, so that the committed reports can be checked against the committed records.

pub mod assumptions;
pub mod figures;
mod html;
mod markdown;
pub mod mechanism;
mod results;
pub mod text;

use crate::figure::FigureError;
use crate::procedure::Procedure;
use crate::record::{Kept, Worlds};
use crate::theorem::Theorem;
use crate::verify::{Finding, Report};
use figures::{Figure, Observed};
use mechanism::Mechanism;
use std::collections::BTreeMap;

pub use results::SCHEMA;

/// Files by path below the reports' directory.
pub type Files = BTreeMap<String, String>;

/// A run and the worlds it rests on.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Name of the record's directory.
    pub name: String,
    /// The findings.
    pub report: Report,
    /// The worlds, by experiment and index.
    pub worlds: Worlds,
}

impl Evidence {
    /// A run's report with the worlds of its record.
    pub fn new(name: &str, report: Report, kept: Kept) -> Self {
        Self {
            name: name.into(),
            report,
            worlds: kept.worlds,
        }
    }

    /// A theorem's findings, each with the quantity it speaks of in every world that counts.
    pub fn observed(&self, theorem: &str) -> Vec<Observed<'_>> {
        let findings = self.report.findings.iter();
        findings
            .filter(|f| f.theorem == theorem)
            .map(|finding| Observed {
                finding,
                worlds: if finding.power_law.is_some() {
                    Vec::new()
                } else {
                    self.values(finding, &finding.quantity)
                },
            })
            .collect()
    }

    /// A quantity in each world that a finding counts, in their order.
    fn values(&self, finding: &Finding, quantity: &str) -> Vec<f64> {
        let key = finding.experiments.first().cloned().unwrap_or_default();
        (0..finding.estimate.worlds)
            .filter_map(|world| self.worlds.get(&(key.clone(), world)))
            .filter_map(|outcome| outcome.quantities.get(quantity).copied())
            .collect()
    }

    /// Mean of a quantity over the worlds of a theorem's own regime.
    pub fn mean(&self, theorem: &str, quantity: &str) -> Option<f64> {
        let mut findings = self.report.findings.iter();
        let own = findings.find(|f| f.theorem == theorem && f.control.is_none())?;
        let values = self.values(own, quantity);
        let count = values.len() as f64;
        (count > 0.0).then(|| values.iter().sum::<f64>() / count)
    }
}

/// The figures of a report: one of evidence for each theorem, and those of the mechanism.
struct Figures {
    evidence: BTreeMap<String, Figure>,
    mechanism: Vec<Figure>,
}

impl Figures {
    fn of(main: &Evidence, mechanism: &Mechanism) -> Result<Self, FigureError> {
        let theorems = &main.report.plan.theorems;
        let evidence = theorems
            .iter()
            .map(|t| {
                Ok((
                    t.name.clone(),
                    figures::evidence(&t.name, &main.observed(&t.name))?,
                ))
            })
            .collect::<Result<_, FigureError>>()?;
        let mut pictures = figures::mechanism(mechanism)?;
        let of = |q: &str| main.mean("random-features", q);
        pictures.extend(figures::contrast(of)?);
        let growth = theorems
            .iter()
            .find_map(|t| Some((t, swept_neurons(&t.procedure)?)));
        if let Some((theorem, neurons)) = growth {
            let of = |q: &str| main.mean(&theorem.name, q);
            pictures.extend(figures::growth(neurons, of)?);
        }
        Ok(Self {
            evidence,
            mechanism: pictures,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Figure> {
        self.evidence.values().chain(&self.mechanism)
    }
}

fn swept_neurons(procedure: &Procedure) -> Option<&[usize]> {
    let growth = &procedure.random_features.as_ref()?.growth;
    (!growth.is_empty()).then_some(growth)
}

/// Every file of the reports but the records themselves.
///
/// # Errors
/// If a figure cannot be drawn or a value written.
pub fn render(
    main: &Evidence,
    replications: &[Evidence],
    mechanism: &Mechanism,
) -> Result<Files, Box<dyn std::error::Error>> {
    let figures = Figures::of(main, mechanism)?;
    let mut files = Files::new();
    let overview = markdown::overview(main, replications, &figures);
    let mut sections = Vec::new();
    for theorem in &main.report.plan.theorems {
        let page = markdown::theorem(main, theorem);
        sections.push((theorem, page.clone()));
        files.insert(format!("theorems/{}.md", theorem.name), page);
    }
    files.insert(
        "index.html".into(),
        html::page(&overview, &sections, &figures),
    );
    files.insert("README.md".into(), overview);
    let results = results::results(main, replications);
    files.insert(
        "results.json".into(),
        serde_json::to_string_pretty(&results)? + "\n",
    );
    files.insert("results.schema.json".into(), SCHEMA.into());
    for figure in figures.all() {
        let path = format!("figures/{}", figure.name);
        files.insert(format!("{path}.svg"), figure.svg.clone());
        files.insert(format!("{path}.csv"), figure.table.csv());
        files.insert(
            format!("{path}.json"),
            serde_json::to_string(&figure.json())? + "\n",
        );
    }
    Ok(files)
}

/// What of a theorem's predictions was measured too: (name, predicted, measured).
fn predicted_and_measured(main: &Evidence, theorem: &Theorem) -> Vec<(&'static str, f64, f64)> {
    if theorem.procedure.members == 0 || theorem.sweep.is_some() {
        return Vec::new();
    }
    let predicted = crate::prediction::Prediction::of(&theorem.regime, &theorem.procedure);
    [
        "lottery.both_views_share",
        "single.test_error",
        "ensemble.test_error",
        "self_distilled.test_error",
    ]
    .into_iter()
    .filter_map(|name| {
        let measured = main.mean(&theorem.name, name)?;
        Some((name, predicted.quantity(name)?, measured))
    })
    .collect()
}
