//! Maintains one table, for `tests/readers` and for measurements: a checkpoint, a log cleanup, a vacuum.
//!
//!     keep checkpoint s3://bucket/table
//!     keep clean-log s3://bucket/table   # these three without any retention: nothing else may use the table
//!     keep vacuum s3://bucket/table
//!     keep all s3://bucket/table
#![allow(clippy::print_stdout, reason = "it is a command for a test")]

use std::{error::Error, time::Duration};

use chrono::Utc;
use lake_upkeep::Keeper;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [verb, address] = arguments.as_slice() else {
        return Err("keep checkpoint|clean-log|vacuum|all ADDRESS".into());
    };
    let asked = |step: &str| verb == step || verb == "all";
    let client = s3::client(&settings::sdk_config().await);
    let keeper = Keeper::new(client, address.parse()?);
    let begun = Instant::now();
    let deadline = begun + Duration::from_mins(10);
    let now = Utc::now() + chrono::Duration::days(1);
    if asked("checkpoint") {
        println!("{:?}", keeper.checkpoint(1, deadline).await?);
    }
    if asked("clean-log") {
        println!("{:?}", keeper.clean_log(Duration::ZERO, false, now, deadline).await?);
    }
    if asked("vacuum") {
        println!("{:?}", keeper.vacuum(Duration::ZERO, Duration::ZERO, false, now, deadline).await?);
    }
    if verb == "all" {
        println!("{:?}", keeper.stats(128 << 20, deadline).await?);
    }
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{:?}, {peak}", begun.elapsed());
    Ok(())
}
