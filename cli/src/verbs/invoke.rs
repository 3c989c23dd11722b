//! `headwater invoke`: runs a deployed function once.
//!
//! A function of the local stack runs in a process of this machine, separate from the bridge. In an AWS account, Lambda
//! invokes it.

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
Use it to run a scheduled function now, or to try an event. The answer goes to standard output, the log to standard
error.

A function of the local stack runs on this machine as it is deployed: with its zip, its variables, the credentials of
its role, its time-out and its memory limit. With --stack, Lambda invokes the version behind the alias `live`, and the
last 4 KB of its log are shown.

--freeze stops the process after the answer, as Lambda does between invocations, and then sends the event to the same
process again. Use it to find connections that do not survive such a pause.

Examples:
  headwater invoke lake-keeper --data '{\"dry_run\": true}'
  headwater invoke rooms-generator --event event.json
  cat event.json | headwater invoke parquet-writer --event -
  headwater invoke schema-migrator --freeze 10m
  headwater --stack stack.json invoke schema-migrator --data '{\"check\": true}'")]
pub(crate) struct Invoke {
    /// The function, by the name of its folder
    function: String,
    /// File with the event in JSON, or - for standard input [default: the event {}]
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    event: Option<PathBuf>,
    /// The event in JSON
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Stop the process for this long (`10s`, `5m`), then invoke it a second time; local stack only
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    freeze: Option<Duration>,
}

/// Invokes the function and prints its answer.
///
/// # Errors
/// - The stack has no such function, or the event cannot be read or is not JSON.
/// - The function fails, exceeds a limit, or cannot be started.
/// - `--freeze` is used with a stack in an account.
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

/// Invokes the function through Lambda's API. Prints the end of the log to standard error and the answer to standard
/// output.
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

/// Invokes a function of the local stack, with `--freeze` twice. `name` is its deployed name.
///
/// # Errors
/// - The function is not a zip with a runtime `provided.*`, so it needs a runtime that this machine does not have.
/// - An invocation fails.
async fn invoke(
    functions: &DeployedFunctions,
    name: &str,
    args: &Invoke,
    event: Vec<u8>,
) -> anyhow::Result<()> {
    let Target::Here(runner) = functions.get(name).await? else {
        return Err(failure(
            format!("{name} is not a zip with a runtime provided.*, so it cannot run on this machine"),
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

/// Sends one event to the function and prints the answer. Every outcome but an answer is an error.
async fn once(runner: &Runner, name: &str, event: Vec<u8>) -> anyhow::Result<()> {
    let failed = |reason: String| Err(failure(format!("{name} failed: {reason}"), "its log is above"));
    match runner.invoke(event).await {
        Outcome::Answer(answer) => out::line(String::from_utf8_lossy(&answer)),
        Outcome::Failed(error) => return failed(format!("{} ({})", error.message, error.error_type)),
        Outcome::TooLarge { bytes } => {
            return Err(failure(
                format!("the event has {bytes} bytes"),
                format!("send at most {} bytes (Lambda's limit)", function_runner::REQUEST_LIMIT),
            ));
        }
        Outcome::Throttled => {
            return Err(failure(
                format!("{name} is disabled: its reserved concurrency is 0"),
                "raise its reserved concurrency in Terraform",
            ));
        }
        Outcome::Unavailable(reason) => return failed(reason),
    }
    Ok(())
}

/// Returns the bytes of the event: from `file` (`-` is standard input), else `data`, else `{}`.
///
/// # Errors
/// The file or standard input cannot be read, or the text is not valid JSON. Lambda refuses such an event too.
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
        .map_err(|error| failure(format!("the event is not JSON: {error}"), "Lambda accepts only JSON"))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    #[test]
    fn an_event_is_read_from_the_argument_or_from_a_file() {
        assert_eq!(event(None, None).unwrap(), b"{}");
        assert_eq!(event(None, Some(r#"{"a": 1}"#)).unwrap(), br#"{"a": 1}"#);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[1]").unwrap();
        assert_eq!(event(Some(file.path()), None).unwrap(), b"[1]");
    }

    #[test]
    fn an_event_that_is_not_json_or_not_a_file_is_refused_with_the_fix() {
        let error = describe(&event(None, Some("event.json")).unwrap_err());
        assert!(error.contains("not JSON"), "{error}");
        let error = describe(&event(Some(Path::new("/nowhere/{}")), None).unwrap_err());
        assert!(error.contains("/nowhere/{}") && error.contains("--data"), "{error}");
    }
}
