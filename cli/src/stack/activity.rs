//! The Spark step of the state machine: in AWS EMR Serverless runs it, here this worker does.
//!
//! A task is in the hands of one worker; the emulator never gives it out again. So the worker writes down which task it
//! works on, and one that starts after a crash ends what the crashed one left: its job, and its task as failed. The state
//! machine then tries again.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::Context as _;
use aws_sdk_sfn::{Client, error::DisplayErrorContext};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    aws,
    layout::Layout,
    process::identity,
    record::LocalStack,
    spark::{SparkJob, kill_group},
};

/// Before asking again after an error.
const PAUSE: Duration = Duration::from_secs(1);
/// Step Functions takes causes up to this length.
const LONGEST_CAUSE: usize = 32_768;

/// The task in hand.
#[derive(Debug, Serialize, Deserialize)]
struct InHand {
    token: String,
    pid: i32,
    /// What tells the process from a later one with the same id.
    started: String,
}

/// Works on the tasks of one activity.
pub(crate) struct Worker<'a> {
    layout: &'a Layout,
    stack: &'a LocalStack,
    client: Client,
    activity: &'a str,
}

impl<'a> Worker<'a> {
    /// A worker for the stack's activity; `None` where the stack has none.
    pub(crate) async fn of(layout: &'a Layout, stack: &'a LocalStack) -> anyhow::Result<Option<Self>> {
        let Some(forecast) = &stack.outputs()?.forecast else { return Ok(None) };
        let client = Client::new(&aws::config(stack).await);
        let activity = forecast.activity_arn.as_deref();
        Ok(activity.map(|activity| Self { layout, stack, client, activity }))
    }

    /// Works until it is dropped, which ends the job in hand.
    pub(crate) async fn run(&self) {
        self.give_up_what_a_crash_left().await;
        loop {
            let asked = self.client.get_activity_task().activity_arn(self.activity).worker_name("headwater");
            match asked.send().await {
                Ok(task) => {
                    if let (Some(token), Some(input)) = (task.task_token, task.input) {
                        self.work(&token, &input).await;
                    }
                }
                Err(error) => {
                    tracing::debug!("no task: {}", DisplayErrorContext(&error));
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn work(&self, token: &str, input: &str) {
        let done = self.job(token, input).await;
        let _ = fs::remove_file(self.note());
        match done {
            Ok(answer) => {
                let sent =
                    self.client.send_task_success().task_token(token).output(answer.to_string()).send();
                if let Err(error) = sent.await {
                    tracing::warn!("the job's end was not reported: {}", DisplayErrorContext(&error));
                }
            }
            Err(error) => self.fail(token, "SparkJobFailed", &format!("{error:#}")).await,
        }
    }

    async fn job(&self, token: &str, input: &str) -> anyhow::Result<Value> {
        let mut job = SparkJob::parse(input)?.start(self.layout, self.stack).await?;
        let in_hand = InHand { token: token.to_owned(), pid: job.pid(), started: job.identity.clone() };
        fs::write(self.note(), serde_json::to_vec(&in_hand)?).context("cannot note the task")?;
        job.wait().await
    }

    async fn give_up_what_a_crash_left(&self) {
        let Ok(bytes) = fs::read(self.note()) else { return };
        if let Ok(InHand { token, pid, started }) = serde_json::from_slice(&bytes) {
            if identity(pid).is_some_and(|now| now == started) {
                kill_group(pid);
            }
            self.fail(&token, "WorkerLost", "the process that ran the job ended").await;
        }
        let _ = fs::remove_file(self.note());
    }

    async fn fail(&self, token: &str, error: &str, cause: &str) {
        let cause: String = cause.chars().take(LONGEST_CAUSE).collect();
        let sent = self.client.send_task_failure().task_token(token).error(error).cause(cause).send().await;
        // After a restart the emulator knows neither the task nor its execution.
        if let Err(error) = sent {
            tracing::debug!("a failure was not reported: {}", DisplayErrorContext(&error));
        }
    }

    fn note(&self) -> PathBuf {
        self.layout.run().join("spark-task.json")
    }
}
