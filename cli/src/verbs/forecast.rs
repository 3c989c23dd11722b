//! `headwater forecast`: the weather lane once, by its state machine.

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

/// Between two looks at an execution.
const LOOK: Duration = Duration::from_millis(250);

/// Arguments of `headwater forecast`.
#[derive(Debug, Args)]
pub(crate) struct ForecastArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fetch the forecasts and have Spark store them
    #[command(after_help = "\
Runs the state machine: the fetcher writes each city's answer to S3, then Spark adds those that are new to the Delta table. On the
local stack the first run installs Spark (some minutes). Exits with an error when a city failed; the others are stored all the same.

Examples:
  headwater forecast run
  headwater forecast run --city 3477 --city 5959
  headwater forecast run --json | jq .failed
  headwater stub faults 3477=500; headwater forecast run")]
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// Only this city, by the source's number; can be repeated [default: those of the configuration]
    #[arg(long = "city", value_name = "ID")]
    cities: Vec<String>,
    /// How long to wait for the end; then the run is stopped
    #[arg(long, default_value = "15m", value_parser = duration)]
    timeout: Duration,
    /// The run's output as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the action.
pub(crate) async fn run(layout: &Layout, args: &ForecastArgs) -> anyhow::Result<()> {
    let Action::Run(args) = &args.action;
    let stack = Stack::open(layout).await?;
    let Some(forecast) = &stack.outputs().forecast else {
        return Err(failure("this stack has no weather lane", stack.remedy()));
    };
    if stack.local().is_some() {
        if bridge::part(layout).running().is_none() {
            return Err(failure("the bridge does not run, so nobody runs Spark", "run `headwater up`"));
        }
        // Here, where somebody sees the progress; the bridge would install it unseen.
        tools::spark(layout)?;
    }
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

/// Waits for the execution's end; its output.
async fn wait(
    layout: &Layout,
    stack: &Stack,
    (client, arn): (&Client, &str),
    patience: Duration,
) -> anyhow::Result<Value> {
    let deadline = Instant::now() + patience;
    let step = Step::begin("forecast", "starting");
    step.announce("fetching, then Spark stores what is new");
    let log = match stack.local() {
        Some(_) => layout.logs().join("spark.log").display().to_string(),
        None => "the job's log in the bucket …-spark".to_owned(),
    };
    loop {
        let looked = client.describe_execution().execution_arn(arn).send().await;
        let execution = looked.map_err(|error| {
            failure(format!("cannot look at the run: {}", DisplayErrorContext(&error)), reach(stack))
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

/// What makes Step Functions answer.
fn reach(stack: &Stack) -> &'static str {
    if stack.local().is_some() {
        "run `headwater up`"
    } else {
        "this needs the permissions of Step Functions on the state machine, and a way to its API: a host without NAT has none"
    }
}

/// The state that was entered last.
async fn state(client: &Client, arn: &str) -> Option<String> {
    let history = client.get_execution_history().execution_arn(arn).reverse_order(true).send().await.ok()?;
    history.events.into_iter().find_map(|event| {
        let entered = matches!(event.r#type, HistoryEventType::TaskStateEntered);
        entered.then_some(event.state_entered_event_details?.name)
    })
}

fn fix_of(error: &str, spark_log: &str) -> String {
    match error {
        "AlreadyRunning" => "wait for the run that is under way, then run this again".to_owned(),
        "SparkFailed" => {
            format!("see {spark_log}; the raw answers are on S3, and the next run stores them too")
        }
        _ => "see `headwater logs forecast-fetcher`; `headwater stub faults` without arguments ends the stub's faults"
            .to_owned(),
    }
}

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
        // EMR tells nothing of what its job did.
        if !job.is_null() {
            out::line(format!(
                "Spark: {} new objects, {} rows, table version {}",
                job["objects"], job["rows"], job["version"]
            ));
        }
        for name in job["parked"].as_array().into_iter().flatten() {
            out::line(format!("parked {}: `headwater parked list --lane forecast_72` says why", text(name)));
        }
    }
    let Some(first) = failed.first() else { return Ok(()) };
    for one in &failed {
        out::note(format!("failed {}: {}", text(&one["item"]), text(&one["reason"])));
    }
    Err(failure(
        format!(
            "{} of {} cities failed, the first ({}) because: {}",
            failed.len(),
            failed.len() + stored.len(),
            text(&first["item"]),
            text(&first["reason"])
        ),
        "run it again for these with --city ID",
    ))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
