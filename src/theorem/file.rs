//! Reading a theorem file: what is refused, and at which line.

use super::{Budget, Claim, Control, Statistic, SweptValue, Theorem, base};
use crate::procedure::measures;
use crate::regime::{RegimeError, require, require_confidence, require_words, within};
use std::collections::BTreeSet;
use std::path::Path;
use thiserror::Error;
use toml::de::{DeArray, DeTable, DeValue};

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
        let at = |line: usize, message: String| TheoremError {
            file: file.into(),
            line,
            message,
        };
        let of_text = |e: toml::de::Error| {
            let line = e.span().map_or(1, |s| line_of(text, s.start));
            at(line, e.message().into())
        };
        let document = DeTable::parse(text).ok();
        let base: Option<String> =
            document.and_then(|d| Some(d.get_ref().get("base")?.get_ref().as_str()?.into()));
        let theorem: Self = match base {
            None => toml::from_str(text).map_err(of_text)?,
            Some(name) => {
                let mut table: toml::Table = toml::from_str(text).map_err(of_text)?;
                let line = line_of_field(text, "base");
                base::fill(file, &name, &mut table).map_err(|message| at(line, message))?;
                // What the file itself says wrongly is found in its own text; only there errors have a place.
                let own = toml::from_str::<Self>(text).err();
                let own = own.filter(|e| !e.message().starts_with("missing field"));
                own.map_or(Ok(()), |e| Err(of_text(e)))?;
                let filled: Result<Self, _> = table.try_into();
                filled.map_err(|e| at(line, format!("with base {name:?}: {}", e.message())))?
            }
        };
        let located = |e: RegimeError| TheoremError {
            file: file.into(),
            line: line_of_field(text, &e.field),
            message: e.to_string(),
        };
        theorem.validate().map_err(located)?;
        theorem.check_engines().map_err(located)?;
        Ok(theorem)
    }

    /// Checks that the engines can train the networks of the theorem and of its controls.
    fn check_engines(&self) -> Result<(), RegimeError> {
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
            line: 0,
            message: format!("cannot be read: {e}"),
        })?;
        Self::parse(&file, &text)
    }

    /// Checks every field, also those of the regimes of the controls and of a sweep.
    ///
    /// # Errors
    /// The first field out of range.
    pub fn validate(&self) -> Result<(), RegimeError> {
        require_words("name", &self.name)?;
        self.regime.validate().map_err(|e| e.of("regime"))?;
        self.procedure.validate(&self.regime)?;
        let points = self.points()?;
        require(
            !self.claims.is_empty(),
            "claims",
            self.claims.len(),
            "at least one claim",
        )?;
        let claims = self.claims.iter().map(|c| c.name.as_str());
        require_names("claims.name", claims)?;
        for claim in &self.claims {
            (self.validate_claim(claim)).map_err(|e| e.of(&format!("claims.{}", claim.name)))?;
        }
        self.profiles.quick.validate("profiles.quick")?;
        self.profiles.full.validate("profiles.full")?;
        let controls = self.controls.iter().map(|c| c.name.as_str());
        require_names("controls.name", controls)?;
        for control in &self.controls {
            (self.validate_control(control))
                .map_err(|e| e.of(&format!("controls.{}", control.name)))?;
            self.validate_setting(control, &points)?;
        }
        Ok(())
    }

    fn validate_claim(&self, claim: &Claim) -> Result<(), RegimeError> {
        require(
            measures(&self.procedure, &claim.quantity),
            "quantity",
            &claim.quantity,
            "a quantity that the procedure measures; see `multiview list --quantities`",
        )?;
        for (field, band) in [("band", Some(claim.band)), ("event", claim.event)] {
            let Some(band) = band else { continue };
            require(
                band.validate().is_ok(),
                field,
                band,
                "finite, with a lower end, an upper end or both in order",
            )?;
        }
        for (quantity, band) in &claim.with {
            require(
                measures(&self.procedure, quantity),
                "with",
                quantity,
                "quantities that the procedure measures; see `multiview list --quantities`",
            )?;
            require(
                band.validate().is_ok(),
                &format!("with.{quantity}"),
                band,
                "finite, with a lower end, an upper end or both in order",
            )?;
        }
        require(
            claim.with.is_empty() || claim.statistic == Statistic::Share,
            "with",
            claim.with.keys().collect::<Vec<_>>(),
            "given for statistic = \"share\" only",
        )?;
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
        let scale = claim.scale;
        require(
            scale.is_none_or(|scale| scale > 0.0 && scale <= 1e150),
            "scale",
            scale.unwrap_or_default(),
            "above 0 and at most 1e150, beyond which squares have no number",
        )?;
        let spread = claim.expected_spread();
        let inferred = claim.statistic == Statistic::Mean;
        require(
            !inferred || (spread > 0.0 && spread.is_finite()),
            "scale",
            spread,
            "above 0 (needed where the band's one end is 0)",
        )?;
        if let Some(own) = claim.confidence {
            require_confidence("confidence", own)?;
        }
        require(
            claim.statistic.moment().is_some() == self.sweep.is_some(),
            "statistic",
            claim.statistic,
            "mean-exponent or spread-exponent where the theorem has a sweep, and only there",
        )?;
        let needs_event = claim.statistic == Statistic::Share;
        require(
            needs_event == claim.event.is_some(),
            "event",
            claim.event,
            "given for statistic = \"share\" and only there",
        )
    }

    /// Checks the regime of a control, with each swept value, and that it measures what it must refute.
    fn validate_setting(
        &self,
        control: &Control,
        points: &[SweptValue],
    ) -> Result<(), RegimeError> {
        let setting = self.under(control)?;
        for value in points {
            (setting.with(&value.set))
                .map_err(|e| e.of(&format!("controls.{}.set", control.name)))?;
        }
        let claims = self.claims.iter();
        for claim in claims.filter(|c| control.refutes.contains(&c.name)) {
            let mut asked = std::iter::once(&claim.quantity).chain(claim.with.keys());
            require(
                asked.all(|quantity| measures(&setting.procedure, quantity)),
                &format!("controls.{}.refutes", control.name),
                &claim.name,
                "a claim whose quantities are still measured in the control",
            )?;
        }
        Ok(())
    }

    fn validate_control(&self, control: &Control) -> Result<(), RegimeError> {
        require(
            !control.refutes.is_empty(),
            "refutes",
            &control.refutes,
            "at least one claim",
        )?;
        control.worlds.map_or(Ok(()), require_worlds)?;
        for path in control.set.keys() {
            require(
                self.sweep.as_ref().is_none_or(|s| s.path != *path),
                "set",
                path,
                "another parameter than the swept one",
            )?;
        }
        for claim in &control.refutes {
            require(
                self.claims.iter().any(|c| c.name == *claim),
                "refutes",
                claim,
                "the name of a claim of this theorem",
            )?;
        }
        Ok(())
    }
}

impl Budget {
    fn validate(self, path: &str) -> Result<(), RegimeError> {
        require_confidence(&format!("{path}.confidence"), self.confidence)?;
        require_worlds(self.worlds).map_err(|e| e.of(path))
    }
}

fn require_worlds(worlds: u64) -> Result<(), RegimeError> {
    let allowed = (1..=1_000_000).contains(&worlds);
    require(allowed, "worlds", worlds, "1 to 1000000")
}

/// Words, no two of them the same.
fn require_names<'a>(field: &str, names: impl Iterator<Item = &'a str>) -> Result<(), RegimeError> {
    let mut known = BTreeSet::new();
    for name in names {
        require_words(field, name)?;
        require(known.insert(name), field, name, "a name not used before")?;
    }
    Ok(())
}

/// The line, from 1, in which a byte of a text stands.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The line of a dotted field, or of its nearest parent that is written down. Entries of a list are found by their `name`.
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
