//! The tables of the pipeline files, in Postgres and in the lake.

use lake::{LakeError, Table};
use parquet_writer::TopicSchema;
use pipeline::{Pipeline, Pipelines};
use s3::S3Location;
use tokio::time::Instant;
use warehouse::{Client, RowsTable, TablePlan, TotalsTable, WarehouseError};

use crate::refusal::Refusal;

/// A Postgres table of a pipeline file.
pub(crate) enum PostgresTable {
    /// The table of a `totals` section.
    Totals(TotalsTable),
    /// The table of a `table` section.
    Rows(RowsTable),
}

impl PostgresTable {
    /// All Postgres tables, each with its topic. Totals tables come first.
    pub(crate) fn all(pipelines: &Pipelines) -> Vec<(&str, Self)> {
        let totals = |pipeline: &Pipeline| {
            Some(Self::Totals(TotalsTable::of_pipeline(pipeline, pipeline.totals.as_ref()?)?))
        };
        let rows = |pipeline: &Pipeline| {
            Some(Self::Rows(RowsTable::of_pipeline(pipeline, pipeline.table.as_ref()?)?))
        };
        let totals =
            pipelines.iter().filter_map(|pipeline| Some((pipeline.topic.name.as_str(), totals(pipeline)?)));
        let rows =
            pipelines.iter().filter_map(|pipeline| Some((pipeline.topic.name.as_str(), rows(pipeline)?)));
        totals.chain(rows).collect()
    }

    /// The changes that [`PostgresTable::create`] would make, and those that it cannot make. Changes nothing.
    pub(crate) async fn plan(&self, client: &Client) -> Result<TablePlan, WarehouseError> {
        match self {
            Self::Totals(table) => table.plan(client).await,
            Self::Rows(table) => table.plan(client).await,
        }
    }

    /// Creates the table, or changes it to match the pipeline file.
    pub(crate) async fn create(&self, client: &Client) -> Result<(), WarehouseError> {
        match self {
            Self::Totals(table) => table.create(client).await,
            Self::Rows(table) => table.create(client).await,
        }
        .map(drop)
    }
}

/// Checks the columns that parquet-writer would write against the Delta tables. Reads the tables' logs and writes
/// nothing. Returns the refusals.
///
/// The schema comes from parquet-writer's own code. It adds new columns to the table with its next commit.
pub(crate) async fn refused_by_lake(
    client: &s3::Client,
    root: &S3Location,
    pipelines: &Pipelines,
    deadline: Instant,
) -> Result<Vec<Refusal>, LakeError> {
    let mut refusals = Vec::new();
    for pipeline in pipelines {
        let Some(spec) = &pipeline.lake else { continue };
        let checked = async {
            let schema = TopicSchema::new(pipeline, spec)?;
            let mut table = Table::new(client.clone(), root.join(&spec.path), schema.table().clone());
            table.app_versions(deadline).await.map(drop)
        };
        if let Err(error) = checked.await {
            refusals.push(Refusal::of_lake(&pipeline.topic.name, error)?);
        }
    }
    Ok(refusals)
}
