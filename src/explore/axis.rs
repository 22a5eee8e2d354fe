//! An axis of a sweep: a parameter and its values.

use crate::field::{FieldError, require};
use crate::theorem::leaves;
use serde::{Deserialize, Serialize};

/// The paper's symbols as short names of parameters.
pub const SYMBOLS: [(&str, &str); 18] = [
    ("k", "regime.data.classes"),
    ("M", "regime.data.views_per_class"),
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

/// One parameter and its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// A dotted path (`regime.data.classes`), its last word (`classes`) or the paper's symbol
    /// (`k`).
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

impl Axis {
    /// The dotted path of the parameter and its values, given the base theorem's setting as a tree.
    ///
    /// # Errors
    /// A parameter that does not exist or whose name is ambiguous; values that are invalid or occur
    /// twice.
    pub(super) fn resolve(
        &self,
        tree: &toml::Value,
    ) -> Result<(String, Vec<toml::Value>), FieldError> {
        let path = path_of(tree, &self.parameter)?;
        let mut values = self.values.list(&self.parameter)?;
        if let Values::Range(text) = &self.values
            && is_whole(at(tree, &path), text)
        {
            let whole = range(text).is_some_and(|(a, b, ..)| {
                [a, b]
                    .iter()
                    .all(|end| end.fract() == 0.0 && end.abs() < 1e15)
            });
            let allowed = format!("ends that are whole numbers below 1e15, as {path} is one");
            require(whole, &format!("axes.{}", self.parameter), text, allowed)?;
            values = rounded(&values);
        }
        let earlier = |i: &usize| values[..*i].iter().any(|before| same(before, &values[*i]));
        if let Some(twice) = (1..values.len()).find(earlier) {
            let field = format!("axes.{}", self.parameter);
            return Err(FieldError::twice(
                field,
                &values[twice],
                "values must differ",
            ));
        }
        Ok((path, values))
    }
}

impl Values {
    /// The values one by one.
    ///
    /// # Errors
    /// An empty list, or an invalid range.
    pub fn list(&self, parameter: &str) -> Result<Vec<toml::Value>, FieldError> {
        let field = format!("axes.{parameter}");
        match self {
            Self::List(values) => {
                if values.is_empty() {
                    let needed = "an axis has at least one value";
                    return Err(FieldError::missing(format!("{field}.values"), needed));
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

/// Returns true if two values are equal, as `5` and `5.0` are.
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

/// The dotted path of a parameter given by path, last word or symbol.
fn path_of(tree: &toml::Value, name: &str) -> Result<String, FieldError> {
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
