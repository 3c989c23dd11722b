//! The certificates of the lanes. A certificate says whether every record in Kafka is stored or parked exactly once.

use chrono::Utc;
use serde_json::{Value, json};
use tokio::time::Instant;
use warehouse::WarehouseError;
use warehouse::certificates::{self, Certificate, State};

use crate::error::BoardError;
use crate::sources::Sources;

/// The number of newest certificates that are read for each lane. Older failed ones are read, too.
const NEWEST: i64 = 24;

impl Sources {
    /// The answer of `api/proof`: one entry per lane.
    pub(crate) async fn proof(&self, deadline: Instant) -> Result<Value, BoardError> {
        let read = self.warehouse.run("read the certificates", deadline, async |client| {
            certificates::list(client, None, NEWEST).await
        });
        let all: Vec<Certificate> = read.await.map_err(|error: WarehouseError| error)?;
        let lanes: Vec<Value> = all.chunk_by(|a, b| a.lane == b.lane).map(lane).collect();
        Ok(json!({"at": Utc::now(), "lanes": lanes}))
    }
}

/// The figures of one lane. `certificates` are those of the lane, newest first, and at least one.
///
/// The figures are those of the oldest failed certificate or, if none failed, of the newest judged one. If none is
/// judged yet, the state is null.
fn lane(certificates: &[Certificate]) -> Value {
    let failing: Vec<_> = certificates.iter().filter(|one| one.state == State::Failed).collect();
    let judged = certificates.iter().find(|one| one.state != State::Open);
    let shown = failing.last().copied().or(judged);
    let (lane, newest) = (&certificates[0].lane, judged.map(|one| one.closed_at));
    let counts = shown.map(|one| one.counts).unwrap_or_default();
    json!({
        "topic": lane.topic, "group": lane.group, "function": lane.function,
        "state": shown.map(|one| one.state), "number": shown.map(|one| one.number.to_string()),
        "failing": failing.len(), "certified_until": newest,
        "produced": counts.produced.to_string(), "stored": counts.stored.to_string(),
        "parked": counts.parked.to_string(), "missing": counts.missing.to_string(),
        "doubled": counts.doubled.to_string(), "lost": counts.lost.to_string(),
        "problems": shown.map(|one| one.problems.as_slice()).unwrap_or_default(),
        "notes": shown.map(|one| one.notes.as_slice()).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use warehouse::certificates::{Counts, Lane};

    use super::*;

    fn certificate(number: i64, state: State) -> Certificate {
        let closed_at = Utc::now() + TimeDelta::hours(number);
        Certificate {
            lane: Lane { topic: "t".into(), group: "g".into(), function: "f".into() },
            number,
            topic_id: "a".into(),
            window: Vec::new(),
            opened_at: closed_at,
            closed_at,
            state,
            judged_at: None,
            counts: Counts { missing: number, ..Counts::default() },
            problems: Vec::new(),
            notes: Vec::new(),
            reason: None,
        }
    }

    #[test]
    fn a_failure_is_shown_before_newer_certificates_that_hold() {
        let all = [(5, State::Open), (4, State::Holds), (3, State::Failed), (2, State::Failed)];
        let all = all.map(|(number, state)| certificate(number, state));
        let shown = lane(&all);
        assert_eq!(
            (&shown["state"], &shown["missing"], &shown["failing"]),
            (&"failed".into(), &"2".into(), &2.into())
        );
        assert_eq!(shown["certified_until"], json!(all[1].closed_at), "the newest judged window");
        assert_eq!(lane(&all[..2])["state"], "holds");
        assert_eq!(lane(&all[..1])["state"], Value::Null, "nothing is judged yet");
    }
}
