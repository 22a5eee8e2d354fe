//! Reading a theorem file: what is refused, and at which line.

use super::{Budget, Claim, Control, Profile, Statistic, SweptValue, Theorem, base};
use crate::field::{
    Fault, FieldError, TextError, from_toml, from_tree, line_of, refuse_lists, require, tree_of,
};
use crate::printable::cause;
use crate::procedure::{Procedure, measured, measures};
use crate::random_features;
use crate::regime::{Regime, require_confidence, require_words, within};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use thiserror::Error;
use toml::de::{DeArray, DeTable, DeValue};

/// A theorem file that cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{}: {message}", match line { Some(line) => format!("{file}:{line}"), None => file.clone() })]
pub struct TheoremError {
    /// The file, as given.
    pub file: String,
    /// Line, from 1; none of a file that cannot be read.
    pub line: Option<usize>,
    /// Field, value and what would be accepted.
    pub message: String,
}

impl Theorem {
    /// Reads a theorem from TOML; `file` names it in errors.
    ///
    /// # Errors
    /// Unknown, missing or mistyped keys and values out of range, with their line.
    pub fn parse(file: &str, text: &str) -> Result<Self, TheoremError> {
        let at = |line: usize, message: String| TheoremError {
            file: file.into(),
            line: Some(line),
            message,
        };
        let of_text = |(line, fault): (usize, TextError)| at(line, fault.to_string());
        let document = DeTable::parse(text).ok();
        let base: Option<String> =
            document.and_then(|d| Some(d.get_ref().get("base")?.get_ref().as_str()?.into()));
        let theorem: Self = match base {
            None => from_toml(text).map_err(of_text)?,
            Some(name) => {
                let mut table: toml::Table = from_toml(text).map_err(of_text)?;
                let line = line_of_field(text, "base");
                base::fill(file, &name, &mut table).map_err(|message| at(line, message))?;
                // What the file itself says wrongly is found in its own text; only there errors
                // have a place.
                match from_toml::<Self>(text) {
                    Err((_, TextError::Field(e))) if matches!(e.fault, Fault::Missing { .. }) => {}
                    Err(fault) => return Err(of_text(fault)),
                    Ok(_) => {}
                }
                let refused = |e: FieldError| at(line, format!("with base = {name:?}: {e}"));
                from_tree(&table.into()).map_err(refused)?
            }
        };
        let located = |e: FieldError| TheoremError {
            file: file.into(),
            line: Some(line_of_field(text, &e.field)),
            message: e.to_string(),
        };
        refuse_lists(&tree_of(text), &theorem).map_err(located)?;
        theorem.validate().map_err(located)?;
        theorem.check_engines().map_err(located)?;
        Ok(theorem)
    }

    /// Checks that the engines can train the networks of the theorem and of its controls.
    fn check_engines(&self) -> Result<(), FieldError> {
        if self.procedure.members > 0 {
            self.regime.check_engine().map_err(|e| e.of("regime"))?;
        }
        for control in &self.controls {
            let setting = self.under(control)?;
            if setting.procedure.members > 0 {
                let set = format!("controls.{}.set.regime", control.name);
                setting.regime.check_engine().map_err(|e| e.of(&set))?;
            }
        }
        Ok(())
    }

    /// Reads a theorem file.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and a file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, TheoremError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| TheoremError {
            file: file.clone(),
            line: None,
            message: format!("cannot be read: {}", cause(&e)),
        })?;
        Self::parse(&file, &text)
    }

    /// The files that [`read`](Self::read) reads for a path: the theorem file and its base, where
    /// that is a file beside it.
    pub fn files(path: &Path) -> Vec<PathBuf> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let table: toml::Table = text.parse().unwrap_or_default();
        let base = table
            .get("base")
            .and_then(|name| base::file(path, name.as_str()?));
        [path.to_owned()].into_iter().chain(base).collect()
    }

    /// Checks every field, also those of the regimes of the controls and of a sweep.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn validate(&self) -> Result<(), FieldError> {
        require_words("name", &self.name)?;
        self.regime.validate().map_err(|e| e.of("regime"))?;
        self.procedure.validate(&self.regime)?;
        let points = self.points()?;
        if self.claims.is_empty() {
            let needed = "a theorem claims at least one bound, in [[claims]]";
            return Err(FieldError::missing("claims", needed));
        }
        let claims = self.claims.iter().map(|c| c.name.as_str());
        require_names("claims.name", claims)?;
        for claim in &self.claims {
            (self.validate_claim(claim)).map_err(|e| e.of(&format!("claims.{}", claim.name)))?;
        }
        self.validate_profiles()?;
        let controls = self.controls.iter().map(|c| c.name.as_str());
        require_names("controls.name", controls)?;
        for control in &self.controls {
            (self.validate_control(control))
                .map_err(|e| e.of(&format!("controls.{}", control.name)))?;
            self.validate_setting(control, &points)?;
        }
        Ok(())
    }

    fn validate_claim(&self, claim: &Claim) -> Result<(), FieldError> {
        self.require_measured("quantity", &claim.quantity)?;
        claim.band.validate("band")?;
        if let Some(event) = claim.event {
            event.validate("event")?;
        }
        for (quantity, band) in &claim.with {
            self.require_measured("with", quantity)?;
            band.validate(&format!("with.{quantity}"))?;
        }
        let of_share = claim.statistic == Statistic::Share;
        let only_a_share = "none but for statistic = \"share\"";
        let others: Vec<&String> = claim.with.keys().collect();
        require(others.is_empty() || of_share, "with", others, only_a_share)?;
        if let Some(weight) = claim.weight {
            within("weight", weight, 1e-3, 1e3)?;
        }
        let of_shares = matches!(claim.statistic, Statistic::Share | Statistic::BoundedMean);
        require(
            !of_shares
                || claim.band.lower.is_some_and(|l| l > 0.0)
                || claim.band.upper.is_some_and(|u| u < 1.0),
            "band",
            claim.band,
            "narrower than [0, 1], within which every share lies",
        )?;
        if let Some(scale) = claim.scale {
            let allowed = "above 0 and at most 1e150, beyond which squares have no number";
            require(scale > 0.0 && scale <= 1e150, "scale", scale, allowed)?;
        }
        let spread = claim.expected_spread();
        if claim.statistic == Statistic::Mean && !(spread > 0.0 && spread.is_finite()) {
            let needed = "the band's ends are equal, or its one end is 0, and say nothing of the spread over worlds";
            return Err(FieldError::missing("scale", needed));
        }
        if let Some(own) = claim.confidence {
            require_confidence("confidence", own)?;
        }
        let needs_event = claim.statistic == Statistic::Share;
        require(
            claim.statistic.moment().is_some() == self.sweep.is_some(),
            "statistic",
            claim.statistic,
            match self.sweep {
                Some(_) => {
                    "\"mean-exponent\" or \"spread-exponent\", since the theorem has a [sweep]"
                }
                None => "no exponent, since the theorem has no [sweep]",
            },
        )?;
        match claim.event {
            None if needs_event => {
                let needed = "statistic = \"share\" needs the band in which a world counts";
                Err(FieldError::missing("event", needed))
            }
            Some(event) => require(needs_event, "event", event, only_a_share),
            None => Ok(()),
        }
    }

    /// Refuses a quantity that is not measured in the theorem's worlds.
    fn require_measured(&self, field: &str, quantity: &str) -> Result<(), FieldError> {
        if measured_in(&self.regime, &self.procedure, quantity) {
            return Ok(());
        }
        let measured = measured(&self.procedure);
        Err(FieldError::unknown(
            field,
            quantity,
            measured.iter().map(String::as_str),
            "this procedure does not measure it. `multiview list --quantities` lists what may be measured",
        ))
    }

    fn validate_profiles(&self) -> Result<(), FieldError> {
        for profile in Profile::ALL {
            if let Some(budget) = self.budget(profile) {
                budget.validate(&format!("profiles.{}", profile))?;
            }
        }
        let untested = |profile: &Profile| self.budget(*profile).is_none();
        if Profile::ALL.iter().all(untested) {
            let needed = "a theorem is tested in one profile at least: glance, quick or full";
            return Err(FieldError::missing("profiles", needed));
        }
        let asked = |claim: &&Claim| claim.profile.as_ref().is_some_and(untested);
        match self.claims.iter().find(asked) {
            Some(Claim {
                name: claim,
                profile: Some(profile),
                ..
            }) => Err(FieldError::missing(
                format!("profiles.{}", profile),
                format!("claim {claim} is tested in this profile alone"),
            )),
            _ => Ok(()),
        }
    }

    /// Checks the regime of a control, with each swept value, and that it measures what it must
    /// refute.
    fn validate_setting(&self, control: &Control, points: &[SweptValue]) -> Result<(), FieldError> {
        let setting = self.under(control)?;
        for value in points {
            (setting.with(&value.set))
                .map_err(|e| e.of(&format!("controls.{}.set", control.name)))?;
        }
        let claims = self.claims.iter();
        for claim in claims.filter(|c| control.refutes.contains(&c.name)) {
            let mut asked = std::iter::once(&claim.quantity).chain(claim.with.keys());
            require(
                asked.all(|quantity| measured_in(&setting.regime, &setting.procedure, quantity)),
                &format!("controls.{}.refutes", control.name),
                &claim.name,
                "a claim whose quantities are still measured in the control",
            )?;
        }
        Ok(())
    }

    fn validate_control(&self, control: &Control) -> Result<(), FieldError> {
        if control.refutes.is_empty() {
            let needed = "a control names the claims that must be refuted in it";
            return Err(FieldError::missing("refutes", needed));
        }
        control.worlds.map_or(Ok(()), require_worlds)?;
        for path in control.set.keys() {
            require(
                self.sweep.as_ref().is_none_or(|s| s.path != *path),
                "set",
                path,
                "another parameter than the swept one",
            )?;
        }
        let claims: Vec<&str> = self.claims.iter().map(|c| c.name.as_str()).collect();
        let unknown = (control.refutes.iter()).find(|name| !claims.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| Err(unknown_claim("refutes", name, &claims)))
    }
}

/// Returns true if worlds of a regime and a procedure measure a quantity: one of a view needs
/// classes that have it.
fn measured_in(regime: &Regime, procedure: &Procedure, quantity: &str) -> bool {
    let view = random_features::view_of(quantity);
    measures(procedure, quantity) && view.is_none_or(|v| v <= regime.data.views_per_class)
}

impl Budget {
    fn validate(self, path: &str) -> Result<(), FieldError> {
        require_confidence(&format!("{path}.confidence"), self.confidence)?;
        require_worlds(self.worlds).map_err(|e| e.of(path))
    }
}

/// The refusal of a name that no claim of a theorem has.
pub(crate) fn unknown_claim(field: &str, name: &str, claims: &[&str]) -> FieldError {
    let known = format!("the theorem claims {}", claims.join(", "));
    FieldError::unknown(field, name, claims.iter().copied(), known)
}

fn require_worlds(worlds: u64) -> Result<(), FieldError> {
    let allowed = (1..=1_000_000).contains(&worlds);
    require(allowed, "worlds", worlds, "1 to 1000000")
}

/// Words, no two of them the same.
fn require_names<'a>(field: &str, names: impl Iterator<Item = &'a str>) -> Result<(), FieldError> {
    let mut known = BTreeSet::new();
    for name in names {
        require_words(field, name)?;
        if !known.insert(name) {
            return Err(FieldError::twice(field, name, "names must differ"));
        }
    }
    Ok(())
}

/// The line of a dotted field, or of its nearest parent that is written down. Entries of a list are
/// found by their `name`.
fn line_of_field(text: &str, field: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else {
        return 1;
    };
    let mut line = 1;
    let mut table = document.get_ref();
    let mut parts = field.split('.');
    while let Some(part) = parts.next() {
        let Some((key, value)) = table.iter().find(|(k, _)| k.get_ref() == part) else {
            break;
        };
        line = line_of(text, key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(list) => {
                let Some((start, entry)) = parts.next().and_then(|name| named(list, name)) else {
                    break;
                };
                line = line_of(text, start);
                table = entry;
            }
            _ => break,
        }
    }
    line
}

/// The table of this `name` in a list of tables, and where it starts.
fn named<'a, 'd>(list: &'a DeArray<'d>, name: &str) -> Option<(usize, &'a DeTable<'d>)> {
    list.iter().find_map(|entry| match entry.get_ref() {
        DeValue::Table(table) => {
            let (_, own) = table.iter().find(|(key, _)| key.get_ref() == "name")?;
            (own.get_ref().as_str() == Some(name)).then_some((entry.span().start, table))
        }
        _ => None,
    })
}
