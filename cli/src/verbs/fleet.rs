//! `headwater fleet`: simulates vehicles that send events with their state to the telemetry gateway.
//!
//! It writes a receipt of the acknowledged events, with which `headwater verify` later compares the rows of the table.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use clap::Args;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use super::drain::duration;
use crate::{
    failure::failure,
    out,
    progress::Pulse,
    stack::{layout::Layout, opened::Stack},
    traffic::{
        client::Client,
        drive::{Road, drive},
        receipt::{Receipt, Trace},
        tally::{Counts, Summary, Tally},
        vehicle,
    },
};

/// How long an event that is unacknowledged at the end may be sent again. After that it counts as given up.
const GRACE: Duration = Duration::from_secs(30);

/// Arguments of `headwater fleet`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it to send real load to the gateway, and to check afterwards with `headwater verify` that no event is missing.

Every vehicle sends one event per interval. An event that the gateway does not acknowledge is sent again, until 30 s
after the end. Then it is given up, and the command fails. A receipt in the data folder records the acknowledged events.

Examples:
  headwater fleet --num-vehicles 10 --for 60s
  headwater fleet --num-vehicles 10000 --interval 3s             drive until Ctrl-C
  headwater fleet --num-vehicles 100 --host https://abc.lambda-url.eu-central-1.on.aws --for 5m
  HEADWATER_GATEWAY_TOKEN=… headwater fleet --num-vehicles 3 --for 10s --json")]
pub(crate) struct Fleet {
    /// Number of vehicles
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    num_vehicles: u32,
    /// Address of the gateway [default: that of the stack]
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// Time between two events of a vehicle
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = interval_of)]
    interval: Duration,
    /// How long to drive [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Manufacturer of the vehicles (the field `make`)
    #[arg(long, default_value = "Ford")]
    make: String,
    /// Token of the gateway, if it requires one
    #[arg(long, env = "HEADWATER_GATEWAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Seed of the random numbers: the same seed makes the same vehicles [default: random]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Maximum number of requests at the same time; other vehicles wait for a free connection
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

/// Drives the vehicles and returns when every event is acknowledged, refused or given up. Prints the summary and writes
/// the receipt, also if events were refused or given up.
///
/// # Errors
/// - The gateway refused an event, or an event was given up.
/// - The stack has no gateway, `--host` is not an HTTP address, or the receipt cannot be written.
pub(crate) async fn run(layout: &Layout, args: &Fleet) -> anyhow::Result<()> {
    let host = match &args.host {
        Some(host) => host.clone(),
        None => Stack::open(layout).await?.url("telemetry-gateway")?.to_owned(),
    };
    let client = Client::new(&host, args.token.as_deref(), args.connections.into())?;
    let mut random = args.seed.map_or_else(|| StdRng::from_rng(&mut rand::rng()), StdRng::seed_from_u64);
    let vehicles = vehicle::draw(args.num_vehicles as usize, &args.make, &mut random);
    let count = vehicles.len();
    let started = Utc::now();
    #[expect(clippy::cast_precision_loss, reason = "microseconds since the epoch fit until the year 2255")]
    let started_epoch = started.timestamp_micros() as f64 / 1e6;
    let (interval, tally) = (args.interval, Tally::default());
    let road = Arc::new(Road { client, tally, interval, started: Instant::now(), started_epoch });

    let (stop, ending) = watch::channel(None);
    let mut drives = JoinSet::new();
    for (number, vehicle) in (0_u32..).zip(vehicles) {
        // The vehicles begin spread over one interval, so that their events do not arrive all at once.
        let phase = args.interval.mul_f64(f64::from(number) / f64::from(args.num_vehicles));
        drives.spawn(drive(vehicle, phase, Arc::clone(&road), ending.clone()));
    }
    drop(ending);
    let traces = watched(&road, args.time, &stop, drives).await?;

    let counts = road.tally.counts();
    let summary = counts.summary(count, road.started.elapsed());
    let receipt = Receipt::new(&host, started, &summary, traces).write(&layout.fleet())?;
    if args.json {
        out::json(&summary)?;
    } else {
        out::line(summary.line());
    }
    if let Some(slower) = slower(&summary, args.interval) {
        out::note(slower);
    }
    out::note(format!("receipt: {}", receipt.display()));
    accounted_for(&counts, &host)
}

/// Shows the counts while the vehicles drive, and ends the drive after `time` or at Ctrl-C. Returns the acknowledged
/// events of every vehicle when all vehicles have stopped.
///
/// At the end, vehicles may retry for [`GRACE`]. A second Ctrl-C ends the retries at once.
///
/// # Errors
/// The task of a vehicle panicked.
async fn watched(
    road: &Road,
    time: Option<Duration>,
    stop: &watch::Sender<Option<Instant>>,
    mut drives: JoinSet<Trace>,
) -> anyhow::Result<Vec<Trace>> {
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut pulse = Pulse::begin();
    let mut beat = interval(Duration::from_millis(200));
    let mut traces = Vec::with_capacity(drives.len());
    let end = time.map(|time| road.started + time);
    loop {
        let driving = stop.borrow().is_none();
        tokio::select! {
            home = drives.join_next() => match home {
                Some(trace) => traces.push(trace.context("the task of a vehicle failed")?),
                None => return Ok(traces),
            },
            _ = beat.tick() => pulse.show(&road.tally.counts().line(road.started.elapsed())),
            () = until(end), if driving => drop(stop.send(Some(Instant::now() + GRACE))),
            _ = interrupted.recv() => {
                let grace = if driving { GRACE } else { Duration::ZERO };
                // Fails only if no vehicle listens any more, because all have stopped.
                let _ = stop.send(Some(Instant::now() + grace));
            }
        }
    }
}

/// Waits until `end`. Without an end, waits forever.
async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// A note for a drive in which the vehicles sent their events more slowly than `wanted`, the interval. `None` if the
/// average interval was at most half as long again, or if no vehicle sent more than one event.
fn slower(summary: &Summary, wanted: Duration) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "told in tenths of a second")]
    let actual = summary.seconds * summary.vehicles as f64 / summary.made.max(1) as f64;
    // The comparison is generous because a drive ends in the middle of an interval.
    (actual > 1.5 * wanted.as_secs_f64() && summary.made > summary.vehicles as u64).then(|| {
        format!(
            "the gateway was too slow: each vehicle sent an event every {actual:.1} s, not every {wanted:?}"
        )
    })
}

/// Fails if an event was refused or given up. The error lists the most frequent reasons.
fn accounted_for(counts: &Counts, host: &str) -> anyhow::Result<()> {
    if counts.refused + counts.given_up == 0 {
        return Ok(());
    }
    let Counts { refused, given_up, .. } = counts;
    let fix = if *refused > 0 {
        "see the reasons; if the gateway requires a token, set --token or HEADWATER_GATEWAY_TOKEN".to_owned()
    } else {
        format!("check that {host} answers (GET /health), then run this again")
    };
    let message = format!("{refused} events were refused and {given_up} given up: {}", counts.reasons());
    Err(failure(message, fix))
}

/// Parses the interval. It must not be 0, because no two events of a vehicle may have the same timestamp (in
/// microseconds).
fn interval_of(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|interval| {
        if interval.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(interval) }
    })
}
