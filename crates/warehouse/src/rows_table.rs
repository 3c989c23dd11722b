//! A table with a row per record, or per key: created from its pipeline file, filled in one statement a batch.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use pipeline::{Column, FieldType, Layout, OnRepeat, Pipeline, TableSection, Value};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::columns::Columns;
use crate::definition::{ColumnDefinition, TableDefinition};
use crate::error::WarehouseError;
use crate::names::{list, quoted, sql_type};
use crate::plan::TablePlan;
use crate::retention::{Retention, STORED_AT};
use crate::values;

/// The column of Kafka's timestamp.
pub(crate) const RECEIVED_AT: &str = "received_at";
/// The column of the record's partition.
pub(crate) const PARTITION: &str = "_partition";
/// The column of the record's offset.
pub(crate) const OFFSET: &str = "_offset";
/// A record's row, before it is one.
#[derive(Debug)]
pub struct NewRow<'a, 'r> {
    /// The decoded record, by the places of its pipeline's [`Layout`].
    pub values: &'r [Value<'a>],
    /// When Kafka took it.
    pub received_at: DateTime<Utc>,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

/// A table of records.
#[derive(Debug, Clone)]
pub struct RowsTable {
    name: String,
    /// The place in the layout, and what the column is made of.
    columns: Vec<(usize, Column)>,
    key: Vec<String>,
    indexes: Vec<Vec<String>>,
    id: Option<String>,
    retention: Option<Retention>,
    insert: String,
}

impl RowsTable {
    /// The table of a pipeline whose `table` section is `spec`; `None` where it names no such field, which the pipeline
    /// file's own checks rule out.
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

    /// Creates the table where it does not exist, else brings its columns and indexes up to date where that can be done
    /// in place; then its partitions. Within the transaction that `client` has open.
    pub async fn create(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        let plan = self.definition().bring_up_to_date(client).await?;
        self.keep_up(client, Utc::now().date_naive()).await?;
        Ok(plan)
    }

    /// What [`RowsTable::create`] would do besides partitions. Changes nothing.
    pub async fn plan(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        self.definition().plan(client).await
    }

    /// Where the table has a retention: makes the partitions of `today` and the days to come, and drops what is over.
    pub async fn keep_up(&self, client: &Client, today: NaiveDate) -> Result<(), WarehouseError> {
        match &self.retention {
            Some(retention) => retention.keep_up(client, today).await,
            None => Ok(()),
        }
    }

    /// Whether a row may be gone by `now` because its days are over. `received_at` is Kafka's timestamp.
    #[must_use]
    pub fn is_over(&self, event: DateTime<Utc>, received_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.retention.as_ref().is_some_and(|retention| retention.is_over(event, received_at, now))
    }

    fn definition(&self) -> TableDefinition {
        let sequence = self.id.as_ref().map(|id| format!("{}_{id}_seq", self.name));
        let id = self.id.as_ref().zip(sequence.as_ref()).map(|(id, sequence)| {
            // Not an identity column: those of partitioned tables are younger than Postgres 15.
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

    /// Stores rows in one statement, within the transaction that `client` has open. Returns how many rows there are new
    /// or changed; of the others the key has a row that stays.
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
    /// For each of `rows`, whether its key has a row; without a key none has.
    pub async fn has_keys(
        &self,
        client: &Client,
        rows: &[NewRow<'_, '_>],
    ) -> Result<Vec<bool>, WarehouseError> {
        if self.key.is_empty() || rows.is_empty() {
            return Ok(vec![false; rows.len()]);
        }
        let keys = self.columns.iter().filter(|(_, column)| self.key.contains(&column.flat_name()));
        let (mut arrays, mut matches, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (place, column)) in keys.enumerate() {
            let (Some(element), Some(sql_type)) =
                (array_element(column.field_type), sql_type(column.field_type))
            else {
                continue;
            };
            arrays.push(format!("${}::{element}[]", index + 1));
            matches.push(format!("t.{} = u.c{index}::{sql_type}", quoted(&column.flat_name())));
            parameters.push(values::array(column.field_type, rows.iter().map(|row| &row.values[*place])));
        }
        let aliases: Vec<_> = (0..arrays.len()).map(|index| format!("c{index}")).collect();
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {} t WHERE {}) FROM unnest({}) WITH ORDINALITY AS u({}, place) ORDER BY place",
            quoted(&self.name),
            matches.join(" AND "),
            arrays.join(", "),
            aliases.join(", "),
        );
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> = parameters
            .iter()
            .map(|(values, array)| (values.as_ref() as &(dyn ToSql + Sync), array.clone()))
            .collect();
        let found = client.query_typed(&sql, &parameters).await;
        let found = found.map_err(WarehouseError::statement("look keys up"))?;
        Ok(found.iter().map(|row| row.get(0)).collect())
    }
}

/// The column at `place`, which is null also where the struct around it is.
fn nullable_within(layout: &Layout, place: usize) -> Column {
    Column { nullable: layout.may_be_null(place), ..layout.columns[place].clone() }
}

/// One statement for a batch: an array a column, in the order of the keys (so that two writers lock them in the same
/// one), each key once.
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
            // A row is as old as the record that it holds.
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

/// What the arrays of a batch hold: values that have no type of Rust's travel as text, and Postgres reads them.
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
