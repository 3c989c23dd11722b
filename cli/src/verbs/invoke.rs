//! `headwater invoke`: runs a deployed function once. A function of the local stack runs in a process of its own; in an account,
//! Lambda invokes it.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use aws_sdk_lambda::types::LogType;
use clap::Args;
use function_runner::{
    Outcome, Runner, RunnerSettings,
    deployed::{DeployedFunctions, Target},
};

use super::drain::duration;
use crate::{
    failure::failure,
    out,
    stack::{
        layout::Layout,
        opened::{self, Stack},
    },
};

/// Arguments of `headwater invoke`.
#[derive(Debug, Args)]
#[command(after_help = "\
A function of the local stack runs on this machine, as it is deployed: its zip, its variables, its role's credentials, its time-out and
memory limit. With --stack, Lambda invokes the version that serves (the alias live), and the end of its log is shown.

The answer goes to standard output, the log to standard error. --freeze stops the process after the answer, as Lambda does between
invocations, and gives the same process the event again after that time: a connection that does not survive the pause fails
here and not first in production.

Examples:
  headwater invoke lake-keeper --data '{\"dry_run\": true}'
  headwater invoke rooms-generator --event event.json
  cat event.json | headwater invoke parquet-writer --event -
  headwater invoke schema-migrator --freeze 10m
  headwater --stack stack.json invoke schema-migrator --data '{\"check\": true}'")]
pub(crate) struct Invoke {
    /// The function (its folder's name)
    function: String,
    /// A file with the event, or - for standard input [default: {}]
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    event: Option<PathBuf>,
    /// The event itself
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Invoke it a second time after its process was stopped for this long (10s, 5m)
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    freeze: Option<Duration>,
}

/// Invokes the function and prints its answer.
pub(crate) async fn run(layout: &Layout, args: &Invoke) -> anyhow::Result<()> {
    let stack = Stack::open(layout).await?;
    let known = &stack.outputs().functions;
    let name = known.get(&args.function).ok_or_else(|| {
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        failure(
            format!("no function is called {}", args.function),
            format!("choose one of {}", known.join(", ")),
        )
    })?;
    let event = event(args.event.as_deref(), args.data.as_deref())?;
    if stack.local().is_none() {
        return through_lambda(&stack, args, event).await;
    }
    let scratch = tempfile::Builder::new().prefix("headwater-invoke-").tempdir()?;
    let settings = RunnerSettings {
        scratch: scratch.path().to_owned(),
        idle: RunnerSettings::default().idle + args.freeze.unwrap_or_default(),
        ..RunnerSettings::default()
    };
    let functions = DeployedFunctions::new(stack.sdk(), settings, Arc::new(out::FunctionLog));
    let done = invoke(&functions, name, args, event).await;
    functions.stop().await;
    done
}

/// What Lambda answers, and what the function wrote.
async fn through_lambda(stack: &Stack, args: &Invoke, event: Vec<u8>) -> anyhow::Result<()> {
    if args.freeze.is_some() {
        return Err(opened::local_only("invoke --freeze"));
    }
    let done = stack.invoke_once(&args.function, event, LogType::Tail).await?;
    for line in done.log.lines() {
        out::note(line);
    }
    let answer = String::from_utf8_lossy(&done.answer);
    if done.failed {
        return Err(failure(format!("{} failed: {answer}", args.function), "its log is above"));
    }
    out::line(answer);
    Ok(())
}

async fn invoke(
    functions: &DeployedFunctions,
    name: &str,
    args: &Invoke,
    event: Vec<u8>,
) -> anyhow::Result<()> {
    let Target::Here(runner) = functions.get(name).await? else {
        return Err(failure(
            format!("the zip of {name} does not bring its runtime"),
            format!("invoke it through Lambda's API: aws lambda invoke --function-name {name} …"),
        ));
    };
    once(&runner, name, event.clone()).await?;
    if let Some(freeze) = args.freeze {
        out::note(format!("{name} is stopped for {freeze:?}"));
        tokio::time::sleep(freeze).await;
        once(&runner, name, event).await?;
    }
    Ok(())
}

async fn once(runner: &Runner, name: &str, event: Vec<u8>) -> anyhow::Result<()> {
    let failed = |reason: String| Err(failure(format!("{name} failed: {reason}"), "its log is above"));
    match runner.invoke(event).await {
        Outcome::Answer(answer) => out::line(String::from_utf8_lossy(&answer)),
        Outcome::Failed(error) => return failed(format!("{} ({})", error.message, error.error_type)),
        Outcome::TooLarge { bytes } => {
            return Err(failure(
                format!("the event has {bytes} bytes"),
                format!("an invocation takes up to {}", function_runner::REQUEST_LIMIT),
            ));
        }
        Outcome::Throttled => {
            return Err(failure(
                format!("{name} is switched off: its reserved concurrency is 0"),
                "raise it in Terraform",
            ));
        }
        Outcome::Unavailable(reason) => return failed(reason),
    }
    Ok(())
}

/// The event's JSON. What is not JSON is refused, as Lambda does it.
fn event(file: Option<&Path>, data: Option<&str>) -> anyhow::Result<Vec<u8>> {
    let text = match file {
        None => data.unwrap_or("{}").as_bytes().to_vec(),
        Some(path) if path.as_os_str() == "-" => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
            text
        }
        Some(path) => std::fs::read(path).map_err(|error| {
            failure(
                format!("cannot read {}: {error}", path.display()),
                "--event names a file; --data takes the event itself",
            )
        })?,
    };
    serde_json::from_slice::<serde::de::IgnoredAny>(&text)
        .map_err(|error| failure(format!("the event is not JSON: {error}"), "Lambda takes JSON only"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    #[test]
    fn an_event_is_json_or_a_file_of_it() {
        assert_eq!(event(None, None).unwrap(), b"{}");
        assert_eq!(event(None, Some(r#"{"a": 1}"#)).unwrap(), br#"{"a": 1}"#);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1]").unwrap();
        assert_eq!(event(Some(file.path()), None).unwrap(), b"[1]");
    }

    #[test]
    fn what_is_no_json_or_no_file_is_refused_with_the_fix() {
        let error = describe(&event(None, Some("event.json")).unwrap_err());
        assert!(error.contains("not JSON"), "{error}");
        let error = describe(&event(Some(Path::new("/nowhere/{}")), None).unwrap_err());
        assert!(error.contains("/nowhere/{}") && error.contains("--data"), "{error}");
    }
}
