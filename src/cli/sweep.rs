//! The arguments that say which sweep is meant.

use super::Failure;
use super::number::{self, whole};
use multiview::explore::sweep::EMBEDDED;
use multiview::explore::{Axis, Design, Sweep, Values};
use multiview::field::FieldError;
use multiview::printable::cause;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct SweepArgs {
    #[arg(value_name = "SWEEP", help = format!("A shipped sweep ({}) or a .toml file", shipped()))]
    sweep: Option<String>,
    /// Without SWEEP: the theorem whose regime and claims are the base
    #[arg(
        long,
        value_name = "THEOREM",
        default_value = "single-model",
        conflicts_with = "sweep"
    )]
    theorem: String,
    /// Without SWEEP: an axis, as PARAMETER=a,b,c or PARAMETER=a..b:log:n or PARAMETER=a..b:lin:n
    /// (repeatable)
    #[arg(long, value_name = "AXIS", conflicts_with = "sweep")]
    axis: Vec<String>,
    /// Without SWEEP: pair the values of the axes at random instead of taking every combination
    #[arg(long, conflicts_with = "sweep")]
    latin_hypercube: bool,
    /// Decide only this claim (repeatable)
    #[arg(long, value_name = "NAME")]
    claim: Vec<String>,
    /// Most worlds of a cell
    #[arg(long, value_name = "N", value_parser = whole::<u64>("worlds", 1..=100_000))]
    worlds: Option<u64>,
    /// Most worlds of all cells together, dealt out where a verdict is near
    #[arg(long, value_name = "N", value_parser = whole::<u64>("total-worlds", 1..=u64::MAX))]
    total_worlds: Option<u64>,
    /// Confidence of each verdict in each cell, at least 0.75 and below 1
    #[arg(long, value_name = "C", value_parser = number::confidence)]
    confidence: Option<f64>,
    /// Seed of the experiment
    #[arg(long, value_name = "N", value_parser = whole::<u64>("seed", 0..=u64::MAX))]
    seed: Option<u64>,
}

/// The names of the shipped sweeps.
fn shipped() -> String {
    let names: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Returns true if a sweep's name is that of a file.
fn is_file(name: &str) -> bool {
    name.ends_with(".toml")
}

impl SweepArgs {
    /// The files that [`read`](Self::read) has read the sweep from.
    pub fn inputs(&self, sweep: &Sweep) -> Vec<PathBuf> {
        let file = self.sweep.as_ref().filter(|name| is_file(name));
        let theorem = super::theorem_inputs(&sweep.theorem);
        file.map(PathBuf::from).into_iter().chain(theorem).collect()
    }

    /// The sweep that is asked for, in range.
    pub fn read(&self) -> Result<Sweep, Failure> {
        let mut sweep = match &self.sweep {
            Some(name) if is_file(name) => {
                let text = std::fs::read_to_string(name)
                    .map_err(|e| format!("{name}: cannot be read: {}", cause(&e)))?;
                Sweep::parse(name, &text)?
            }
            Some(name) => Sweep::embedded(name).ok_or_else(|| {
                let known = format!(
                    "shipped are {}; a file of your own ends in .toml",
                    shipped()
                );
                let names = EMBEDDED.iter().map(|(name, _)| *name);
                FieldError::unknown("SWEEP", name, names, known)
            })?,
            None => Sweep {
                name: "axes".into(),
                title: format!("Where {} holds", self.theorem),
                theorem: self.theorem.clone(),
                set: Default::default(),
                axes: Vec::new(),
                variants: Vec::new(),
                controls: false,
                design: if self.latin_hypercube {
                    Design::LatinHypercube
                } else {
                    Design::Grid
                },
                claims: Vec::new(),
                worlds: 32,
                total_worlds: None,
                confidence: 0.95,
                seed: 1,
            },
        };
        super::theorem(&sweep.theorem)?;
        for axis in &self.axis {
            let (parameter, values) = axis.split_once('=').ok_or_else(|| {
                let needed = format!(
                    "an axis has values, as in --axis {axis}=a,b,c or --axis {axis}=a..b:log:n"
                );
                FieldError::missing(format!("axes.{axis}.values"), needed)
            })?;
            sweep.axes.push(Axis {
                parameter: parameter.trim().into(),
                values: Values::parse(values),
            });
        }
        if !self.claim.is_empty() {
            sweep.claims.clone_from(&self.claim);
        }
        sweep.worlds = self.worlds.unwrap_or(sweep.worlds);
        sweep.total_worlds = self.total_worlds.or(sweep.total_worlds);
        sweep.confidence = self.confidence.unwrap_or(sweep.confidence);
        sweep.seed = self.seed.unwrap_or(sweep.seed);
        sweep.cells()?;
        Ok(sweep)
    }
}
