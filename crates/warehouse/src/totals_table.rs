//! A table of running totals: created from its pipeline file, added to in one statement a batch.

use std::fmt::Write;

use pipeline::{FieldType, Layout, Pipeline, Totals};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::error::WarehouseError;
use crate::names::{check_columns, create_schema, quoted, sql_type};

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
            .map(|path| column(path).and_then(|c| Some((c.name.clone(), sql_type(c.field_type)?))));
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
        let mut sql = create_schema(&self.name);
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
        let total = (self.total.0.clone(), self.total.1.sql());
        check_columns(client, &self.name, self.keys.iter().chain([&total])).await
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
