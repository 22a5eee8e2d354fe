//! The regime and procedure of a world, and how a control or a sweep changes them.

use crate::field::{FieldError, from_tree};
use crate::procedure::Procedure;
use crate::regime::Regime;
use serde::{Deserialize, Serialize};

/// A regime and a procedure: what a world is, and what is trained in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The parameters of the data, the network and its training.
    pub regime: Regime,
    /// The networks that are trained.
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
    ) -> Result<Self, FieldError> {
        let setting: Self = from_tree(&self.tree(values)?)?;
        setting.regime.validate().map_err(|e| e.of("regime"))?;
        setting.procedure.validate(&setting.regime)?;
        Ok(setting)
    }

    /// As TOML, with other values, of whatever type.
    fn tree<'a>(
        &self,
        values: impl IntoIterator<Item = (&'a String, &'a toml::Value)>,
    ) -> Result<toml::Value, FieldError> {
        let mut tree = toml::Value::try_from(self)
            .map_err(|e| FieldError::out_of_range("regime", &e.to_string(), "a form in TOML"))?;
        for (path, value) in values {
            let (parents, leaf) = path.rsplit_once('.').unwrap_or(("", path));
            let mut table = Some(&mut tree);
            for part in parents.split('.') {
                table = table.and_then(|t| t.get_mut(part));
            }
            let Some(table) = table.and_then(toml::Value::as_table_mut) else {
                let paths = self.paths();
                let known =
                    "`multiview show THEOREM` lists the paths into `regime` and `procedure`";
                let paths = paths.iter().map(String::as_str);
                return Err(FieldError::unknown("path", path, paths, known));
            };
            table.insert(leaf.into(), value.clone());
        }
        Ok(tree)
    }

    /// The dotted path of every value.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        if let Ok(tree) = toml::Value::try_from(self) {
            leaves(&tree, "", &mut paths);
        }
        paths
    }
}

/// Adds the dotted path of every value of a tree, below `path`.
pub(crate) fn leaves(tree: &toml::Value, path: &str, found: &mut Vec<String>) {
    let Some(table) = tree.as_table() else {
        found.push(path.into());
        return;
    };
    for (key, value) in table {
        let below = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        leaves(value, &below, found);
    }
}
