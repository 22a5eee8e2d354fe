//! The regime and procedure of a world, and how a control or a sweep changes them.

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
        let values: Vec<_> = values.into_iter().collect();
        let read = |tree: toml::Value| tree.try_into();
        let setting: Self = read(self.tree(&values)?).map_err(|error: toml::de::Error| {
            let alone = |value| self.tree(&[value]).is_ok_and(|tree| read(tree).is_err());
            let culprit = values.iter().find(|value| alone(**value));
            let (path, value) = culprit.map_or(("", String::new()), |(p, v)| (p, v.to_string()));
            let message = error.message();
            refuse(
                path,
                value,
                format!("a known name and a value of its type ({message})"),
            )
        })?;
        setting.regime.validate().map_err(|e| e.of("regime"))?;
        setting.procedure.validate(&setting.regime)?;
        Ok(setting)
    }

    /// As TOML, with other values, of whatever type.
    fn tree(&self, values: &[(&String, &toml::Value)]) -> Result<toml::Value, RegimeError> {
        let mut tree = toml::Value::try_from(self)
            .map_err(|e| refuse("regime", e.to_string(), "representable as TOML"))?;
        for (path, value) in values {
            let (parents, leaf) = path.rsplit_once('.').unwrap_or(("", path));
            let mut table = Some(&mut tree);
            for part in parents.split('.') {
                table = table.and_then(|t| t.get_mut(part));
            }
            let allowed = "a path into `regime` or `procedure`";
            let table = table.and_then(toml::Value::as_table_mut);
            let table = table.ok_or_else(|| refuse(path, value.to_string(), allowed))?;
            table.insert(leaf.into(), (*value).clone());
        }
        Ok(tree)
    }
}

fn refuse(field: &str, value: String, allowed: impl Into<String>) -> RegimeError {
    RegimeError {
        field: field.into(),
        value,
        allowed: allowed.into(),
    }
}
