//! Theorem files: a statement, the regime in which it is put to the test, its claims, and the
//! negative controls in which the same claims must be refuted.

mod base;
mod claim;
mod file;
mod origin;
mod setting;

use crate::field::{FieldError, require};
pub use claim::{Claim, Statistic};
pub use file::TheoremError;
pub(crate) use file::unknown_claim;
pub use origin::{Origin, Source};
pub use setting::Setting;
pub(crate) use setting::leaves;

use crate::procedure::Procedure;
use crate::regime::Regime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        /// The theorem files of this repository, by name, embedded in the program.
        pub const EMBEDDED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../theorems/", $name, ".toml")))),*];
    };
}
embedded![
    "glance-1",
    "glance-2",
    "glance-3",
    "glance-4",
    "theorem-1",
    "theorem-2",
    "theorem-3",
    "theorem-4",
    "all-four",
    "means",
    "single-model",
    "ensemble",
    "ensemble-distillation",
    "self-distillation",
    "lottery",
    "concentration",
    "concentration-as-stated",
    "what-kills-the-lottery",
    "training-the-average",
    "average-of-ten",
    "dark-knowledge",
    "label-smoothing",
    "three-views",
    "four-views",
    "unequal-views",
    "unequal-lottery",
    "chains",
    "ensemble-of-students",
    "loser-stays-small",
    "random-features",
    "random-feature-growth",
    "random-features-order",
    "tangent-features-order",
    "logistic-features-order",
    "gaussian-inputs",
    "gaussian-mixtures",
    "gaussian-label-noise",
    "mixture-label-noise",
];

/// A theorem with the regime and the claims by which it is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theorem {
    /// Name on the command line: lower-case words joined by hyphens.
    pub name: String,
    /// One line.
    pub title: String,
    /// The statement, in words and the paper's symbols.
    pub statement: String,
    /// The place of the statement in the paper.
    pub source: String,
    /// The shared regime from which the file takes what it leaves out: a name of this repository's,
    /// or a file beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The regime of the test.
    pub regime: Regime,
    /// The networks trained in each world.
    pub procedure: Procedure,
    /// The values of one parameter at which worlds are trained, for claims on how a quantity
    /// changes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<ParameterSweep>,
    /// The bounds that must hold over worlds.
    pub claims: Vec<Claim>,
    /// The number of worlds, and the confidence.
    pub profiles: Profiles,
    /// Changes of regime or procedure under which named claims must be refuted.
    #[serde(default)]
    pub controls: Vec<Control>,
}

/// The values of one parameter of a regime or procedure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSweep {
    /// Dotted path of the parameter (`"regime.data.classes"`).
    pub path: String,
    /// Its values, numbers above 0; at least three.
    pub values: Vec<toml::Value>,
    /// Worlds at each value, in multiples of the budget's; the budget's at each when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiples: Option<Vec<u64>>,
}

/// Budget and confidence of each profile in which a theorem is tested: one at least.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// For a verdict within about a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glance: Option<Budget>,
    /// For `cargo test` and a first look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quick: Option<Budget>,
    /// For the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Budget>,
}

/// A choice among the budgets and confidences of a theorem file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// For a verdict within about a minute.
    Glance,
    /// For `cargo test` and a first look.
    #[default]
    Quick,
    /// For the record.
    Full,
}

impl Profile {
    /// Every profile, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Glance, Self::Quick, Self::Full];
}

/// The name by which a profile is asked for.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Glance => "glance",
            Self::Quick => "quick",
            Self::Full => "full",
        })
    }
}

/// The most worlds that a verdict may cost, and its confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Family-wise confidence over all claims of a run, at least 0.75 and below 1.
    pub confidence: f64,
    /// Worlds after which an open claim is left undecided.
    pub worlds: u64,
}

/// A regime in which claims must be refuted by the same code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Name, unique in the theorem.
    pub name: String,
    /// The reason why the claims must fail here.
    pub why: String,
    /// Values that replace the theorem's own, by dotted path (`"regime.data.views_per_class" = 1`).
    pub set: BTreeMap<String, toml::Value>,
    /// Names of the claims that must be refuted.
    pub refutes: Vec<String>,
    /// Worlds of the control; the profile's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worlds: Option<u64>,
}

impl Theorem {
    /// Every embedded theorem.
    pub fn all_embedded() -> impl Iterator<Item = Self> {
        EMBEDDED.iter().filter_map(|(name, _)| Self::embedded(name))
    }

    /// Every embedded theorem that is tested in a profile.
    pub fn all_tested(profile: Profile) -> impl Iterator<Item = Self> {
        Self::all_embedded().filter(move |theorem| theorem.budget(profile).is_some())
    }

    /// An embedded theorem.
    pub fn embedded(name: &str) -> Option<Self> {
        let (name, text) = EMBEDDED.iter().find(|(n, _)| *n == name)?;
        let file = format!("theorems/{name}.toml");
        Some(
            Self::parse(&file, text)
                .unwrap_or_else(|e| unreachable!("embedded theorem files are valid: {e}")),
        )
    }

    /// Returns true if both files put the same claims and negative controls to the same test. Their
    /// words and their budgets may differ.
    pub fn asks_as(&self, other: &Self) -> bool {
        let asked = |theorem: &Self| {
            let control = |control: &Control| Control {
                why: String::new(),
                worlds: None,
                ..control.clone()
            };
            Self {
                title: String::new(),
                statement: String::new(),
                source: String::new(),
                base: None,
                profiles: Profiles::default(),
                controls: theorem.controls.iter().map(control).collect(),
                ..theorem.clone()
            }
        };
        asked(self) == asked(other)
    }

    /// The regime and procedure of a negative control.
    ///
    /// # Errors
    /// A path that does not exist or a value out of range.
    pub fn under(&self, control: &Control) -> Result<Setting, FieldError> {
        self.setting()
            .with(&control.set)
            .map_err(|e| e.of(&format!("controls.{}.set", control.name)))
    }

    /// The theorem's own regime and procedure.
    pub fn setting(&self) -> Setting {
        Setting {
            regime: self.regime.clone(),
            procedure: self.procedure.clone(),
        }
    }

    /// The budget of a profile, if the theorem is tested in it.
    pub fn budget(&self, profile: Profile) -> Option<Budget> {
        match profile {
            Profile::Glance => self.profiles.glance,
            Profile::Quick => self.profiles.quick,
            Profile::Full => self.profiles.full,
        }
    }

    /// The budget of a profile that tests at least one claim.
    pub fn tested(&self, profile: Profile) -> Option<Budget> {
        let mut claims = self.claims.iter();
        let budget = self.budget(profile)?;
        claims
            .any(|claim| claim.is_tested(profile))
            .then_some(budget)
    }

    /// The most worlds that a budget trains of the theorem itself: its worlds at each swept value.
    ///
    /// # Errors
    /// As [`points`](Self::points).
    pub fn most_worlds(&self, budget: Budget) -> Result<u64, FieldError> {
        let points = self.points()?;
        Ok(points.iter().map(|value| value.worlds(budget)).sum())
    }

    /// The swept parameter's values, each with what it sets; a single empty one without a sweep.
    ///
    /// # Errors
    /// A value that is not a number above 0, or not one for this parameter.
    pub fn points(&self) -> Result<Vec<SweptValue>, FieldError> {
        let Some(sweep) = &self.sweep else {
            return Ok(vec![SweptValue {
                at: None,
                set: BTreeMap::new(),
                multiple: 1,
            }]);
        };
        require(
            sweep.values.len() >= 3,
            "sweep.values",
            &sweep.values,
            "at least three, to fit a power law",
        )?;
        if let Some(multiples) = &sweep.multiples {
            require(
                multiples.len() == sweep.values.len()
                    && multiples.iter().all(|m| (1..=1000).contains(m)),
                "sweep.multiples",
                multiples,
                "one for each value, from 1 to 1000",
            )?;
        }
        let twice = (sweep.values.iter().enumerate()).find(|(i, v)| sweep.values[..*i].contains(v));
        if let Some((_, value)) = twice {
            return Err(FieldError::twice(
                "sweep.values",
                value,
                "values must differ",
            ));
        }
        let point = |(index, value): (usize, &toml::Value)| {
            let number = value.as_float().or(value.as_integer().map(|i| i as f64));
            let at = number.filter(|x| *x > 0.0 && x.is_finite());
            let number = || FieldError::out_of_range("sweep.values", value, "numbers above 0");
            let at = Some(at.ok_or_else(number)?);
            let set = BTreeMap::from([(sweep.path.clone(), value.clone())]);
            self.setting().with(&set).map_err(|e| e.of("sweep"))?;
            let multiple = sweep.multiples.as_ref().map_or(1, |m| m[index]);
            Ok(SweptValue { at, set, multiple })
        };
        sweep.values.iter().enumerate().map(point).collect()
    }
}

/// One value of a swept parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptValue {
    /// The number, where there is a sweep.
    pub at: Option<f64>,
    /// The parameters it sets, by dotted path.
    pub set: BTreeMap<String, toml::Value>,
    /// Its worlds, in multiples of the budget's.
    pub multiple: u64,
}

impl SweptValue {
    /// The most worlds that a budget trains at the value.
    pub fn worlds(&self, budget: Budget) -> u64 {
        budget.worlds * self.multiple
    }
}
