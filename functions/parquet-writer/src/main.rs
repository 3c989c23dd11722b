//! Stores batches of Kafka topics in their Delta tables. README.md describes the guarantees.

use parquet_writer::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let lane = parquet_writer::open(&settings).await;
    function_kit::serve_kafka(lane, settings.partial_batch_response).await
}
