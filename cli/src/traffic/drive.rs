//! A vehicle on its way: an event every interval, and each sent until it is acknowledged.

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
/// acknowledged yet makes no other; nor does one that waits for a connection, so that what it sends is new.
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

/// Sends an event until it is acknowledged (`true`) or refused.
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
                // Jittered, or all vehicles would come again at once.
                let longer = rand::rng().random_range(1.0..1.5);
                sleep(after.mul_f64(longer)).await;
                backoff.pause(Instant::now() + 2 * PAUSE.1).await;
                road.tally.retried(reason);
                turn = road.client.turn().await;
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

    /// How often each body came.
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

    /// Drives five vehicles until `enough`, then lets what is under way be sent again for `grace`.
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
