//! Drives one vehicle. It makes one event per interval and sends it until the gateway acknowledges or refuses it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use faults::Backoff;
use rand::RngExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until};

use super::client::{Client, Told, Turn};
use super::receipt::Trace;
use super::tally::Tally;
use super::vehicle::Vehicle;

/// Upper bounds of the random pause before a retry: of an event's first pause, and of its longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Shared state of all vehicles of a fleet.
#[derive(Debug)]
pub(crate) struct Road {
    /// Client of the gateway. Its connections are shared, so a vehicle may have to wait for a free one.
    pub(crate) client: Client,
    /// Counts of all vehicles.
    pub(crate) tally: Tally,
    /// Time between two events of one vehicle.
    pub(crate) interval: Duration,
    /// Start of the fleet by the monotonic clock. `phase` and the intervals count from here.
    pub(crate) started: Instant,
    /// Start of the fleet by the wall clock, in seconds since the Unix epoch. The wall clock is read only once. Each
    /// event's timestamp is this value plus the monotonic time since `started`: if the wall clock is set back, no
    /// vehicle reports two positions for the same timestamp.
    pub(crate) started_epoch: f64,
}

/// Tells the vehicles when to stop. The value is `None` while the fleet drives. At the end it becomes the instant until
/// which a vehicle may still retry the event that is not acknowledged yet.
pub(crate) type Ending = watch::Receiver<Option<Instant>>;

/// Drives one vehicle until `ending` changes: the first event after `phase`, then one per interval.
///
/// A vehicle has at most one event under way. It makes no new event while the last one is unacknowledged or while it
/// waits for a connection; the intervals that pass meanwhile are skipped. An event is made only when a connection is
/// free, so its position is the current one.
///
/// Returns the acknowledged events. An event that is still unacknowledged when the instant of `ending` passes counts as
/// given up.
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
        let turn = tokio::select! {
            biased;
            _ = ending.changed() => return trace,
            turn = road.client.turn() => turn,
        };
        let elapsed = road.started.elapsed().as_secs_f64();
        let timestamp = to_micros(road.started_epoch + elapsed);
        let form = Bytes::from(vehicle.form(timestamp, elapsed));
        road.tally.made();
        let mut until = ending.clone();
        tokio::select! {
            acknowledged = deliver(&road, turn, &form) => if acknowledged {
                trace.acknowledged(timestamp);
            },
            () = grace(&mut until) => {
                road.tally.given_up();
                return trace;
            }
        }
    }
}

/// Sends an event until it is acknowledged (returns `true`) or refused (`false`).
///
/// Before a retry it waits for the answer's `Retry-After`, lengthened by up to half, and then for a random pause. It
/// gives the connection back first, so that other vehicles can send meanwhile. It never gives up: the caller ends it.
async fn deliver<'a>(road: &'a Road, mut turn: Turn<'a>, form: &Bytes) -> bool {
    let mut backoff = Backoff::new(PAUSE.0, PAUSE.1);
    loop {
        match turn.post(form).await {
            (Told::Acknowledged, latency) => {
                road.tally.acknowledged(latency);
                return true;
            }
            (Told::Refused(reason), _) => {
                road.tally.refused(reason);
                return false;
            }
            (Told::Again(reason, after), _) => {
                // Jitter, because `Retry-After` is the same for all vehicles and they would all retry at once.
                let longer = rand::rng().random_range(1.0..1.5);
                sleep(after.mul_f64(longer)).await;
                backoff.pause(Instant::now() + 2 * PAUSE.1).await;
                road.tally.retried(reason);
                turn = road.client.turn().await;
            }
        }
    }
}

/// Waits for the instant of `ending`, after which nothing is sent again.
async fn grace(ending: &mut Ending) {
    let until = ending.wait_for(Option::is_some).await.ok().and_then(|until| *until);
    if let Some(until) = until {
        sleep_until(until).await;
    }
}

/// Rounds to microseconds: the source fleet writes timestamps with six decimal digits.
fn to_micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;
    use std::sync::Mutex;

    use http_body_util::{BodyExt as _, Full};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use hyper_util::rt::TokioIo;
    use rand::SeedableRng as _;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;
    use crate::traffic::tally::Counts;
    use crate::traffic::vehicle;

    /// Number of requests by body.
    type Bodies = Arc<Mutex<BTreeMap<String, u32>>>;

    /// A gateway that answers the n-th try of an event with `status(n)`.
    async fn gateway(status: fn(u32) -> u16) -> (String, Bodies) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Bodies::default();
        let seen = Arc::clone(&bodies);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                let service = service_fn(move |request: Request<Incoming>| {
                    let seen = Arc::clone(&seen);
                    async move {
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let body = String::from_utf8(body.to_vec()).unwrap();
                        let tries =
                            *seen.lock().unwrap().entry(body).and_modify(|tries| *tries += 1).or_insert(1);
                        let answer = Response::builder().status(status(tries)).body(Full::<Bytes>::default());
                        Ok::<_, Infallible>(answer.unwrap())
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(connection);
            }
        });
        (host, bodies)
    }

    /// Drives five vehicles until `enough`, then ends the fleet. Unacknowledged events may be retried for `grace`.
    async fn driven(host: &str, enough: fn(&Counts) -> bool, grace: Duration) -> (Counts, Vec<Trace>) {
        let (interval, started) = (Duration::from_millis(20), Instant::now());
        let client = Client::new(host, None, 3).unwrap();
        let road =
            Road { client, tally: Tally::default(), interval, started, started_epoch: 1_795_262_400.0 };
        let road = Arc::new(road);
        let (stop, ending) = watch::channel(None);
        let mut drives = JoinSet::new();
        for vehicle in vehicle::draw(5, "Ford", &mut rand::rngs::StdRng::seed_from_u64(1)) {
            drives.spawn(drive(vehicle, Duration::ZERO, Arc::clone(&road), ending.clone()));
        }
        while !enough(&road.tally.counts()) {
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", road.tally.counts());
            tokio::task::yield_now().await;
        }
        stop.send(Some(Instant::now() + grace)).unwrap();
        let traces = drives.join_all().await;
        (road.tally.counts(), traces)
    }

    #[tokio::test]
    async fn what_is_not_acknowledged_is_sent_again_unchanged_until_it_is() {
        let (host, bodies) = gateway(|tries| if tries < 3 { 503 } else { 200 }).await;
        let (counts, traces) =
            driven(&host, |counts| counts.acknowledged >= 10, Duration::from_secs(30)).await;
        assert_eq!((counts.acknowledged, counts.given_up, counts.refused), (counts.made, 0, 0), "{counts:?}");
        assert_eq!(counts.retried, 2 * counts.made);
        let bodies = bodies.lock().unwrap();
        assert_eq!(bodies.len() as u64, counts.made, "no two events are the same");
        assert!(bodies.values().all(|&tries| tries == 3), "{bodies:?}");
        assert_eq!(traces.len(), 5);
    }

    #[tokio::test]
    async fn what_is_refused_is_not_sent_again() {
        let (host, bodies) = gateway(|_| 400).await;
        let (counts, _) = driven(&host, |counts| counts.refused >= 20, Duration::from_secs(30)).await;
        assert_eq!((counts.refused, counts.retried, counts.acknowledged), (counts.made, 0, 0));
        assert!(bodies.lock().unwrap().values().all(|&tries| tries == 1));
    }

    #[tokio::test]
    async fn what_is_still_not_acknowledged_when_the_grace_is_over_is_given_up() {
        let (host, _) = gateway(|_| 503).await;
        let (counts, _) = driven(&host, |counts| counts.retried >= 5, Duration::ZERO).await;
        assert_eq!((counts.given_up, counts.made, counts.acknowledged), (5, 5, 0), "{counts:?}");
    }
}
