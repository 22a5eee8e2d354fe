//! A refusal: the field that is at fault, its value as a file writes it, and what would do.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use std::fmt;
use thiserror::Error;
use toml::Value;

/// A field that cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{field}{fault}")]
pub struct FieldError {
    /// Path of the field, as written in a theorem file.
    pub field: String,
    /// The fault.
    pub fault: Fault,
}

/// A text that cannot be used.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum TextError {
    /// A field that it gives, or lacks.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// No field can be read, for the parser's reason.
    #[error("is not TOML: {0}")]
    NotToml(String),
}

/// A fault of a field. Values stand as TOML writes them.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// It is needed, and not given.
    Missing {
        /// The reason why it is needed, or a value that would do.
        needed: String,
    },
    /// It, or its value, names something that is not there.
    Unknown {
        /// The value; none where the field itself is not there.
        value: Option<String>,
        /// The name that was probably meant.
        nearest: Option<String>,
        /// The names that are there, or the command that lists them.
        known: String,
    },
    /// Its value cannot be used.
    OutOfRange {
        /// The value.
        value: String,
        /// The values that can be.
        allowed: String,
    },
    /// It gives something that is given already.
    Twice {
        /// The value; none where the field itself stands twice.
        value: Option<String>,
        /// The scope in which each must differ.
        rule: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { needed } => write!(f, " is missing: {needed}"),
            Self::Unknown {
                value,
                nearest,
                known,
            } => {
                if let Some(value) = value {
                    write!(f, " = {value}")?;
                }
                write!(f, " is unknown")?;
                if let Some(nearest) = nearest {
                    write!(f, "; the nearest name is {nearest}")?;
                }
                write!(f, "; {known}")
            }
            Self::OutOfRange { value, allowed } => {
                write!(f, " = {value} is out of range: {allowed}")
            }
            Self::Twice { value, rule } => {
                if let Some(value) = value {
                    write!(f, " = {value}")?;
                }
                write!(f, " is given twice: {rule}")
            }
        }
    }
}

impl FieldError {
    /// A field that is needed, and why.
    pub fn missing(field: impl Into<String>, needed: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            fault: Fault::Missing {
                needed: needed.into(),
            },
        }
    }

    /// A name that is none of those known; `known` says where they are.
    pub fn unknown<'a>(
        field: impl Into<String>,
        name: &str,
        names: impl IntoIterator<Item = &'a str>,
        known: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            fault: Fault::Unknown {
                value: Some(written(name)),
                nearest: nearest(name, names),
                known: known.into(),
            },
        }
    }

    /// A value that is none of those allowed.
    pub fn out_of_range(
        field: impl Into<String>,
        value: &(impl Serialize + ?Sized),
        allowed: impl fmt::Display,
    ) -> Self {
        Self {
            field: field.into(),
            fault: Fault::OutOfRange {
                value: written(value),
                allowed: allowed.to_string(),
            },
        }
    }

    /// A value that is given already, and the rule that this breaks.
    pub fn twice(
        field: impl Into<String>,
        value: &(impl Serialize + ?Sized),
        rule: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            fault: Fault::Twice {
                value: Some(written(value)),
                rule: rule.into(),
            },
        }
    }

    /// The same error, of a field within `parent`.
    pub(crate) fn of(self, parent: &str) -> Self {
        let field = match self.field.as_str() {
            "" => parent.into(),
            field => format!("{parent}.{field}"),
        };
        Self {
            field,
            fault: self.fault,
        }
    }
}

impl Fault {
    /// The fault that a reader of TOML or JSON tells of in its own words, which speak of Rust's
    /// types. `value` is the text of the value, or of the name, at fault.
    fn of_reader(message: &str, value: &str) -> Self {
        let value = value.to_owned();
        let mut names = message.split('`').skip(1).step_by(2);
        let first =
            |names: &mut dyn Iterator<Item = &str>| names.next().unwrap_or_default().to_owned();
        if message.starts_with("unknown field") || message.starts_with("unknown variant") {
            let name = first(&mut names);
            let known: Vec<&str> = names.collect();
            return Self::Unknown {
                value: message.starts_with("unknown variant").then_some(value),
                nearest: nearest(&name, known.iter().copied()),
                known: format!("known are {}", known.join(", ")),
            };
        }
        let kind = message.rsplit_once(", expected ").map(|(_, kind)| kind);
        let allowed = match kind {
            _ if !message.starts_with("invalid") => message.trim_start_matches("expected "),
            Some("usize" | "u64" | "u32" | "u16" | "u8") => "a whole number, not a negative one",
            Some("i64" | "i32") => "a whole number",
            Some("f64" | "f32") => "a number",
            Some("a boolean") => "true or false",
            Some("a string" | "string") => "words in quotes",
            Some("a sequence") => "a list, in brackets",
            Some("a map") => "a table",
            Some(kind) => kind.strip_prefix("struct ").map_or(kind, |_| "a table"),
            None => message,
        };
        Self::OutOfRange {
            value,
            allowed: allowed.to_owned(),
        }
    }
}

/// Reads TOML.
///
/// # Errors
/// The line, from 1, and the fault there: of a field, or of a text that is not TOML.
pub(crate) fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, (usize, TextError)> {
    let line = |e: &toml::de::Error| line_of(text, e.span().map_or(0, |span| span.start));
    let written = |e: &toml::de::Error| text.get(e.span()?).map(str::to_owned);
    let reader = toml::Deserializer::parse(text).map_err(|e| {
        let error = match written(&e) {
            Some(field) if e.message().starts_with("duplicate") => {
                let (value, rule) = (None, "a key stands once in its table".into());
                let fault = Fault::Twice { value, rule };
                FieldError { field, fault }.into()
            }
            _ => TextError::NotToml(e.message().replace('\n', ", ")),
        };
        (line(&e), error)
    })?;
    serde_path_to_error::deserialize(reader).map_err(|e| {
        let error = FieldError::of_reader(&tree_of(text), &e, written(e.inner()));
        (line(e.inner()), error.into())
    })
}

/// The tree of a text in TOML, if it is one.
pub(crate) fn tree_of(text: &str) -> Value {
    text.parse().map_or(Value::Boolean(false), Value::Table)
}

/// Reads a tree of TOML.
///
/// # Errors
/// The field at fault.
pub(crate) fn from_tree<T: DeserializeOwned + Serialize>(tree: &Value) -> Result<T, FieldError> {
    let read = serde_path_to_error::deserialize(tree.clone())
        .map_err(|e| FieldError::of_reader(tree, &e, None))?;
    refuse_lists(tree, &read)?;
    Ok(read)
}

/// Refuses a list where a table was read: its values would be taken for fields in the order in which
/// the program declares them.
///
/// # Errors
/// The first such list.
pub(crate) fn refuse_lists(tree: &Value, read: &impl Serialize) -> Result<(), FieldError> {
    let read = Value::try_from(read).unwrap_or(Value::Boolean(false));
    list_for_table(tree, &read, "").map_or(Ok(()), |(field, list)| {
        Err(FieldError::out_of_range(field, list, "a table"))
    })
}

/// The first list of a tree that another has as a table, and its path. Entries of a list go by their
/// `name`.
fn list_for_table<'a>(tree: &'a Value, read: &Value, path: &str) -> Option<(String, &'a Value)> {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    match (tree, read) {
        (Value::Array(_), Value::Table(_)) => Some((path.into(), tree)),
        (Value::Table(own), Value::Table(read)) => own
            .iter()
            .find_map(|(key, value)| list_for_table(value, read.get(key)?, &below(key))),
        (Value::Array(own), Value::Array(read)) => own.iter().zip(read).find_map(|(own, read)| {
            let name = own.get("name").and_then(Value::as_str);
            let path = name.map_or_else(|| path.to_owned(), below);
            list_for_table(own, read, &path)
        }),
        _ => None,
    }
}

/// The line, from 1, in which a byte of a text stands.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

impl FieldError {
    /// A reader's complaint about a tree, as a fault of the field that it had come to. Where the
    /// value is not given as it was `written`, it is shown as it stands in the tree.
    fn of_reader(
        tree: &Value,
        error: &serde_path_to_error::Error<toml::de::Error>,
        written: Option<String>,
    ) -> Self {
        let (field, value) = place(tree, error.path());
        let message = error.inner().message();
        if let Some(rest) = message.strip_prefix("missing field `") {
            let name = rest.split('`').next().unwrap_or_default();
            let missing = Self::missing(name, "the file must give it");
            return match field.as_str() {
                "" => missing,
                table => missing.of(table),
            };
        }
        let value = written.or(value.map(in_toml)).unwrap_or_default();
        let fault = Fault::of_reader(message, &value);
        Self { field, fault }
    }
}

/// The dotted path of a reader's place in a tree, and what stands there. Entries of a list go by
/// their `name`.
fn place<'a>(tree: &'a Value, path: &Path) -> (String, Option<&'a Value>) {
    let (mut names, mut here) = (Vec::new(), Some(tree));
    for segment in path {
        match segment {
            Segment::Map { key } => {
                here = here.and_then(|table| table.get(key));
                names.push(key.as_str());
            }
            Segment::Seq { index } => {
                here = here.and_then(|list| list.get(index));
                names.extend(here.and_then(|entry| entry.get("name")?.as_str()));
            }
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    (names.join("."), here)
}

/// Refuses `value` for `field` as out of range unless `ok`.
///
/// # Errors
/// Unless `ok`.
pub(crate) fn require(
    ok: bool,
    field: &str,
    value: impl Serialize,
    allowed: impl fmt::Display,
) -> Result<(), FieldError> {
    if ok {
        return Ok(());
    }
    Err(FieldError::out_of_range(field, &value, allowed))
}

/// Refuses a count outside `least` to `most`.
///
/// # Errors
/// The field, its value and the range.
pub(crate) fn require_between(
    field: &str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), FieldError> {
    let within = (least..=most).contains(&value);
    require(within, field, value, format!("{least} to {most}"))
}

/// A value as TOML writes it; one that TOML has no form for, such as a number beyond 64 bits, as
/// JSON does.
pub fn written(value: &(impl Serialize + ?Sized)) -> String {
    match toml::Value::try_from(value) {
        Ok(value) => in_toml(&value),
        Err(_) => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// TOML on one line. The `toml` crate writes 1e-30 with thirty zeros.
fn in_toml(value: &Value) -> String {
    match value {
        Value::Float(number) => format!("{number:?}").to_lowercase(),
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(in_toml).collect();
            format!("[{}]", list.join(", "))
        }
        Value::Table(table) => {
            let fields = table.iter();
            let fields = fields.map(|(key, value)| format!("{key} = {}", in_toml(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// The name that is most like a misspelt one, if one is like it at all.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    /// The measure by which command-line parsers suggest an option.
    const ALIKE: f64 = 0.7;
    let likeness = |known: &str| strsim::jaro(&known.to_lowercase(), &name.to_lowercase());
    names
        .into_iter()
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_stand_as_toml_writes_them() {
        assert_eq!(written(&f64::NAN), "nan");
        assert_eq!(written(&1e-160), "1e-160");
        assert_eq!(written(&[1, 2]), "[1, 2]");
        assert_eq!(written("a \"b\""), "'a \"b\"'");
        let band = crate::statistics::Band {
            lower: Some(0.5),
            upper: None,
        };
        assert_eq!(written(&band), "{ lower = 0.5 }");
    }

    #[test]
    fn each_fault_has_words_of_its_own() {
        let missing = FieldError::missing("data.dimension", "the dense engine needs it");
        assert_eq!(
            missing.of("regime").to_string(),
            "regime.data.dimension is missing: the dense engine needs it"
        );
        let unknown =
            FieldError::unknown("theorem", "ensembel", ["lottery", "ensemble"], "see list");
        assert_eq!(
            unknown.to_string(),
            "theorem = \"ensembel\" is unknown; the nearest name is ensemble; see list"
        );
        let twice = FieldError::twice("values", &2, "each value once");
        assert_eq!(
            twice.to_string(),
            "values = 2 is given twice: each value once"
        );
    }

    proptest! {
        /// A shown value can be pasted into a file, and is then the value that was refused.
        #[test]
        fn what_is_shown_reads_back(number in any::<f64>(), text in ".*") {
            let value = toml::Value::Array(vec![number.into(), text.into()]);
            let table = format!("value = {}", written(&value));
            let read: toml::Table = table.parse().unwrap();
            prop_assert_eq!(read["value"].to_string(), value.to_string());
        }

        /// One letter left out, and the name is found.
        #[test]
        fn a_slip_is_recognised(name in "[a-z]{5,12}", at in 0..5usize) {
            let mut slip = name.clone();
            slip.remove(at);
            prop_assert_eq!(nearest(&slip, ["0123", name.as_str(), ""]), Some(name.clone()));
        }
    }
}
