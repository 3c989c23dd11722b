//! One invocation in an environment, from the event until the process requests the next event.

use std::process::ExitStatus;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use uuid::Uuid;

use crate::environment::{Environment, exited};
use crate::memory;
use crate::report::{self, Report};
use crate::runtime_api::{Call, Event};
use crate::{Cause, Function, FunctionError, Outcome, RESPONSE_LIMIT};

/// How long the runner waits, after the answer, for the process to request its next event, before it returns the
/// answer. Nearly all processes request it at once, so the environment is ready again when the caller gets the answer.
const SETTLING: Duration = Duration::from_millis(100);

/// How long the runner waits for an answer that a process sent before it ended.
const LAST_CALL: Duration = Duration::from_millis(20);

/// The state of the environment after an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// The process waits for its next event.
    Ready,
    /// The process has answered but still works. It may work until this time.
    Working(Instant),
    /// The process has ended.
    Ended,
}

impl Environment {
    /// Sends the process an event and waits for its answer.
    ///
    /// The environment must be ready: its process waits for an event. If the result is [`After::Ended`], the caller
    /// drops the environment.
    pub(crate) async fn invoke(
        &mut self,
        function: &Function,
        request_id: &str,
        payload: Bytes,
    ) -> (Outcome, After) {
        let started = Instant::now();
        let deadline = started + function.timeout;
        self.logs.begin(report::start(request_id, &function.version));
        let event = Event {
            request_id: request_id.to_owned(),
            deadline_ms: deadline_ms(function.timeout),
            function_arn: function.arn.clone(),
            trace_id: trace_id(),
            payload,
        };
        self.process.thaw();
        let mut most_memory = None;
        let mut outcome = self.answer(function, event, deadline, &mut most_memory).await;
        let duration = started.elapsed();
        let mut ended = matches!(&outcome, Outcome::Unavailable(_))
            || matches!(&outcome, Outcome::Failed(error) if matches!(error.cause, Cause::TimedOut | Cause::Exited));
        if !ended {
            most_memory = most_memory.max(memory::peak(self.process.id()));
            if over(function, most_memory) {
                outcome = Outcome::Failed(self.out_of_memory(function, request_id).await);
                ended = true;
            }
        }
        self.report(function, request_id, duration, most_memory, &outcome);
        let after = if ended {
            After::Ended
        } else if self.settle(deadline.min(Instant::now() + SETTLING)).await {
            After::Ready
        } else {
            After::Working(deadline)
        };
        (outcome, after)
    }

    /// Waits for the answer to `event`. It ends early if the process ends, uses too much memory, or passes `deadline`.
    /// `most_memory` becomes the largest measurement in bytes.
    async fn answer(
        &mut self,
        function: &Function,
        event: Event,
        deadline: Instant,
        most_memory: &mut Option<u64>,
    ) -> Outcome {
        let id = event.request_id.clone();
        let mut event = Some(event);
        let mut measure = interval_at(Instant::now() + memory::EVERY, memory::EVERY);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // If the connection of the pending request is closed, the send fails and returns the event.
            if let Some(waiting) = self.waiting.take()
                && let Some(due) = event.take()
            {
                event = waiting.send(due).err();
            }
            tokio::select! {
                biased;
                call = self.api.calls.recv() => match call {
                    // If the event was already given, the call is dropped, which rejects it.
                    Some(Call::Next(waiting)) => self.waiting = event.is_some().then_some(waiting),
                    Some(Call::Response { request_id, answer, taken }) if request_id == id => {
                        let _ = taken.send(true);
                        return match answer {
                            Ok(answer) => Outcome::Answer(answer),
                            Err(_) => Outcome::Failed(response_too_large()),
                        };
                    }
                    Some(Call::Error { request_id, error_type, payload, taken }) if request_id == id => {
                        let _ = taken.send(true);
                        return Outcome::Failed(FunctionError::reported(Cause::Reported, error_type, payload));
                    }
                    // This answers an earlier event. It is rejected, because it must not count as the answer to this
                    // one.
                    Some(Call::Response { .. } | Call::Error { .. }) => {}
                    Some(Call::InitError { error_type, payload }) => {
                        return Outcome::Failed(FunctionError::reported(Cause::Reported, error_type, payload));
                    }
                    None => return Outcome::Unavailable("the Runtime API ended".to_owned()),
                },
                status = self.process.wait() => return match status {
                    Ok(status) => self.ended(status, &id).await,
                    Err(error) => Outcome::Unavailable(error.to_string()),
                },
                _ = measure.tick() => {
                    *most_memory = (*most_memory).max(memory::now(self.process.id()));
                    if over(function, *most_memory) {
                        return Outcome::Failed(self.out_of_memory(function, &id).await);
                    }
                }
                () = sleep_until(deadline) => {
                    self.process.kill().await;
                    return Outcome::Failed(self.timed_out(function, &id));
                }
            }
        }
    }

    /// The outcome after the process ended. It may have sent an answer before that has not arrived yet.
    async fn ended(&mut self, status: ExitStatus, id: &str) -> Outcome {
        while let Ok(Some(call)) = tokio::time::timeout(LAST_CALL, self.api.calls.recv()).await {
            match call {
                Call::Response { request_id, answer: Ok(answer), .. } if request_id == id => {
                    return Outcome::Answer(answer);
                }
                Call::Error { request_id, error_type, payload, .. } if request_id == id => {
                    return Outcome::Failed(FunctionError::reported(Cause::Reported, error_type, payload));
                }
                _ => {}
            }
        }
        let error = exited(Cause::Exited, status, id);
        self.logs.say(error.message.clone());
        Outcome::Failed(error)
    }

    /// Waits until the process requests its next event. Returns `false` if it does not until `until`, or has ended.
    pub(crate) async fn settle(&mut self, until: Instant) -> bool {
        loop {
            tokio::select! {
                biased;
                call = self.api.calls.recv() => match call {
                    Some(Call::Next(waiting)) => {
                        self.waiting = Some(waiting);
                        return true;
                    }
                    Some(_) => {}
                    None => return false,
                },
                _ = self.process.wait() => return false,
                () = sleep_until(until) => return false,
            }
        }
    }

    /// Writes Lambda's line about the time-out and returns the error.
    fn timed_out(&self, function: &Function, request_id: &str) -> FunctionError {
        let text = format!("Task timed out after {:.2} seconds", function.timeout.as_secs_f64());
        let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
        self.logs.say(format!("{now} {request_id} {text}"));
        let message = format!("RequestId: {request_id} Error: {text}");
        FunctionError::of_platform(Cause::TimedOut, "Sandbox.Timedout", message)
    }

    /// Kills the process, as the kernel does in Lambda when a function uses too much memory.
    async fn out_of_memory(&mut self, function: &Function, request_id: &str) -> FunctionError {
        self.process.kill().await;
        let message = format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed");
        self.logs.say(message.clone());
        self.logs.say(format!(
            "The function used more than its {} MB of memory: raise its memory size, or reduce the memory that it uses",
            function.memory_mb
        ));
        FunctionError::of_platform(Cause::Exited, "Runtime.ExitError", message)
    }

    /// Writes the lines END and REPORT.
    fn report(
        &mut self,
        function: &Function,
        request_id: &str,
        duration: Duration,
        most_memory: Option<u64>,
        outcome: &Outcome,
    ) {
        let status = match outcome {
            Outcome::Failed(error) if error.cause == Cause::TimedOut => Some(("timeout", None)),
            Outcome::Failed(error) => Some(("error", Some(error.error_type.as_str()))),
            Outcome::Unavailable(_) => Some(("error", None)),
            _ => None,
        };
        let report = Report {
            request_id,
            duration,
            init: self.init.take(),
            memory_mb: function.memory_mb,
            // Lambda never reports more than the function's memory size.
            most_memory: most_memory.map(|bytes| bytes.min(limit(function))),
            status,
        };
        self.logs.say(report::end(request_id));
        self.logs.say(report.line());
    }
}

/// The function's memory limit in bytes.
fn limit(function: &Function) -> u64 {
    u64::from(function.memory_mb) << 20
}

/// Whether the measured memory exceeds the limit. A process that could not be measured does not.
fn over(function: &Function, memory: Option<u64>) -> bool {
    memory.is_some_and(|bytes| bytes > limit(function))
}

/// Lambda's error for an answer beyond [`RESPONSE_LIMIT`].
fn response_too_large() -> FunctionError {
    let message =
        format!("Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes).");
    FunctionError::of_platform(Cause::ResponseTooLarge, "Function.ResponseSizeTooLarge", message)
}

/// The value of `Lambda-Runtime-Deadline-Ms`: milliseconds since the Unix epoch.
fn deadline_ms(timeout: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from((now + timeout).as_millis()).unwrap_or(u64::MAX)
}

/// A new X-Ray trace header for a trace that is not sampled.
fn trace_id() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let random = Uuid::new_v4().simple().to_string();
    let parent = Uuid::new_v4().simple().to_string();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &random[..24], &parent[..16])
}
