//! Follows the log of a function: each request returns only the new lines.

use std::collections::{HashMap, HashSet};

use aws_sdk_cloudwatchlogs::{
    Client, error::DisplayErrorContext, operation::filter_log_events::FilterLogEventsError,
    types::FilteredLogEvent,
};

use crate::failure::failure;

/// Each request begins this many milliseconds before the newest line that was read, because CloudWatch may return
/// lines late and, across log streams, out of order.
const OVERLAP_MS: i64 = 10_000;

/// How far a log was read.
#[derive(Debug)]
pub(super) struct Tail {
    /// No line before this time is read. In milliseconds since 1970.
    begin: i64,
    /// The time of the newest line that was read, in milliseconds since 1970.
    newest: Option<i64>,
    /// The times of the lines within the overlap, by their ids.
    seen: HashMap<String, i64>,
}

impl Tail {
    /// Begins at this time, in milliseconds since 1970.
    pub(super) fn new(begin: i64) -> Self {
        Self { begin, newest: None, seen: HashMap::new() }
    }

    /// Returns the lines that are new since the last call: time (in milliseconds since 1970) and text. `function`
    /// is the deployed name.
    ///
    /// # Errors
    /// A failure with a fix if the log cannot be read. A missing log group is an empty log.
    pub(super) async fn look(
        &mut self,
        client: &Client,
        function: &str,
        local: bool,
    ) -> anyhow::Result<Vec<(i64, String)>> {
        let pages = client.filter_log_events().log_group_name(format!("/aws/lambda/{function}"));
        let mut pages = pages.start_time(self.from()).into_paginator().send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                // A function that was never invoked has no log group.
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(FilterLogEventsError::is_resource_not_found_exception) =>
                {
                    break;
                }
                page => page.map_err(|error| {
                    failure(
                        format!("cannot read the log of {function}: {}", DisplayErrorContext(&error)),
                        if local {
                            "run `headwater up`; see .headwater/logs/emulator.log"
                        } else {
                            "allow logs:FilterLogEvents, and check that this machine reaches the API of CloudWatch Logs"
                        },
                    )
                })?,
            };
            events.extend(page.events.unwrap_or_default());
        }
        Ok(self.take(events))
    }

    /// The start time of the next request, in milliseconds since 1970.
    fn from(&self) -> i64 {
        self.newest.map_or(self.begin, |newest| self.begin.max(newest - OVERLAP_MS))
    }

    /// Returns the events that no earlier request returned, and forgets the ids before the overlap.
    fn take(&mut self, events: Vec<FilteredLogEvent>) -> Vec<(i64, String)> {
        let mut lines = Vec::new();
        let mut present = HashSet::new();
        for event in events {
            let time = event.timestamp.unwrap_or(0);
            let mut id = identity(&event);
            // The local emulator returns no ids. A repeated line within one answer gets a `+` for each repetition.
            while !present.insert(id.clone()) {
                if event.event_id.is_some() {
                    break;
                }
                id.push('+');
            }
            self.newest = self.newest.max(Some(time));
            if self.seen.insert(id, time).is_none() {
                lines.push((time, event.message.unwrap_or_default().trim_end().to_owned()));
            }
        }
        let from = self.from();
        self.seen.retain(|_, time| *time >= from);
        lines
    }
}

/// The event's id. If there is none: stream, time and text.
fn identity(event: &FilteredLogEvent) -> String {
    match &event.event_id {
        Some(id) => id.clone(),
        None => format!(
            "{} {} {}",
            event.log_stream_name.as_deref().unwrap_or_default(),
            event.timestamp.unwrap_or(0),
            event.message.as_deref().unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: i64, text: &str, id: Option<&str>) -> FilteredLogEvent {
        let event = FilteredLogEvent::builder().timestamp(time).message(text).log_stream_name("s");
        event.set_event_id(id.map(str::to_owned)).build()
    }

    fn texts(lines: Vec<(i64, String)>) -> Vec<String> {
        lines.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_second_line_of_the_newest_millisecond_is_not_skipped() {
        let mut tail = Tail::new(0);
        assert_eq!(texts(tail.take(vec![event(50_000, "a", Some("1"))])), ["a"]);
        assert!(tail.from() <= 50_000);
        let again = vec![event(50_000, "a", Some("1")), event(50_000, "b", Some("2"))];
        assert_eq!(texts(tail.take(again.clone())), ["b"]);
        assert!(tail.take(again).is_empty());
    }

    #[test]
    fn equal_lines_are_each_returned_once_with_and_without_ids() {
        for ids in [[Some("1"), Some("2"), Some("3")], [None; 3]] {
            let mut tail = Tail::new(0);
            let all = ids.map(|id| event(50_000, "same", id));
            assert_eq!(tail.take(all[..2].to_vec()).len(), 2);
            assert_eq!(tail.take(all.to_vec()).len(), 1, "{ids:?}");
            assert!(tail.take(all.to_vec()).is_empty());
        }
    }

    #[test]
    fn a_late_line_is_returned_and_old_ids_are_forgotten() {
        let mut tail = Tail::new(0);
        tail.take(vec![event(50_000, "new", Some("1"))]);
        assert_eq!(texts(tail.take(vec![event(45_000, "late", Some("2"))])), ["late"]);
        tail.take(vec![event(90_000, "newer", Some("3"))]);
        assert_eq!(tail.seen.len(), 1);
    }

    #[test]
    fn a_request_never_begins_before_the_given_time() {
        let mut tail = Tail::new(49_000);
        tail.take(vec![event(50_000, "a", Some("1"))]);
        assert_eq!(tail.from(), 49_000);
    }
}
