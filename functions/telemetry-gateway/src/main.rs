//! The Lambda function that accepts vehicles' events over HTTP and sends them to Kafka. README.md lists its guarantees.

use telemetry_gateway::{Gateway, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let gateway = Gateway::new(settings, settings::sdk_config().await);
    function_kit::serve_http(async |request, deadline| gateway.answer(&request, deadline).await).await
}
