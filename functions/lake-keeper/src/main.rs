//! Maintains the Delta tables of the pipeline files on a schedule. README.md describes the guarantees.

use std::sync::Arc;

use function_kit::{serve::serve, telemetry::WideEvent};
use lake_keeper::{Request, Round, Settings};
use serde_json::value::RawValue;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let round = Round::open(settings).await;
    serve(async move |payload: Arc<RawValue>, deadline: Instant, event: &mut WideEvent| {
        let request = Request::parse(payload.get())?;
        let report = round.run(&request, deadline).await?;
        report.note(event);
        Ok(serde_json::json!(report))
    })
    .await
}
