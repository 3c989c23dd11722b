//! Checks names in Postgres: the allowed characters, the reserved names, and the names that Postgres derives
//! from a table's name.

use crate::checker::Checker;
use crate::field::FieldType;
use crate::layout::Layout;
use crate::rule::Rule;
use crate::spec::{TableSection, TotalsSection};

/// Tables that Headwater's migrations create. A pipeline file must not name them.
pub const OWN_TABLES: [&str; 12] = [
    "apps",
    "cards",
    "cards_quarantine",
    "certificates",
    "certified_amounts",
    "kafka_offsets",
    "kafka_parked",
    "movies",
    "processed_objects",
    "schema_migrations",
    "songs",
    "users",
];

/// Columns that Postgres adds to every table. No other column can have one of these names.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// The length of a name in bytes. Postgres silently cuts off the rest.
const LONGEST: usize = 63;

/// Postgres' limit for the columns of a key or an index.
const MOST_KEY_COLUMNS: usize = 32;

/// A table, with the parts of its section that determine its derived names (sequence, partitions).
#[derive(Debug)]
pub(crate) struct Relation<'a> {
    schema: &'a str,
    table: &'a str,
    /// The column with running numbers. Postgres creates a sequence for it.
    id_column: Option<&'a str>,
    /// Whether the table has a partition per day.
    partitioned: bool,
}

impl<'a> Relation<'a> {
    /// A table without an id column and partitions. A name without a schema is in `public`.
    fn new(name: &'a str) -> Self {
        let (schema, table) = name.split_once('.').unwrap_or(("public", name));
        Self { schema, table, id_column: None, partitioned: false }
    }

    /// The table of a `table` section, with its sequence and partitions.
    pub(crate) fn of_table(spec: &'a TableSection) -> Self {
        let (id_column, partitioned) = (spec.id_column.as_deref(), spec.retention_days.is_some());
        Self { id_column, partitioned, ..Self::new(&spec.name) }
    }

    /// The table of a `totals` section.
    pub(crate) fn of_totals(spec: &'a TotalsSection) -> Self {
        Self::new(&spec.table)
    }

    /// Whether both names refer to the same table, as `orders` and `public.orders` do.
    pub(crate) fn is_same_table(&self, other: &Relation<'_>) -> bool {
        (self.schema, self.table) == (other.schema, other.table)
    }

    /// Whether one of the tables has the name of a partition, a sequence or an index of the other, or their sequences
    /// have the same name.
    pub(crate) fn clashes_with(&self, other: &Relation<'_>) -> bool {
        self.takes_part_of(other) || other.takes_part_of(self)
    }

    /// Whether this table has the name of a partition, a sequence or an index of `other`, or both sequences have the
    /// same name.
    fn takes_part_of(&self, other: &Relation<'_>) -> bool {
        if self.schema != other.schema {
            return false;
        }
        let same_sequence = self.sequence().is_some() && self.sequence() == other.sequence();
        same_sequence || other.has_part(self.table)
    }

    /// The name that Postgres gives the sequence of the id column.
    fn sequence(&self) -> Option<String> {
        self.id_column.map(|id| format!("{}_{id}_seq", self.table))
    }

    /// Whether this table has a partition, a sequence or an index called `name`. Postgres names indexes `…_pkey` and
    /// `…_idx`, and adds a number to the latter if the name is taken.
    fn has_part(&self, name: &str) -> bool {
        if self.sequence().as_deref() == Some(name) {
            return true;
        }
        let Some(rest) = name.strip_prefix(self.table).and_then(|rest| rest.strip_prefix('_')) else {
            return false;
        };
        let is_index =
            rest == "pkey" || rest.trim_end_matches(|c: char| c.is_ascii_digit()).ends_with("_idx");
        let of_partition = |end: &str| end.is_empty() || end.starts_with('_');
        let is_day = rest.strip_prefix('d').is_some_and(|rest| {
            rest.len() >= 8
                && rest.is_char_boundary(8)
                && rest[..8].bytes().all(|byte| byte.is_ascii_digit())
                && of_partition(&rest[8..])
        });
        let is_default = rest.strip_prefix("default").is_some_and(of_partition);
        is_index || (self.partitioned && (is_day || is_default))
    }

    /// Returns a derived name that is longer than Postgres allows, if there is one.
    pub(crate) fn parts_beyond_limit(&self) -> Option<String> {
        let partition = self.partitioned.then(|| format!("{}_d20261231", self.table));
        partition.into_iter().chain(self.sequence()).find(|name| name.len() > LONGEST)
    }
}

/// Checks the name of a table.
pub(crate) fn table_name(checker: &mut Checker, name: &str, at: &[&str]) {
    if !is_table_name(name) {
        checker.problem(at, Rule::TableName, "");
        return;
    }
    let relation = Relation::new(name);
    let reserved = relation.schema.starts_with("pg_")
        || relation.schema == "information_schema"
        || relation.table.starts_with("pg_");
    if reserved {
        checker.problem(at, Rule::TableReserved, name);
    }
    let is_own = |own: &str| {
        let own = Relation::new(own);
        own.is_same_table(&relation) || relation.takes_part_of(&own)
    };
    if OWN_TABLES.iter().any(|table| is_own(table)) {
        checker.problem(at, Rule::TableOwn, name);
    }
}

/// Checks the number of columns of a key or an index.
pub(crate) fn key_length(checker: &mut Checker, columns: &[String], at: &[&str]) {
    if columns.len() > MOST_KEY_COLUMNS {
        checker.problem(at, Rule::KeyLong, columns.len().to_string());
    }
}

/// Checks the name of a column. It comes from a field or from the file itself.
pub(crate) fn column(checker: &mut Checker, name: &str, at: &[&str]) {
    if SYSTEM_COLUMNS.contains(&name) {
        checker.problem(at, Rule::ColumnReserved, name);
    }
    if name.len() > LONGEST {
        checker.problem(at, Rule::ColumnLong, name);
    }
}

/// The column index of the field at `path`, or `None` if it cannot be part of a key: unknown, nullable, a float64, json
/// or struct.
pub(crate) fn keyed(layout: &Layout, path: &str) -> Option<usize> {
    layout.column_index(path).filter(|&place| {
        let field_type = layout.columns[place].field_type;
        let comparable = !matches!(field_type, FieldType::Float64 | FieldType::Json | FieldType::Struct);
        comparable && !layout.may_be_null(place)
    })
}

/// Whether the name is `table` or `schema.table` and needs no quotes.
fn is_table_name(name: &str) -> bool {
    let parts: Vec<_> = name.split('.').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_identifier(part))
}

/// Whether Postgres keeps the name as it is, and SQL needs no quotes around it.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    first && name.len() <= LONGEST && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
