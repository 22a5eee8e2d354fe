//! Reports: the verdicts, the evidence and the mechanism, as pages that read well on a code host,
//! one self-contained HTML file, figures with the numbers behind them, and results for machines.
//!
//! [`render`] is a function of the records alone, so that the committed reports can be checked
//! against the committed records.

pub mod assumptions;
pub mod failed;
pub mod figures;
mod html;
mod markdown;
pub mod mechanism;
mod player;
mod results;
pub mod text;

use crate::figure::FigureError;
use crate::printable::json;
use crate::procedure::Procedure;
use crate::record::Worlds;
use crate::theorem::Theorem;
use crate::verify::{Finding, Report};
use figures::{Answered, Figure, Observed};
use mechanism::Mechanism;
use std::collections::BTreeMap;

pub use results::SCHEMA;

/// Contents of files by path below a directory.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A map of where claims hold, as the overview shows it.
#[derive(Clone, Debug)]
pub struct Map {
    /// The sweep: what is written of it lies in `sweeps/NAME/`.
    pub name: String,
    /// The question.
    pub title: String,
    /// The finding, in one line.
    pub line: String,
    /// File name of the picture, without extension.
    pub picture: String,
    /// The picture.
    pub svg: String,
}

impl Map {
    /// Path of the picture below the reports' directory.
    pub fn path(&self) -> String {
        format!("sweeps/{}/{}.svg", self.name, self.picture)
    }
}

/// A run and the worlds it rests on.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Name of the record's directory.
    pub name: String,
    /// Heading of its table.
    pub heading: String,
    /// The findings.
    pub report: Report,
    /// The worlds, by experiment and index.
    pub worlds: Worlds,
}

impl Evidence {
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

    /// A quantity in each world that a finding counts, in their order; none where it is undefined.
    fn values(&self, finding: &Finding, quantity: &str) -> Vec<Option<f64>> {
        let key = finding.experiments.first().cloned().unwrap_or_default();
        (0..finding.estimate.worlds)
            .filter_map(|world| self.worlds.get(&(key.clone(), world)))
            .filter_map(|outcome| Some(outcome.quantities.get(quantity)?.number()))
            .collect()
    }

    /// A quantity in each world of a theorem's own regime, if it is measured there.
    fn own(&self, theorem: &str, quantity: &str) -> Vec<Option<f64>> {
        let mut findings = self.report.findings.iter();
        let own = findings.find(|f| f.theorem == theorem && f.control.is_none());
        own.map_or(Vec::new(), |own| self.values(own, quantity))
    }

    /// Mean of a quantity over the worlds of a theorem's own regime; none if it is undefined in one
    /// of them.
    pub fn mean(&self, theorem: &str, quantity: &str) -> Option<f64> {
        let values: Vec<f64> = self
            .own(theorem, quantity)
            .into_iter()
            .collect::<Option<_>>()?;
        let count = values.len() as f64;
        (count > 0.0).then(|| values.iter().sum::<f64>() / count)
    }
}

/// The figures of a report: all claims together, one of evidence for each theorem, and those of the
/// mechanism.
struct Figures<'a> {
    overview: Figure,
    evidence: BTreeMap<String, Figure>,
    mechanism: Vec<Figure>,
    maps: &'a [Map],
}

impl<'a> Figures<'a> {
    fn of(
        main: &Evidence,
        replications: &[Evidence],
        mechanism: &Mechanism,
        maps: &'a [Map],
    ) -> Result<Self, FigureError> {
        let evidence = decided(main, replications)
            .map(|(evidence, t)| {
                let swept = t.sweep.as_ref().map(|s| s.path.as_str());
                let figure = figures::evidence(&t.name, swept, &evidence.observed(&t.name))?;
                Ok((t.name.clone(), figure))
            })
            .collect::<Result<_, FigureError>>()?;
        let order = in_order(main, replications);
        let mut decided: Vec<_> = decided(main, replications).collect();
        decided.sort_by_key(|(evidence, _)| {
            let place = order.iter().position(|shown| shown.name == evidence.name);
            place.unwrap_or(order.len())
        });
        let claims: Vec<Answered> = decided
            .into_iter()
            .flat_map(|(evidence, t)| answered(evidence, &t.name))
            .collect();
        let mut pictures = figures::mechanism(mechanism)?;
        let of = |q: &str| main.mean("random-features", q);
        pictures.extend(figures::contrast(of)?);
        let growth = (main.report.plan.theorems.iter())
            .find_map(|t| Some((t, swept_neurons(&t.procedure)?)));
        if let Some((theorem, neurons)) = growth {
            let of = |q: &str| main.mean(&theorem.name, q);
            pictures.extend(figures::growth(neurons, of)?);
        }
        Ok(Self {
            overview: figures::overview(&claims)?,
            evidence,
            mechanism: pictures,
            maps,
        })
    }

    fn all(&self) -> impl Iterator<Item = &Figure> {
        let one = std::iter::once(&self.overview);
        one.chain(self.evidence.values()).chain(&self.mechanism)
    }

    /// Every picture, by the paths under which the pages show it.
    fn pictures(&self) -> impl Iterator<Item = (String, &str)> {
        let of_figure = |f: &'_ Figure| format!("figures/{}.svg", f.name);
        let own = self.all().flat_map(move |f| {
            let path = of_figure(f);
            [format!("../{path}"), path].map(|path| (path, f.svg.as_str()))
        });
        own.chain(self.maps.iter().map(|map| (map.path(), map.svg.as_str())))
    }
}

/// The claims of a theorem, each with the findings of its negative controls.
fn answered<'a>(evidence: &'a Evidence, theorem: &'a str) -> impl Iterator<Item = Answered<'a>> {
    let own = evidence.report.own().filter(move |f| f.theorem == theorem);
    own.map(move |own| {
        let controls = evidence.report.controls();
        let answers = |c: &&Finding| c.theorem == theorem && c.claim == own.claim;
        Answered {
            own,
            controls: controls.filter(answers).collect(),
        }
    })
}

/// Every theorem with the evidence that decides it: the main record's, or that of the last other
/// record with verdicts on it where the main one leaves the theorem out, or to another profile. A
/// theorem that no record has tested is left out.
fn decided<'a>(
    main: &'a Evidence,
    replications: &'a [Evidence],
) -> impl Iterator<Item = (&'a Evidence, &'a Theorem)> {
    let all = std::iter::once(main).chain(replications);
    let of = |e: &'a Evidence| e.report.plan.theorems.iter().map(move |t| (e, t));
    all.flat_map(of)
        .filter(move |(e, t)| deciding(main, replications, &t.name) == Some(e.name.as_str()))
}

/// Name of the record that decides a theorem; none if no record has tested it.
fn deciding<'a>(
    main: &'a Evidence,
    replications: &'a [Evidence],
    theorem: &str,
) -> Option<&'a str> {
    let tested = |e: &&Evidence| tests(e, theorem);
    let last = || replications.iter().rev().find(tested);
    let decides = Some(main).filter(tested).or_else(last);
    decides.map(|evidence| evidence.name.as_str())
}

/// The records whose claims are shown one by one, in that order: those with the first heading (the
/// theorems as they are stated), the main one, and the others. A record that decides a theorem of
/// the main one again is a replication, and is not among them.
fn in_order<'a>(main: &'a Evidence, replications: &'a [Evidence]) -> Vec<&'a Evidence> {
    let elsewhere = |e: &&Evidence| {
        let mut theorems = e.report.plan.theorems.iter();
        !theorems.any(|t| tests(main, &t.name))
    };
    let mut shown: Vec<&Evidence> = replications.iter().filter(elsewhere).collect();
    let first = shown.first().map(|e| e.heading.as_str());
    let before = shown
        .iter()
        .take_while(|e| Some(e.heading.as_str()) == first);
    shown.insert(before.count(), main);
    shown
}

/// True if a record has verdicts on a theorem.
fn tests(evidence: &Evidence, theorem: &str) -> bool {
    let mut findings = evidence.report.findings.iter();
    findings.any(|f| f.theorem == theorem)
}

fn swept_neurons(procedure: &Procedure) -> Option<&[usize]> {
    let growth = &procedure.random_features.as_ref()?.growth;
    (!growth.is_empty()).then_some(growth)
}

/// Every file of the reports but the records themselves and what is written of each sweep.
///
/// # Errors
/// If a figure cannot be drawn or a value written.
pub fn render(
    main: &Evidence,
    replications: &[Evidence],
    mechanism: &Mechanism,
    maps: &[Map],
) -> Result<Files, Box<dyn std::error::Error>> {
    let figures = Figures::of(main, replications, mechanism, maps)?;
    let mut pages = BTreeMap::new();
    let overview = markdown::overview(main, replications, &figures);
    let mut sections = Vec::new();
    for (evidence, theorem) in decided(main, replications) {
        let page = markdown::theorem(evidence, theorem);
        sections.push((theorem, page.clone()));
        pages.insert(format!("theorems/{}.md", theorem.name), page);
    }
    pages.insert(
        "index.html".into(),
        html::page(
            &overview,
            &sections,
            &figures,
            &player::player(&mechanism.race),
        ),
    );
    pages.insert("README.md".into(), overview);
    pages.insert("failed-regimes.md".into(), failed::page());
    let results = results::results(main, replications);
    pages.insert(
        "results.json".into(),
        json(&serde_json::to_string_pretty(&results)?) + "\n",
    );
    pages.insert("results.schema.json".into(), SCHEMA.into());
    for figure in figures.all() {
        let path = format!("figures/{}", figure.name);
        pages.insert(format!("{path}.svg"), figure.svg.clone());
        pages.insert(format!("{path}.csv"), figure.table.csv());
        pages.insert(
            format!("{path}.json"),
            json(&serde_json::to_string(&figure.json())?) + "\n",
        );
    }
    let bytes = |(path, text): (String, String)| (path, text.into_bytes());
    Ok(pages.into_iter().map(bytes).collect())
}

/// The predictions of a theorem that were measured too: (name, predicted, measured).
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
