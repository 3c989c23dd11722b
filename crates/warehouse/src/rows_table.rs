//! A Postgres table with one row per record or per key. It is created from its pipeline file, and each batch is stored
//! with one statement.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use pipeline::{Column, FieldType, Layout, OnRepeat, Pipeline, TableSection, Value};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::columns::Columns;
use crate::definition::{ColumnDefinition, TableDefinition};
use crate::error::WarehouseError;
use crate::names::{list, quoted, sql_type};
use crate::plan::TablePlan;
use crate::retention::{Retention, STORED_AT};
use crate::values;

/// The column with Kafka's timestamp.
pub(crate) const RECEIVED_AT: &str = "received_at";
/// The column with the record's partition.
pub(crate) const PARTITION: &str = "_partition";
/// The column with the record's offset.
pub(crate) const OFFSET: &str = "_offset";
/// The values of a row to store.
#[derive(Debug)]
pub struct NewRow<'a, 'r> {
    /// The decoded record, in the order of its pipeline's [`Layout`].
    pub values: &'r [Value<'a>],
    /// When Kafka received the record.
    pub received_at: DateTime<Utc>,
    /// The record's partition.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
}

/// A table of records, with its insert statement.
#[derive(Debug, Clone)]
pub struct RowsTable {
    /// The table's name, without quotes.
    name: String,
    /// The columns that hold fields, each with its index in the layout.
    columns: Vec<(usize, Column)>,
    /// The columns of the primary key. Empty: every record is a row.
    key: Vec<String>,
    /// The columns of each index.
    indexes: Vec<Vec<String>>,
    /// The column with running numbers, if the pipeline file asks for one.
    id: Option<String>,
    /// How long rows are kept. `None`: for ever.
    retention: Option<Retention>,
    /// The insert statement for a batch of any size.
    insert: String,
}

impl RowsTable {
    /// The table of a pipeline. `spec` is its `table` section. Returns `None` if a field in it does not exist, which
    /// cannot happen for a checked pipeline file.
    #[must_use]
    pub fn of_pipeline(pipeline: &Pipeline, spec: &TableSection) -> Option<Self> {
        let layout = Layout::of(&pipeline.fields);
        let name_of = |path: &String| Some(layout.columns[layout.column_index(path)?].flat_name());
        let names = |paths: &[String]| paths.iter().map(name_of).collect::<Option<Vec<_>>>();
        let columns: Vec<_> = layout.leaves().map(|place| (place, nullable_within(&layout, place))).collect();
        let key = names(&spec.key)?;
        let event_time = match &pipeline.event_time {
            Some(path) => Some(name_of(path)?),
            None => None,
        };
        let retention = match spec.retention_days {
            Some(days) => Some(Retention::new(&spec.name, event_time.as_deref()?, days)),
            None => None,
        };
        let insert = insert(spec, &columns, &key, event_time.as_deref())?;
        let indexes = spec.indexes.iter().map(|paths| names(paths)).collect::<Option<_>>()?;
        let (name, id) = (spec.name.clone(), spec.id_column.clone());
        Some(Self { name, columns, key, indexes, id, retention, insert })
    }

    /// Creates the table if it does not exist. Otherwise changes its columns and indexes to match the pipeline file.
    /// Then creates its partitions. Runs in the open transaction of `client`. Returns the plan that was carried out.
    ///
    /// # Errors
    /// [`WarehouseError::Schema`] if an existing table cannot be changed to match.
    pub async fn create(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        let plan = self.definition().bring_up_to_date(client).await?;
        self.keep_up(client, Utc::now().date_naive()).await?;
        Ok(plan)
    }

    /// Returns the plan of [`RowsTable::create`], without partitions. Changes nothing.
    pub async fn plan(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        self.definition().plan(client).await
    }

    /// For a table with a retention: creates the partitions from yesterday to some days after `today`, and deletes
    /// expired rows.
    pub async fn keep_up(&self, client: &Client, today: NaiveDate) -> Result<(), WarehouseError> {
        match &self.retention {
            Some(retention) => retention.keep_up(client, today).await,
            None => Ok(()),
        }
    }

    /// Whether a row may already be deleted at `now` because of the retention. `received_at` is Kafka's timestamp.
    #[must_use]
    pub fn is_over(&self, event: DateTime<Utc>, received_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.retention.as_ref().is_some_and(|retention| retention.is_over(event, received_at, now))
    }

    /// The table that the pipeline file asks for.
    fn definition(&self) -> TableDefinition {
        let sequence = self.id.as_ref().map(|id| format!("{}_{id}_seq", self.name));
        let id = self.id.as_ref().zip(sequence.as_ref()).map(|(id, sequence)| {
            // Not an identity column, because Postgres 15 does not support those in partitioned tables.
            let default = format!("nextval('{}')", quoted(sequence).replace('\'', "''"));
            ColumnDefinition::own(id, "bigint", Some((default, false)))
        });
        let fields = self.columns.iter().filter_map(|(_, column)| {
            let sql_type = sql_type(column.field_type)?;
            Some(ColumnDefinition::of_field(&column.path, column.flat_name(), sql_type, column.nullable))
        });
        let position =
            [(RECEIVED_AT, "timestamp with time zone"), (PARTITION, "integer"), (OFFSET, "bigint")];
        let position = position.map(|(name, sql_type)| ColumnDefinition::own(name, sql_type, None));
        let stored_at = self.retention.as_ref().map(|_| {
            ColumnDefinition::own(STORED_AT, "timestamp with time zone", Some(("now()".to_owned(), true)))
        });
        TableDefinition {
            name: self.name.clone(),
            columns: id.into_iter().chain(fields).chain(position).chain(stored_at).collect(),
            key: self.key.clone(),
            partition_by: self.retention.as_ref().map(|retention| retention.column().to_owned()),
            indexes: self.indexes.clone(),
            sequence,
        }
    }

    /// Stores rows with one statement, in the open transaction of `client`. Returns the number of new or changed rows.
    /// The other rows have a key whose row stays.
    ///
    /// # Errors
    /// [`WarehouseError::Statement`]. If the table cannot hold a record, [`WarehouseError::is_unholdable`] is true, and
    /// [`search`](crate::search) finds the record.
    pub async fn insert(&self, client: &Client, rows: &[NewRow<'_, '_>]) -> Result<u64, WarehouseError> {
        let mut columns = Columns::of(rows);
        for (index, column) in &self.columns {
            columns =
                columns.array(values::array(column.field_type, rows.iter().map(|row| &row.values[*index])));
        }
        let columns = columns
            .column(Type::TIMESTAMPTZ_ARRAY, |row| row.received_at)
            .column(Type::INT4_ARRAY, |row| row.partition)
            .column(Type::INT8_ARRAY, |row| row.offset);
        columns.execute(client, &self.insert, "store rows").await
    }
}

impl RowsTable {
    /// Returns for each of `rows` whether the table has a row with its key. For a table without a key, all are `false`.
    pub async fn has_keys(
        &self,
        client: &Client,
        rows: &[NewRow<'_, '_>],
    ) -> Result<Vec<bool>, WarehouseError> {
        if self.key.is_empty() || rows.is_empty() {
            return Ok(vec![false; rows.len()]);
        }
        let keys = self.columns.iter().filter(|(_, column)| self.key.contains(&column.flat_name()));
        let (mut arrays, mut matches, mut columns) = (Vec::new(), Vec::new(), Columns::of(rows));
        for (index, (place, column)) in keys.enumerate() {
            let (Some(element), Some(sql_type)) =
                (array_element(column.field_type), sql_type(column.field_type))
            else {
                continue;
            };
            arrays.push(format!("${}::{element}[]", index + 1));
            matches.push(format!("t.{} = u.c{index}::{sql_type}", quoted(&column.flat_name())));
            columns =
                columns.array(values::array(column.field_type, rows.iter().map(|row| &row.values[*place])));
        }
        let aliases: Vec<_> = (0..arrays.len()).map(|index| format!("c{index}")).collect();
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {} t WHERE {}) FROM unnest({}) WITH ORDINALITY AS u({}, place) ORDER BY place",
            quoted(&self.name),
            matches.join(" AND "),
            arrays.join(", "),
            aliases.join(", "),
        );
        let found = columns.query(client, &sql, "look keys up").await?;
        Ok(found.iter().map(|row| row.get(0)).collect())
    }
}

/// The column at `place`. It is nullable also if a struct around it is.
fn nullable_within(layout: &Layout, place: usize) -> Column {
    Column { nullable: layout.may_be_null(place), ..layout.columns[place].clone() }
}

/// The insert statement for a batch. Each column is passed as one array. Rows are sorted by key, so that two writers
/// cannot deadlock, and each key occurs once.
fn insert(
    spec: &TableSection,
    columns: &[(usize, Column)],
    key: &[String],
    event_time: Option<&str>,
) -> Option<String> {
    let (mut names, mut arrays, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (_, column)) in columns.iter().enumerate() {
        names.push(column.flat_name());
        arrays.push(format!("${}::{}[]", index + 1, array_element(column.field_type)?));
        values.push(format!("c{index}::{}", sql_type(column.field_type)?));
    }
    let count = columns.len();
    for (index, (name, element)) in
        [(RECEIVED_AT, "timestamptz"), (PARTITION, "int4"), (OFFSET, "int8")].into_iter().enumerate()
    {
        names.push(name.to_owned());
        arrays.push(format!("${}::{element}[]", count + index + 1));
        values.push(format!("c{}", count + index));
    }
    let aliases: Vec<_> = (0..names.len()).map(|index| format!("c{index}")).collect();
    let alias_of = |name: &str| names.iter().position(|other| other == name).map(|index| format!("c{index}"));
    let (source, selected) = (arrays.join(", "), values.join(", "));
    let mut sql = format!("INSERT INTO {} AS t ({}) SELECT ", quoted(&spec.name), list(&names));
    if key.is_empty() {
        let _ = write!(sql, "{selected} FROM unnest({source}) AS u({})", aliases.join(", "));
        return Some(sql);
    }
    let newest: Vec<&str> = event_time.into_iter().chain([RECEIVED_AT, PARTITION, OFFSET]).collect();
    let keys = key.iter().map(|name| alias_of(name)).collect::<Option<Vec<_>>>()?.join(", ");
    let (position, way) = match spec.on_repeat {
        OnRepeat::KeepFirst => (&[PARTITION, OFFSET][..], ""),
        OnRepeat::ReplaceByNewest => (newest.as_slice(), " DESC"),
    };
    let order = position.iter().map(|name| Some(format!("{}{way}", alias_of(name)?)));
    let order = order.collect::<Option<Vec<_>>>()?.join(", ");
    let _ = write!(
        sql,
        "DISTINCT ON ({keys}) {selected} FROM unnest({source}) AS u({}) ORDER BY {keys}, {order} ON CONFLICT ({}) ",
        aliases.join(", "),
        list(key)
    );
    match spec.on_repeat {
        OnRepeat::KeepFirst => sql.push_str("DO NOTHING"),
        OnRepeat::ReplaceByNewest => {
            // The time of storing is that of the newest record.
            let stored_at = spec.retention_days.map(|_| STORED_AT);
            let set = names.iter().map(String::as_str).filter(|name| !key.iter().any(|other| other == name));
            let set = set.chain(stored_at).map(|name| format!("{0} = EXCLUDED.{0}", quoted(name)));
            let set: Vec<_> = set.collect();
            let of = |row: &str| {
                newest.iter().map(|name| format!("{row}.{}", quoted(name))).collect::<Vec<_>>().join(", ")
            };
            let _ =
                write!(sql, "DO UPDATE SET {} WHERE ({}) < ({})", set.join(", "), of("t"), of("EXCLUDED"));
        }
    }
    Some(sql)
}

/// The element type of a column's array. Values without a suitable Rust type are passed as text and cast by Postgres.
fn array_element(field_type: FieldType) -> Option<&'static str> {
    Some(match field_type {
        FieldType::String | FieldType::Decimal { .. } | FieldType::Json => "text",
        FieldType::Int32 => "int4",
        FieldType::Int64 => "int8",
        FieldType::Float64 => "float8",
        FieldType::Boolean => "bool",
        FieldType::Date => "date",
        FieldType::Timestamp => "timestamptz",
        FieldType::Struct => return None,
    })
}
