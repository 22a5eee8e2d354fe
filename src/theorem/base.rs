//! One regime for several theorem files: what a file leaves out, it takes from the file that its
//! `base` names.

use crate::field::from_toml;
use crate::printable::cause;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The shared regimes of this repository, by name, embedded in the program.
const EMBEDDED: &[(&str, &str)] = &[
    ("stated", include_str!("../../theorems/regimes/stated.toml")),
    ("glance", include_str!("../../theorems/regimes/glance.toml")),
    (
        "no-views",
        include_str!("../../theorems/regimes/no-views.toml"),
    ),
];

/// The file beside the theorem file `file` that a base of this name is, if it is not one of this
/// repository's.
pub(super) fn file(file: &Path, name: &str) -> Option<PathBuf> {
    let shipped = EMBEDDED.iter().any(|(known, _)| *known == name);
    (!shipped).then(|| file.with_file_name(name))
}

/// The text of the shared regime `name`: one of this repository's, or a file beside the theorem
/// file `file`.
///
/// # Errors
/// If the file cannot be read.
fn text(file: &str, name: &str) -> Result<String, String> {
    if let Some((_, text)) = EMBEDDED.iter().find(|(known, _)| *known == name) {
        return Ok((*text).into());
    }
    let beside: PathBuf = Path::new(file).with_file_name(name);
    std::fs::read_to_string(&beside).map_err(|e| {
        let known: Vec<&str> = EMBEDDED.iter().map(|(known, _)| *known).collect();
        format!(
            "base = {name:?} is neither a shipped regime ({}) nor a file beside this one: {}",
            known.join(", "),
            cause(&e)
        )
    })
}

/// Fills in what a theorem file leaves out: every value of the base's `[regime]` and `[procedure]`
/// that the file does not set. A student, a table within `[procedure]`, is taught only where the
/// file names it.
///
/// # Errors
/// A base that cannot be read, or that says something else than a regime and a procedure.
pub(super) fn fill(file: &str, name: &str, theorem: &mut Table) -> Result<(), String> {
    let base: Table = from_toml(&text(file, name)?)
        .map_err(|(line, fault)| format!("base = {name:?}, line {line}: {fault}"))?;
    for (key, value) in base {
        let known = key == "regime" || key == "procedure";
        let Some(table) = value.as_table().filter(|_| known) else {
            return Err(format!(
                "base = {name:?} sets {key}, where a base has [regime] and [procedure] alone"
            ));
        };
        let own = theorem
            .entry(key.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        if let Some(own) = own.as_table_mut() {
            let taught = |part: &str, value: &Value| own.contains_key(part) || !value.is_table();
            let parts = table.clone().into_iter();
            let wanted = parts.filter(|(part, value)| key == "regime" || taught(part, value));
            let wanted: Table = wanted.collect();
            merge(own, wanted);
        }
    }
    Ok(())
}

/// Adds what `own` lacks of `base`.
fn merge(own: &mut Table, base: Table) {
    for (key, value) in base {
        match (own.get_mut(&key), value) {
            (Some(Value::Table(own)), Value::Table(base)) => merge(own, base),
            (Some(_), _) => {}
            (None, value) => {
                own.insert(key, value);
            }
        }
    }
}
