//! Reads the errors of the functions in the last hour from their logs in CloudWatch Logs.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::BoardError;
use crate::sources::Sources;

/// The maximum age of an error that is shown.
const LOOK_BACK: Duration = Duration::from_hours(1);

/// The largest number of errors that are shown. They are the newest ones that were read.
const SHOWN: usize = 20;

/// The largest number of pages that are read from one log. If a function fails all the time, they contain enough
/// errors.
const PAGES: usize = 3;

/// The number of logs that are read at the same time. CloudWatch allows about five of these requests per second.
const AT_ONCE: usize = 4;

/// The filter for wide events with the level `ERROR`, in the filter pattern syntax of CloudWatch Logs.
const PATTERN: &str = "{ $.level = \"ERROR\" }";

/// A failed invocation: the fields of its log event that the board reads.
#[derive(Deserialize)]
struct Failed {
    level: String,
    fault: String,
}

/// One error, as it is shown.
struct LoggedError {
    /// In milliseconds since 1970.
    at: i64,
    /// The name of the function's folder.
    function: String,
    message: String,
}

impl Sources {
    /// The answer of `api/errors`: the newest errors of all functions in the last hour.
    pub(crate) async fn errors(&self) -> Result<Value, BoardError> {
        let logs = self.settings.functions.iter();
        let logs = logs.map(|(folder, name)| self.errors_of(folder, name));
        let found: Vec<Vec<LoggedError>> = stream::iter(logs).buffered(AT_ONCE).try_collect().await?;
        let mut errors: Vec<_> = found.into_iter().flatten().collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.at));
        let errors = errors.iter().take(SHOWN).map(|error| {
            let at = DateTime::from_timestamp_millis(error.at);
            json!({"at": at, "function": error.function, "message": error.message})
        });
        Ok(json!({ "errors": errors.collect::<Vec<_>>() }))
    }

    /// The errors in the log of one function. `folder` is the function's folder, `name` its deployed name.
    async fn errors_of(&self, folder: &str, name: &str) -> Result<Vec<LoggedError>, BoardError> {
        let since = (Utc::now() - LOOK_BACK).timestamp_millis();
        let mut pages = self
            .logs
            .filter_log_events()
            .log_group_name(format!("/aws/lambda/{name}"))
            .filter_pattern(PATTERN)
            .start_time(since)
            .into_paginator()
            .send();
        let mut errors = Vec::new();
        for _ in 0..PAGES {
            let page = match pages.next().await {
                None => break,
                // A function that never ran has no log group.
                Some(Err(error)) if is_missing(&error) => break,
                Some(page) => page.map_err(|error| BoardError::Log {
                    function: folder.to_owned(),
                    reason: faults::chain(&error),
                })?,
            };
            for event in page.events.unwrap_or_default() {
                let failed =
                    event.message.as_deref().and_then(|line| serde_json::from_str::<Failed>(line).ok());
                // The level is checked again here, because some emulators of CloudWatch ignore the filter.
                if let Some(failed) = failed.filter(|failed| failed.level == "ERROR") {
                    let at = event.timestamp.unwrap_or(since);
                    errors.push(LoggedError { at, function: folder.to_owned(), message: failed.fault });
                }
            }
        }
        Ok(errors)
    }
}

/// Whether the log group does not exist.
fn is_missing<R>(error: &SdkError<FilterLogEventsError, R>) -> bool {
    error.as_service_error().is_some_and(FilterLogEventsError::is_resource_not_found_exception)
}
