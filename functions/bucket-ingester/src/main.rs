//! The Lambda function that stores media files as songs, movies and apps in Postgres. README.md lists its guarantees.

use bucket_ingester::{MediaLane, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let lane = MediaLane::open(&settings).await.inspect_err(function_kit::start_failed)?;
    function_kit::serve_objects(lane).await
}
