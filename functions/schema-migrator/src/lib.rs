//! The database's schema: embedded migrations, the tables of the pipeline files with their partitions, and the users.
//!
//! A change of a pipeline file is done in place where functions of the previous deployment survive it, and refused
//! otherwise, before anything is changed. So this runs first in every deployment, and a refusal ends it.

mod refusal;
mod tables;

use faults::{Classified, FaultClass};
use function_kit::pipelines::{LoadError, PipelineSource};
use lake::LakeError;
use s3::S3Location;
use serde::{Deserialize, Serialize};
use settings::Environment;
use tokio::time::Instant;
use warehouse::{DatabaseSettings, Rights, Warehouse, WarehouseError};

pub use refusal::Refusal;
use tables::{PostgresTable, refused_by_lake};

/// The function's settings; see README.md for the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline files.
    pub pipelines: PipelineSource,
    /// The database, as a user who may create tables.
    pub database: DatabaseSettings,
    /// The users that are to sign in with IAM, if any do.
    pub users: Vec<(String, Rights)>,
    /// The root of the Delta tables, where their columns are to be checked too.
    pub lake_root: Option<S3Location>,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let database = DatabaseSettings::read(environment);
        let users = [("DATABASE_IAM_USER", Rights::Write), ("DATABASE_IAM_READER", Rights::Read)];
        let users =
            users.into_iter().filter_map(|(name, rights)| Some((environment.text(name)?, rights))).collect();
        let lake_root = match environment.text("LAKE_ROOT") {
            Some(_) => Some(environment.required("LAKE_ROOT", "s3://bucket/prefix of the tables")?),
            None => None,
        };
        Some(Self { pipelines: pipelines?, database: database?, users, lake_root })
    }
}

/// What an invocation asks for; `{}` is the whole work. A misspelt `check` must not change a database.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Say what would be done, and change nothing.
    pub check: bool,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Migrations applied now.
    pub applied: Vec<String>,
    /// Tables of pipeline files that stand.
    pub tables: Vec<String>,
    /// Changes of those tables.
    pub changes: Vec<String>,
    /// Columns and indexes that tables have and pipeline files do not name. They stay.
    pub left: Vec<String>,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The pipelines could not be loaded.
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    /// The database failed or refused.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// A Delta table could not be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Pipeline files ask for what cannot be done in place. Nothing was changed.
    #[error("nothing was changed: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
}

impl Classified for MigrateError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Warehouse(error) => error.class(),
            Self::Lake(error) => error.class(),
            Self::Refused(_) => FaultClass::Configuration,
        }
    }
}

/// Brings the schema up to date.
pub struct Migrator {
    client: s3::Client,
    warehouse: Warehouse,
    settings: Settings,
}

impl Migrator {
    /// Makes the clients; no request is sent yet.
    pub async fn open(settings: Settings) -> Self {
        let client = s3::client(&settings::sdk_config().await);
        Self::with_client(client, settings)
    }

    /// The same with an S3 client of the caller's.
    #[must_use]
    pub fn with_client(client: s3::Client, settings: Settings) -> Self {
        Self { client, warehouse: Warehouse::new(settings.database.clone()), settings }
    }

    /// Does what `request` asks for: all of it or nothing. Safe to run twice, and at the same time.
    pub async fn run(&self, request: Request, deadline: Instant) -> Result<Report, MigrateError> {
        let pipelines = self.settings.pipelines.load(&self.client, deadline).await?;
        let of_lake = match &self.settings.lake_root {
            Some(root) => refused_by_lake(&self.client, root, &pipelines, deadline).await?,
            None => Vec::new(),
        };
        let (tables, of_lake) = (PostgresTable::all(&pipelines), &of_lake);
        let (tables, users) = (&tables, &self.settings.users);
        let work = async |client: &warehouse::Client| {
            // The plan is made outside of the migration's transaction, so that a refusal takes no lock.
            let report = planned(client, tables, of_lake).await?;
            if request.check {
                return Ok(report);
            }
            let applied = warehouse::migrate(client, async move |client| {
                for (_, table) in tables {
                    table.create(client).await?;
                }
                for (user, rights) in users {
                    warehouse::grant(client, user, *rights).await?;
                }
                Ok(())
            });
            let applied = applied.await?.into_iter().map(str::to_owned).collect();
            Ok::<_, MigrateError>(Report { applied, ..report })
        };
        Box::pin(self.warehouse.run("migrate", deadline, work)).await
    }
}

/// What is to be done, or everything that cannot be: a person is told of all of it at once.
async fn planned(
    client: &warehouse::Client,
    tables: &[(&str, PostgresTable)],
    of_lake: &[Refusal],
) -> Result<Report, MigrateError> {
    let (mut report, mut refusals) = (Report::default(), of_lake.to_vec());
    for (topic, table) in tables {
        let plan = table.plan(client).await?;
        refusals.extend(plan.misfits.into_iter().map(|misfit| Refusal::of_table(topic, misfit)));
        report.tables.push(plan.table);
        report.changes.extend(plan.changes);
        report.left.extend(plan.left);
    }
    if refusals.is_empty() { Ok(report) } else { Err(MigrateError::Refused(refusals)) }
}
