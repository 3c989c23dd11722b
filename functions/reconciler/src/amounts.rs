//! Compares the expected amount of a sink with its actual amount. The expected amount is that of the last comparison,
//! plus what the records in Kafka have added since.
//!
//! This finds damage that no window shows, such as a changed total, or deleted rows of older windows in the lake. The
//! stored amount is the expected one, not the actual one. So a damaged sink fails every comparison until it is
//! repaired, and then holds again.

use std::collections::BTreeMap;

use ::lake::Snapshot;
use pipeline::{FieldType, Layout, Pipeline, RecordDecoder, TotalsSection, Value};
use positions::Position;
use reconcile::{ReconcileError, lake, mark::Change, mark::Mark, offsets::Offsets, produced, totals};
use serde_json::{from_str, to_string};
use tokio::time::Instant;
use warehouse::{
    Client,
    certificates::{self, Amount},
    values::decimal_text,
};

use crate::{closing::Now, lanes};

/// The result of one comparison: a difference, or the reason why nothing was compared.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// The sink's amount differs from the expected one. Fails the certificates of the lane.
    pub(crate) problem: Option<String>,
    /// Why the amount was not compared. Does not fail a certificate.
    pub(crate) note: Option<String>,
}

/// The results by consumer group.
pub(crate) type Findings = BTreeMap<String, Finding>;

/// Computes the exact sum of a field over records.
#[derive(Debug)]
pub(crate) struct Summed {
    decoder: RecordDecoder,
    /// The column index of the field in a decoded row.
    place: usize,
    /// The number of digits after the point; 0 for integers.
    scale: u8,
}

impl Summed {
    /// The field that a topic's totals sum up. `None` if the topic has no totals.
    pub(crate) fn of(pipeline: &Pipeline) -> Option<Self> {
        let path = &pipeline.totals.as_ref()?.sum;
        let layout = Layout::of(&pipeline.fields);
        let place = layout.column_index(path)?;
        let scale = match layout.columns[place].field_type {
            FieldType::Decimal { scale, .. } => scale,
            _ => 0,
        };
        Some(Self { decoder: RecordDecoder::new(&pipeline.fields), place, scale })
    }

    /// The value of the field in a record; a decimal is multiplied by 10^scale. 0 for a record that cannot be decoded,
    /// because no lane adds it.
    pub(crate) fn value(&self, record: &[u8]) -> i128 {
        let mut row = Vec::new();
        if self.decoder.decode(record, &mut row).is_err() {
            return 0;
        }
        match row.get(self.place) {
            Some(Value::Integer(number)) => i128::from(*number),
            Some(Value::Decimal(unscaled)) => *unscaled,
            _ => 0,
        }
    }

    /// Formats a sum as Postgres does.
    pub(crate) fn text(&self, unscaled: i128) -> String {
        decimal_text(unscaled, self.scale)
    }

    /// Parses a sum of Postgres, and multiplies it by 10^scale. `None` if it has more digits after the point
    /// than the field, or if it is not a number.
    fn parse(&self, text: &str) -> Option<i128> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let scale = usize::from(self.scale);
        let (kept, cut) = fraction.split_at(fraction.len().min(scale));
        let digits = format!("{whole}{kept:0<scale$}");
        cut.bytes().all(|digit| digit == b'0').then(|| digits.parse().ok()).flatten()
    }
}

/// One sink: its actual amount at a position, and its expected amount (`base`) at an earlier position.
struct Side {
    /// The consumer group of the lane.
    group: String,
    /// What the amount is, in words, for messages.
    what: String,
    /// The position at which the sink holds `actual`.
    mark: Mark,
    /// The actual amount. For a sum: times 10^scale.
    actual: i128,
    /// The expected amount at the earlier position.
    base: i128,
    /// The offsets that were stored, or parked again, between the two positions.
    change: Change,
}

/// The input of the comparisons of one topic.
pub(crate) struct Amounts<'a> {
    /// The function, for its settings and clients.
    pub(crate) round: &'a crate::Round,
    /// The connection to Postgres.
    pub(crate) client: &'a Client,
    /// The pipeline of the topic.
    pub(crate) pipeline: &'a Pipeline,
    /// The topic's current state in Kafka.
    pub(crate) now: &'a Now<'a>,
    /// Whether Kafka compacts the topic. Then records can disappear, and nothing is compared.
    pub(crate) compacted: bool,
    /// The time limit for reading the lake.
    pub(crate) deadline: Instant,
}

impl Amounts<'_> {
    /// Compares the sum of the totals and the number of rows in the lake with the records in Kafka. Kafka is
    /// read once for both.
    ///
    /// # Errors
    /// [`ReconcileError`] if Kafka, the lake or Postgres cannot be read, or if some records could not be read
    /// in time.
    pub(crate) async fn compare(&self) -> Result<Findings, ReconcileError> {
        let mut findings = Findings::new();
        let summed = Summed::of(self.pipeline);
        let mut sides = [None, None];
        if let (Some(spec), Some(summed)) = (&self.pipeline.totals, &summed) {
            sides[0] = self.totals_side(spec, summed, &mut findings).await?;
        }
        if let Some(spec) = &self.pipeline.lake {
            let snapshot = lake::snapshot(&self.round.sources, &spec.path, self.deadline).await?;
            if let Some(snapshot) = snapshot {
                sides[1] = self.lake_side(&spec.consumer_group, &snapshot, &mut findings).await?;
            }
        }
        let mut wanted = Offsets::new();
        for (partition, ranges) in sides.iter().flatten().flat_map(|side| side.change.offsets()) {
            let all = wanted.entry(partition).or_default();
            ranges.iter().for_each(|range| all.insert(range.clone()));
        }
        // Each record adds its value to the totals, and 1 to the number of rows in the lake.
        let mut sums = [0_i128, 0];
        let mut values = |partition: i32, offset: i64, record: &[u8]| {
            for (index, side) in sides.iter().enumerate() {
                let sign = side.as_ref().map_or(0, |side| side.change.sign(partition, offset));
                if sign != 0 {
                    let value = match (index, &summed) {
                        (0, Some(summed)) => summed.value(record),
                        _ => 1,
                    };
                    sums[index] += i128::from(sign) * value;
                }
            }
        };
        let topic = &self.pipeline.topic.name;
        let read = produced::read(&self.round.sources.cluster, topic, &wanted, |record| {
            values(record.partition, record.offset, record.value.as_deref().unwrap_or_default());
        });
        let found = read.await?;
        if lanes::count(&found.unread) > 0 {
            return Err(ReconcileError::Unread { topic: topic.clone() });
        }
        for (side, sum) in sides.into_iter().zip(sums) {
            let Some(side) = side else { continue };
            let unknown = side.change.offsets().iter().any(|(partition, ranges)| {
                let gone = found.gone.get(partition);
                gone.is_some_and(|gone| !reconcile::offsets::intersection(gone, ranges).is_empty())
            });
            let finding = if unknown {
                self.remember(&side.group, &side.mark, side.actual).await?;
                Finding { note: Some(note("Kafka deleted records before they were compared")), problem: None }
            } else {
                let expected = side.base + sum;
                self.remember(&side.group, &side.mark, expected).await?;
                let text = |amount: i128| match &summed {
                    Some(summed) if side.what.starts_with("the sum") => summed.text(amount),
                    _ => amount.to_string(),
                };
                let problem = (side.actual != expected).then(|| {
                    format!(
                        "{} is {}, the records in Kafka make {}",
                        side.what,
                        text(side.actual),
                        text(expected)
                    )
                });
                Finding { problem, note: None }
            };
            findings.insert(side.group, finding);
        }
        Ok(findings)
    }

    /// Reads the sum of the totals table and the positions of its lane, in one snapshot. `None` if the two
    /// cannot be compared; `findings` has the reason.
    async fn totals_side(
        &self,
        spec: &TotalsSection,
        summed: &Summed,
        findings: &mut Findings,
    ) -> Result<Option<Side>, ReconcileError> {
        let read = totals::read(self.client, &self.pipeline.topic.name, spec).await?;
        let positions = read.books.iter().map(|(&partition, books)| (partition, &books.position));
        let mark = Mark::of(positions);
        let Some(actual) = summed.parse(&read.sum) else { return Ok(None) };
        let what = format!("the sum of {} over all keys of {}", spec.total_column, spec.table);
        self.side((&spec.consumer_group, what), mark, actual, findings).await
    }

    /// Reads the number of rows in the lake and the positions of its lane, from one table version. `None` if
    /// the two cannot be compared; `findings` has the reason.
    async fn lake_side(
        &self,
        group: &str,
        snapshot: &Snapshot,
        findings: &mut Findings,
    ) -> Result<Option<Side>, ReconcileError> {
        let topic = &self.pipeline.topic.name;
        let of =
            |&partition: &i32| (partition, lake::position(snapshot.app_versions(), group, topic, partition));
        let positions: BTreeMap<i32, Position> = self.now.ends.keys().map(of).collect();
        let mark = Mark::of(positions.iter().map(|(&partition, position)| (partition, position)));
        let Some(rows) = snapshot.rows() else {
            let note = note("a file of the table has no statistics");
            findings.insert(group.to_owned(), Finding { note: Some(note), problem: None });
            return Ok(None);
        };
        let what = "the number of rows in the table".to_owned();
        self.side((group, what), mark, rows.into(), findings).await
    }

    /// Prepares the comparison of one sink. Returns `None` if it cannot be compared, and adds the reason to
    /// `findings`. The actual amount is then stored as the expected one, so that the next comparison starts
    /// from it.
    ///
    /// # Errors
    /// [`ReconcileError::Warehouse`] if the stored amount cannot be read or written.
    async fn side(
        &self,
        (group, what): (&str, String),
        mark: Mark,
        actual: i128,
        findings: &mut Findings,
    ) -> Result<Option<Side>, ReconcileError> {
        let kept = certificates::amount(self.client, &self.pipeline.topic.name, group).await?;
        let kept = kept.as_ref().filter(|kept| kept.topic_id == self.now.topic_id);
        let base = match kept {
            Some(kept) => from_str::<Mark>(&kept.position).ok().zip(kept.amount.parse::<i128>().ok()),
            None if self.now.is_whole_and_small() => Some((Mark::default(), 0)),
            None => None,
        };
        let why = match base {
            None => "it is the first comparison",
            Some(_) if self.compacted => "Kafka compacts the topic",
            Some((before, base)) => match mark.since(&before) {
                None => "the position was reset",
                Some(change) if lanes::count(&change.offsets()) > 5 * self.now.largest_window => {
                    "too many records came since the last comparison"
                }
                Some(change) => {
                    return Ok(Some(Side { group: group.to_owned(), what, mark, actual, base, change }));
                }
            },
        };
        // The actual amount becomes the expected one.
        self.remember(group, &mark, actual).await?;
        findings.insert(group.to_owned(), Finding { note: Some(note(why)), problem: None });
        Ok(None)
    }

    /// Stores the expected amount at a position, for the next comparison.
    async fn remember(&self, group: &str, mark: &Mark, amount: i128) -> Result<(), ReconcileError> {
        let amount = Amount {
            topic_id: self.now.topic_id.to_owned(),
            // The mark contains only numbers, so this cannot fail.
            position: to_string(mark).unwrap_or_default(),
            amount: amount.to_string(),
        };
        certificates::set_amount(self.client, &self.pipeline.topic.name, group, &amount).await?;
        Ok(())
    }
}

/// The note for amounts that were not compared.
fn note(why: &str) -> String {
    format!(
        "amounts were not compared, because {why}: the next comparison starts from what the sink holds now"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over rooms with this type of the field `count`.
    fn summed(yaml_type: &str) -> Summed {
        let yaml = include_str!("../../../pipelines/rooms-v1.yaml")
            .replace("{ name: count, type: int64 }", &format!("{{ name: count, type: \"{yaml_type}\" }}"));
        Summed::of(&Pipeline::from_yaml(&yaml, "test").unwrap()).unwrap()
    }

    #[test]
    fn sums_are_parsed_and_formatted_as_in_postgres() {
        for (yaml_type, text, unscaled) in [
            ("int64", "0", 0),
            ("int64", "-12345678901234567890", -12_345_678_901_234_567_890),
            ("decimal(12,2)", "0", 0),
            ("decimal(12,2)", "-0.05", -5),
            ("decimal(12,2)", "123.45", 12_345),
        ] {
            assert_eq!(summed(yaml_type).parse(text), Some(unscaled), "{text}");
        }
        assert_eq!(summed("decimal(12,2)").text(-5), "-0.05");
        assert_eq!(summed("decimal(12,2)").parse("0.001"), None, "more digits than the type has");
    }

    #[test]
    fn a_record_that_no_lane_can_decode_adds_nothing() {
        let summed = summed("int64");
        let record = br#"{"ts":"2026-11-20 21:24:22.000001","room":"a","count":7}"#;
        assert_eq!(summed.value(record), 7);
        for poison in [&b"{"[..], br#"{"ts":"2026-11-20 21:24:22.000001","room":"a"}"#, b""] {
            assert_eq!(summed.value(poison), 0);
        }
    }
}
