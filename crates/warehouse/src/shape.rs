//! The shape of an existing table. It is read from the catalogue, without waiting for locks of the table.

use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::error::WarehouseError;
use crate::names::quoted;

/// An existing column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActualColumn {
    pub(crate) name: String,
    /// The SQL type as `format_type` writes it.
    pub(crate) sql_type: String,
    /// Whether the column has a `NOT NULL` constraint.
    pub(crate) not_null: bool,
    /// Whether an insert that does not name the column still gives it a value.
    pub(crate) has_default: bool,
    /// The views that read the column. Postgres refuses to change the type of such a column.
    pub(crate) views: Vec<String>,
}

/// An existing index other than the primary key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActualIndex {
    pub(crate) name: String,
    /// The columns in their order. `None` if the index has expressions, covers only some rows, or is not valid.
    pub(crate) columns: Option<Vec<String>>,
    /// Whether the index is unique. Then it belongs to a constraint and is not there for speed.
    pub(crate) unique: bool,
}

/// An existing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whether it is an ordinary or partitioned table, not a view or foreign table.
    pub(crate) is_table: bool,
    pub(crate) columns: Vec<ActualColumn>,
    /// The columns of the primary key. Empty if there is none.
    pub(crate) key: Vec<String>,
    /// The columns of the range partitioning. `None` if the table is not partitioned.
    pub(crate) partitioned_by: Option<Vec<String>>,
    pub(crate) indexes: Vec<ActualIndex>,
}

impl Shape {
    /// Reads the shape of a table. Returns `None` if it does not exist.
    pub(crate) async fn read(client: &Client, table: &str) -> Result<Option<Self>, WarehouseError> {
        let failed = WarehouseError::statement("read a table's definition");
        let name = quoted(table);
        let row = client
            .query_typed_opt(
                "SELECT c.oid, c.relkind IN ('r', 'p') AS is_table, c.relkind = 'p' AS partitioned, \
                 (SELECT coalesce(array_agg(a.attname::text ORDER BY k.place), '{}') FROM pg_partitioned_table p, \
                      unnest(p.partattrs) WITH ORDINALITY AS k(attnum, place), pg_attribute a \
                  WHERE p.partrelid = c.oid AND p.partstrat = 'r' AND a.attrelid = c.oid AND a.attnum = k.attnum) \
                     AS partitioned_by \
                 FROM pg_class c WHERE c.oid = to_regclass($1)",
                &[(&name, Type::TEXT)],
            )
            .await
            .map_err(&failed)?;
        let Some(row) = row else { return Ok(None) };
        let (oid, partitioned): (u32, bool) = (row.get("oid"), row.get("partitioned"));
        let indexes = indexes(client, oid).await?;
        let key = indexes.iter().find(|(primary, _)| *primary);
        Ok(Some(Self {
            is_table: row.get("is_table"),
            columns: columns(client, oid).await?,
            key: key.and_then(|(_, index)| index.columns.clone()).unwrap_or_default(),
            partitioned_by: partitioned.then(|| row.get("partitioned_by")),
            indexes: indexes.into_iter().filter(|(primary, _)| !primary).map(|(_, index)| index).collect(),
        }))
    }

    /// The column with this name.
    pub(crate) fn column(&self, name: &str) -> Option<&ActualColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Reads the columns in their order, each with the views that read it.
async fn columns(client: &Client, oid: u32) -> Result<Vec<ActualColumn>, WarehouseError> {
    let rows = client
        .query_typed(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
             a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '', \
             ARRAY(SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid \
                   WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass \
                   AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND r.ev_class <> a.attrelid ORDER BY 1) \
             FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            &[(&oid, Type::OID)],
        )
        .await
        .map_err(WarehouseError::statement("read a table's columns"))?;
    let column = |row: &tokio_postgres::Row| ActualColumn {
        name: row.get(0),
        sql_type: row.get(1),
        not_null: row.get(2),
        has_default: row.get(3),
        views: row.get(4),
    };
    Ok(rows.iter().map(column).collect())
}

/// Reads all indexes, each with whether it belongs to the primary key.
async fn indexes(client: &Client, oid: u32) -> Result<Vec<(bool, ActualIndex)>, WarehouseError> {
    let rows = client
        .query_typed(
            "SELECT i.indisprimary, i.indexrelid::regclass::text, i.indisunique, \
             i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL, \
             ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, place) \
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
                   WHERE k.place <= i.indnkeyatts ORDER BY k.place) \
             FROM pg_index i WHERE i.indrelid = $1 ORDER BY 2",
            &[(&oid, Type::OID)],
        )
        .await
        .map_err(WarehouseError::statement("read a table's indexes"))?;
    let index = |row: &tokio_postgres::Row| {
        let plain: bool = row.get(3);
        let columns = plain.then(|| row.get(4));
        (row.get(0), ActualIndex { name: row.get(1), unique: row.get(2), columns })
    };
    Ok(rows.iter().map(index).collect())
}
