//! A vehicle on its way: an event every interval, and each sent until it is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use faults::Backoff;
use rand::RngExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};

use super::client::{Client, Told};
use super::receipt::Trace;
use super::tally::Tally;
use super::vehicle::Vehicle;

/// The pause before an event is sent again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// What all vehicles of a fleet share.
#[derive(Debug)]
pub(crate) struct Road {
    pub(crate) client: Client,
    pub(crate) tally: Tally,
    pub(crate) interval: Duration,
    pub(crate) started: Instant,
    /// Seconds since the epoch at the start. Later times follow the monotonic clock, so that no vehicle is at two
    /// places at one time when the wall clock is set back.
    pub(crate) started_epoch: f64,
}

/// When to end: nothing while the fleet drives, then until when events that are under way may be sent again.
pub(crate) type Ending = watch::Receiver<Option<Instant>>;

/// Drives until the end: the first event after `phase`, the next ones every interval. A vehicle whose event is not
/// acknowledged yet makes no other.
pub(crate) async fn drive(vehicle: Vehicle, phase: Duration, road: Arc<Road>, mut ending: Ending) -> Trace {
    let mut trace = Trace::new(&vehicle.vin);
    let mut ticks = interval_at(road.started + phase, road.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            _ = ending.changed() => return trace,
            _ = ticks.tick() => {}
        }
        let elapsed = road.started.elapsed().as_secs_f64();
        let timestamp = to_micros(road.started_epoch + elapsed);
        let form = Bytes::from(vehicle.form(timestamp, elapsed));
        road.tally.made();
        let mut until = ending.clone();
        tokio::select! {
            acknowledged = deliver(&road, &form) => if acknowledged {
                trace.acknowledged(timestamp);
            },
            () = grace(&mut until) => {
                road.tally.given_up();
                return trace;
            }
        }
    }
}

/// Sends an event until it is acknowledged (`true`) or refused.
async fn deliver(road: &Road, form: &Bytes) -> bool {
    let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
    loop {
        match road.client.post(form).await {
            (Told::Acknowledged, latency) => {
                road.tally.acknowledged(latency);
                return true;
            }
            (Told::Refused(reason), _) => {
                road.tally.refused(reason);
                return false;
            }
            (Told::Again(reason, after), _) => {
                // Jittered, or all vehicles would come again at once.
                let longer = rand::rng().random_range(1.0..1.5);
                sleep(after.mul_f64(longer)).await;
                backoff.pause(Instant::now() + 2 * PAUSE.1).await;
                road.tally.retried(reason);
            }
        }
    }
}

/// Ends when the time for sending again is over.
async fn grace(ending: &mut Ending) {
    let until = ending.wait_for(Option::is_some).await.ok().and_then(|until| *until);
    if let Some(until) = until {
        sleep_until(until).await;
    }
}

/// What the source writes: six digits of fraction.
fn to_micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}
