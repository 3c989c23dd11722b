//! Rows as the parameters of one statement: an array for each column, which `unnest` turns into rows again.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::error::WarehouseError;

/// A value for all rows, or the array of a column.
type Parameter<'r> = Box<dyn ToSql + Sync + Send + 'r>;

/// The parameters of a statement that writes rows of type `R`, in the order in which they were added.
pub struct Columns<'r, R> {
    /// The rows from which further columns are made.
    rows: Vec<R>,
    /// The parameters `$1`, `$2`, … with their SQL types.
    parameters: Vec<(Parameter<'r>, Type)>,
}

impl<'r, R: Copy> Columns<'r, R> {
    /// The parameters of a statement that writes these rows; none yet.
    pub fn of(rows: impl IntoIterator<Item = R>) -> Self {
        Self { rows: rows.into_iter().collect(), parameters: Vec::new() }
    }

    /// Adds a value that is the same for all rows.
    #[must_use]
    pub fn same(mut self, value: impl ToSql + Sync + Send + 'r, sql_type: Type) -> Self {
        self.parameters.push((Box::new(value), sql_type));
        self
    }

    /// Adds a column; `array` is the type of its array.
    #[must_use]
    pub fn column<T: ToSql + Sync + Send + 'r>(mut self, array: Type, value: impl Fn(R) -> T) -> Self {
        let values: Vec<T> = self.rows.iter().copied().map(value).collect();
        self.parameters.push((Box::new(values), array));
        self
    }

    /// Adds a column whose array is made already.
    #[must_use]
    pub(crate) fn array(mut self, (values, array): (Parameter<'r>, Type)) -> Self {
        self.parameters.push((values, array));
        self
    }

    /// Runs the statement, which is sent at the first poll. Returns the number of rows that it wrote. Without rows,
    /// sends nothing and returns 0. `action` names the statement in errors.
    pub async fn execute(
        self,
        client: &Client,
        sql: &str,
        action: &'static str,
    ) -> Result<u64, WarehouseError> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        client.execute_typed(sql, &self.parameters()).await.map_err(WarehouseError::statement(action))
    }

    /// Runs the query and returns its rows. `action` names the query in errors.
    pub(crate) async fn query(
        self,
        client: &Client,
        sql: &str,
        action: &'static str,
    ) -> Result<Vec<Row>, WarehouseError> {
        client.query_typed(sql, &self.parameters()).await.map_err(WarehouseError::statement(action))
    }

    /// The parameters as `tokio_postgres` takes them.
    fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let parameters = self.parameters.iter();
        parameters
            .map(|(value, sql_type)| (value.as_ref() as &(dyn ToSql + Sync), sql_type.clone()))
            .collect()
    }
}
