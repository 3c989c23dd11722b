//! Names and types of tables that pipeline files describe.

use pipeline::FieldType;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::WarehouseError;

/// A name, or `schema.name`, quoted. Names were checked with the pipeline file; they are quoted all the same.
#[must_use]
pub fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

/// The statement that makes the schema of `schema.name`; empty for a plain name.
pub(crate) fn create_schema(name: &str) -> String {
    name.split_once('.')
        .map(|(schema, _)| format!("CREATE SCHEMA IF NOT EXISTS {}; ", quoted(schema)))
        .unwrap_or_default()
}

/// The SQL type of a field's column, as `format_type` spells it; none for a struct, which is no column.
pub(crate) fn sql_type(field_type: FieldType) -> Option<String> {
    Some(match field_type {
        FieldType::String => "text".into(),
        FieldType::Int32 => "integer".into(),
        FieldType::Int64 => "bigint".into(),
        FieldType::Float64 => "double precision".into(),
        FieldType::Boolean => "boolean".into(),
        FieldType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        FieldType::Date => "date".into(),
        FieldType::Timestamp => "timestamp with time zone".into(),
        FieldType::Json => "jsonb".into(),
        FieldType::Struct => return None,
    })
}

/// Whether the table has these columns, each a name and an SQL type.
pub(crate) async fn check_columns(
    client: &Client,
    table: &str,
    wanted: impl IntoIterator<Item = &(String, String)>,
) -> Result<(), WarehouseError> {
    let rows = client
        .query_typed(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
             WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
            &[(&quoted(table), Type::TEXT)],
        )
        .await
        .map_err(WarehouseError::statement("look at a table"))?;
    let found: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (column, sql_type) in wanted {
        let actual = found.iter().find(|(name, _)| name == column).map(|(_, actual)| actual.as_str());
        if actual != Some(sql_type.as_str()) {
            return Err(WarehouseError::Schema(format!(
                "table {table} exists, but its column `{column}` is {}, not {sql_type}: rename the table in the \
                 pipeline file, or alter it",
                actual.unwrap_or("missing"),
            )));
        }
    }
    Ok(())
}
