//! The columns of a table, in Arrow's form and in Delta's form, and the comparison of the two.

mod arrow;
mod delta;
mod evolve;

use std::sync::Arc;

use arrow_schema::{DataType, Fields, Schema, SchemaRef, TimeUnit};

pub(crate) use arrow::arrow_of;
pub(crate) use delta::{DeltaField, DeltaStruct, DeltaType};
pub(crate) use evolve::evolved;

use crate::LakeError;

/// The columns of a table: data columns (in the files) and partition columns (in the log and the paths; always
/// strings).
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// The data columns, in Arrow's form.
    arrow: SchemaRef,
    /// The names of the partition columns, in the order of the folders.
    partition_columns: Vec<String>,
    /// All columns, in Delta's form.
    delta: DeltaStruct,
}

impl TableSchema {
    /// Creates a schema. `arrow` contains only the data columns. Timestamps must be in microseconds, with the zone
    /// `UTC` (Delta `timestamp`) or without a zone (`timestamp_ntz`). Strings can be dictionaries.
    ///
    /// # Errors
    /// [`LakeError::Schema`] for a type that Delta does not have, an invalid name, or two names that differ only in
    /// case.
    pub fn new(arrow: SchemaRef, partition_columns: Vec<String>) -> Result<Self, LakeError> {
        let mut delta = DeltaStruct::new(fields_of(arrow.fields(), "")?);
        for name in &partition_columns {
            check_name(name, name)?;
            delta.fields.push(DeltaField::new(name, DeltaType::named("string"), true));
        }
        let mut seen: Vec<String> = Vec::new();
        for field in &delta.fields {
            let name = field.name.to_lowercase();
            if seen.contains(&name) {
                return Err(refused(
                    &field.name,
                    "another column has the same name (upper and lower case are not distinguished)",
                ));
            }
            seen.push(name);
        }
        Ok(Self { arrow, partition_columns, delta })
    }

    /// The schema of an existing table. Fails if a column has a type that this crate does not write.
    pub(crate) fn of_table(delta: &DeltaStruct, partition_columns: &[String]) -> Result<Self, LakeError> {
        let in_files = delta.fields.iter().filter(|field| !partition_columns.contains(&field.name));
        let fields = in_files.map(|field| {
            let described = || format!("columns of type {} are not written here", field.r#type.describe());
            arrow::field_of(field).ok_or_else(|| refused(&field.name, &described()))
        });
        let arrow = Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?));
        Ok(Self { arrow, partition_columns: partition_columns.to_vec(), delta: delta.clone() })
    }

    /// The data columns.
    #[must_use]
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The partition columns, in the order of the folders.
    #[must_use]
    pub fn partition_columns(&self) -> &[String] {
        &self.partition_columns
    }

    /// All columns in Delta's form. The partition columns come last.
    pub(crate) fn delta(&self) -> &DeltaStruct {
        &self.delta
    }

    /// Whether a column is a `timestamp_ntz`. The table then needs the `timestampNtz` feature (Delta protocol).
    pub(crate) fn needs_timestamp_ntz(&self) -> bool {
        fn any(fields: &Fields) -> bool {
            fields.iter().any(|field| match field.data_type() {
                DataType::Timestamp(_, None) => true,
                DataType::Struct(inner) => any(inner),
                _ => false,
            })
        }
        any(self.arrow.fields())
    }
}

/// Converts Arrow fields to Delta's form. `parent` is the dotted path of the struct around them.
fn fields_of(fields: &Fields, parent: &str) -> Result<Vec<DeltaField>, LakeError> {
    fields
        .iter()
        .map(|field| {
            let path =
                if parent.is_empty() { field.name().clone() } else { format!("{parent}.{}", field.name()) };
            check_name(field.name(), &path)?;
            Ok(DeltaField::new(field.name(), type_of(field.data_type(), &path)?, field.is_nullable()))
        })
        .collect()
}

/// Checks that Delta and Parquet allow the name of a column.
fn check_name(name: &str, path: &str) -> Result<(), LakeError> {
    if name.is_empty() || name.contains([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=']) {
        return Err(refused(path, "a column's name must not be empty or contain any of ' ,;{}()\\n\\t='"));
    }
    Ok(())
}

/// The Delta type for an Arrow type. Fails if there is none.
fn type_of(data_type: &DataType, path: &str) -> Result<DeltaType, LakeError> {
    let named = |name: &str| Ok(DeltaType::named(name));
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => named("string"),
        DataType::Binary | DataType::LargeBinary => named("binary"),
        DataType::Boolean => named("boolean"),
        DataType::Int8 => named("byte"),
        DataType::Int16 => named("short"),
        DataType::Int32 => named("integer"),
        DataType::Int64 => named("long"),
        DataType::Float32 => named("float"),
        DataType::Float64 => named("double"),
        DataType::Date32 => named("date"),
        DataType::Decimal128(precision, scale) if *scale >= 0 => {
            named(&format!("decimal({precision},{scale})"))
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone))
            if matches!(zone.as_ref(), "UTC" | "+00:00" | "Z") =>
        {
            named("timestamp")
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => named("timestamp_ntz"),
        DataType::Dictionary(_, values) => type_of(values, path),
        DataType::Struct(inner) => Ok(DeltaType::Struct(DeltaStruct::new(fields_of(inner, path)?))),
        other => Err(refused(path, &format!("Delta has no type for Arrow's {other}"))),
    }
}

/// The error for a column. The table is not known here; [`LakeError::in_table`] adds it.
fn refused(column: &str, reason: &str) -> LakeError {
    LakeError::Schema { table: "schema".to_owned(), column: column.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Field;

    use super::*;

    fn schema(fields: Vec<Field>) -> Result<TableSchema, LakeError> {
        TableSchema::new(Arc::new(Schema::new(fields)), vec!["yr".into()])
    }

    #[test]
    fn arrow_types_become_deltas() {
        let nested = Field::new("inner", DataType::Decimal128(12, 3), true);
        let made = schema(vec![
            Field::new("ts", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
            Field::new("room", DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into()), false),
            Field::new("n", DataType::Struct(vec![nested].into()), true),
        ])
        .unwrap();
        assert_eq!(
            made.delta().to_json(),
            concat!(
                r#"{"type":"struct","fields":["#,
                r#"{"name":"ts","type":"timestamp","nullable":false,"metadata":{}},"#,
                r#"{"name":"room","type":"string","nullable":false,"metadata":{}},"#,
                r#"{"name":"n","type":{"type":"struct","fields":["#,
                r#"{"name":"inner","type":"decimal(12,3)","nullable":true,"metadata":{}}]},"nullable":true,"metadata":{}},"#,
                r#"{"name":"yr","type":"string","nullable":true,"metadata":{}}]}"#
            )
        );
        assert!(!made.needs_timestamp_ntz());
    }

    #[test]
    fn types_that_delta_lacks_are_refused_by_name() {
        let millis = Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true);
        let nested = Field::new("outer", DataType::Struct(vec![millis].into()), true);
        let said = schema(vec![nested]).unwrap_err().to_string();
        assert!(said.contains("\"outer.at\""), "{said}");
        let said = schema(vec![Field::new("n", DataType::UInt64, true)]).unwrap_err().to_string();
        assert!(said.contains("UInt64"), "{said}");
    }

    #[test]
    fn names_that_delta_forbids_are_refused_for_partition_columns_too() {
        for name in ["", "a b", "a=b", "a\tb"] {
            assert!(schema(vec![Field::new(name, DataType::Utf8, true)]).is_err());
            assert!(TableSchema::new(Arc::new(Schema::empty()), vec![name.to_owned()]).is_err());
        }
    }

    #[test]
    fn a_partition_column_cannot_be_a_column_of_the_files_too() {
        assert!(schema(vec![Field::new("YR", DataType::Utf8, true)]).is_err());
    }
}
