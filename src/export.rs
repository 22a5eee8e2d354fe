//! A record as flat tables: one row per world, and one row per model.
//!
//! A world stands once for each theorem or control that asks for it, so that rows can be selected
//! by theorem; `experiment` and `world` together name it. A quantity that is not measured in a
//! world is an empty cell. One that has no number there is an empty cell too, and `undefined` gives
//! the reason.

use crate::figure::Table;
use crate::procedure::{ModelRow, Quantity, meaning};
use crate::record::Worlds;
use crate::verify::Asker;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Names of the files that hold the two tables.
pub const FILES: [&str; 2] = ["worlds.csv", "models.csv"];

/// The columns that both tables begin with, and their meanings.
const LABELS: [(&str, &str); 5] = [
    ("seed", "experiment seed"),
    ("experiment", "hash of the regime and the procedure"),
    ("theorem", "who asks for the world"),
    (
        "control",
        "the negative control; empty in the theorem's own regime",
    ),
    ("world", "index of the world"),
];

/// The text with which both tables begin: the names of their first columns.
pub fn columns() -> String {
    LABELS.map(|(name, _)| name).join(",")
}

const UNDEFINED: (&str, &str) = (
    "undefined",
    "QUANTITY: REASON of each quantity without a number",
);

/// A column of the models, and where its quantity stands.
type Measure = (&'static str, fn(&ModelRow) -> Option<&Quantity>);

/// The quantities of a model, which may have no number.
const MEASURES: [Measure; 5] = [
    ("test_error", |m| Some(&m.test_error)),
    ("single_view_error", |m| Some(&m.single_view_error)),
    ("multi_view_error", |m| Some(&m.multi_view_error)),
    ("coverage", |m| m.coverage.as_ref()),
    ("monte_carlo_error", |m| Some(&m.monte_carlo_error)),
];

/// The worlds of a record of the experiment seed `seed`, and their models, in the order of
/// [`FILES`].
pub fn tables(seed: u64, askers: &[Asker], worlds: &Worlds) -> [Table; 2] {
    let swept: BTreeSet<&String> = (askers.iter().flat_map(|a| &a.values))
        .map(|(path, _)| path)
        .collect();
    let quantities: BTreeSet<&String> = (worlds.values())
        .flat_map(|w| w.quantities.keys())
        .collect();
    let mut labels = Table::new(&LABELS, Vec::new());
    for path in &swept {
        labels.columns.push(((*path).clone(), "swept value".into()));
    }
    let (mut of_worlds, mut of_models) = (labels.clone(), labels);
    for name in &quantities {
        of_worlds
            .columns
            .push(((*name).clone(), meaning(name).into()));
    }
    let models = [
        ("model", "index in its world"),
        ("role", "ROLE of its quantities"),
    ];
    let counts = [
        ("steps", "gradient steps"),
        ("training_errors", "samples misclassified"),
    ];
    let measures = MEASURES.map(|(name, _)| (name, "as in the record"));
    let columns = models
        .into_iter()
        .chain(counts)
        .chain(measures)
        .chain([UNDEFINED]);
    of_models.columns.extend(columns.map(owned));
    of_worlds.columns.push(owned(UNDEFINED));
    for asker in askers {
        let first = (asker.experiment.clone(), 0);
        let own = worlds
            .range(first..)
            .take_while(|((key, _), _)| *key == asker.experiment);
        for ((_, world), outcome) in own {
            let mut row = vec![
                seed.into(),
                asker.experiment.clone().into(),
                asker.theorem.clone().into(),
                asker.control.clone().into(),
                (*world).into(),
            ];
            let value = |path: &&String| asker.values.get(*path).map(|value| json!(value));
            row.extend(swept.iter().map(|path| Value::from(value(path))));
            let named = quantities
                .iter()
                .map(|name| (name.as_str(), outcome.quantities.get(*name)));
            of_worlds.rows.push([row.clone(), cells(named)].concat());
            for (index, model) in outcome.models.iter().enumerate() {
                let mut row = row.clone();
                row.extend([
                    index.into(),
                    model.role.clone().into(),
                    model.steps.into(),
                    model.training_errors.into(),
                ]);
                let named = MEASURES.iter().map(|(name, of)| (*name, of(model)));
                of_models.rows.push([row, cells(named)].concat());
            }
        }
    }
    [of_worlds, of_models]
}

/// A cell for each quantity, and one with the reasons of those that have no number.
fn cells<'a>(named: impl Iterator<Item = (&'a str, Option<&'a Quantity>)>) -> Vec<Value> {
    let mut reasons = Vec::new();
    let mut cells = Vec::new();
    for (name, quantity) in named {
        let number = quantity.map(Quantity::get);
        if let Some(Err(reason)) = number {
            reasons.push(format!("{name}: {reason}"));
        }
        cells.push(number.and_then(Result::ok).into());
    }
    let reasons = (!reasons.is_empty()).then(|| reasons.join("; "));
    cells.push(reasons.into());
    cells
}

fn owned((name, meaning): (&str, &str)) -> (String, String) {
    (name.into(), meaning.into())
}
