//! Brings the database's schema up to date: the migrations, the tables of the pipeline files with their partitions, and
//! the database users.
//!
//! A change of a pipeline file is made in place if functions of the previous deployment still work afterwards.
//! Otherwise it is refused before anything is changed. So this function runs first in every deployment, and a refusal
//! ends the deployment.

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

/// The function's settings. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pipeline files are read from.
    pub pipelines: PipelineSource,
    /// How to connect to the database. The user must have the right to create tables.
    pub database: DatabaseSettings,
    /// The database users that log in with IAM, with their rights. From `DATABASE_IAM_USER` and
    /// `DATABASE_IAM_READER`.
    pub users: Vec<(String, Rights)>,
    /// The S3 location of the Delta tables. If set, the columns of the Delta tables are checked too.
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

/// The event of an invocation. `{}` means the whole work. Unknown keys are refused, because a misspelt `check` must not
/// change a database.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Report what would be done, and change nothing.
    pub check: bool,
}

/// The changes that an invocation made. With `check`: the changes that it would make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The names of the migrations that were applied.
    pub applied: Vec<String>,
    /// The tables of the pipeline files.
    pub tables: Vec<String>,
    /// The changes to these tables, in words.
    pub changes: Vec<String>,
    /// Columns and indexes that the tables have and the pipeline files do not name. They stay.
    pub left: Vec<String>,
}

/// Why the schema is not up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The pipeline files could not be loaded.
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    /// Postgres failed or refused a statement.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// A Delta table could not be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Pipeline files require changes that cannot be made in place. Nothing was changed.
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

/// The function: brings the schema up to date.
pub struct Migrator {
    client: s3::Client,
    warehouse: Warehouse,
    settings: Settings,
}

impl Migrator {
    /// Creates the clients. Sends no request.
    pub async fn open(settings: Settings) -> Self {
        let client = s3::client(&settings::sdk_config().await);
        Self::with_client(client, settings)
    }

    /// Like [`Self::open`], with an S3 client of the caller.
    #[must_use]
    pub fn with_client(client: s3::Client, settings: Settings) -> Self {
        Self { client, warehouse: Warehouse::new(settings.database.clone()), settings }
    }

    /// Makes all changes or none. It can run repeatedly, and several times at once.
    ///
    /// # Errors
    /// [`MigrateError::Refused`] with every change that cannot be made; other errors if a service fails.
    pub async fn run(&self, request: Request, deadline: Instant) -> Result<Report, MigrateError> {
        let pipelines = self.settings.pipelines.load(&self.client, deadline).await?;
        let of_lake = match &self.settings.lake_root {
            Some(root) => refused_by_lake(&self.client, root, &pipelines, deadline).await?,
            None => Vec::new(),
        };
        let (tables, of_lake) = (PostgresTable::all(&pipelines), &of_lake);
        let (tables, users) = (&tables, &self.settings.users);
        let work = async |client: &warehouse::Client| {
            // The plan is made outside the migration's transaction, so that a refusal takes no locks.
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

/// Plans the changes to all tables. The error contains every refusal, so that the operator sees them all at once.
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
