//! Finds the records that the tables refuse. It runs in one transaction, which is rolled back, and needs few round
//! trips. A record is a Kafka message, an object, or an element of an object.
//!
//! A statement stores many records and fails as a whole. So the records are stored in runs, each after a savepoint. A
//! run that fails is tried again in smaller runs, down to single records. All runs of one size are sent together,
//! without waiting for answers. After each statement two more are sent: `RELEASE` with a new `SAVEPOINT`, and `ROLLBACK
//! TO`. If the run was stored, the first one moves the savepoint after the run, and the second one undoes nothing. If
//! the run failed, the server refuses the first one, and the second one undoes only this run.
//!
//! After each thousand records, their runs are rolled back and the good records are stored again with one statement.
//! This is necessary because a row that one transaction changes thousands of times becomes slower with every change.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::time::Instant;
use tokio_postgres::Client;

use crate::error::WarehouseError;
use crate::limits::begin;

/// The sizes of runs, from the largest to the smallest. Parts of the largest size are searched one after another.
const SIZES: [usize; 4] = [1_000, 100, 10, 1];
/// How often records are tried again that made a total too large.
const MORE_TRIES: usize = 3;

/// The start of the reason with which a refused record is parked.
pub const CANNOT_HOLD: &str = "the table cannot hold it: ";

/// Records that are stored many at a time.
pub trait Storable {
    /// Identifies a record.
    type Index: Copy + Ord;
    /// The error of storing.
    type Fault: Refusal + From<WarehouseError>;

    /// Stores the records at `places`, in ascending order, in the open transaction of `client`. Must send all
    /// statements when the future is polled for the first time.
    fn store(&self, client: &Client, places: &[Self::Index])
    -> impl Future<Output = Result<(), Self::Fault>>;
}

/// An error that single records may cause.
pub trait Refusal {
    /// Whether single records cause the error, so that a search can find them.
    fn is_unholdable(&self) -> bool;

    /// Whether the record may be accepted after others were stored. An example is a total that was too large and
    /// becomes smaller again.
    fn may_fit_later(&self) -> bool;

    /// Why the record is refused.
    fn reason(&self) -> String;
}

impl Refusal for WarehouseError {
    fn is_unholdable(&self) -> bool {
        self.is_unholdable()
    }

    fn may_fit_later(&self) -> bool {
        false
    }

    fn reason(&self) -> String {
        self.server_message()
    }
}

/// The refused records with the reason, by place.
pub type Refused<P> = BTreeMap<P, String>;

/// The result of a search.
#[derive(Debug)]
pub struct Found<P> {
    /// The records that the tables refuse, and why.
    pub refused: Refused<P>,
    /// The records that the tables accept, in the runs in which they were stored.
    pub runs: Vec<Vec<P>>,
    /// The number of records that were searched. Lower than the number of records if the time ran out.
    pub looked_at: usize,
}

/// Searches the records at `places` in order. Stops before `until`, but searches at least the first thousand records.
/// Rolls the transaction back.
pub async fn search<S: Storable>(
    client: &Client,
    records: &S,
    places: &[S::Index],
    until: Instant,
    deadline: Instant,
) -> Result<Found<S::Index>, S::Fault> {
    let failed = || WarehouseError::statement("search for unstorable records");
    let found = Found { refused: Refused::new(), runs: Vec::new(), looked_at: 0 };
    let mut searched = Search { client, records, found, later: Vec::new() };
    let (begun, set) = tokio::join!(
        biased;
        begin(client, deadline),
        // An error of a constraint that is checked at the commit could not be attributed to a record.
        client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE; SAVEPOINT part; SAVEPOINT run"),
    );
    begun.and(set).map_err(failed())?;
    let begun = Instant::now();
    for (number, part) in (0..).zip(places.chunks(SIZES[0])) {
        let average = begun.elapsed().checked_div(number).unwrap_or_default();
        if number > 0 && Instant::now() + average >= until {
            break;
        }
        searched.look_through(part).await?;
        searched.found.looked_at += part.len();
    }
    searched.try_later_ones_again(until).await?;
    client.batch_execute("ROLLBACK").await.map_err(failed())?;
    Ok(searched.found)
}

/// A search in progress, in one transaction.
struct Search<'a, S: Storable> {
    /// The connection with the open transaction.
    client: &'a Client,
    records: &'a S,
    /// The result so far.
    found: Found<S::Index>,
    /// Records that were refused only because of a total that may become smaller again.
    later: Vec<S::Index>,
}

impl<S: Storable> Search<'_, S> {
    /// Searches one part of at most a thousand records, in ever smaller runs.
    async fn look_through(&mut self, part: &[S::Index]) -> Result<(), S::Fault> {
        let failed = || WarehouseError::statement("search for unstorable records");
        let runs_before = self.found.runs.len();
        let mut runs = vec![part];
        for size in SIZES {
            let smaller = runs.iter().flat_map(|run| run.chunks(size)).collect::<Vec<_>>();
            runs = self.try_each(&smaller).await?;
            if runs.is_empty() {
                break;
            }
        }
        let stored = self.found.runs.split_off(runs_before);
        if stored.len() > 1 {
            let mut together: Vec<S::Index> = stored.iter().flatten().copied().collect();
            together.sort_unstable();
            self.client.batch_execute("ROLLBACK TO SAVEPOINT part; SAVEPOINT run").await.map_err(failed())?;
            if !self.try_each(&[&together]).await?.is_empty() {
                // The table accepted these records one by one, but refuses them in one statement.
                self.try_each(&stored.iter().map(Vec::as_slice).collect::<Vec<_>>()).await?;
            }
        } else {
            self.found.runs.extend(stored);
        }
        self.client
            .batch_execute("RELEASE SAVEPOINT part; SAVEPOINT part; SAVEPOINT run")
            .await
            .map_err(failed())
            .map_err(S::Fault::from)
    }

    /// Stores each run that can be stored, and returns the others. Refused runs of a single record are noted.
    async fn try_each<'r>(&mut self, runs: &[&'r [S::Index]]) -> Result<Vec<&'r [S::Index]>, S::Fault> {
        let tries = runs.iter().map(|run| Box::pin(self.try_one(run))).collect();
        let mut failed = Vec::new();
        for (&run, stored) in runs.iter().zip(in_order(tries).await) {
            match (stored, run) {
                (Ok(()), _) => self.found.runs.push(run.to_vec()),
                (Err(error), &[place]) if error.is_unholdable() => {
                    if error.may_fit_later() {
                        self.later.push(place);
                    }
                    let reason = format!("{CANNOT_HOLD}{}", error.reason());
                    self.found.refused.insert(place, reason);
                }
                (Err(error), _) if error.is_unholdable() => failed.push(run),
                (Err(error), _) => return Err(error),
            }
        }
        Ok(failed)
    }

    /// Stores one run after a savepoint, and undoes it if it fails.
    async fn try_one(&self, run: &[S::Index]) -> Result<(), S::Fault> {
        let failed = || WarehouseError::statement("search for unstorable records");
        let (stored, moved, back) = tokio::join!(
            biased;
            self.records.store(self.client, run),
            self.client.batch_execute("RELEASE SAVEPOINT run; SAVEPOINT run"),
            self.client.batch_execute("ROLLBACK TO SAVEPOINT run"),
        );
        back.map_err(failed())?;
        stored?;
        moved.map_err(failed())?;
        Ok(())
    }

    /// Tries records again that made a total too large. They may fit after all others are stored.
    async fn try_later_ones_again(&mut self, until: Instant) -> Result<(), S::Fault> {
        let mut stored_before = 0;
        for _ in 0..MORE_TRIES {
            let later = std::mem::take(&mut self.later);
            // If nothing was stored since the last attempt, the totals have not changed.
            if later.is_empty() || self.found.runs.len() == stored_before || Instant::now() >= until {
                break;
            }
            stored_before = self.found.runs.len();
            for places in later.chunks(SIZES[0]) {
                self.try_each(&places.chunks(1).collect::<Vec<_>>()).await?;
            }
        }
        let Found { refused, runs, .. } = &mut self.found;
        for place in runs.iter().flatten() {
            refused.remove(place);
        }
        Ok(())
    }
}

/// Runs futures whose requests must be sent in order. The first poll of each one sends its requests.
async fn in_order<F: Future>(mut futures: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut outputs: Vec<Option<F::Output>> = Vec::with_capacity(futures.len());
    poll_fn(|context| {
        outputs.extend(futures.iter_mut().map(|future| match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }));
        Poll::Ready(())
    })
    .await;
    let mut all = Vec::with_capacity(futures.len());
    for (future, output) in futures.into_iter().zip(outputs) {
        all.push(match output {
            Some(output) => output,
            None => future.await,
        });
    }
    all
}
