//! Follows the log of a function: each request returns the lines that are new.

use std::collections::{HashMap, HashSet};

use aws_sdk_cloudwatchlogs::{
    Client, error::DisplayErrorContext, operation::filter_log_events::FilterLogEventsError,
    types::FilteredLogEvent,
};

use crate::failure::failure;

/// Each request begins this many milliseconds before the newest line, because CloudWatch returns lines of several streams late
/// and out of order.
const OVERLAP_MS: i64 = 10_000;

/// The position in a log.
#[derive(Debug)]
pub(super) struct Tail {
    begin: i64,
    newest: Option<i64>,
    /// The ids of the lines within the overlap, with their times.
    seen: HashMap<String, i64>,
}

impl Tail {
    /// A position at `begin`, in milliseconds since 1970.
    pub(super) fn new(begin: i64) -> Self {
        Self { begin, newest: None, seen: HashMap::new() }
    }

    /// Returns time and text of each line that is new.
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
                            "this needs logs:FilterLogEvents, and a way to the API of CloudWatch Logs"
                        },
                    )
                })?,
            };
            events.extend(page.events.unwrap_or_default());
        }
        Ok(self.take(events))
    }

    /// The start time of the next request.
    fn from(&self) -> i64 {
        self.newest.map_or(self.begin, |newest| self.begin.max(newest - OVERLAP_MS))
    }

    /// Returns the events that no earlier request returned.
    fn take(&mut self, events: Vec<FilteredLogEvent>) -> Vec<(i64, String)> {
        let mut lines = Vec::new();
        let mut present = HashSet::new();
        for event in events {
            let time = event.timestamp.unwrap_or(0);
            let mut id = identity(&event);
            // The emulator returns no ids, so equal lines are numbered.
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
    fn a_line_of_a_millisecond_that_was_read_already_is_not_skipped() {
        let mut tail = Tail::new(0);
        assert_eq!(texts(tail.take(vec![event(50_000, "a", Some("1"))])), ["a"]);
        assert!(tail.from() <= 50_000);
        let again = vec![event(50_000, "a", Some("1")), event(50_000, "b", Some("2"))];
        assert_eq!(texts(tail.take(again.clone())), ["b"]);
        assert!(tail.take(again).is_empty());
    }

    #[test]
    fn lines_that_are_alike_are_each_read_once_with_and_without_ids() {
        for ids in [[Some("1"), Some("2"), Some("3")], [None; 3]] {
            let mut tail = Tail::new(0);
            let all = ids.map(|id| event(50_000, "same", id));
            assert_eq!(tail.take(all[..2].to_vec()).len(), 2);
            assert_eq!(tail.take(all.to_vec()).len(), 1, "{ids:?}");
            assert!(tail.take(all.to_vec()).is_empty());
        }
    }

    #[test]
    fn a_line_that_is_shown_late_is_read_and_what_is_too_old_is_forgotten() {
        let mut tail = Tail::new(0);
        tail.take(vec![event(50_000, "new", Some("1"))]);
        assert_eq!(texts(tail.take(vec![event(45_000, "late", Some("2"))])), ["late"]);
        tail.take(vec![event(90_000, "newer", Some("3"))]);
        assert_eq!(tail.seen.len(), 1);
    }

    #[test]
    fn a_look_never_begins_before_what_was_asked_for() {
        let mut tail = Tail::new(49_000);
        tail.take(vec![event(50_000, "a", Some("1"))]);
        assert_eq!(tail.from(), 49_000);
    }
}
