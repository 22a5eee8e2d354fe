//! A sweep: a theorem, axes or variants, and a budget.

use super::axis::Axis;
use crate::field::{FieldError, from_toml, refuse_lists, require, tree_of};
use crate::printable::counted;
use crate::regime::{require_confidence, require_words};
use crate::seed::{Purpose, WorldSeed};
use crate::theorem::{Budget, Profile, Profiles, Theorem, TheoremError, unknown_claim};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        /// The shipped sweeps, by name, embedded in the program.
        pub const EMBEDDED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../theorems/sweeps/", $name, ".toml")))),*];
    };
}
embedded![
    "where-it-begins",
    "width-and-step",
    "what-kills-the-lottery",
    "assumptions",
    "ties",
    "wrong-features",
    "ensemble-size",
    "temperature",
    "memorisation",
    "sparsity",
    "stopping",
    "engines",
];

/// A sweep that cannot be run.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum SweepError {
    /// A field out of range.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The base theorem cannot be read.
    #[error(transparent)]
    Theorem(#[from] TheoremError),
    /// The file is not a sweep.
    #[error("{file}:{line}: {message}")]
    Toml {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The fault, in words.
        message: String,
    },
}

/// A theorem over a part of parameter space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Name, for the output.
    pub name: String,
    /// One line: the question.
    pub title: String,
    /// The embedded theorem whose regime, procedure and claims are the base.
    pub theorem: String,
    /// Values that differ from the base theorem's in every cell, by dotted path.
    #[serde(default)]
    pub set: BTreeMap<String, toml::Value>,
    /// The parameters that vary.
    #[serde(default)]
    pub axes: Vec<Axis>,
    /// Named changes of the base, one cell each (times the cells of the axes).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// In a file: the base theorem's negative controls are variants as well. [`parse`](Self::parse)
    /// adds them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub controls: bool,
    /// The way in which axes make cells.
    #[serde(default)]
    pub design: Design,
    /// Claims to decide, by name; all of the theorem's when empty.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Most worlds of a cell.
    pub worlds: u64,
    /// Most worlds of all cells together, dealt out where a verdict is near; none when each cell
    /// has only its own budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_worlds: Option<u64>,
    /// Confidence of each verdict in each cell, at least 0.75 and below 1.
    pub confidence: f64,
    /// Seed of the experiment.
    pub seed: u64,
}

/// A named change of the base theorem: an ingredient that is broken, or an assumption that is
/// restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Name, unique in the sweep.
    pub name: String,
    /// The expectation, with its reason.
    pub why: String,
    /// Values that differ from the base theorem's, by dotted path.
    #[serde(default)]
    pub set: BTreeMap<String, toml::Value>,
}

/// The name of the axis that the variants form, in tables and pictures.
pub const VARIANT: &str = "variant";

/// A way in which axes make cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Every combination of values.
    #[default]
    Grid,
    /// As many cells as the longest axis has values; every value of each axis about equally often,
    /// paired at random.
    LatinHypercube,
}

/// One point of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Position in the sweep, from 0.
    pub index: usize,
    /// Full path and value of each axis.
    pub values: Vec<(String, toml::Value)>,
    /// The theorem with these values.
    pub theorem: Theorem,
}

impl Sweep {
    /// Reads a sweep from TOML; `file` names it in errors.
    ///
    /// # Errors
    /// Unknown, missing or mistyped keys; a theorem that cannot be read and whose controls are
    /// asked for.
    pub fn parse(file: &str, text: &str) -> Result<Self, SweepError> {
        let mut sweep: Self = from_toml(text).map_err(|(line, fault)| SweepError::Toml {
            file: file.into(),
            line,
            message: fault.to_string(),
        })?;
        refuse_lists(&tree_of(text), &sweep)?;
        if std::mem::take(&mut sweep.controls) {
            let controls = sweep.theorem()?.controls.into_iter();
            sweep.variants.extend(controls.map(|control| Variant {
                name: control.name,
                why: control.why,
                set: control.set,
            }));
        }
        Ok(sweep)
    }

    /// The theorem that the sweep names.
    fn theorem(&self) -> Result<Theorem, TheoremError> {
        Theorem::embedded(&self.theorem).map_or_else(|| Theorem::read(self.theorem.as_ref()), Ok)
    }

    /// A shipped sweep.
    pub fn embedded(name: &str) -> Option<Self> {
        let (name, text) = EMBEDDED.iter().find(|(n, _)| *n == name)?;
        let sweep = Self::parse(&format!("theorems/sweeps/{name}.toml"), text);
        Some(sweep.unwrap_or_else(|e| unreachable!("embedded sweeps are valid: {e}")))
    }

    /// Every cell, in order: the first axis varies slowest.
    ///
    /// # Errors
    /// A parameter that is not there, a value or a cell out of range, a theorem that cannot be read
    /// or used.
    pub fn cells(&self) -> Result<Vec<Cell>, SweepError> {
        self.cells_of(&self.base()?)
    }

    /// Every cell on a base theorem, in order: the first axis varies slowest.
    ///
    /// # Errors
    /// A parameter that does not exist or whose name is ambiguous, invalid values, a cell out of
    /// range, a budget without worlds.
    pub(super) fn cells_of(&self, base: &Theorem) -> Result<Vec<Cell>, SweepError> {
        require(
            (1..=100_000).contains(&self.worlds),
            "worlds",
            self.worlds,
            "1 to 100000",
        )?;
        require_confidence("confidence", self.confidence)?;
        require_words("name", &self.name)?;
        let axes = self.resolved(base)?;
        let mut lengths = axes.iter().map(|(_, values)| values.len());
        let count = match self.design {
            Design::Grid => lengths.try_fold(1, usize::checked_mul),
            Design::LatinHypercube => lengths.max(),
        };
        let count = count.filter(|count| (1..=100_000).contains(count));
        let count = count.ok_or_else(|| {
            FieldError::out_of_range("axes", &cells_in_words(&axes), "1 to 100000 cells")
        })?;
        if let Some(total) = self.total_worlds {
            let allowed = format!("at least one for each of {}", counted(count, "cell"));
            require(total >= count as u64, "total_worlds", total, allowed)?;
        }
        let picks = self.picks(&axes, count);
        let mut cells = Vec::new();
        for (index, pick) in picks.into_iter().enumerate() {
            let values: Vec<(String, toml::Value)> = axes
                .iter()
                .zip(pick)
                .map(|((path, values), i)| (path.clone(), values[i].clone()))
                .collect();
            let changes = values
                .iter()
                .flat_map(|(path, value)| self.changes(path, value));
            let setting = base.setting().with(changes).map_err(|e| FieldError {
                field: format!("cell {index}: {}", e.field),
                fault: e.fault,
            })?;
            cells.push(Cell {
                index,
                theorem: Theorem {
                    name: format!("{}-{index}", self.name),
                    regime: setting.regime,
                    procedure: setting.procedure,
                    ..base.clone()
                },
                values,
            });
        }
        Ok(cells)
    }

    /// The path and the values of every axis; the variants are the last of them.
    fn resolved(&self, base: &Theorem) -> Result<Vec<(String, Vec<toml::Value>)>, SweepError> {
        let tree = toml::Value::try_from(base.setting()).unwrap_or(toml::Value::Boolean(false));
        let mut axes: Vec<(String, Vec<toml::Value>)> = Vec::new();
        for axis in &self.axes {
            let (path, values) = axis.resolve(&tree)?;
            if axes.iter().any(|(other, _)| *other == path) {
                let rule = "each parameter has one axis";
                let field = format!("axes.{}", axis.parameter);
                return Err(FieldError::twice(field, &path, rule).into());
            }
            axes.push((path, values));
        }
        for (index, variant) in self.variants.iter().enumerate() {
            require_words("variants.name", &variant.name)?;
            if self.variants[..index]
                .iter()
                .any(|v| v.name == variant.name)
            {
                let rule = "each variant has a name of its own";
                return Err(FieldError::twice("variants.name", &variant.name, rule).into());
            }
            if let Some((path, _)) = axes.iter().find(|(path, _)| variant.set.contains_key(path)) {
                let field = format!("variants.{}", variant.name);
                let rule = "a parameter has an axis or is set by variants";
                return Err(FieldError::twice(field, path, rule).into());
            }
        }
        if !self.variants.is_empty() {
            let names = self.variants.iter().map(|v| v.name.clone().into());
            axes.push((VARIANT.into(), names.collect()));
        }
        if axes.is_empty() {
            let needed = "an exploration has at least one, such as --axis k=20,40,80 (in a file, [[axes]] or [[variants]])";
            return Err(FieldError::missing("axes", needed).into());
        }
        Ok(axes)
    }

    /// The values of a setting that a value of an axis changes, by dotted path.
    fn changes<'a>(
        &'a self,
        path: &'a String,
        value: &'a toml::Value,
    ) -> Vec<(&'a String, &'a toml::Value)> {
        if path != VARIANT {
            return vec![(path, value)];
        }
        let chosen = (self.variants.iter()).filter(|v| value.as_str() == Some(&v.name));
        chosen.flat_map(|variant| &variant.set).collect()
    }

    /// The base theorem with the sweep's own values, claims and budget.
    ///
    /// # Errors
    /// A theorem that cannot be read, has a sweep of its own, or lacks what the sweep sets or
    /// claims.
    pub(super) fn base(&self) -> Result<Theorem, SweepError> {
        let mut base = self.theorem()?;
        require(
            base.sweep.is_none(),
            "theorem",
            &self.theorem,
            "a theorem without a sweep of its own",
        )?;
        let setting = base.setting().with(&self.set).map_err(|e| e.of("set"))?;
        (base.regime, base.procedure) = (setting.regime, setting.procedure);
        for name in &self.claims {
            let all: Vec<&str> = base.claims.iter().map(|c| c.name.as_str()).collect();
            if !all.contains(&name.as_str()) {
                return Err(unknown_claim("claims", name, &all).into());
            }
        }
        base.claims
            .retain(|c| self.claims.is_empty() || self.claims.contains(&c.name));
        for claim in &mut base.claims {
            claim.confidence = Some(self.confidence);
            claim.profile = None;
        }
        base.controls.clear();
        let budget = Budget {
            confidence: self.confidence,
            worlds: self.worlds,
        };
        base.profiles = Profiles {
            glance: None,
            quick: Some(budget),
            full: Some(budget),
        };
        Ok(base)
    }

    /// Indices into the axes' values, cell by cell.
    fn picks(&self, axes: &[(String, Vec<toml::Value>)], count: usize) -> Vec<Vec<usize>> {
        match self.design {
            Design::Grid => (0..count)
                .map(|cell| {
                    let mut rest = cell;
                    let mut pick: Vec<usize> = axes
                        .iter()
                        .rev()
                        .map(|(_, values)| {
                            let i = rest % values.len();
                            rest /= values.len();
                            i
                        })
                        .collect();
                    pick.reverse();
                    pick
                })
                .collect(),
            Design::LatinHypercube => {
                let seed = WorldSeed {
                    experiment: self.seed,
                    world: 0,
                };
                let columns: Vec<Vec<usize>> = (0..)
                    .zip(axes)
                    .map(|(axis, (_, values))| {
                        let mut column: Vec<usize> =
                            (0..count).map(|cell| cell * values.len() / count).collect();
                        column.shuffle(&mut seed.rng(Purpose::Design, axis));
                        column
                    })
                    .collect();
                (0..count)
                    .map(|cell| columns.iter().map(|column| column[cell]).collect())
                    .collect()
            }
        }
    }

    /// The profile under which a cell's worlds are counted.
    pub const PROFILE: Profile = Profile::Full;
}

/// The numbers of values of the axes, as what they multiply to: `3 × 4 cells`.
fn cells_in_words(axes: &[(String, Vec<toml::Value>)]) -> String {
    let lengths = axes.iter().map(|(_, values)| values.len().to_string());
    format!("{} cells", lengths.collect::<Vec<_>>().join(" × "))
}
