//! Tables for machines: the same rows as CSV, JSON and Parquet.

use crate::printable::line;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Map, Value, json};
use std::sync::Arc;

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

    /// One Parquet row group: a column of numbers becomes `double`, any other a string; all are optional.
    ///
    /// # Errors
    /// If the writer refuses a column name.
    pub fn parquet(&self) -> Result<Vec<u8>, ParquetError> {
        let numeric = |column: usize| {
            (self.rows.iter()).all(|row| row[column].is_number() || row[column].is_null())
        };
        let mut schema = String::from("message table {");
        for (column, (name, _)) in self.columns.iter().enumerate() {
            schema += &if numeric(column) {
                format!(" optional double {name};")
            } else {
                format!(" optional binary {name} (UTF8);")
            };
        }
        let schema = Arc::new(parse_message_type(&(schema + " }"))?);
        let mut bytes = Vec::new();
        let properties = Arc::new(WriterProperties::builder().build());
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties)?;
        let mut group = writer.next_row_group()?;
        for column in 0..self.columns.len() {
            let Some(mut out) = group.next_column()? else {
                break;
            };
            let present = self.rows.iter().map(|row| &row[column]);
            let levels: Vec<i16> = present.clone().map(|v| i16::from(!v.is_null())).collect();
            let present = present.filter(|v| !v.is_null());
            if numeric(column) {
                let values: Vec<f64> = present.filter_map(Value::as_f64).collect();
                out.typed::<DoubleType>()
                    .write_batch(&values, Some(&levels), None)?;
            } else {
                let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                let values: Vec<ByteArray> = present.map(|v| text(v).into_bytes().into()).collect();
                out.typed::<ByteArrayType>()
                    .write_batch(&values, Some(&levels), None)?;
            }
            out.close()?;
        }
        group.close()?;
        writer.close()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use std::io::Write;

    #[test]
    fn the_three_forms_say_the_same() {
        let rows = vec![
            vec![json!(1.5), json!("a \"b\""), Value::Null],
            vec![json!(2), Value::Null, json!(true)],
        ];
        let table = Table::new(&[("x", "number"), ("word", "text"), ("yes", "truth")], rows);
        assert_eq!(table.csv(), "x,word,yes\n1.5,\"a \"\"b\"\"\",\n2,,true\n");
        assert_eq!(table.json()["rows"][1]["x"], 2);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&table.parquet().unwrap()).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let read: Vec<String> = (reader.get_row_iter(None).unwrap())
            .map(|row| row.unwrap().to_string())
            .collect();
        assert_eq!(
            read,
            [
                "{x: 1.5, word: \"a \"b\"\", yes: null}",
                "{x: 2.0, word: null, yes: \"true\"}"
            ]
        );
    }
}
