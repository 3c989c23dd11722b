//! The lanes of a pipeline file, and helpers for their windows.

use std::collections::BTreeMap;

use pipeline::{Pipeline, Sink};
use positions::OffsetRanges;
use reconcile::{Ends, offsets::Offsets};
use warehouse::certificates::{Certificate, Lane};

/// The lanes of a topic, one per section of its pipeline file.
pub(crate) fn of(pipeline: &Pipeline) -> Vec<Lane> {
    let lane = |(sink, group): (Sink, &str)| {
        let topic = pipeline.topic.name.clone();
        Lane { topic, group: group.to_owned(), function: sink.function().to_owned() }
    };
    pipeline.lanes().map(lane).collect()
}

/// The window's offsets: first offset and end of each partition. Partitions whose end is before the start are left out.
pub(crate) fn ends(certificate: &Certificate) -> Ends {
    let forwards = certificate.window.iter().filter(|span| span.start <= span.end);
    forwards.map(|span| (span.partition, (span.start, span.end))).collect()
}

/// The window's offsets as sets.
pub(crate) fn offsets(window: &Ends) -> Offsets {
    window
        .iter()
        .map(|(&partition, &(start, end))| (partition, std::iter::once(start..end).collect::<OffsetRanges>()))
        .collect()
}

/// The number of offsets.
pub(crate) fn count(offsets: &Offsets) -> i64 {
    offsets.values().map(OffsetRanges::count).sum()
}

/// The partition, first offset and end of each span of a window.
type Spans = Vec<(i32, i64, i64)>;

/// Groups equal windows of different lanes, so that Kafka is read only once for them.
pub(crate) fn by_window(due: Vec<Certificate>) -> Vec<Vec<Certificate>> {
    let mut places: BTreeMap<(String, Spans), usize> = BTreeMap::new();
    let mut groups: Vec<Vec<Certificate>> = Vec::new();
    for certificate in due {
        let spans: Spans =
            certificate.window.iter().map(|span| (span.partition, span.start, span.end)).collect();
        let place = *places.entry((certificate.topic_id.clone(), spans)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(certificate);
    }
    groups
}
