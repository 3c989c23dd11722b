//! HTTP → vehicles' events in Kafka. What it promises: README.md.

use telemetry_gateway::{Gateway, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let gateway = Gateway::new(settings, settings::sdk_config().await);
    function_kit::serve_http(async |request, deadline| gateway.answer(&request, deadline).await).await
}
