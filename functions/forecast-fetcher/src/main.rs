//! The Lambda function that fetches answers of HTTP APIs on a schedule and stores them on S3. README.md lists its
//! guarantees.

use std::sync::Arc;

use forecast_fetcher::{Buckets, Fetcher, Settings, invocation};
use function_kit::telemetry::WideEvent;
use secrets::Secrets;
use serde_json::value::RawValue;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let sdk = settings::sdk_config().await;
    let fetcher = Fetcher::new(settings, Secrets::new(&sdk), Buckets::new(&sdk))
        .inspect_err(function_kit::start_failed)?;
    function_kit::serve::serve(async |payload: Arc<RawValue>, deadline: Instant, event: &mut WideEvent| {
        invocation(&fetcher, payload.get(), deadline, event).await
    })
    .await
}
