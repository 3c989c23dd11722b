//! `headwater fleet`: vehicles that drive and tell the gateway where they are.

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

/// How long events that are under way at the end may be sent again.
const GRACE: Duration = Duration::from_secs(30);

/// Arguments of `headwater fleet`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every vehicle sends its state every interval. What is not acknowledged is sent again, the same event, until it is; what
still is not 30 s after the end is given up, and the command fails. A receipt of what was acknowledged is written below
the data folder.

Examples:
  headwater fleet --num-vehicles 10 --for 60s
  headwater fleet --num-vehicles 10000 --interval 3s             until Ctrl-C
  headwater fleet --num-vehicles 100 --host https://abc.lambda-url.eu-central-1.on.aws --for 5m
  HEADWATER_GATEWAY_TOKEN=… headwater fleet --num-vehicles 3 --for 10s --json")]
pub(crate) struct Fleet {
    /// How many vehicles
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    num_vehicles: u32,
    /// The gateway [default: that of the stack]
    #[arg(long, value_name = "URL")]
    host: Option<String>,
    /// From one event of a vehicle to its next
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = interval_of)]
    interval: Duration,
    /// How long to drive [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Who made the vehicles
    #[arg(long, default_value = "Ford")]
    make: String,
    /// The gateway's token, where it asks for one
    #[arg(long, env = "HEADWATER_GATEWAY_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Draws the same vehicles again
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Connections at the most; the rest waits for its turn
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..))]
    connections: u16,
    /// The summary as one JSON object
    #[arg(long)]
    json: bool,
}

/// Drives, and returns when every event of the drive is accounted for.
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
        // Spread over the interval, so that they do not come all at once.
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

/// Shows how it goes, ends the drive in its time or with Ctrl-C, and brings the vehicles home. A second Ctrl-C gives up
/// what is under way.
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
                Some(trace) => traces.push(trace.context("a vehicle broke down")?),
                None => return Ok(traces),
            },
            _ = beat.tick() => pulse.show(&road.tally.counts().line(road.started.elapsed())),
            () = until(end), if driving => drop(stop.send(Some(Instant::now() + GRACE))),
            _ = interrupted.recv() => {
                let grace = if driving { GRACE } else { Duration::ZERO };
                // Fails only when all vehicles are home.
                let _ = stop.send(Some(Instant::now() + grace));
            }
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// What to say of a gateway that takes less than the fleet would send.
fn slower(summary: &Summary, wanted: Duration) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "told in tenths of a second")]
    let actual = summary.seconds * summary.vehicles as f64 / summary.made.max(1) as f64;
    // A drive ends in the middle of an interval.
    (actual > 1.5 * wanted.as_secs_f64() && summary.made > summary.vehicles as u64).then(|| {
        format!("this gateway takes an event of each vehicle every {actual:.1} s; the fleet would send one every {wanted:?}")
    })
}

fn accounted_for(counts: &Counts, host: &str) -> anyhow::Result<()> {
    if counts.refused + counts.given_up == 0 {
        return Ok(());
    }
    let Counts { refused, given_up, .. } = counts;
    let fix = if *refused > 0 {
        "the gateway says why; where it asks for a token, give --token or HEADWATER_GATEWAY_TOKEN".to_owned()
    } else {
        format!("see whether {host} answers (GET /health), then drive again")
    };
    let message = format!("{refused} events were refused and {given_up} given up: {}", counts.reasons());
    Err(failure(message, fix))
}

/// A vehicle's timestamps have to differ, by microseconds.
fn interval_of(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|interval| {
        if interval.is_zero() { Err("more than nothing".to_owned()) } else { Ok(interval) }
    })
}
