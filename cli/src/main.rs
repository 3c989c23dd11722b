//! The `headwater` command: runs the local stack and operates a stack, on this machine or in an AWS account.
//!
//! Each verb is a module of `verbs`. `main` parses the arguments, finds the checkout and runs one verb.

mod cost;
mod draft;
mod failure;
mod local_server;
mod out;
mod progress;
mod reconcile;
mod samples;
mod stack;
mod stub;
mod table;
mod traffic;
mod verbs;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use tokio::runtime::Builder;

use stack::layout::Layout;
use verbs::{
    board, bridge, certificates, cost as costs, detach, down, drain, env, fleet, forecast, inbox, ingest,
    invoke, lake, logs, media, offsets, parked, pipeline, prepare, rooms, status, stub as stubs, up, verify,
};

/// Run Headwater on this machine, and operate a stack here or in an AWS account (--stack FILE)
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    /// Folder for the data of the local stack [default: .headwater in the checkout]
    #[arg(long, global = true, value_name = "DIR", env = "HEADWATER_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Work on a stack in an AWS account; FILE is the output of `terraform output -json`
    #[arg(long, global = true, value_name = "FILE", env = "HEADWATER_STACK")]
    stack: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the local stack, deploy to it, and wait until all parts are healthy
    Up(up::Up),
    /// Stop the local stack
    Down(down::Down),
    /// Show the state of each part, each mapping and each queue
    Status(status::Status),
    /// Print the environment variables with which other tools reach the stack
    Env(env::Env),
    /// Wait until all records in Kafka and all messages in the queues are delivered
    Drain(drain::Drain),
    /// Produce sample records with the rooms generator
    Rooms(rooms::Rooms),
    /// Simulate vehicles that send their state to the gateway
    Fleet(fleet::Fleet),
    /// Open the live board of the local stack or of an account
    Board(board::Board),
    /// Upload sample media files and the list of their keys
    Media(media::Media),
    /// Upload sample events of users and cards to the inbox
    Inbox(inbox::Inbox),
    /// Invoke a function to read objects that it missed, or to read objects again
    Ingest(ingest::Ingest),
    /// Run the forecast lane: fetch the forecasts, then run the Spark job
    Forecast(forecast::ForecastArgs),
    /// Run a stub of an external system, with faults on request
    Stub(stubs::StubArgs),
    /// Check that every record was stored or parked, and that none was stored twice
    Verify(verify::Verify),
    /// Show the certificates of the lanes, make new ones, or accept failed ones
    Certificates(certificates::Certificates),
    /// List, show and redrive parked records (records that no sink could store)
    Parked(parked::ParkedArgs),
    /// Show the positions of the consumer groups, or reset them
    Offsets(offsets::Offsets),
    /// Show the size and history of the Delta tables, or maintain them now
    Lake(lake::LakeArgs),
    /// Write, check and show pipeline files
    Pipeline(pipeline::PipelineArgs),
    /// Run a deployed function once, on this machine
    Invoke(invoke::Invoke),
    /// Show the logs of the functions
    Logs(logs::Logs),
    /// Estimate the cost of a deployment
    Cost(costs::CostArgs),
    /// Invoke your own function with the records of a topic, as Lambda's Kafka mapping does
    Bridge(bridge::BridgeArgs),
    #[command(hide = true)]
    Prepare(prepare::Prepare),
    #[command(hide = true)]
    Detach(detach::Detach),
}

impl Verb {
    /// Returns the verb's name if it works only on the local stack, and `None` if it also works with `--stack`.
    fn local_only(&self) -> Option<&'static str> {
        match self {
            Self::Up(_) => Some("up"),
            Self::Down(_) => Some("down"),
            Self::Stub(_) => Some("stub"),
            Self::Bridge(_) => Some("bridge"),
            Self::Prepare(_) => Some("prepare"),
            _ => None,
        }
    }
}

/// Runs the verb. On an error, prints it with its fix to standard error and exits with status 1.
fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::note(failure::describe(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs the verb on a new runtime, which has several threads for the bridge and one thread for the other verbs.
///
/// `detach`, `cost`, and `bridge` with a named function need no checkout, so they run before it is searched.
fn run(cli: &Cli) -> anyhow::Result<()> {
    if let Verb::Detach(args) = &cli.verb {
        return detach::run(args);
    }
    if let Verb::Cost(args) = &cli.verb {
        return costs::run(args);
    }
    let mut runtime = match cli.verb {
        Verb::Bridge(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build().context("cannot start the runtime")?;
    if let Verb::Bridge(args) = &cli.verb
        && args.own.is_named()
    {
        return runtime.block_on(Box::pin(args.own.serve()));
    }
    if cli.stack.is_some()
        && let Some(verb) = cli.verb.local_only()
    {
        return Err(stack::opened::local_only(verb));
    }
    let layout = Layout::find(cli.data_dir.as_deref(), cli.stack.as_deref())?;
    runtime.block_on(async {
        match &cli.verb {
            Verb::Up(args) => up::run(&layout, args).await,
            Verb::Down(args) => down::run(&layout, args),
            Verb::Status(args) => status::run(&layout, args).await,
            Verb::Env(_) => env::run(&layout).await,
            Verb::Drain(args) => drain::run(&layout, args).await,
            Verb::Rooms(args) => rooms::run(&layout, args).await,
            Verb::Board(args) => board::run(&layout, args).await,
            Verb::Fleet(args) => fleet::run(&layout, args).await,
            Verb::Media(args) => media::run(&layout, args).await,
            Verb::Inbox(args) => inbox::run(&layout, args).await,
            Verb::Ingest(args) => ingest::run(&layout, args).await,
            Verb::Lake(args) => lake::run(&layout, args).await,
            Verb::Invoke(args) => Box::pin(invoke::run(&layout, args)).await,
            Verb::Logs(args) => logs::run(&layout, args).await,
            Verb::Forecast(args) => forecast::run(&layout, args).await,
            Verb::Stub(args) => stubs::run(&layout, args).await,
            Verb::Verify(args) => verify::run(&layout, args).await,
            Verb::Certificates(args) => certificates::run(&layout, args).await,
            Verb::Parked(args) => parked::run(&layout, args).await,
            Verb::Offsets(args) => offsets::run(&layout, args).await,
            Verb::Pipeline(args) => pipeline::run(&layout, args).await,
            // Boxed: the futures of its clients are large.
            Verb::Bridge(_) => Box::pin(bridge::run(&layout)).await,
            Verb::Prepare(args) => prepare::run(&layout, args),
            Verb::Cost(args) => costs::run(args),
            Verb::Detach(args) => detach::run(args),
        }
    })
}
