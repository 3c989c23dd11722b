//! Compares a table with its pipeline file and plans the changes to the table. Does no I/O.
//!
//! The planned changes never break functions of the previous deployment: their inserts name the columns, and Postgres
//! accepts an `integer` for a `bigint` column. Every other change is refused.

use tokio_postgres::Client;

use crate::definition::{ColumnDefinition, Origin, TableDefinition};
use crate::error::WarehouseError;
use crate::names::quoted;
use crate::shape::{ActualColumn, Shape};

/// Why a table cannot be changed to match its pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The field that causes it, by its dotted path. `None` if the cause is the table as a whole.
    pub field: Option<String>,
    /// What the table has, and what the file says.
    pub differs: String,
    /// What the operator can do about it.
    pub way_out: String,
}

/// The planned changes to one table, or the reasons why it cannot be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablePlan {
    /// The table's name.
    pub table: String,
    /// The SQL statements, in order.
    pub(crate) statements: Vec<String>,
    /// The changes in words.
    pub changes: Vec<String>,
    /// Why the table cannot be changed. If there is any, no statement is run.
    pub misfits: Vec<Misfit>,
    /// Columns and indexes that the table has and the file does not name. They stay.
    pub left: Vec<String>,
}

impl TablePlan {
    /// The plan for a table that does not exist.
    pub(crate) fn create(wanted: &TableDefinition) -> Self {
        let mut statements = vec![wanted.create_sql()];
        statements.extend(wanted.indexes.iter().map(|columns| wanted.index_sql(columns)));
        let changes = vec![format!("table {} is created", wanted.name)];
        Self { table: wanted.name.clone(), statements, changes, ..Self::default() }
    }
}

impl TableDefinition {
    /// Plans the changes that make the table match. Changes nothing.
    pub(crate) async fn plan(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        let shape = Shape::read(client, &self.name).await?;
        Ok(match shape {
            Some(shape) => compare(self, &shape),
            None => TablePlan::create(self),
        })
    }

    /// Makes the changes of [`TableDefinition::plan`]. Fails without a change if the table cannot be made to match.
    pub(crate) async fn bring_up_to_date(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        let plan = self.plan(client).await?;
        if !plan.misfits.is_empty() {
            let misfits: Vec<_> =
                plan.misfits.iter().map(|m| format!("{} ({})", m.differs, m.way_out)).collect();
            return Err(WarehouseError::Schema(misfits.join("; ")));
        }
        for statement in &plan.statements {
            client.batch_execute(statement).await.map_err(WarehouseError::statement("change a table"))?;
        }
        Ok(plan)
    }
}

/// Plans the changes to an existing table.
pub(crate) fn compare(wanted: &TableDefinition, shape: &Shape) -> TablePlan {
    let mut comparison = Comparison { wanted, shape, alterations: Vec::new(), plan: TablePlan::default() };
    comparison.plan.table.clone_from(&wanted.name);
    if shape.is_table {
        comparison.whole_table();
        for column in &wanted.columns {
            comparison.column(column);
        }
        comparison.what_only_the_table_has();
        comparison.indexes();
    } else {
        let differs = format!("{} is a view or a foreign table", wanted.name);
        comparison.misfit(None, differs, "give the table another name in the pipeline file".to_owned());
    }
    comparison.plan
}

/// The comparison of one table with its definition.
struct Comparison<'a> {
    wanted: &'a TableDefinition,
    shape: &'a Shape,
    /// The actions of a single `ALTER TABLE`, so that the table is rewritten at most once.
    alterations: Vec<String>,
    plan: TablePlan,
}

impl Comparison<'_> {
    /// Adds a reason against the plan.
    fn misfit(&mut self, field: Option<&str>, differs: String, way_out: String) {
        self.plan.misfits.push(Misfit { field: field.map(str::to_owned), differs, way_out });
    }

    /// Compares the primary key and the partitioning, which cannot be changed in place.
    fn whole_table(&mut self) {
        let (wanted, shape, table) = (self.wanted, self.shape, &self.wanted.name);
        if shape.key != wanted.key {
            let (has, says) = (named(&shape.key), named(&wanted.key));
            let differs = format!("table {table} has {has}, the file says {says}");
            self.misfit(None, differs, another_table());
        }
        let by: Option<Vec<String>> = wanted.partition_by.clone().map(|column| vec![column]);
        if shape.partitioned_by != by {
            let described = |by: &Option<Vec<String>>| match by {
                Some(columns) => format!("partitions by the day of ({})", columns.join(", ")),
                None => "no partitions".to_owned(),
            };
            let differs = format!(
                "table {table} has {}, the file asks for {} (`retention_days` and `event_time` decide it)",
                described(&shape.partitioned_by),
                described(&by),
            );
            self.misfit(None, differs, another_table());
        }
    }

    /// Compares a wanted column with the table.
    fn column(&mut self, column: &ColumnDefinition) {
        let field = match &column.origin {
            Origin::Field(path) => Some(path.as_str()),
            Origin::Own => None,
        };
        match self.shape.column(&column.name) {
            Some(actual) => self.existing(column, actual, field),
            None => self.missing(column, field),
        }
    }

    /// Compares a column that exists. Only `integer` to `bigint`, and required to nullable, can be changed.
    fn existing(&mut self, column: &ColumnDefinition, actual: &ActualColumn, field: Option<&str>) {
        let (table, name) = (&self.wanted.name, &column.name);
        let widened = actual.sql_type == "integer" && column.sql_type == "bigint";
        if widened && !actual.views.is_empty() {
            let views = actual.views.join(", ");
            let differs = format!(
                "column `{name}` of {table} is to become bigint, but Postgres changes no column that a view reads \
                 ({views})"
            );
            self.misfit(field, differs, format!("drop {views}, deploy, and create it again"));
            return;
        }
        if widened {
            self.alterations.push(format!("ALTER COLUMN {} TYPE bigint", quoted(name)));
            self.plan.changes.push(format!("column `{name}` of {table} becomes bigint"));
        } else if actual.sql_type != column.sql_type {
            let differs = format!(
                "column `{name}` of {table} is {}, the file says {}",
                actual.sql_type, column.sql_type
            );
            let way_out = "only int32 can become int64 in place; give the field a new name and `nullable: true`, or give \
                           the table another name in the pipeline file";
            self.misfit(field, differs, way_out.to_owned());
        }
        // A nullable column is accepted even if the file says not null, because no lane stores a null in it.
        if actual.not_null && column.nullable && !self.wanted.key.contains(name) {
            self.alterations.push(format!("ALTER COLUMN {} DROP NOT NULL", quoted(name)));
            self.plan.changes.push(format!("column `{name}` of {table} may be null"));
        }
    }

    /// Plans a new column. It must not need a value in existing rows.
    fn missing(&mut self, column: &ColumnDefinition, field: Option<&str>) {
        let (table, name) = (&self.wanted.name, &column.name);
        if self.wanted.key.contains(name) {
            // The keys differ, and that was reported already.
            return;
        }
        let twin = self.shape.columns.iter().find(|actual| actual.name.eq_ignore_ascii_case(name));
        let cheap = column.nullable || matches!(&column.default, Some((_, true)));
        if let Some(twin) = twin {
            let differs = format!(
                "table {table} has the column `{}`, which differs from `{name}` in case only",
                twin.name
            );
            self.misfit(field, differs, "write the field as before".to_owned());
        } else if cheap {
            self.alterations.push(format!("ADD COLUMN {}", column.sql()));
            self.plan.changes.push(format!("column `{name}` ({}) is added to {table}", column.sql_type));
        } else if field.is_some() {
            let differs = format!("table {table} has no column `{name}`, and its rows have no value for one");
            let way_out = "make the field `nullable: true` (a renamed field is a new one), or give the table another name \
                           in the pipeline file";
            self.misfit(field, differs, way_out.to_owned());
        } else {
            let differs = format!("table {table} has no column `{name}` ({})", column.sql_type);
            self.misfit(None, differs, another_table());
        }
    }

    /// Looks for columns that the file does not name. A required one without a default would make every insert fail.
    fn what_only_the_table_has(&mut self) {
        let (table, wanted) = (&self.wanted.name, self.wanted);
        let known = |actual: &&ActualColumn| !wanted.columns.iter().any(|column| column.name == actual.name);
        for actual in self.shape.columns.iter().filter(known) {
            let name = &actual.name;
            let twin = wanted.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
            // Key columns and names that differ only in case were reported already.
            if self.shape.key.contains(name) || twin {
                continue;
            }
            if actual.not_null && !actual.has_default {
                let differs = format!(
                    "table {table} requires a value of column `{name}`, for which the file has no field any more"
                );
                let way_out = format!(
                    "keep the field, or first: ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL",
                    quoted(table),
                    quoted(name)
                );
                self.plan.misfits.push(Misfit { field: Some(name.clone()), differs, way_out });
            } else {
                self.plan.left.push(format!("column `{name}` of {table}"));
            }
        }
        if !self.alterations.is_empty() {
            let statement = format!("ALTER TABLE {} {}", quoted(table), self.alterations.join(", "));
            self.plan.statements.push(statement);
        }
    }

    /// Plans missing indexes, and notes those that the file does not name.
    fn indexes(&mut self) {
        let (wanted, shape) = (self.wanted, self.shape);
        let same =
            |columns: &[String]| shape.indexes.iter().any(|index| index.columns.as_deref() == Some(columns));
        for columns in wanted.indexes.iter().filter(|columns| !same(columns)) {
            self.plan.statements.push(wanted.index_sql(columns));
            self.plan.changes.push(format!("an index on {} ({})", wanted.name, columns.join(", ")));
        }
        let named = |columns: &Option<Vec<String>>| {
            columns.as_ref().is_some_and(|columns| wanted.indexes.contains(columns))
        };
        let others = shape.indexes.iter().filter(|index| !index.unique && !named(&index.columns));
        self.plan.left.extend(others.map(|index| format!("index {} of {}", index.name, wanted.name)));
    }
}

/// The key in words, for messages.
fn named(key: &[String]) -> String {
    if key.is_empty() { "no key".to_owned() } else { format!("the key ({})", key.join(", ")) }
}

/// The advice for differences that cannot be changed in place.
fn another_table() -> String {
    "give the table another name in the pipeline file and copy the rows".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::ActualIndex;

    fn field(name: &str, sql_type: &str, nullable: bool) -> ColumnDefinition {
        ColumnDefinition::of_field(name, name.to_owned(), sql_type.to_owned(), nullable)
    }

    fn wanted(columns: Vec<ColumnDefinition>) -> TableDefinition {
        TableDefinition {
            name: "t".into(),
            columns,
            key: vec!["k".into()],
            partition_by: None,
            indexes: Vec::new(),
            sequence: None,
        }
    }

    fn column(name: &str, sql_type: &str, not_null: bool) -> ActualColumn {
        let (name, sql_type) = (name.to_owned(), sql_type.to_owned());
        ActualColumn { name, sql_type, not_null, has_default: false, views: Vec::new() }
    }

    fn shape(columns: Vec<ActualColumn>) -> Shape {
        Shape { is_table: true, columns, key: vec!["k".into()], partitioned_by: None, indexes: Vec::new() }
    }

    fn key() -> (ColumnDefinition, ActualColumn) {
        (field("k", "text", false), column("k", "text", true))
    }

    #[test]
    fn all_additive_changes_of_a_table_are_one_statement() {
        let has = shape(vec![
            column("k", "integer", true),
            column("n", "integer", false),
            column("must", "text", true),
        ]);
        let says = wanted(vec![
            field("k", "bigint", false),
            field("n", "bigint", true),
            field("must", "text", true),
            field("new", "jsonb", true),
            ColumnDefinition::own("_at", "timestamp with time zone", Some(("now()".into(), true))),
        ]);
        let plan = compare(&says, &has);
        assert_eq!(plan.misfits, []);
        assert_eq!(
            plan.statements,
            ["ALTER TABLE \"t\" ALTER COLUMN \"k\" TYPE bigint, ALTER COLUMN \"n\" TYPE bigint, \
              ALTER COLUMN \"must\" DROP NOT NULL, ADD COLUMN \"new\" jsonb, \
              ADD COLUMN \"_at\" timestamp with time zone NOT NULL DEFAULT now()"]
        );
        assert_eq!(plan.changes.len(), 5);
    }

    #[test]
    fn changes_that_are_impossible_in_place_name_the_field() {
        let (k, has_k) = key();
        let has = || shape(vec![has_k.clone(), column("a", "text", true), column("b", "bigint", false)]);
        let (a, b) = (field("a", "text", false), field("b", "bigint", true));
        let cases = [
            (vec![k.clone(), field("a", "jsonb", false), b.clone()], "a"),
            (vec![k.clone(), a.clone(), field("b", "integer", true)], "b"),
            (vec![k.clone(), a.clone(), b.clone(), field("c", "text", false)], "c"),
            (vec![k.clone(), a.clone(), b.clone(), field("A", "text", true)], "A"),
            // The file no longer has this field, but the table requires it.
            (vec![k.clone(), b.clone()], "a"),
        ];
        for (columns, at_fault) in cases {
            let plan = compare(&wanted(columns), &has());
            let fields: Vec<_> = plan.misfits.iter().map(|misfit| misfit.field.as_deref()).collect();
            assert_eq!(fields, [Some(at_fault)], "{plan:?}");
        }
    }

    #[test]
    fn a_column_that_a_view_reads_is_not_widened() {
        let (k, has_k) = key();
        let read = ActualColumn { views: vec!["report".into()], ..column("n", "integer", false) };
        let plan = compare(&wanted(vec![k, field("n", "bigint", true)]), &shape(vec![has_k, read]));
        assert!(plan.misfits[0].way_out.contains("report"), "{plan:?}");
    }

    #[test]
    fn another_key_or_partitioning_is_refused() {
        let (k, has_k) = key();
        let mut says = wanted(vec![k.clone()]);
        says.key = Vec::new();
        assert!(compare(&says, &shape(vec![has_k.clone()])).misfits[0].differs.contains("the key (k)"));
        let mut says = wanted(vec![k]);
        says.partition_by = Some("k".into());
        assert!(compare(&says, &shape(vec![has_k])).misfits[0].differs.contains("no partitions"));
    }

    #[test]
    fn columns_that_the_file_no_longer_has_stay_and_are_named() {
        let (k, has_k) = key();
        let mut has = shape(vec![has_k, column("old", "text", false)]);
        let index = |name: &str, columns: &[&str]| ActualIndex {
            name: name.into(),
            columns: Some(columns.iter().map(|&column| column.to_owned()).collect()),
            unique: false,
        };
        has.indexes = vec![index("t_k_idx", &["k"]), index("t_old_idx", &["old"])];
        let mut says = wanted(vec![k]);
        says.indexes = vec![vec!["k".into()], vec!["k".into(), "k".into()]];
        let plan = compare(&says, &has);
        assert_eq!(plan.left, ["column `old` of t", "index t_old_idx of t"]);
        assert_eq!(plan.statements, ["CREATE INDEX ON \"t\" (\"k\", \"k\")"]);
    }
}
