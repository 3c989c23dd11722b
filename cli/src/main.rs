//! The `headwater` command: the local stack, reconciliation, parked records.

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

/// Headwater: a local stack of real parts, and the same verbs for one in an AWS account (--stack FILE)
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    /// Where the stack keeps its data [default: .headwater in the checkout]
    #[arg(long, global = true, value_name = "DIR", env = "HEADWATER_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Work on the stack that this file describes, in an AWS account: what `terraform output -json` printed
    #[arg(long, global = true, value_name = "FILE", env = "HEADWATER_STACK")]
    stack: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the local stack, deploy to it, and return when all is healthy
    Up(up::Up),
    /// Stop the local stack
    Down(down::Down),
    /// Show each part and each mapping
    Status(status::Status),
    /// Print the variables that point other tools at the stack
    Env(env::Env),
    /// Wait until all records in Kafka and all messages in the queues are delivered
    Drain(drain::Drain),
    /// Send records of the rooms generator
    Rooms(rooms::Rooms),
    /// Drive vehicles that send their state to the gateway
    Fleet(fleet::Fleet),
    /// Show the live board, here or in an account
    Board(board::Board),
    /// Upload media files and the list that names them
    Media(media::Media),
    /// Drop events of users and cards into the inbox
    Inbox(inbox::Inbox),
    /// Have a function look for objects, or read some of them again
    Ingest(ingest::Ingest),
    /// Run the weather lane: fetch the forecasts, then Spark
    Forecast(forecast::ForecastArgs),
    /// Stand in for another system, with faults
    Stub(stubs::StubArgs),
    /// Check that every record was stored or parked, and none twice
    Verify(verify::Verify),
    /// Show the certificates of the lanes, have new ones made, or accept failed ones
    Certificates(certificates::Certificates),
    /// List, show and redrive parked records (the records that no sink could store)
    Parked(parked::ParkedArgs),
    /// Show where each group stands, or reset it after its topic was created again
    Offsets(offsets::Offsets),
    /// Show how the Delta tables stand and what happened to them, or look after them now
    Lake(lake::LakeArgs),
    /// Write, check and show pipeline files
    Pipeline(pipeline::PipelineArgs),
    /// Run a deployed function once, on this machine
    Invoke(invoke::Invoke),
    /// Show the functions' logs
    Logs(logs::Logs),
    /// Say what a deployment costs, before the bill
    Cost(costs::CostArgs),
    /// Feed a topic to a function of yours, as Lambda's Kafka mapping does
    Bridge(bridge::BridgeArgs),
    #[command(hide = true)]
    Prepare(prepare::Prepare),
    #[command(hide = true)]
    Detach(detach::Detach),
}

impl Verb {
    /// Returns the verb's name if it works only on the local stack, and `None` otherwise.
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

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out::note(failure::describe(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    if let Verb::Detach(args) = &cli.verb {
        return detach::run(args);
    }
    if let Verb::Cost(args) = &cli.verb {
        // It needs no stack, and no checkout.
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
        // It needs no stack, and no checkout.
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
