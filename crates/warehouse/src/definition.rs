//! The table that a pipeline file describes, and how an existing table is changed to match it.

use std::fmt::Write;

use crate::names::{create_schema, list, quoted};

/// Where a column comes from. It decides how the column can be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A field of the pipeline file, by its dotted path.
    Field(String),
    /// A fixed column of every table of this kind.
    Own,
}

/// A column that the table should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnDefinition {
    /// The name, without quotes.
    pub(crate) name: String,
    /// The SQL type as `format_type` of Postgres writes it.
    pub(crate) sql_type: String,
    /// Whether the column may contain null.
    pub(crate) nullable: bool,
    /// The default as an SQL expression. The flag is true if existing rows all get the same value; adding the column
    /// then does not rewrite the table.
    pub(crate) default: Option<(String, bool)>,
    pub(crate) origin: Origin,
}

impl ColumnDefinition {
    /// A column for a field.
    pub(crate) fn of_field(path: &str, name: String, sql_type: String, nullable: bool) -> Self {
        Self { name, sql_type, nullable, default: None, origin: Origin::Field(path.to_owned()) }
    }

    /// A fixed column, never null.
    pub(crate) fn own(name: &str, sql_type: &str, default: Option<(String, bool)>) -> Self {
        let (name, sql_type) = (name.to_owned(), sql_type.to_owned());
        Self { name, sql_type, nullable: false, default, origin: Origin::Own }
    }

    /// The SQL of the column for `CREATE TABLE` and `ADD COLUMN`.
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

/// A table as it should be. Its names were checked with the pipeline file and are quoted as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableDefinition {
    pub(crate) name: String,
    /// The columns, in the order of a new table.
    pub(crate) columns: Vec<ColumnDefinition>,
    /// The columns of the primary key. Empty if there is none.
    pub(crate) key: Vec<String>,
    /// The column for range partitioning. `None`: the table is not partitioned.
    pub(crate) partition_by: Option<String>,
    /// The columns of each index.
    pub(crate) indexes: Vec<Vec<String>>,
    /// The sequence that a default uses.
    pub(crate) sequence: Option<String>,
}

impl TableDefinition {
    /// The SQL that creates the schema, the sequence and the table.
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

    /// The SQL that creates an index. It has no name, so that Postgres chooses one that is not taken and fits into 63
    /// bytes.
    pub(crate) fn index_sql(&self, columns: &[String]) -> String {
        format!("CREATE INDEX ON {} ({})", quoted(&self.name), list(columns))
    }
}
