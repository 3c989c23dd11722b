//! A Postgres table of running totals. It is created from its pipeline file, and each batch is added with one
//! statement.

use std::fmt::Write;

use pipeline::{FieldType, Layout, Pipeline, TotalsSection};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::columns::Columns;
use crate::definition::{ColumnDefinition, TableDefinition};
use crate::error::WarehouseError;
use crate::names::{quoted, sql_type};
use crate::plan::TablePlan;

/// The SQL type of the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumType {
    /// 64-bit integer. An addition that would overflow is refused.
    BigInt,
    /// Exact decimal with 38 digits in total, this many of them after the point.
    Numeric(u8),
}

impl SumType {
    /// The SQL type, as `format_type` of Postgres writes it.
    fn sql(self) -> String {
        match self {
            Self::BigInt => "bigint".to_owned(),
            Self::Numeric(scale) => format!("numeric(38,{scale})"),
        }
    }
}

/// A table of totals. Its names were checked with the pipeline file and are quoted as well.
#[derive(Debug, Clone)]
pub struct TotalsTable {
    /// The table's name, without quotes.
    name: String,
    /// The key columns: name and SQL type.
    keys: Vec<(String, String)>,
    /// The column of the sum, and its type.
    total: (String, SumType),
    /// The statement that adds a batch of any size.
    upsert: String,
}

impl TotalsTable {
    /// A table `name` or `schema.name`. `keys` are the key columns, each a name and an SQL type.
    #[must_use]
    pub fn new(name: &str, keys: Vec<(String, String)>, total_column: &str, sum: SumType) -> Self {
        let columns: Vec<_> = keys.iter().map(|(column, _)| quoted(column)).collect();
        let (columns, total) = (columns.join(", "), quoted(total_column));
        let (mut arrays, mut values, mut names) = (String::new(), String::new(), String::new());
        for (index, (_, sql_type)) in keys.iter().enumerate() {
            // Values are passed as text and cast by Postgres, so that all key types use the same code.
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

    /// The totals table of a pipeline. `spec` is its `totals` section. Returns `None` if a field in it does not exist
    /// or has the wrong type, which cannot happen for a checked pipeline file.
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

    /// Creates the table if it does not exist. Otherwise changes its columns to match the pipeline file. Returns the
    /// plan that was carried out.
    ///
    /// # Errors
    /// [`WarehouseError::Schema`] if an existing table cannot be changed to match.
    pub async fn create(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        self.definition().bring_up_to_date(client).await
    }

    /// Returns the plan of [`TotalsTable::create`]. Changes nothing.
    pub async fn plan(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        self.definition().plan(client).await
    }

    /// The table that the pipeline file asks for.
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

    /// Adds to many totals with one statement. Each row is a key and the amount to add, both as text. Keys must be
    /// unique and in a fixed order, so that two writers cannot deadlock.
    ///
    /// # Errors
    /// [`WarehouseError::Statement`]. If a total would overflow, [`WarehouseError::is_out_of_range`] is true.
    pub async fn add(&self, client: &Client, rows: &[(Vec<String>, String)]) -> Result<(), WarehouseError> {
        let mut columns = Columns::of(rows);
        for index in 0..self.keys.len() {
            columns = columns.column(Type::TEXT_ARRAY, |(key, _)| key[index].as_str());
        }
        let columns = columns.column(Type::TEXT_ARRAY, |(_, sum)| sum.as_str());
        columns.execute(client, &self.upsert, "add to the totals").await.map(drop)
    }
}
