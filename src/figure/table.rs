//! Tables for machines: the same rows as CSV and JSON, and as Parquet with the feature `parquet`.

#[cfg(feature = "parquet")]
mod parquet;

use crate::printable::line;
use serde_json::{Map, Value, json};

/// Named columns with their meaning and units, and rows of numbers, words, truth values or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Name and meaning of each column.
    pub columns: Vec<(String, String)>,
    /// One value for each column.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(columns: &[(&str, &str)], rows: Vec<Vec<Value>>) -> Self {
        let owned = |(name, meaning): &(&str, &str)| (name.to_string(), meaning.to_string());
        Self {
            columns: columns.iter().map(owned).collect(),
            rows,
        }
    }

    /// CSV with a header; nothing is an empty field, and what a terminal would obey is written out.
    pub fn csv(&self) -> String {
        let header: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut text = header.join(",") + "\n";
        for row in &self.rows {
            let fields: Vec<String> = row
                .iter()
                .map(|value| match value {
                    Value::String(s) => format!("\"{}\"", line(s).replace('"', "\"\"")),
                    Value::Null => String::new(),
                    other => other.to_string(),
                })
                .collect();
            text += &(fields.join(",") + "\n");
        }
        text
    }

    /// `{"columns": {name: meaning}, "rows": [{name: value}]}`.
    pub fn json(&self) -> Value {
        let columns: Map<String, Value> = (self.columns.iter())
            .map(|(name, meaning)| (name.clone(), meaning.clone().into()))
            .collect();
        let object = |row: &Vec<Value>| -> Value {
            let fields = self.columns.iter().zip(row);
            fields
                .map(|((name, _), value)| (name.clone(), value.clone()))
                .collect::<Map<_, _>>()
                .into()
        };
        json!({ "columns": columns, "rows": self.rows.iter().map(object).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let rows = vec![
            vec![json!(1.5), json!("a \"b\""), Value::Null],
            vec![json!(2), Value::Null, json!(true)],
        ];
        let table = Table::new(&[("x", "number"), ("word", "text"), ("yes", "truth")], rows);
        assert_eq!(table.csv(), "x,word,yes\n1.5,\"a \"\"b\"\"\",\n2,,true\n");
        assert_eq!(table.json()["rows"][1]["x"], 2);
    }
}
