//! Judges closed windows.

use std::collections::{BTreeMap, BTreeSet};

use kafka::PartitionLag;
use pipeline::Pipeline;
use positions::{OffsetRanges, Position};
use reconcile::{
    Ends, ReconcileError, Verdict, books, in_snapshot, lake,
    lost::{Reach, lost},
    offsets::{Offsets, below, intersection},
    produced::{self, Produced},
    table,
    window::{self, Rows, SinkState},
};
use tokio::time::Instant;
use warehouse::{
    Client,
    certificates::{Certificate, Counts, State},
};

use crate::{
    amounts::{Findings, Summed},
    lanes, letters,
};

/// The maximum number of problems in a certificate. Long lists of offsets within a problem are shortened already.
const MOST_PROBLEMS: usize = 20;

/// The input for judging the windows of one topic.
pub(crate) struct Judge<'a> {
    /// The function, for its settings and clients.
    pub(crate) round: &'a crate::Round,
    /// The connection to Postgres.
    pub(crate) client: &'a Client,
    /// The pipeline of the topic.
    pub(crate) pipeline: &'a Pipeline,
    /// Kafka's current id of the topic.
    pub(crate) topic_id: &'a str,
    /// The comparisons of amounts, by consumer group. They apply to every window of the lane.
    pub(crate) findings: &'a Findings,
    /// Whether Kafka compacts the topic. Then a row without a record in Kafka is no problem.
    pub(crate) compacted: bool,
    /// The time limit for requests.
    pub(crate) deadline: Instant,
}

/// The records of a window in Kafka, and its rows in the lake.
struct Seen {
    /// The window's offsets: first offset and end of each partition.
    window: Ends,
    /// Which of the offsets hold a record.
    produced: Produced,
    /// The rows of the window in the lake. `None` if no certificate of the window is for the lake.
    lake: Option<lake::Stored>,
    /// The sum of the summed field over the records that have a row in the lake.
    sum: i128,
}

impl Judge<'_> {
    /// Judges one window for all lanes that have the same one, and writes state, counts, problems and notes
    /// into their certificates. It saves nothing.
    ///
    /// # Errors
    /// [`ReconcileError`] if Kafka or a sink cannot be read completely. The certificates then keep their
    /// state.
    pub(crate) async fn judge(&self, certificates: &mut [Certificate]) -> Result<(), ReconcileError> {
        let Some(first) = certificates.first() else { return Ok(()) };
        if first.topic_id != self.topic_id {
            for certificate in certificates {
                let problem = "the topic was deleted and created again before this window was judged to hold; its records \
                               cannot be compared any more";
                certificate.state = State::Failed;
                certificate.problems = vec![problem.to_owned()];
            }
            return Ok(());
        }
        let seen = self.look(lanes::ends(first), certificates).await?;
        for certificate in certificates {
            let mut verdict =
                Verdict::of(&certificate.lane.function, &certificate.lane.group, &self.pipeline.topic.name);
            for span in certificate.window.iter().filter(|span| span.end < span.start) {
                verdict.problems.push(format!(
                    "partition {} ended at offset {} when the window before was closed, and at {} when this one was: Kafka \
                     lost acknowledged records (a replica that lagged behind was elected as leader)",
                    span.partition, span.start, span.end
                ));
            }
            self.judge_lane(certificate, &seen, &mut verdict).await?;
            let finding = self.findings.get(&certificate.lane.group);
            verdict.problems.extend(finding.and_then(|finding| finding.problem.clone()));
            certificate.notes = finding.and_then(|finding| finding.note.clone()).into_iter().collect();
            certificate.state = if verdict.holds() { State::Holds } else { State::Failed };
            certificate.counts = counts(&verdict);
            certificate.problems = verdict.problems;
            certificate.problems.truncate(MOST_PROBLEMS);
        }
        Ok(())
    }

    /// Reads the records of a window from Kafka, and its rows from the lake if one of the lanes is the
    /// lake's.
    ///
    /// # Errors
    /// [`ReconcileError::Unread`] if some records of the window could not be read in time.
    async fn look(&self, window: Ends, certificates: &[Certificate]) -> Result<Seen, ReconcileError> {
        let offsets = lanes::offsets(&window);
        let summed = Summed::of(self.pipeline);
        let mut stored = None;
        if let Some(spec) = &self.pipeline.lake
            && certificates.iter().any(|one| one.lane.group == spec.consumer_group)
        {
            let field = self.pipeline.totals.as_ref().map(|totals| totals.sum.as_str());
            let snapshot = lake::snapshot(&self.round.sources, &spec.path, self.deadline).await?;
            stored = Some(match snapshot {
                Some(snapshot) => lake::read_within(&snapshot, &offsets, field, self.deadline).await?,
                None => lake::Stored::default(),
            });
        }
        let rows: Offsets = stored.as_ref().map(rows_of).unwrap_or_default();
        let mut sum = 0;
        let topic = &self.pipeline.topic.name;
        let read = produced::read(&self.round.sources.cluster, topic, &offsets, |record| {
            let has_row = rows.get(&record.partition).is_some_and(|rows| rows.contains(record.offset));
            if let (true, Some(summed)) = (has_row, &summed) {
                sum += summed.value(record.value.as_deref().unwrap_or_default());
            }
        });
        let produced = read.await?;
        if lanes::count(&produced.unread) > 0 {
            return Err(ReconcileError::Unread { topic: topic.clone() });
        }
        Ok(Seen { window, produced, lake: stored, sum })
    }

    /// Compares one lane with Kafka in a window, and adds the differences to the verdict.
    ///
    /// The sum of the window's rows in the lake is compared only if both sides have the same records: nothing
    /// is doubled, nothing was deleted, and the lane was never reset.
    ///
    /// # Errors
    /// [`ReconcileError`] if a sink, the dead letters or Kafka cannot be read.
    async fn judge_lane(
        &self,
        certificate: &Certificate,
        seen: &Seen,
        verdict: &mut Verdict,
    ) -> Result<(), ReconcileError> {
        let (topic, group) = (&self.pipeline.topic.name, &certificate.lane.group);
        let sink = self.sink(certificate, seen).await?;
        let parked = |(partition, &span): (&i32, &(i64, i64))| {
            let position = sink.positions.get(partition)?;
            let span: OffsetRanges = std::iter::once(span.0..span.1).collect();
            Some(intersection(&position.parked, &span).count())
        };
        let mut letters = letters::Letters::new();
        if seen.window.iter().filter_map(parked).sum::<i64>() > 0 {
            let lane = (certificate.lane.function.as_str(), topic.as_str());
            letters = letters::within(&self.round.sources, lane, &seen.window, self.deadline).await?;
        }
        let of = |partition: i32, incarnation: i64| -> BTreeSet<i64> {
            letters.get(&(partition, incarnation)).cloned().unwrap_or_default()
        };
        let mut lost_here = Offsets::new();
        if lanes::count(&seen.produced.gone) > 0 {
            let lags = self.round.offsets.of(group, topic, self.deadline).await?;
            lost_here = deleted(certificate, &seen.produced.gone, &sink, &lags, verdict);
        }
        let with = (&of as &dyn Fn(i32, i64) -> BTreeSet<i64>, self.compacted);
        let without_row = window::judge(verdict, &seen.window, &seen.produced, &sink, &lost_here, with);
        if let Some(spec) = &self.pipeline.table
            && !without_row.is_empty()
        {
            let places = (&self.round.sources.cluster, self.client);
            table::account_for(verdict, places, self.pipeline, spec, &without_row).await?;
        }
        if let (Rows::EveryRecord(_), Some(summed)) = (&sink.rows, Summed::of(self.pipeline))
            && let Some(sum) = seen.lake.as_ref().and_then(|lake| lake.sum)
            && verdict.doubled == 0
            && lanes::count(&seen.produced.gone) == 0
            && !self.compacted
            && !was_reset(&sink)
            && sum != seen.sum
        {
            verdict.problems.push(format!(
                "the rows of the window sum up to {}, their records in Kafka to {}",
                summed.text(sum),
                summed.text(seen.sum)
            ));
        }
        Ok(())
    }

    /// Reads the positions and rows of a lane's sink within the window. A totals table has no rows per
    /// record, so only its positions are read.
    async fn sink(&self, certificate: &Certificate, seen: &Seen) -> Result<SinkState, ReconcileError> {
        let (topic, group) = (&self.pipeline.topic.name, &certificate.lane.group);
        let of_books = |books: BTreeMap<i32, books::Books>| -> BTreeMap<i32, Position> {
            books.into_iter().map(|(partition, books)| (partition, books.position)).collect()
        };
        let table = self.pipeline.table.as_ref().filter(|spec| spec.consumer_group == *group);
        if let Some(spec) = table {
            let stored = table::read_window(self.client, topic, spec, &seen.window).await?;
            return Ok(SinkState { positions: of_books(stored.books), rows: Rows::EveryKey(stored.offsets) });
        }
        if let (Some(stored), true) =
            (&seen.lake, certificate.lane.function == pipeline::Sink::Lake.function())
        {
            let of = |&partition: &i32| (partition, lake::position(&stored.apps, group, topic, partition));
            let positions = seen.window.keys().map(of).collect();
            return Ok(SinkState { positions, rows: Rows::EveryRecord(stored.offsets.clone()) });
        }
        let read = async || books::read(self.client, group, topic).await;
        Ok(SinkState { positions: of_books(in_snapshot(self.client, read).await?), rows: Rows::Sum })
    }
}

/// Returns the offsets that Kafka deleted before the lane read them. If the window failed before, also adds
/// the offsets that can no longer be compared to the verdict: without the records it is unknown whether they
/// were repaired.
fn deleted(
    certificate: &Certificate,
    gone: &Offsets,
    sink: &SinkState,
    lags: &[PartitionLag],
    verdict: &mut Verdict,
) -> Offsets {
    let (mut all_lost, unread) = (Offsets::new(), Position::default());
    for lag in lags {
        let Some(gone) = gone.get(&lag.partition) else { continue };
        let reach = Reach::of(sink.positions.get(&lag.partition).unwrap_or(&unread));
        let lost = lost(&reach, lag);
        let mut open = reach.holes.clone();
        open.insert(reach.next..i64::MAX);
        if certificate.state == State::Failed {
            let expected = gone.difference(&below(lag.start.unwrap_or(0)));
            verdict.problem(
                "failed before, and deleted by Kafka since, so that it cannot be compared again",
                lag.partition,
                &intersection(&expected, &open).difference(&lost),
            );
        }
        all_lost.insert(lag.partition, lost);
    }
    all_lost
}

/// The offsets that have a row in the lake.
fn rows_of(lake: &lake::Stored) -> Offsets {
    lake.offsets.iter().map(|(partition, rows)| (*partition, rows.iter().copied().collect())).collect()
}

/// Whether a position was reset. Then the lake also has rows of an earlier topic, and sums are not comparable.
fn was_reset(sink: &SinkState) -> bool {
    sink.positions.values().any(|position| !position.earlier.is_empty())
}

/// The numbers of a verdict, as a certificate stores them.
fn counts(verdict: &Verdict) -> Counts {
    Counts {
        produced: verdict.produced,
        stored: verdict.stored,
        repeated: verdict.repeated,
        parked: verdict.parked,
        missing: verdict.missing,
        doubled: verdict.doubled,
        lost: verdict.lost,
    }
}
