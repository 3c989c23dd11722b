//! A table of running totals: created from its pipeline file, added to in one statement a batch.

use std::fmt::Write;

use pipeline::{FieldType, Layout, Pipeline, TotalsSection};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::definition::{ColumnDefinition, TableDefinition};
use crate::error::WarehouseError;
use crate::names::{quoted, sql_type};
use crate::plan::TablePlan;

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
    pub fn of_pipeline(pipeline: &Pipeline, spec: &TotalsSection) -> Option<Self> {
        let layout = Layout::of(&pipeline.fields);
        let column = |path: &String| Some(&layout.columns[layout.column_index(path)?]);
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

    /// Creates the table where it does not exist, else brings its columns up to date where that can be done in place.
    pub async fn create(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        self.definition().bring_up_to_date(client).await
    }

    /// What [`TotalsTable::create`] would do. Changes nothing.
    pub async fn plan(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        self.definition().plan(client).await
    }

    fn definition(&self) -> TableDefinition {
        let keys = self.keys.iter().map(|(column, sql_type)| {
            ColumnDefinition::of_field(column, column.clone(), sql_type.clone(), false)
        });
        let now = Some(("now()".to_owned(), true));
        let own = [
            ColumnDefinition::own(&self.total.0, &self.total.1.sql(), None),
            ColumnDefinition::own("updated_at", "timestamp with time zone", now),
        ];
        TableDefinition {
            name: self.name.clone(),
            columns: keys.chain(own).collect(),
            key: self.keys.iter().map(|(column, _)| column.clone()).collect(),
            partition_by: None,
            indexes: Vec::new(),
            sequence: None,
        }
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
