//! A sweep: a theorem, axes, and a budget.

use crate::field::{FieldError, require};
use crate::regime::{require_confidence, require_words};
use crate::seed::{Purpose, WorldSeed};
use crate::theorem::{
    Budget, Profile, Profiles, Theorem, TheoremError, leaves, line_of, unknown_claim,
};
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
    "ties",
    "wrong-features",
    "ensemble-size",
    "temperature",
    "memorisation",
    "sparsity",
    "stopping",
    "engines",
];

/// The paper's symbols as short names of parameters.
pub const SYMBOLS: [(&str, &str); 17] = [
    ("k", "regime.data.classes"),
    ("N", "regime.data.samples"),
    ("mu", "regime.data.single_view_share"),
    ("s", "regime.data.sparsity"),
    ("rho", "regime.data.weak_weight"),
    ("Gamma", "regime.data.single_view_other_weight"),
    ("gamma", "regime.data.feature_noise"),
    ("nu2", "regime.data.noise_variance"),
    ("d", "regime.data.dimension"),
    ("m", "regime.network.neurons_per_class"),
    ("q", "regime.network.relu_exponent"),
    ("varrho", "regime.network.relu_threshold"),
    ("sigma0", "regime.network.init_scale"),
    ("T", "regime.training.steps"),
    ("K", "procedure.members"),
    ("tau", "procedure.distillation.temperature"),
    ("S", "procedure.distillation.teacher_scale"),
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
    pub axes: Vec<Axis>,
    /// How the axes make cells.
    #[serde(default)]
    pub design: Design,
    /// Claims to decide, by name; all of the theorem's when empty.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Most worlds of a cell.
    pub worlds: u64,
    /// Most worlds of all cells together, dealt out where a verdict is near; none when each cell has only its own budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_worlds: Option<u64>,
    /// Confidence of each verdict in each cell, at least 0.75 and below 1.
    pub confidence: f64,
    /// Seed of the experiment.
    pub seed: u64,
}

/// One parameter and its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// A dotted path (`regime.data.classes`), its last word (`classes`) or the paper's symbol (`k`).
    pub parameter: String,
    /// A list of values, `"a..b:lin:n"` or `"a..b:log:n"`.
    pub values: Values,
}

/// The values of an axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a list, or \"a..b:lin:n\" or \"a..b:log:n\"")]
pub enum Values {
    /// One by one.
    List(Vec<toml::Value>),
    /// `"a..b:lin:n"` or `"a..b:log:n"`: `n` values from `a` to `b`, evenly or by a constant ratio.
    Range(String),
}

/// How the axes make cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// Every combination of values.
    #[default]
    Grid,
    /// As many cells as the longest axis has values; every value of each axis about equally often, paired at random.
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
    /// Unknown, missing or mistyped keys.
    pub fn parse(file: &str, text: &str) -> Result<Self, SweepError> {
        toml::from_str(text).map_err(|e| SweepError::Toml {
            file: file.into(),
            line: e.span().map_or(1, |s| line_of(text, s.start)),
            message: FieldError::of_toml(text, &e).to_string(),
        })
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
    /// A parameter that is not there, a value or a cell out of range, a theorem that cannot be read or used.
    pub fn cells(&self) -> Result<Vec<Cell>, SweepError> {
        self.cells_of(&self.base()?)
    }

    /// Every cell on a base theorem, in order: the first axis varies slowest.
    ///
    /// # Errors
    /// A parameter that is not there or not the only one of its name, values that are none, a cell out of range, a budget
    /// without worlds.
    pub(super) fn cells_of(&self, base: &Theorem) -> Result<Vec<Cell>, SweepError> {
        require(
            (1..=100_000).contains(&self.worlds),
            "worlds",
            self.worlds,
            "1 to 100000",
        )?;
        require_confidence("confidence", self.confidence)?;
        require_words("name", &self.name)?;
        if self.axes.is_empty() {
            let needed =
                "an exploration has at least one, such as --axis k=20,40,80 (in a file, [[axes]])";
            return Err(FieldError::missing("axes", needed).into());
        }
        let tree = toml::Value::try_from(base.setting()).unwrap_or(toml::Value::Boolean(false));
        let mut axes = Vec::new();
        for axis in &self.axes {
            let path = resolve(&tree, &axis.parameter)?;
            let field = format!("axes.{}", axis.parameter);
            if axes.iter().any(|(other, _)| *other == path) {
                let rule = "each parameter has one axis";
                return Err(FieldError::twice(field, &path, rule).into());
            }
            let mut values = axis.values.list(&axis.parameter)?;
            if let Values::Range(text) = &axis.values
                && is_whole(at(&tree, &path), text)
            {
                values = rounded(&values);
            }
            let earlier = |i: &usize| values[..*i].iter().any(|before| same(before, &values[*i]));
            if let Some(twice) = (1..values.len()).find(earlier) {
                let rule = "values must differ";
                return Err(FieldError::twice(field, &values[twice], rule).into());
            }
            axes.push((path, values));
        }
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
            let allowed = format!("at least one for each of the {count} cells");
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
            let pairs = values.iter().map(|(path, value)| (path, value));
            let setting = base.setting().with(pairs).map_err(|e| FieldError {
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

    /// The base theorem with the sweep's own values, claims and budget.
    ///
    /// # Errors
    /// A theorem that cannot be read, has a sweep of its own, or lacks what the sweep sets or claims.
    pub(super) fn base(&self) -> Result<Theorem, SweepError> {
        let mut base = Theorem::embedded(&self.theorem)
            .map_or_else(|| Theorem::read(self.theorem.as_ref()), Ok)?;
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

impl Values {
    /// The values one by one.
    ///
    /// # Errors
    /// An empty list, or a range that is none.
    pub fn list(&self, parameter: &str) -> Result<Vec<toml::Value>, FieldError> {
        let field = format!("axes.{parameter}");
        match self {
            Self::List(values) => {
                if values.is_empty() {
                    return Err(FieldError::missing(field, "an axis has at least one value"));
                }
                Ok(values.clone())
            }
            Self::Range(text) => {
                let allowed = "\"a..b:lin:n\" or \"a..b:log:n\" with a < b, n from 2 to 1000, and a above 0 for log";
                let parsed = range(text).filter(|(a, b, log, n)| {
                    a < b && b.is_finite() && (2..=1000).contains(n) && (!log || *a > 0.0)
                });
                let refused = || FieldError::out_of_range(field, text, allowed);
                let (a, b, log, n) = parsed.ok_or_else(refused)?;
                let at = |i: usize| {
                    let t = i as f64 / (n - 1) as f64;
                    if log {
                        a * (b / a).powf(t)
                    } else {
                        a + (b - a) * t
                    }
                };
                // Six digits: a value is also a label, and a hash.
                let round = |x: f64| format!("{x:.5e}").parse().unwrap_or(x);
                Ok((0..n).map(|i| toml::Value::Float(round(at(i)))).collect())
            }
        }
    }

    /// Reads the value of `--axis`: `20,40,80` or a range.
    pub fn parse(text: &str) -> Self {
        if text.contains("..") {
            return Self::Range(text.into());
        }
        let value = |word: &str| {
            let word = word.trim();
            (word.parse().map(toml::Value::Integer))
                .or_else(|_| word.parse().map(toml::Value::Float))
                .or_else(|_| word.parse().map(toml::Value::Boolean))
                .unwrap_or_else(|_| toml::Value::String(word.into()))
        };
        Self::List(
            text.split(',')
                .filter(|w| !w.trim().is_empty())
                .map(value)
                .collect(),
        )
    }
}

fn range(text: &str) -> Option<(f64, f64, bool, usize)> {
    let (ends, rest) = text.split_once(':')?;
    let (kind, count) = rest.split_once(':')?;
    let (a, b) = ends.split_once("..")?;
    let log = match kind {
        "log" => true,
        "lin" => false,
        _ => return None,
    };
    let number = |word: &str| word.trim().parse::<f64>().ok();
    Some((number(a)?, number(b)?, log, count.trim().parse().ok()?))
}

/// Returns true if a range is one of whole numbers: both ends are written as whole numbers, and the
/// parameter is a whole number or has a name in its place (`samples = "paper"`).
fn is_whole(parameter: Option<&toml::Value>, range: &str) -> bool {
    let ends = range.split(':').next().unwrap_or(range);
    match parameter {
        Some(toml::Value::Integer(_)) => true,
        Some(toml::Value::Float(_)) => false,
        _ => ends
            .split("..")
            .all(|end| end.trim().parse::<u64>().is_ok()),
    }
}

/// Returns true if two values are one: `5` and `5.0` are.
fn same(a: &toml::Value, b: &toml::Value) -> bool {
    let number = |v: &toml::Value| v.as_float().or(v.as_integer().map(|i| i as f64));
    a == b || number(a).zip(number(b)).is_some_and(|(a, b)| a == b)
}

/// The nearest whole numbers, each once.
fn rounded(values: &[toml::Value]) -> Vec<toml::Value> {
    let whole = |value: &toml::Value| value.as_float().map(|x| x.round() as i64);
    let mut whole: Vec<i64> = values.iter().filter_map(whole).collect();
    whole.dedup();
    whole.into_iter().map(toml::Value::Integer).collect()
}

/// Returns the value at a dotted path.
fn at<'a>(tree: &'a toml::Value, path: &str) -> Option<&'a toml::Value> {
    path.split('.').try_fold(tree, |value, key| value.get(key))
}

/// The numbers of values of the axes, as what they multiply to: `3 × 4 cells`.
fn cells_in_words(axes: &[(String, Vec<toml::Value>)]) -> String {
    let lengths = axes.iter().map(|(_, values)| values.len().to_string());
    format!("{} cells", lengths.collect::<Vec<_>>().join(" × "))
}

/// The dotted path of a parameter given by path, last word or symbol.
fn resolve(tree: &toml::Value, name: &str) -> Result<String, FieldError> {
    if let Some((_, path)) = SYMBOLS.iter().find(|(symbol, _)| *symbol == name) {
        return Ok((*path).into());
    }
    if name.contains('.') {
        return Ok(name.into());
    }
    let mut found = Vec::new();
    leaves(tree, "", &mut found);
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let words: Vec<String> = found.iter().map(|path| last(path)).collect();
    found.retain(|path| last(path) == name);
    match found.as_slice() {
        [path] => Ok(path.clone()),
        [] => Err(FieldError::unknown(
            "axes.parameter",
            name,
            words.iter().map(String::as_str),
            "a parameter is a path that `multiview show THEOREM` lists, its last word, or its symbol (k, N, mu, s, …)",
        )),
        many => Err(FieldError::out_of_range(
            "axes.parameter",
            name,
            format!("one of {}", many.join(", ")),
        )),
    }
}
