//! The database's schema: embedded migrations, the totals tables of the pipeline files, and the writers' user.

use faults::{Classified, FaultClass};
use function_kit::Environment;
use function_kit::pipelines::{LoadError, PipelineSource};
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::{DatabaseSettings, TotalsTable, Warehouse, WarehouseError};

/// The function's settings; see README.md for the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pipeline files.
    pub pipelines: PipelineSource,
    /// The database, as a user who may create tables.
    pub database: DatabaseSettings,
    /// The user as whom the other functions sign in with IAM, if they do.
    pub writer: Option<String>,
}

impl function_kit::Settings for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let database = DatabaseSettings::read(environment);
        let writer = environment.text("DATABASE_IAM_USER");
        Some(Self { pipelines: pipelines?, database: database?, writer })
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
    /// The answer is `{"applied": [migrations applied now], "tables": [totals tables that stand]}`.
    pub async fn migrate(&self, deadline: Instant) -> Result<Value, MigrateError> {
        let pipelines = self.settings.pipelines.load(&self.client, deadline).await?;
        let tables: Vec<(String, TotalsTable)> = pipelines
            .iter()
            .filter_map(|pipeline| {
                let spec = pipeline.totals.as_ref()?;
                Some((spec.table.clone(), TotalsTable::of_pipeline(pipeline, spec)?))
            })
            .collect();
        let writer = self.settings.writer.as_deref();
        let work = async |client: &warehouse::Client| {
            let tables = &tables;
            warehouse::migrate(client, async move |client| {
                for (_, table) in tables {
                    table.create(client).await?;
                }
                match writer {
                    Some(writer) => warehouse::grant_writer(client, writer).await,
                    None => Ok(()),
                }
            })
            .await
        };
        let applied = Box::pin(self.warehouse.run("migrate", deadline, work)).await?;
        let names: Vec<_> = tables.iter().map(|(name, _)| name).collect();
        Ok(json!({"applied": applied, "tables": names}))
    }
}
