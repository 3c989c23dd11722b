//! Names in Postgres: which it takes, which are taken, and which follow from a table's own.

use crate::checker::Checker;
use crate::field::FieldType;
use crate::layout::Layout;
use crate::rule::Rule;
use crate::spec::{TableSection, TotalsSection};

/// Tables of migrations. A pipeline file must not fill them.
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

/// Every table has these, and no other columns of the same names.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// What Postgres keeps of a name; it cuts off the rest.
const LONGEST: usize = 63;

/// The most columns of a key or an index.
const MOST_KEY_COLUMNS: usize = 32;

/// A table with what its name claims.
#[derive(Debug)]
pub(crate) struct Relation<'a> {
    schema: &'a str,
    table: &'a str,
    id_column: Option<&'a str>,
    partitioned: bool,
}

impl<'a> Relation<'a> {
    fn new(name: &'a str) -> Self {
        let (schema, table) = name.split_once('.').unwrap_or(("public", name));
        Self { schema, table, id_column: None, partitioned: false }
    }

    pub(crate) fn of_table(spec: &'a TableSection) -> Self {
        let (id_column, partitioned) = (spec.id_column.as_deref(), spec.retention_days.is_some());
        Self { id_column, partitioned, ..Self::new(&spec.name) }
    }

    pub(crate) fn of_totals(spec: &'a TotalsSection) -> Self {
        Self::new(&spec.table)
    }

    /// Whether both names refer to the same table, as `orders` and `public.orders` do.
    pub(crate) fn is_same_table(&self, other: &Relation<'_>) -> bool {
        (self.schema, self.table) == (other.schema, other.table)
    }

    /// Whether one of two tables has the name of a partition, a sequence or an index of the other, or both have a sequence
    /// of one name.
    pub(crate) fn clashes_with(&self, other: &Relation<'_>) -> bool {
        self.takes_part_of(other) || other.takes_part_of(self)
    }

    /// Whether this table has the name of a partition, a sequence or an index of `other`, or both have a sequence of one name.
    fn takes_part_of(&self, other: &Relation<'_>) -> bool {
        if self.schema != other.schema {
            return false;
        }
        let same_sequence = self.sequence().is_some() && self.sequence() == other.sequence();
        same_sequence || other.has_part(self.table)
    }

    fn sequence(&self) -> Option<String> {
        self.id_column.map(|id| format!("{}_{id}_seq", self.table))
    }

    /// Postgres names indexes `…_pkey` and `…_idx`, the latter with a number where the name is taken.
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

    /// The longest name that follows from this one, where Postgres would cut it.
    pub(crate) fn parts_beyond_limit(&self) -> Option<String> {
        let partition = self.partitioned.then(|| format!("{}_d20261231", self.table));
        partition.into_iter().chain(self.sequence()).find(|name| name.len() > LONGEST)
    }
}

/// The rules for the name of a table.
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

/// The rule for the number of columns of a key or an index.
pub(crate) fn key_length(checker: &mut Checker, columns: &[String], at: &[&str]) {
    if columns.len() > MOST_KEY_COLUMNS {
        checker.problem(at, Rule::KeyLong, columns.len().to_string());
    }
}

/// The rules for the name of a column, whatever it comes from.
pub(crate) fn column(checker: &mut Checker, name: &str, at: &[&str]) {
    if SYSTEM_COLUMNS.contains(&name) {
        checker.problem(at, Rule::ColumnReserved, name);
    }
    if name.len() > LONGEST {
        checker.problem(at, Rule::ColumnLong, name);
    }
}

/// The place of a field that can be part of a key.
pub(crate) fn keyed(layout: &Layout, path: &str) -> Option<usize> {
    layout.column_index(path).filter(|&place| {
        let field_type = layout.columns[place].field_type;
        let comparable = !matches!(field_type, FieldType::Float64 | FieldType::Json | FieldType::Struct);
        comparable && !layout.may_be_null(place)
    })
}

fn is_table_name(name: &str) -> bool {
    let parts: Vec<_> = name.split('.').collect();
    parts.len() <= 2 && parts.iter().all(|part| is_identifier(part))
}

/// Whether Postgres keeps it whole, and other tools take it without quotes.
pub(crate) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    first && name.len() <= LONGEST && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
