//! The Lambda function that serves the live board. README.md lists its guarantees.

use function_kit::http::serve_http;
use live_board::{Board, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let settings: Settings = function_kit::settings()?;
    let board = Board::open(settings).await;
    serve_http(async |request, deadline| board.answer(&request, deadline).await).await
}
