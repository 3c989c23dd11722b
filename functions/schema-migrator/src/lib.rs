//! The database's schema: embedded migrations, the tables of the pipeline files with their partitions, and the users.

use faults::{Classified, FaultClass};
use function_kit::Environment;
use function_kit::pipelines::{LoadError, PipelineSource};
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::{DatabaseSettings, Rights, RowsTable, TotalsTable, Warehouse, WarehouseError};

/// The function's settings; see README.md for the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline files.
    pub pipelines: PipelineSource,
    /// The database, as a user who may create tables.
    pub database: DatabaseSettings,
    /// The users that are to sign in with IAM, if any do.
    pub users: Vec<(String, Rights)>,
}

impl function_kit::Settings for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let database = DatabaseSettings::read(environment);
        let users = [("DATABASE_IAM_USER", Rights::Write), ("DATABASE_IAM_READER", Rights::Read)];
        let users =
            users.into_iter().filter_map(|(name, rights)| Some((environment.text(name)?, rights))).collect();
        Some(Self { pipelines: pipelines?, database: database?, users })
    }
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
}

impl Classified for MigrateError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Warehouse(error) => error.class(),
        }
    }
}

/// Brings the schema up to date.
pub struct Migrator {
    client: objects::Client,
    warehouse: Warehouse,
    settings: Settings,
}

impl Migrator {
    /// Makes the clients; no request is sent yet.
    pub async fn open(settings: Settings) -> Self {
        let client = objects::client(&function_kit::aws::sdk_config().await);
        Self { client, warehouse: Warehouse::new(settings.database.clone()), settings }
    }

    /// Applies what is missing, all of it or nothing. Safe to run twice, and at the same time.
    ///
    /// The answer is `{"applied": [migrations applied now], "tables": [tables of pipeline files that stand]}`.
    pub async fn migrate(&self, deadline: Instant) -> Result<Value, MigrateError> {
        let pipelines = self.settings.pipelines.load(&self.client, deadline).await?;
        let totals: Vec<(&str, TotalsTable)> = pipelines
            .iter()
            .filter_map(|pipeline| {
                let spec = pipeline.totals.as_ref()?;
                Some((spec.table.as_str(), TotalsTable::of_pipeline(pipeline, spec)?))
            })
            .collect();
        let rows: Vec<(&str, RowsTable)> = pipelines
            .iter()
            .filter_map(|pipeline| {
                let spec = pipeline.table.as_ref()?;
                Some((spec.name.as_str(), RowsTable::of_pipeline(pipeline, spec)?))
            })
            .collect();
        let work = async |client: &warehouse::Client| {
            let (totals, rows, users) = (&totals, &rows, &self.settings.users);
            warehouse::migrate(client, async move |client| {
                for (_, table) in totals {
                    table.create(client).await?;
                }
                for (_, table) in rows {
                    table.create(client).await?;
                }
                for (user, rights) in users {
                    warehouse::grant(client, user, *rights).await?;
                }
                Ok(())
            })
            .await
        };
        let applied = Box::pin(self.warehouse.run("migrate", deadline, work)).await?;
        let names: Vec<_> =
            totals.iter().map(|(name, _)| name).chain(rows.iter().map(|(name, _)| name)).collect();
        Ok(json!({"applied": applied, "tables": names}))
    }
}
