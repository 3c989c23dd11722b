//! Runs the database migrations and creates what the pipeline files ask for. What it promises: README.md.

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
