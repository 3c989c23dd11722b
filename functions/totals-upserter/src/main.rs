//! Adds batches of Kafka topics to running totals in Postgres. README.md describes the guarantees.

use totals_upserter::TotalsTopic;
use warehouse_lane::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let lane = warehouse_lane::open::<TotalsTopic>(&settings).await;
    function_kit::serve_kafka(lane, settings.partial_batch_response).await
}
