//! Closes windows. A window goes from the end of the previous one to the current end of the topic.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use reconcile::Ends;
use warehouse::certificates::{Certificate, Counts, Lane, Span, State};

/// The maximum number of windows that a run closes for a lane. The next run continues.
const MOST_WINDOWS: usize = 100;

/// The current state of a topic in Kafka.
#[derive(Debug)]
pub(crate) struct Now<'a> {
    /// Kafka's id of the topic. A recreated topic has another id.
    pub(crate) topic_id: &'a str,
    /// The first offset and the stable end of each partition. The stable end is the last stable offset: open
    /// transactions lie after it.
    pub(crate) ends: &'a Ends,
    /// The time of the request to Kafka.
    pub(crate) at: DateTime<Utc>,
    /// The maximum number of offsets in a window.
    pub(crate) largest_window: i64,
}

impl Now<'_> {
    /// Whether the topic still has all records that it ever had, and few enough for one window.
    pub(crate) fn is_whole_and_small(&self) -> bool {
        self.ends.values().all(|(beginning, _)| *beginning == 0)
            && self.ends.values().map(|(_, end)| end).sum::<i64>() <= self.largest_window
    }
}

/// Returns the windows of a lane that end now, after the `newest` one. If the lane has no window yet, the
/// first one begins at the start of the topic, provided that Kafka has all of its records and they fit into
/// one window. Otherwise the first window is empty and lies at the current end of the topic.
///
/// A window has at most [`Now::largest_window`] offsets over all partitions. More offsets make several
/// windows, up to [`MOST_WINDOWS`].
pub(crate) fn windows(lane: &Lane, newest: Option<&Certificate>, now: &Now<'_>) -> Vec<Certificate> {
    let blank = |number: i64| Certificate {
        lane: lane.clone(),
        number,
        topic_id: now.topic_id.to_owned(),
        window: Vec::new(),
        opened_at: newest.map_or(now.at, |newest| newest.closed_at),
        closed_at: now.at,
        state: State::Open,
        judged_at: None,
        counts: Counts::default(),
        problems: Vec::new(),
        notes: Vec::new(),
        reason: None,
    };
    let mut starts: BTreeMap<i32, i64> = BTreeMap::new();
    let mut number = 1;
    match newest {
        Some(newest) => {
            number = newest.number + 1;
            if newest.topic_id == now.topic_id {
                starts.extend(newest.window.iter().map(|span| (span.partition, span.end)));
            }
        }
        None if now.is_whole_and_small() => {}
        None => {
            let window = now.ends.iter().map(|(&partition, &(_, end))| Span { partition, start: end, end });
            let before: i64 = now.ends.values().map(|(beginning, end)| end - beginning).sum();
            let note = format!(
                "the first window begins here; only `headwater verify` compares the {before} offsets before it"
            );
            let (window, notes, judged_at) = (window.collect(), vec![note], Some(now.at));
            return vec![Certificate { window, notes, judged_at, state: State::Holds, ..blank(1) }];
        }
    }
    let mut windows = Vec::new();
    loop {
        let mut left = now.largest_window;
        let mut is_last = true;
        let mut window = Vec::with_capacity(now.ends.len());
        for (&partition, &(_, end)) in now.ends {
            let start = starts.get(&partition).copied().unwrap_or(0);
            // An end before the start is kept. The verdict explains it.
            let cut = if end > start { end.min(start.saturating_add(left)) } else { end };
            left -= (cut - start).max(0);
            is_last &= cut == end;
            window.push(Span { partition, start, end: cut });
            starts.insert(partition, cut);
        }
        windows.push(Certificate { window, ..blank(number) });
        number += 1;
        if is_last || windows.len() == MOST_WINDOWS {
            return windows;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any lane; its names do not matter here.
    fn lane() -> Lane {
        Lane { topic: "t".into(), group: "g".into(), function: "f".into() }
    }

    /// A state of Kafka, with windows of at most 1,000 offsets.
    fn now<'a>(topic_id: &'a str, ends: &'a Ends) -> Now<'a> {
        Now { topic_id, ends, at: Utc::now(), largest_window: 1_000 }
    }

    /// The start and end of each partition, for each window.
    fn spans(windows: &[Certificate]) -> Vec<Vec<(i64, i64)>> {
        windows.iter().map(|one| one.window.iter().map(|span| (span.start, span.end)).collect()).collect()
    }

    #[test]
    fn the_first_window_begins_at_offset_0_only_if_the_topic_is_complete_and_small() {
        let small = [(0, (0, 400)), (1, (0, 600))].into();
        let windows_of = |ends: &Ends| windows(&lane(), None, &now("a", ends));
        assert_eq!(spans(&windows_of(&small)), [[(0, 400), (0, 600)]]);
        for ends in [[(0, (0, 1_001))].into(), [(0, (5, 10))].into()] {
            let first = windows_of(&ends);
            let end = ends[&0].1;
            assert_eq!((spans(&first), first[0].state), (vec![vec![(end, end)]], State::Holds));
            assert!(first[0].notes[0].contains("verify"), "{:?}", first[0].notes);
        }
    }

    #[test]
    fn a_window_begins_at_the_end_of_the_last_one_and_a_new_partition_at_offset_0() {
        let before = [(0, (0, 400))].into();
        let first = windows(&lane(), None, &now("a", &before)).remove(0);
        let ends = [(0, (0, 450)), (1, (0, 30))].into();
        let next = windows(&lane(), Some(&first), &now("a", &ends));
        assert_eq!((spans(&next), next[0].number), (vec![vec![(400, 450), (0, 30)]], 2));
        assert_eq!(next[0].opened_at, first.closed_at);
        let idle = windows(&lane(), Some(&next[0]), &now("a", &ends));
        assert_eq!(spans(&idle), [[(450, 450), (30, 30)]], "an idle hour has an empty window");
    }

    #[test]
    fn a_recreated_topic_begins_at_offset_0() {
        let before = [(0, (0, 400))].into();
        let first = windows(&lane(), None, &now("a", &before)).remove(0);
        let ends = [(0, (0, 500))].into();
        assert_eq!(spans(&windows(&lane(), Some(&first), &now("b", &ends))), [[(0, 500)]]);
    }

    #[test]
    fn too_many_offsets_are_split_into_windows_without_gaps() {
        let before = [(0, (0, 0)), (1, (0, 0))].into();
        let first = windows(&lane(), None, &now("a", &before)).remove(0);
        let ends = [(0, (0, 1_500)), (1, (0, 700))].into();
        let split = windows(&lane(), Some(&first), &now("a", &ends));
        assert_eq!(
            spans(&split),
            [[(0, 1_000), (0, 0)], [(1_000, 1_500), (0, 500)], [(1_500, 1_500), (500, 700)]]
        );
        assert_eq!(split.iter().map(|one| one.number).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn an_end_before_the_start_is_kept_in_the_window() {
        let before = [(0, (0, 400))].into();
        let first = windows(&lane(), None, &now("a", &before)).remove(0);
        let ends = [(0, (0, 390))].into();
        let shrunk = windows(&lane(), Some(&first), &now("a", &ends));
        assert_eq!(spans(&shrunk), [[(400, 390)]]);
        let ends = [(0, (0, 420))].into();
        assert_eq!(spans(&windows(&lane(), Some(&shrunk[0]), &now("a", &ends))), [[(390, 420)]]);
    }
}
