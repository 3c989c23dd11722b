//! A table as its pipeline file wants it, and how an existing one is brought there.

use std::fmt::Write;

use crate::names::{create_schema, list, quoted};

/// Where a column comes from, which decides what may be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A field of the pipeline file, by its dotted path.
    Field(String),
    /// Every table of this kind has it.
    Own,
}

/// A wanted column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    /// As `format_type` spells it.
    pub(crate) sql_type: String,
    pub(crate) nullable: bool,
    /// An SQL expression, and whether it gives all rows that exist one value (so that adding the column rewrites nothing).
    pub(crate) default: Option<(String, bool)>,
    pub(crate) origin: Origin,
}

impl ColumnDefinition {
    /// A column that holds a field.
    pub(crate) fn of_field(path: &str, name: String, sql_type: String, nullable: bool) -> Self {
        Self { name, sql_type, nullable, default: None, origin: Origin::Field(path.to_owned()) }
    }

    /// A column that tables of this kind have, never null.
    pub(crate) fn own(name: &str, sql_type: &str, default: Option<(String, bool)>) -> Self {
        let (name, sql_type) = (name.to_owned(), sql_type.to_owned());
        Self { name, sql_type, nullable: false, default, origin: Origin::Own }
    }

    /// As in `CREATE TABLE` and `ADD COLUMN`.
    pub(crate) fn sql(&self) -> String {
        let mut sql = format!("{} {}", quoted(&self.name), self.sql_type);
        if !self.nullable {
            sql.push_str(" NOT NULL");
        }
        if let Some((default, _)) = &self.default {
            let _ = write!(sql, " DEFAULT {default}");
        }
        sql
    }
}

/// A wanted table. Its names were checked with the pipeline file; they are quoted all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableDefinition {
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) key: Vec<String>,
    /// The column by whose ranges it is partitioned.
    pub(crate) partition_by: Option<String>,
    pub(crate) indexes: Vec<Vec<String>>,
    /// A sequence that a default draws from.
    pub(crate) sequence: Option<String>,
}

impl TableDefinition {
    /// The statements that make it.
    pub(crate) fn create_sql(&self) -> String {
        let mut sql = create_schema(&self.name);
        if let Some(sequence) = &self.sequence {
            let _ = write!(sql, "CREATE SEQUENCE IF NOT EXISTS {}; ", quoted(sequence));
        }
        let mut lines: Vec<_> = self.columns.iter().map(ColumnDefinition::sql).collect();
        if !self.key.is_empty() {
            lines.push(format!("PRIMARY KEY ({})", list(&self.key)));
        }
        let by = self.partition_by.as_ref().map(|column| format!(" PARTITION BY RANGE ({})", quoted(column)));
        let _ = write!(
            sql,
            "CREATE TABLE {} ({}){}",
            quoted(&self.name),
            lines.join(", "),
            by.unwrap_or_default()
        );
        sql
    }

    /// Postgres names the index: two tables' indexes, and names that are cut to 63 bytes, then never collide.
    pub(crate) fn index_sql(&self, columns: &[String]) -> String {
        format!("CREATE INDEX ON {} ({})", quoted(&self.name), list(columns))
    }
}
