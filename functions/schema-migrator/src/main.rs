//! Runs the database migrations and creates what the pipeline files ask for. What it promises: README.md.

use schema_migrator::{Migrator, Settings};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let migrator = Migrator::open(settings).await;
    function_kit::serve::serve_json(async |_: Value, deadline| Ok(migrator.migrate(deadline).await?)).await
}
