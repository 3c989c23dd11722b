//! The Lambda function that stores the events of an S3 inbox as users and cards in Postgres. README.md lists its
//! guarantees.

use inbox_etl::{InboxLane, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let lane = InboxLane::open(&settings).await;
    function_kit::serve_objects(lane).await
}
