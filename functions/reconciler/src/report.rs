//! What an invocation did.

use function_kit::telemetry::{Unit, WideEvent};
use serde::Serialize;
use warehouse::certificates::{Certificate, Standing, State};

/// What was done, topic by topic.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Another run is under way: nothing was done.
    pub busy: bool,
    /// The topics, in the order of the work.
    pub topics: Vec<TopicReport>,
    /// Failed certificates whose days were over.
    pub expired: u64,
    /// Certificates that fail now.
    pub failed: i64,
    /// Of the lane that is longest without a certificate: the seconds since its newest judged window closed.
    pub oldest_uncertified_seconds: i64,
}

/// What was done for one topic.
#[derive(Debug, Default, Serialize)]
pub struct TopicReport {
    /// The topic.
    pub topic: String,
    /// Windows that were closed, of all its lanes.
    pub closed: u64,
    /// Certificates that were judged.
    pub judged: Vec<Certificate>,
    /// Windows that are left for the next run, because the time was over.
    pub left: u64,
    /// Why the topic was not judged, or not to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Report {
    pub(crate) fn stand(&mut self, standing: Standing) {
        self.failed = standing.failed;
        self.oldest_uncertified_seconds = standing.oldest_uncertified_seconds;
    }

    /// Adds the figures to the invocation's wide event.
    pub fn note(&self, event: &mut WideEvent) {
        if self.busy {
            event.field("busy", true);
            return;
        }
        let judged = || self.topics.iter().flat_map(|topic| &topic.judged);
        let held = judged().filter(|one| one.state == State::Holds).count() as u64;
        let compared = judged().map(|one| one.counts.produced.unsigned_abs()).sum();
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
        event
            .field("certificates_failing", serde_json::json!(failing))
            .metric("CertificatesMade", judged().count() as u64, Unit::Count)
            .metric("CertificatesHeld", held, Unit::Count)
            .metric("CertificatesFailed", self.failed.unsigned_abs(), Unit::Count)
            .metric("CertificatesExpired", self.expired, Unit::Count)
            .metric("OldestUncertifiedSeconds", self.oldest_uncertified_seconds.unsigned_abs(), Unit::Seconds)
            .metric("WindowsClosed", self.topics.iter().map(|topic| topic.closed).sum(), Unit::Count)
            .metric("WindowsLeft", self.topics.iter().map(|topic| topic.left).sum(), Unit::Count)
            .metric("RecordsCompared", compared, Unit::Count);
        let faults = self.topics.iter().filter_map(|topic| Some((&topic.topic, topic.error.as_ref()?)));
        let faults: Vec<String> = faults.map(|(topic, error)| format!("{topic}: {error}")).collect();
        if !faults.is_empty() {
            event.fault(faults.join("; "));
        }
    }
}
