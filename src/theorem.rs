//! Theorem files: a statement, the regime in which it is put to the test, its claims, and the negative
//! controls in which the same claims must be refuted.

use crate::procedure::{Procedure, measures};
use crate::regime::{Regime, RegimeError, require};
use crate::statistics::{Band, Moment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        /// The theorem files of this repository, by name, embedded in the program.
        pub const EMBEDDED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../theorems/", $name, ".toml")))),*];
    };
}
embedded![
    "single-model",
    "ensemble",
    "ensemble-distillation",
    "self-distillation",
    "lottery",
    "concentration",
    "training-the-average",
    "dark-knowledge",
    "random-features",
    "random-feature-growth",
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
    /// Where the statement stands in the paper.
    pub source: String,
    /// The regime of the test.
    pub regime: Regime,
    /// What is trained in each world.
    pub procedure: Procedure,
    /// The values of one parameter at which worlds are trained, for claims on how a quantity changes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<ParameterSweep>,
    /// What must hold over worlds.
    pub claims: Vec<Claim>,
    /// How many worlds, and with what confidence.
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
}

/// One bound on one quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Name, unique in the theorem.
    pub name: String,
    /// A quantity of [`QUANTITIES`](crate::procedure::QUANTITIES).
    pub quantity: String,
    /// What is said of it over worlds.
    #[serde(default)]
    pub statistic: Statistic,
    /// The claimed band of the statistic.
    pub band: Band,
    /// For `share` and `every-world`: the band in which a world counts as a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Band>,
    /// For `mean`: the standard deviation over worlds expected before any is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// A confidence of the claim's own, outside the run's family-wise budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Only this profile tests the claim; both when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
}

/// What a claim says of a quantity over worlds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// Its mean over worlds lies in the band (asymptotic confidence sequence).
    #[default]
    Mean,
    /// Its mean over worlds, for a quantity within [0, 1], lies in the band (betting sequence, exact for every law).
    BoundedMean,
    /// The share of worlds in which it lies in `event` is in the band (exact sequence).
    Share,
    /// It lies in the band in every world trained: no inference, one world outside refutes.
    EveryWorld,
    /// Its mean over worlds follows a power of the swept parameter whose exponent lies in the band.
    MeanExponent,
    /// Its standard deviation over worlds follows such a power.
    SpreadExponent,
}

impl Statistic {
    /// What follows a power law, for the two statistics of a sweep.
    pub fn moment(self) -> Option<Moment> {
        match self {
            Self::MeanExponent => Some(Moment::Mean),
            Self::SpreadExponent => Some(Moment::Spread),
            _ => None,
        }
    }
}

/// Budget and confidence of the two profiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// For `cargo test` and a first look.
    pub quick: Budget,
    /// For the record.
    pub full: Budget,
}

/// Which budget and confidence of a theorem file apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// For `cargo test` and a first look.
    #[default]
    Quick,
    /// For the record.
    Full,
}

/// How many worlds a verdict may cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Family-wise confidence over all claims of a run, inside (0, 1).
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
    /// Why the claims must fail here.
    pub why: String,
    /// Values that replace the theorem's own, by dotted path (`"regime.data.views_per_class" = 1`).
    pub set: BTreeMap<String, toml::Value>,
    /// Names of the claims that must be refuted.
    pub refutes: Vec<String>,
    /// Worlds of the control; the profile's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worlds: Option<u64>,
}

/// A regime and a procedure: what a world is, and what is trained in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// How the world is drawn and its networks are trained.
    pub regime: Regime,
    /// Which networks are trained.
    pub procedure: Procedure,
}

impl Setting {
    /// The same with other values, by dotted path into `regime` or `procedure`.
    ///
    /// # Errors
    /// A path that does not exist, a value of the wrong type or one out of range.
    pub fn with<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a String, &'a toml::Value)>,
    ) -> Result<Self, RegimeError> {
        let refuse = |field: &str, value: String, allowed: &str| RegimeError {
            field: field.into(),
            value,
            allowed: allowed.into(),
        };
        let mut tree = toml::Value::try_from(self)
            .map_err(|e| refuse("regime", e.to_string(), "representable as TOML"))?;
        for (path, value) in values {
            let (parents, leaf) = path.rsplit_once('.').unwrap_or(("", path));
            let mut table = Some(&mut tree);
            for part in parents.split('.') {
                table = table.and_then(|t| t.get_mut(part));
            }
            let table = table.and_then(toml::Value::as_table_mut).ok_or_else(|| {
                refuse(
                    path,
                    value.to_string(),
                    "a path into `regime` or `procedure`",
                )
            })?;
            table.insert(leaf.into(), value.clone());
        }
        let setting: Self = tree.try_into().map_err(|e: toml::de::Error| {
            refuse("", e.message().into(), "values of the right name and type")
        })?;
        setting.regime.validate().map_err(|e| e.of("regime"))?;
        setting.procedure.validate(&setting.regime)?;
        Ok(setting)
    }
}

/// A theorem file that cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{file}:{line}: {message}")]
pub struct TheoremError {
    /// The file, as given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Field, value and what would be accepted.
    pub message: String,
}

impl Theorem {
    /// Reads a theorem from TOML; `file` names it in errors.
    ///
    /// # Errors
    /// Unknown, missing or mistyped keys and values out of range, with their line.
    pub fn parse(file: &str, text: &str) -> Result<Self, TheoremError> {
        let theorem: Self = toml::from_str(text).map_err(|e| TheoremError {
            file: file.into(),
            line: e.span().map_or(1, |s| line_of(text, s.start)),
            message: e.message().into(),
        })?;
        let located = |e: RegimeError| TheoremError {
            file: file.into(),
            line: line_of_field(text, &e.field),
            message: e.to_string(),
        };
        theorem.validate().map_err(located)?;
        for control in &theorem.controls {
            let procedure = theorem.under(control).map_err(located)?.procedure;
            let claims = theorem.claims.iter();
            for claim in claims.filter(|c| control.refutes.contains(&c.name)) {
                require(
                    measures(&procedure, &claim.quantity),
                    &format!("controls.{}.refutes", control.name),
                    &claim.name,
                    "a claim whose quantity is still measured in the control",
                )
                .map_err(located)?;
            }
        }
        Ok(theorem)
    }

    /// Reads a theorem file.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and a file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, TheoremError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| TheoremError {
            file: file.clone(),
            line: 0,
            message: format!("cannot be read: {e}"),
        })?;
        Self::parse(&file, &text)
    }

    /// Every embedded theorem.
    pub fn all_embedded() -> impl Iterator<Item = Self> {
        EMBEDDED.iter().filter_map(|(name, _)| Self::embedded(name))
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

    /// The regime and procedure of a negative control.
    ///
    /// # Errors
    /// A path that does not exist or a value out of range.
    pub fn under(&self, control: &Control) -> Result<Setting, RegimeError> {
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

    /// The budget of a profile.
    pub fn budget(&self, profile: Profile) -> Budget {
        match profile {
            Profile::Quick => self.profiles.quick,
            Profile::Full => self.profiles.full,
        }
    }

    /// The swept parameter's values, each with what it sets; a single empty one without a sweep.
    ///
    /// # Errors
    /// A value that is not a number above 0, or not one for this parameter.
    pub fn points(&self) -> Result<Vec<SweptValue>, RegimeError> {
        let Some(sweep) = &self.sweep else {
            return Ok(vec![SweptValue::default()]);
        };
        require(
            sweep.values.len() >= 3,
            "sweep.values",
            &sweep.values,
            "at least three, to fit a power law",
        )?;
        let point = |value: &toml::Value| {
            let number = value.as_float().or(value.as_integer().map(|i| i as f64));
            let at = number.filter(|x| *x > 0.0 && x.is_finite());
            require(at.is_some(), "sweep.values", value, "numbers above 0")?;
            let set = BTreeMap::from([(sweep.path.clone(), value.clone())]);
            self.setting().with(&set).map_err(|e| e.of("sweep"))?;
            Ok(SweptValue { at, set })
        };
        sweep.values.iter().map(point).collect()
    }

    fn validate(&self) -> Result<(), RegimeError> {
        let words = |s: &str| {
            !s.is_empty()
                && s.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        require(
            words(&self.name),
            "name",
            &self.name,
            "lower-case words joined by hyphens",
        )?;
        self.regime.validate().map_err(|e| e.of("regime"))?;
        self.procedure.validate(&self.regime)?;
        self.points()?;
        require(
            !self.claims.is_empty(),
            "claims",
            self.claims.len(),
            "at least one claim",
        )?;
        for (i, claim) in self.claims.iter().enumerate() {
            require(
                words(&claim.name),
                "claims.name",
                &claim.name,
                "lower-case words joined by hyphens",
            )?;
            require(
                self.claims[..i].iter().all(|c| c.name != claim.name),
                "claims.name",
                &claim.name,
                "a name not used before",
            )?;
            let known = measures(&self.procedure, &claim.quantity);
            require(
                known,
                "claims.quantity",
                &claim.quantity,
                "a quantity that the procedure measures; see `multiview list --quantities`",
            )?;
            for band in [Some(claim.band), claim.event].into_iter().flatten() {
                require(
                    band.validate().is_ok(),
                    "claims.band",
                    band,
                    "finite, with a lower end, an upper end or both in order",
                )?;
            }
            let spread = claim.expected_spread();
            let inferred = claim.statistic == Statistic::Mean;
            require(
                !inferred || (spread > 0.0 && spread.is_finite()),
                "claims.scale",
                spread,
                "above 0 (needed where the band's one end is 0)",
            )?;
            let own = claim.confidence.unwrap_or(0.5);
            require(
                own > 0.0 && own < 1.0,
                "claims.confidence",
                own,
                "inside (0, 1)",
            )?;
            require(
                claim.statistic.moment().is_some() == self.sweep.is_some(),
                "claims.statistic",
                claim.statistic,
                "mean-exponent or spread-exponent where the theorem has a sweep, and only there",
            )?;
            let needs_event = claim.statistic == Statistic::Share;
            require(
                needs_event == claim.event.is_some(),
                "claims.event",
                claim.event,
                "given for statistic = \"share\" and only there",
            )?;
        }
        for (path, budget) in [
            ("profiles.quick", self.profiles.quick),
            ("profiles.full", self.profiles.full),
        ] {
            let c = budget.confidence;
            require(
                c > 0.0 && c < 1.0,
                &format!("{path}.confidence"),
                c,
                "inside (0, 1)",
            )?;
            require(
                (1..=1_000_000).contains(&budget.worlds),
                &format!("{path}.worlds"),
                budget.worlds,
                "1 to 1000000",
            )?;
        }
        for (i, control) in self.controls.iter().enumerate() {
            require(
                words(&control.name),
                "controls.name",
                &control.name,
                "lower-case words joined by hyphens",
            )?;
            require(
                self.controls[..i].iter().all(|c| c.name != control.name),
                "controls.name",
                &control.name,
                "a name not used before",
            )?;
            require(
                !control.refutes.is_empty(),
                "controls.refutes",
                &control.refutes,
                "at least one claim",
            )?;
            for claim in &control.refutes {
                let known = self.claims.iter().any(|c| c.name == *claim);
                require(
                    known,
                    "controls.refutes",
                    claim,
                    "the name of a claim of this theorem",
                )?;
            }
        }
        Ok(())
    }
}

/// One value of a swept parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweptValue {
    /// The number, where there is a sweep.
    pub at: Option<f64>,
    /// What it sets, by dotted path.
    pub set: BTreeMap<String, toml::Value>,
}

impl Claim {
    /// The standard deviation over worlds expected before any is seen: `scale` if given, else half the
    /// band's width, else the distance of its one end from 0.
    pub fn expected_spread(&self) -> f64 {
        let ends = (self.band.lower, self.band.upper);
        self.scale.unwrap_or(match ends {
            (Some(lower), Some(upper)) => (upper - lower) / 2.0,
            (Some(end), None) | (None, Some(end)) => end.abs(),
            (None, None) => 1.0,
        })
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The line of a dotted field, or of its nearest parent that is written down.
fn line_of_field(text: &str, field: &str) -> usize {
    let Ok(document) = toml::de::DeTable::parse(text) else {
        return 1;
    };
    let mut line = 1;
    let mut table = document.get_ref();
    for part in field.split('.') {
        let Some((key, value)) = table.iter().find(|(k, _)| k.get_ref() == part) else {
            break;
        };
        line = line_of(text, key.span().start);
        match value.get_ref() {
            toml::de::DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    line
}
