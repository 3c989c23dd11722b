//! Stores batches of Kafka topics in Postgres tables. README.md describes the guarantees.

use table_writer::TableTopic;
use warehouse_lane::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let lane = warehouse_lane::open::<TableTopic>(&settings).await;
    function_kit::serve_kafka(lane, settings.partial_batch_response).await
}
