//! What a world is, and how a control or a sweep changes it.

use crate::procedure::Procedure;
use crate::regime::{Regime, RegimeError};
use serde::{Deserialize, Serialize};

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
        let mut mistyped = None;
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
            if mistyped.is_none() && Self::deserialize(tree.clone()).is_err() {
                mistyped = Some((path, value));
            }
        }
        let setting: Self = tree.try_into().map_err(|e: toml::de::Error| {
            let (path, value) = mistyped.map_or(("", String::new()), |(p, v)| (p, v.to_string()));
            let allowed = format!("a known name and a value of its type ({})", e.message());
            refuse(path, value, &allowed)
        })?;
        setting.regime.validate().map_err(|e| e.of("regime"))?;
        setting.procedure.validate(&setting.regime)?;
        Ok(setting)
    }
}
