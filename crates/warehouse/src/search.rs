//! Which records the tables cannot hold: found within one transaction that is rolled back, in a few round trips. A record
//! is one message of Kafka, one object, or one element of an object.
//!
//! A statement stores many records and fails as a whole. So the records are stored in runs, each behind a savepoint, and a
//! run that fails is tried again in smaller ones, down to the single record. All runs of one size travel together, without
//! waiting for answers: behind each statement go `RELEASE` with a new `SAVEPOINT`, and `ROLLBACK TO`. After a run that was
//! stored the first moves the savepoint behind it, so the second undoes nothing. After one that failed the server refuses
//! the first, and the second takes back the failed run alone.
//!
//! When a thousand records are told apart, their runs are taken back and the good ones stored again in one statement: a row
//! that one transaction changes thousands of times becomes slower with every change.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::time::Instant;
use tokio_postgres::Client;

use crate::error::WarehouseError;
use crate::limits::begin;

/// The sizes of runs, the largest first. Records are looked through by the largest, one after the other.
const SIZES: [usize; 4] = [1_000, 100, 10, 1];
/// How often records are tried again whose total was too large.
const MORE_TRIES: usize = 3;

/// The beginning of the reason with which a refused record is parked.
pub const CANNOT_HOLD: &str = "the table cannot hold it: ";

/// Records that are stored many at a time.
pub trait Storable {
    /// Which of the records.
    type Index: Copy + Ord;
    /// Why they were not stored.
    type Fault: Refusal + From<WarehouseError>;

    /// Stores the records at `places`, which are in order, within the transaction that `client` has open. All statements
    /// must be sent at the first poll.
    fn store(&self, client: &Client, places: &[Self::Index])
    -> impl Future<Output = Result<(), Self::Fault>>;
}

/// A fault that may be the fault of single records.
pub trait Refusal {
    /// Whether single records are at fault, which can be told apart.
    fn is_unholdable(&self) -> bool;

    /// Whether the record may fit once others were stored: a total that was too large comes down again.
    fn may_fit_later(&self) -> bool;

    /// Why a single record cannot be held.
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

/// Poison by the record's place.
pub type Refused<P> = BTreeMap<P, String>;

/// What a search came to.
#[derive(Debug)]
pub struct Found<P> {
    /// What the tables cannot hold, and why.
    pub refused: Refused<P>,
    /// What they can hold: runs that were stored one after the other.
    pub runs: Vec<Vec<P>>,
    /// How many of the records were looked at: all, unless there was no time.
    pub looked_at: usize,
}

/// Looks through the records at `places`, one after the other. Before `until` it stops with what it has, which is at least the
/// first thousand records. The transaction is rolled back.
pub async fn search<S: Storable>(
    client: &Client,
    records: &S,
    places: &[S::Index],
    until: Instant,
    deadline: Instant,
) -> Result<Found<S::Index>, S::Fault> {
    let failed = || WarehouseError::statement("look for what the table cannot hold");
    let found = Found { refused: Refused::new(), runs: Vec::new(), looked_at: 0 };
    let mut searched = Search { client, records, found, later: Vec::new() };
    let (begun, set) = tokio::join!(
        biased;
        begin(client, deadline),
        // A constraint that is checked at the commit would be nobody's fault.
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

struct Search<'a, S: Storable> {
    client: &'a Client,
    records: &'a S,
    found: Found<S::Index>,
    /// Refused, but for a total that may come down again.
    later: Vec<S::Index>,
}

impl<S: Storable> Search<'_, S> {
    async fn look_through(&mut self, part: &[S::Index]) -> Result<(), S::Fault> {
        let failed = || WarehouseError::statement("look for what the table cannot hold");
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
                // The table took these records one by one, but refuses them in one statement.
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

    /// Stores each run that can be stored, and returns the others. Those of one record are refused.
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

    async fn try_one(&self, run: &[S::Index]) -> Result<(), S::Fault> {
        let failed = || WarehouseError::statement("look for what the table cannot hold");
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

    /// A record that would have passed the range of its total may fit now that all others are stored.
    async fn try_later_ones_again(&mut self, until: Instant) -> Result<(), S::Fault> {
        let mut stored_before = 0;
        for _ in 0..MORE_TRIES {
            let later = std::mem::take(&mut self.later);
            // Without one that was stored since, the totals are as they were.
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

/// Runs futures whose requests must be sent in their order: the first poll of each sends them.
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
