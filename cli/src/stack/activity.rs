//! Runs the Spark step of the state machine on the local stack. In AWS, EMR Serverless runs this step.
//!
//! The state machine hands out the step as a task of a Step Functions activity. The emulator hands out a task once
//! only, even if its worker crashes. Therefore the worker writes its current task to a file. After a crash, the next
//! worker reads that file, kills the job that still runs, and reports the task as failed. The state machine then
//! retries the step.

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

/// Pause after a failed request for a task.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest `cause` that `SendTaskFailure` accepts, in characters. Longer ones are cut.
const LONGEST_CAUSE: usize = 32_768;

/// Contents of the file that names the current task.
#[derive(Debug, Serialize, Deserialize)]
struct InHand {
    /// Step Functions' token of the task, by which its result is reported.
    token: String,
    /// Process of `spark-submit`, which leads its process group.
    pid: i32,
    /// Identity of that process (see [`identity`]): process ids are reused.
    started: String,
}

/// Works on the tasks of one activity, one at a time.
pub(crate) struct Worker<'a> {
    layout: &'a Layout,
    stack: &'a LocalStack,
    client: Client,
    activity: &'a str,
}

impl<'a> Worker<'a> {
    /// Makes a worker for the stack's activity. Returns `None` if the stack has no weather lane or no activity.
    ///
    /// # Errors
    /// The stack has no outputs yet: no `headwater up` has finished.
    pub(crate) async fn of(layout: &'a Layout, stack: &'a LocalStack) -> anyhow::Result<Option<Self>> {
        let Some(forecast) = &stack.outputs()?.forecast else { return Ok(None) };
        let client = Client::new(&aws::config(stack).await);
        let activity = forecast.activity_arn.as_deref();
        Ok(activity.map(|activity| Self { layout, stack, client, activity }))
    }

    /// Works on tasks until the future is dropped. Dropping it kills the current job. Errors are logged, not returned:
    /// the worker then asks for the next task.
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

    /// Runs one task and reports its result to Step Functions. If the report itself fails, the step runs into its
    /// timeout, which the state machine does not retry.
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

    /// Starts the Spark job of a task, writes the task to the file, and waits for the job's end.
    async fn job(&self, token: &str, input: &str) -> anyhow::Result<Value> {
        let mut job = SparkJob::parse(input)?.start(self.layout, self.stack).await?;
        let in_hand = InHand { token: token.to_owned(), pid: job.pid(), started: job.identity.clone() };
        fs::write(self.note(), serde_json::to_vec(&in_hand)?).context("cannot note the task")?;
        job.wait().await
    }

    /// Kills the job that an earlier worker left, and reports its task as failed. Does nothing if there is no such
    /// file.
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

    /// Reports a task as failed. `error` is a name that the state machine's `Retry` and `Catch` can match.
    async fn fail(&self, token: &str, error: &str, cause: &str) {
        let cause: String = cause.chars().take(LONGEST_CAUSE).collect();
        let sent = self.client.send_task_failure().task_token(token).error(error).cause(cause).send().await;
        // Expected after a restart of the emulator, which then knows neither the task nor its execution.
        if let Err(error) = sent {
            tracing::debug!("a failure was not reported: {}", DisplayErrorContext(&error));
        }
    }

    fn note(&self) -> PathBuf {
        self.layout.run().join("spark-task.json")
    }
}
