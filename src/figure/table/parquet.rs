//! Tables as Parquet.

use super::Table;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use std::sync::Arc;

impl Table {
    /// One Parquet row group: a column of numbers becomes `double`, any other a string; all are
    /// optional.
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
    use serde_json::json;
    use std::io::Write;

    #[test]
    fn what_is_written_reads_back() {
        let rows = vec![
            vec![json!(1.5), json!("a \"b\""), Value::Null],
            vec![json!(2), Value::Null, json!(true)],
        ];
        let table = Table::new(&[("x", "number"), ("word", "text"), ("yes", "truth")], rows);
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
