//! The Lambda function that produces room counts to Kafka on a schedule. README.md lists its guarantees.

use function_kit::serve::serve_json;
use rooms_generator::{Generator, Request, Settings};
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let generator = Generator::new(settings, settings::sdk_config().await);
    serve_json(async |request: Option<Request>, deadline: Instant| {
        let made = generator.run(request.unwrap_or_default(), deadline).await?;
        Ok(serde_json::json!(made))
    })
    .await
}
