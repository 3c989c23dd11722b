//! A table of running totals: created from its pipeline file, added to in one statement a batch.

use std::fmt::Write;

use pipeline::{FieldType, Layout, Pipeline, Totals};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::error::WarehouseError;

/// What the total is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumType {
    /// 64-bit integer. A total that would pass it is refused, never wrapped.
    BigInt,
    /// Exact decimal with this many digits behind the point, 38 in all.
    Numeric(u8),
}

impl SumType {
    fn sql(self) -> String {
        match self {
            Self::BigInt => "bigint".to_owned(),
            Self::Numeric(scale) => format!("numeric(38,{scale})"),
        }
    }
}

/// A table of totals. Its names were checked with the pipeline file; they are quoted all the same.
#[derive(Debug, Clone)]
pub struct TotalsTable {
    name: String,
    keys: Vec<(String, String)>,
    total: (String, SumType),
    upsert: String,
}

/// The SQL type of a key column, as `format_type` would spell it.
fn key_type(field_type: FieldType) -> Option<String> {
    Some(match field_type {
        FieldType::String => "text".into(),
        FieldType::Int32 => "integer".into(),
        FieldType::Int64 => "bigint".into(),
        FieldType::Boolean => "boolean".into(),
        FieldType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
        FieldType::Date => "date".into(),
        FieldType::Timestamp => "timestamp with time zone".into(),
        FieldType::Float64 | FieldType::Json | FieldType::Struct => return None,
    })
}

fn quoted(name: &str) -> String {
    name.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect::<Vec<_>>().join(".")
}

impl TotalsTable {
    /// A table `name` (or `schema.name`), keyed by columns of a name and an SQL type each.
    #[must_use]
    pub fn new(name: &str, keys: Vec<(String, String)>, total_column: &str, sum: SumType) -> Self {
        let columns: Vec<_> = keys.iter().map(|(column, _)| quoted(column)).collect();
        let (columns, total) = (columns.join(", "), quoted(total_column));
        let (mut arrays, mut values, mut names) = (String::new(), String::new(), String::new());
        for (index, (_, sql_type)) in keys.iter().enumerate() {
            // Values travel as text and Postgres reads them as their type: one code path for all types of key.
            let _ = write!(arrays, "${}::text[], ", index + 1);
            let _ = write!(values, "k{index}::{sql_type}, ");
            let _ = write!(names, "k{index}, ");
        }
        let upsert = format!(
            "INSERT INTO {table} AS t ({columns}, {total}) \
             SELECT {values} s::{sum} FROM unnest({arrays} ${last}::text[]) AS u({names} s) \
             ON CONFLICT ({columns}) DO UPDATE SET {total} = t.{total} + EXCLUDED.{total}, updated_at = now()",
            table = quoted(name),
            sum = sum.sql(),
            last = keys.len() + 1,
        );
        Self { name: name.to_owned(), keys, total: (total_column.to_owned(), sum), upsert }
    }

    /// The totals table of a pipeline whose `totals` section is `spec`; `None` where its fields do not fit, which the
    /// pipeline file's own checks rule out.
    #[must_use]
    pub fn of_pipeline(pipeline: &Pipeline, spec: &Totals) -> Option<Self> {
        let layout = Layout::of(&pipeline.fields);
        let column = |path: &String| Some(&layout.columns[layout.place(path)?]);
        let keys = spec
            .key
            .iter()
            .map(|path| column(path).and_then(|c| Some((c.name.clone(), key_type(c.field_type)?))));
        let sum = match column(&spec.sum)?.field_type {
            FieldType::Int32 | FieldType::Int64 => SumType::BigInt,
            FieldType::Decimal { scale, .. } => SumType::Numeric(scale),
            _ => return None,
        };
        Some(Self::new(&spec.table, keys.collect::<Option<_>>()?, &spec.total_column, sum))
    }

    /// Creates the table, and its schema, where they do not exist; one that does must have these columns.
    pub async fn create(&self, client: &Client) -> Result<(), WarehouseError> {
        let failed = WarehouseError::statement("create a totals table");
        let mut sql = String::new();
        if let Some((schema, _)) = self.name.split_once('.') {
            let _ = write!(sql, "CREATE SCHEMA IF NOT EXISTS {}; ", quoted(schema));
        }
        let _ = write!(sql, "CREATE TABLE IF NOT EXISTS {} (", quoted(&self.name));
        for (column, sql_type) in &self.keys {
            let _ = write!(sql, "{} {sql_type} NOT NULL, ", quoted(column));
        }
        let keys: Vec<_> = self.keys.iter().map(|(column, _)| quoted(column)).collect();
        let _ = write!(
            sql,
            "{} {} NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY ({}))",
            quoted(&self.total.0),
            self.total.1.sql(),
            keys.join(", ")
        );
        client.batch_execute(&sql).await.map_err(&failed)?;
        self.check(client).await
    }

    async fn check(&self, client: &Client) -> Result<(), WarehouseError> {
        let failed = WarehouseError::statement("look at a totals table");
        let rows = client
            .query_typed(
                "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
                 WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
                &[(&quoted(&self.name), Type::TEXT)],
            )
            .await
            .map_err(&failed)?;
        let found: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let total = (self.total.0.clone(), self.total.1.sql());
        for (column, sql_type) in self.keys.iter().chain([&total]) {
            let actual = found.iter().find(|(name, _)| name == column).map(|(_, actual)| actual.as_str());
            if actual != Some(sql_type.as_str()) {
                return Err(WarehouseError::Schema(format!(
                    "table {} exists, but its column `{column}` is {}, not {sql_type}: rename the table in the pipeline \
                     file, or alter it",
                    self.name,
                    actual.unwrap_or("missing"),
                )));
            }
        }
        Ok(())
    }

    /// Adds to many totals in one statement. `rows` are unique keys, as text, in a fixed order (so that two writers
    /// lock them in the same one), with what to add, as text.
    pub async fn add(&self, client: &Client, rows: &[(Vec<String>, String)]) -> Result<(), WarehouseError> {
        let mut columns: Vec<Vec<&str>> = vec![Vec::with_capacity(rows.len()); self.keys.len() + 1];
        for (key, sum) in rows {
            for (column, value) in columns.iter_mut().zip(key.iter().chain([sum])) {
                column.push(value);
            }
        }
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            columns.iter().map(|column| (column as &(dyn ToSql + Sync), Type::TEXT_ARRAY)).collect();
        client
            .execute_typed(&self.upsert, &parameters)
            .await
            .map_err(WarehouseError::statement("add to the totals"))?;
        Ok(())
    }
}
