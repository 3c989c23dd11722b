//! The report of an invocation.

use function_kit::telemetry::{Unit, WideEvent};
use serde::Serialize;
use warehouse::certificates::{Certificate, Standing, State};

/// The results of an invocation, by topic. This is the function's response.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether another run was active. Then nothing was done.
    pub busy: bool,
    /// The topics, in the order in which they were done.
    pub topics: Vec<TopicReport>,
    /// The number of failed certificates that expired in this run.
    pub expired: u64,
    /// The number of certificates that are failed now.
    pub failed: i64,
    /// The age of the newest judged window, in seconds since it closed, for the lane where this is longest.
    pub oldest_uncertified_seconds: i64,
}

/// The results for one topic.
#[derive(Debug, Default, Serialize)]
pub struct TopicReport {
    /// The topic's name.
    pub topic: String,
    /// The number of windows that were closed, over all lanes.
    pub closed: u64,
    /// The certificates that were judged.
    pub judged: Vec<Certificate>,
    /// The number of windows that are left for the next run, because the time ran out.
    pub left: u64,
    /// Why the topic was not judged, or not completely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Report {
    /// Adds the summary of all certificates.
    pub(crate) fn stand(&mut self, standing: Standing) {
        self.failed = standing.failed;
        self.oldest_uncertified_seconds = standing.oldest_uncertified_seconds;
    }

    /// Adds the figures to the invocation's wide event. Two of them are metrics: those with alarms.
    pub fn note(&self, event: &mut WideEvent) {
        if self.busy {
            event.field("busy", true);
            return;
        }
        let judged = || self.topics.iter().flat_map(|topic| &topic.judged);
        let held = judged().filter(|one| one.state == State::Holds).count() as u64;
        let compared: u64 = judged().map(|one| one.counts.produced.unsigned_abs()).sum();
        let failing: Vec<String> = judged()
            .filter(|one| one.state == State::Failed)
            .map(|one| {
                format!(
                    "{} of {}, window {}: {}",
                    one.lane.function,
                    one.lane.topic,
                    one.number,
                    one.problems.join("; ")
                )
            })
            .collect();
        let closed: u64 = self.topics.iter().map(|topic| topic.closed).sum();
        let left: u64 = self.topics.iter().map(|topic| topic.left).sum();
        // CloudWatch charges a metric for each hour in which it has a value, and this function runs every hour. So
        // figures without an alarm are log fields.
        event
            .field("certificates_failing", serde_json::json!(failing))
            .field("certificates_made", judged().count())
            .field("certificates_held", held)
            .field("certificates_expired", self.expired)
            .field("windows_closed", closed)
            .field("windows_left", left)
            .field("records_compared", compared)
            .metric("CertificatesFailed", self.failed.unsigned_abs(), Unit::Count)
            .metric(
                "OldestUncertifiedSeconds",
                self.oldest_uncertified_seconds.unsigned_abs(),
                Unit::Seconds,
            );
        let faults = self.topics.iter().filter_map(|topic| Some((&topic.topic, topic.error.as_ref()?)));
        let faults: Vec<String> = faults.map(|(topic, error)| format!("{topic}: {error}")).collect();
        if !faults.is_empty() {
            event.fault(faults.join("; "));
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::{Value, json};
    use warehouse::certificates::{Counts, Lane};

    use super::*;

    /// A certificate of window 3 with this state and number of records.
    fn certificate(state: State, produced: i64) -> Certificate {
        Certificate {
            lane: Lane { topic: "t".into(), group: "g".into(), function: "f".into() },
            number: 3,
            topic_id: "a".into(),
            window: Vec::new(),
            opened_at: Utc::now(),
            closed_at: Utc::now(),
            state,
            judged_at: None,
            counts: Counts { produced, ..Counts::default() },
            problems: vec!["stored twice: 0:7".into()],
            notes: Vec::new(),
            reason: None,
        }
    }

    #[test]
    fn failed_certificates_are_counted_and_named_and_an_unreadable_topic_is_a_fault() {
        let judged = vec![certificate(State::Holds, 5), certificate(State::Failed, 4)];
        let unread =
            TopicReport { topic: "u".into(), error: Some("no broker".into()), ..TopicReport::default() };
        let topics = vec![TopicReport { topic: "t".into(), judged, ..TopicReport::default() }, unread];
        let report = Report { topics, failed: 1, oldest_uncertified_seconds: 7, ..Report::default() };
        let mut event = WideEvent::new("r-1");
        report.note(&mut event);
        let line: Value = serde_json::from_str(&event.line(None)).unwrap();
        let numbers = [
            "certificates_made",
            "certificates_held",
            "CertificatesFailed",
            "OldestUncertifiedSeconds",
            "records_compared",
        ];
        assert_eq!(numbers.map(|name| line[name].as_u64().unwrap()), [2, 1, 1, 7, 9]);
        assert_eq!(line["certificates_failing"], json!(["f of t, window 3: stored twice: 0:7"]));
        assert_eq!((&line["Faults"], &line["fault"]), (&json!(1), &json!("u: no broker")));
    }
}
