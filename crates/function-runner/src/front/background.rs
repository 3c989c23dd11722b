//! Asynchronous invocations (`InvocationType: Event`): the caller does not wait, and failed invocations are retried.
//!
//! After a function's error there are two retries, after one and two minutes. If the function could not be run, the
//! runner retries for six hours, with pauses of up to five minutes. Then it drops the event and logs an error: it does
//! not support destinations and dead-letter queues of functions.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::Outcome;
use crate::deployed::DeployedFunctions;

/// The longest time that an event is retried, as in Lambda.
const OLDEST: Duration = Duration::from_hours(6);

/// The longest pause before a retry, if the function could not be run.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The pauses before the second and the third attempt, if the function failed.
const RETRIES: [Duration; 2] = [Duration::from_mins(1), Duration::from_mins(2)];

/// Starts a task that invokes the function, with retries, and returns at once.
pub(super) fn invoke(functions: DeployedFunctions, name: String, payload: Bytes) {
    tokio::spawn(async move {
        let oldest = Instant::now() + OLDEST;
        let (mut failures, mut pause) = (RETRIES.iter(), Duration::from_secs(1));
        loop {
            let reason = match functions.invoke(&name, payload.clone()).await {
                Outcome::Answer(_) => return,
                Outcome::Failed(error) => {
                    let Some(pause) = failures.next() else { return dropped(&name, &error.message) };
                    tokio::time::sleep(*pause).await;
                    continue;
                }
                Outcome::TooLarge { .. } => return dropped(&name, "the event is too large"),
                Outcome::Throttled => "throttled".to_owned(),
                Outcome::Unavailable(reason) => reason,
            };
            if Instant::now() + pause > oldest {
                return dropped(&name, &reason);
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    });
}

fn dropped(name: &str, reason: &str) {
    tracing::error!(
        function = name,
        reason,
        "an asynchronous invocation was given up and its event was dropped"
    );
}
