//! Names and SQL types for the tables of pipeline files.

use pipeline::FieldType;

/// Quotes a name or `schema.name` for SQL. Names of pipeline files were checked before and are quoted as well.
#[must_use]
pub fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

/// Column names for SQL, quoted and separated by commas.
pub(crate) fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

/// The SQL that creates the schema in `schema.name`. Empty for a name without a schema.
pub(crate) fn create_schema(name: &str) -> String {
    name.split_once('.')
        .map(|(schema, _)| format!("CREATE SCHEMA IF NOT EXISTS {}; ", quoted(schema)))
        .unwrap_or_default()
}

/// The SQL type of a field's column, as `format_type` writes it. `None` for a struct, which has no column.
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
