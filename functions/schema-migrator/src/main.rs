//! Runs the database migrations and creates the tables of the pipeline files. README.md describes the guarantees.

use schema_migrator::{Migrator, Request, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let migrator = Migrator::open(settings).await;
    function_kit::serve::serve_json(async |request: Request, deadline| {
        let report = migrator.run(request, deadline).await?;
        Ok(serde_json::json!(report))
    })
    .await
}
