//! `headwater forecast`: runs the state machine of the weather lane once and waits for its end.

use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_sfn::{
    Client,
    error::DisplayErrorContext,
    types::{ExecutionStatus, HistoryEventType},
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::drain::duration;
use crate::{
    failure::failure,
    out,
    progress::Step,
    stack::{bridge, layout::Layout, opened::Stack, tools},
};

/// Pause between two requests for the state of the execution.
const LOOK: Duration = Duration::from_millis(250);

/// Arguments of `headwater forecast`.
#[derive(Debug, Args)]
pub(crate) struct ForecastArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch the forecasts and store them with Spark
    #[command(after_help = "\
Use it to get forecasts now, without waiting for the schedule, or to fetch cities again that failed.

Runs the state machine: forecast-fetcher writes the answer of each city to S3, then a Spark job adds the new answers to
the Delta table. On the local stack, the first run installs Spark, which takes some minutes. If a city fails, the others
are stored, and the command exits with an error.

Examples:
  headwater forecast run
  headwater forecast run --city 3477 --city 5959
  headwater forecast run --json | jq .failed
  headwater stub faults 3477=500; headwater forecast run")]
    Run(Run),
}

/// Arguments of `headwater forecast run`.
#[derive(Debug, Args)]
struct Run {
    /// Fetch only this city, by its number in the source; can be repeated [default: the configured cities]
    #[arg(long = "city", value_name = "ID")]
    cities: Vec<String>,
    /// Time after which the run is stopped (`90s`, `15m`)
    #[arg(long, default_value = "15m", value_parser = duration)]
    timeout: Duration,
    /// Print the output of the run as one JSON object
    #[arg(long)]
    json: bool,
}

/// Starts an execution, waits for its end and prints its output.
///
/// # Errors
/// - The stack has no weather lane, or Step Functions cannot be reached.
/// - On the local stack: the bridge is not running, or Spark cannot be installed.
/// - The run failed, or did not end within `--timeout`.
/// - A city failed.
pub(crate) async fn run(layout: &Layout, args: &ForecastArgs) -> anyhow::Result<()> {
    let Action::Run(args) = &args.action;
    let stack = Stack::open(layout).await?;
    let Some(forecast) = &stack.outputs().forecast else {
        return Err(failure("this stack has no weather lane", stack.remedy()));
    };
    if stack.local().is_some() {
        if bridge::part(layout).running().is_none() {
            return Err(failure(
                "the bridge is not running, so the Spark job would not start",
                "run `headwater up`",
            ));
        }
        // Spark is installed here so that the user sees the progress. The bridge would install it without output.
        tools::spark(layout)?;
    }
    // Without `items`, the fetcher takes the cities of its configuration.
    let input = if args.cities.is_empty() { json!({}) } else { json!({"items": args.cities}) };
    let client = Client::new(stack.sdk());
    let started = client
        .start_execution()
        .state_machine_arn(&forecast.state_machine_arn)
        .input(input.to_string())
        .send();
    let started = started.await.map_err(|error| {
        failure(format!("cannot start the run: {}", DisplayErrorContext(&error)), reach(&stack))
    })?;
    let output = wait(layout, &stack, (&client, &started.execution_arn), args.timeout).await?;
    show(&output, args.json)
}

/// Waits for the end of the execution and returns its output. Shows the current state on a terminal.
///
/// # Errors
/// The execution failed or was stopped, or Step Functions cannot be asked. After `patience`, the execution is stopped,
/// and the error says so.
async fn wait(
    layout: &Layout,
    stack: &Stack,
    (client, arn): (&Client, &str),
    patience: Duration,
) -> anyhow::Result<Value> {
    let deadline = Instant::now() + patience;
    let step = Step::begin("forecast", "starting");
    step.announce("fetching; then Spark stores the new answers");
    // The log of the Spark job, for the fix of an error.
    let log = match stack.local() {
        Some(_) => layout.logs().join("spark.log").display().to_string(),
        None => "the job's log in the bucket …-spark".to_owned(),
    };
    loop {
        let looked = client.describe_execution().execution_arn(arn).send().await;
        let execution = looked.map_err(|error| {
            failure(
                format!("cannot read the state of the run: {}", DisplayErrorContext(&error)),
                reach(stack),
            )
        })?;
        match execution.status {
            ExecutionStatus::Succeeded => {
                step.done("succeeded");
                let output = execution.output.unwrap_or_default();
                return serde_json::from_str(&output)
                    .with_context(|| format!("the run's output is {output}"));
            }
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => {}
            status => {
                let error = execution.error.unwrap_or_else(|| status.as_str().to_owned());
                let cause = execution.cause.unwrap_or_default();
                return Err(failure(format!("the run failed: {error}: {cause}"), fix_of(&error, &log)));
            }
        }
        if Instant::now() > deadline {
            let stopped = client.stop_execution().execution_arn(arn).cause("--timeout is over").send().await;
            stopped
                .map_err(|error| anyhow::anyhow!("cannot stop the run: {}", DisplayErrorContext(&error)))?;
            return Err(failure(
                format!("the run did not end within {} s and was stopped", patience.as_secs()),
                format!(
                    "see `headwater logs forecast-fetcher` and {log}, or give it more time with --timeout"
                ),
            ));
        }
        if out::watched()
            && let Some(state) = state(client, arn).await
        {
            step.now(state);
        }
        sleep(LOOK).await;
    }
}

/// The fix for an error of Step Functions.
fn reach(stack: &Stack) -> &'static str {
    if stack.local().is_some() {
        "run `headwater up`"
    } else {
        "check that this shell's credentials may use the state machine, and that the API of Step Functions can be \
         reached: from a host without NAT it cannot"
    }
}

/// The name of the task state that was entered last. `None` if the history cannot be read: it is only shown.
async fn state(client: &Client, arn: &str) -> Option<String> {
    let history = client.get_execution_history().execution_arn(arn).reverse_order(true).send().await.ok()?;
    history.events.into_iter().find_map(|event| {
        let entered = matches!(event.r#type, HistoryEventType::TaskStateEntered);
        entered.then_some(event.state_entered_event_details?.name)
    })
}

/// The fix for a failed run, by the error name that the state machine sets.
fn fix_of(error: &str, spark_log: &str) -> String {
    match error {
        "AlreadyRunning" => "wait for the end of the current run, then run this again".to_owned(),
        "SparkFailed" => {
            format!("see {spark_log}; the raw answers are on S3, and the next run stores them too")
        }
        _ => {
            "see `headwater logs forecast-fetcher`; to remove faults of the stub, run `headwater stub faults`"
                .to_owned()
        }
    }
}

/// Prints the output of a run: the cities in `stored` and `failed`, and the report of the Spark job.
///
/// # Errors
/// A city failed. The error gives the reason of the first one.
fn show(output: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        out::json(output)?;
    }
    let list = |name: &str| output[name].as_array().cloned().unwrap_or_default();
    let (stored, failed) = (list("stored"), list("failed"));
    if !json {
        for one in &stored {
            out::line(format!("stored {}: {}", text(&one["item"]), text(&one["key"])));
        }
        let job = &output["spark"]["Result"];
        // Only the local stack has a report here. EMR Serverless returns none.
        if !job.is_null() {
            out::line(format!(
                "Spark: {} new objects, {} rows, table version {}",
                job["objects"], job["rows"], job["version"]
            ));
        }
        for name in job["parked"].as_array().into_iter().flatten() {
            out::line(format!("parked {}: `headwater parked list --lane forecast_72` shows why", text(name)));
        }
    }
    let Some(first) = failed.first() else { return Ok(()) };
    for one in &failed {
        out::note(format!("failed {}: {}", text(&one["item"]), text(&one["reason"])));
    }
    Err(failure(
        format!(
            "{} of {} cities failed; the first ({}) because: {}",
            failed.len(),
            failed.len() + stored.len(),
            text(&first["item"]),
            text(&first["reason"])
        ),
        "run this again for the failed ones with --city ID",
    ))
}

/// A JSON string without quotation marks; other values as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
