//! `headwater bridge --topic … --function-zip …`: a Kafka event source mapping for any function, without a stack.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use event_source::{Bridge, BridgeConfig, Mapping, StartingPosition, bridge::status};
use function_runner::{Code, Credentials, Function, Runner, RunnerSettings};

use super::{
    bridge::{asked_to_end, log_warnings},
    drain::duration,
};
use crate::{failure::failure, out};

/// How often it is said how far the function is.
const EVERY: Duration = Duration::from_secs(5);

/// The function and the topic that it reads.
#[derive(Debug, Args)]
pub(crate) struct OwnFunction {
    /// The topic that the function reads
    #[arg(long, requires = "function_zip")]
    topic: Option<String>,
    /// The function: a zip with a `bootstrap` (runtime provided.*), or a folder with one
    #[arg(long, value_name = "PATH", requires = "topic")]
    function_zip: Option<PathBuf>,
    /// The brokers, without authentication: host:port, comma-separated
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_BOOTSTRAP_SERVERS", default_value = "localhost:9092")]
    bootstrap_servers: String,
    /// The consumer group, whose committed offsets say where it goes on [default: headwater-<topic>-<zip's name>]
    #[arg(long, value_name = "GROUP", requires = "topic")]
    group: Option<String>,
    /// Records of an invocation at most
    #[arg(long, value_name = "N", default_value_t = 100, requires = "topic")]
    batch_size: u32,
    /// Seconds that a batch waits for more records
    #[arg(long, value_name = "SECONDS", default_value_t = 1, requires = "topic")]
    window: u32,
    /// Begin with records from this time on (RFC 3339) [default: with the oldest]
    #[arg(long, value_name = "TIME", requires = "topic")]
    from: Option<String>,
    /// The function names the records that failed (`batchItemFailures`)
    #[arg(long, requires = "topic")]
    report_batch_item_failures: bool,
    /// Split a failed batch in two
    #[arg(long, requires = "topic")]
    bisect: bool,
    /// Tries after the first before a batch is given up; -1 for no limit
    #[arg(
        long,
        value_name = "N",
        default_value_t = -1,
        allow_negative_numbers = true,
        requires = "topic"
    )]
    maximum_retries: i32,
    /// How long an invocation may take
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration, requires = "topic")]
    timeout: Duration,
    /// Megabytes that the function may hold
    #[arg(long, value_name = "MB", default_value_t = 512, requires = "topic")]
    memory: u32,
    /// A variable of the function's environment; NAME alone takes the value from here
    #[arg(long, value_name = "NAME[=VALUE]", requires = "topic")]
    env: Vec<String>,
}

impl OwnFunction {
    /// Whether a function was named.
    pub(crate) fn is_named(&self) -> bool {
        self.topic.is_some()
    }

    /// Serves the topic until Ctrl-C; then what is on its way is finished and committed.
    pub(crate) async fn serve(&self) -> anyhow::Result<()> {
        let (Some(topic), Some(path)) = (&self.topic, &self.function_zip) else { return Ok(()) };
        log_warnings();
        let scratch = tempfile::Builder::new().prefix("headwater-bridge-").tempdir()?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut environment = self.environment(|name| std::env::var(name).ok())?;
        let credentials = credentials(&mut environment);
        let function = Function {
            timeout: self.timeout,
            memory_mb: self.memory,
            region: region(&mut environment, |name| std::env::var(name).ok()),
            environment,
            ..Function::new(name.clone(), code(path, scratch.path())?)
        };
        let settings = RunnerSettings { scratch: scratch.path().to_owned(), ..RunnerSettings::default() };
        let runner = Runner::new(function, settings, Arc::new(out::FunctionLog));
        if let Some(credentials) = credentials {
            runner.set_credentials(credentials);
        }
        let mapping = self.mapping(topic, &name);
        let group = mapping.consumer_group.clone();
        let status = scratch.path().join("status.json");
        let config = BridgeConfig {
            runner: Some(Arc::new(runner)),
            scratch: scratch.path().to_owned(),
            status_path: Some(status.clone()),
            ..BridgeConfig::new(vec![mapping], self.bootstrap_servers.as_str())
        };
        let shutdown = asked_to_end()?;
        out::note(format!("{topic} → {name} as group {group}; Ctrl-C ends it"));
        tokio::select! {
            ended = Bridge::run(config, shutdown) => ended.context("the bridge cannot run")?,
            () = say(&status) => {}
        }
        out::line(said(&status).unwrap_or_default());
        Ok(())
    }

    fn mapping(&self, topic: &str, name: &str) -> Mapping {
        let starting_position =
            if self.from.is_some() { StartingPosition::AtTimestamp } else { StartingPosition::TrimHorizon };
        Mapping {
            function_name: name.to_owned(),
            topic: topic.to_owned(),
            consumer_group: self.group.clone().unwrap_or_else(|| format!("headwater-{topic}-{name}")),
            starting_position,
            starting_position_timestamp: self.from.clone(),
            batch_size: self.batch_size,
            window_seconds: self.window,
            partial_batch_response: self.report_batch_item_failures,
            bisect: self.bisect,
            maximum_retries: self.maximum_retries,
            maximum_record_age_seconds: -1,
            on_failure: None,
        }
    }

    fn environment(&self, here: impl Fn(&str) -> Option<String>) -> anyhow::Result<BTreeMap<String, String>> {
        let one = |text: &String| match text.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => here(text).map(|value| (text.clone(), value)).ok_or_else(|| {
                failure(
                    format!("{text} is not set here"),
                    format!("set it, or give its value: --env {text}=…"),
                )
            }),
        };
        self.env.iter().map(one).collect()
    }
}

/// Credentials among the variables. They are no part of a function's configuration: Lambda sets them, of the function's role.
fn credentials(environment: &mut BTreeMap<String, String>) -> Option<Credentials> {
    let session_token = environment.remove("AWS_SESSION_TOKEN");
    let (id, secret) = (environment.remove("AWS_ACCESS_KEY_ID"), environment.remove("AWS_SECRET_ACCESS_KEY"));
    Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token, expires: None })
}

/// The function's region: the one that was given, else that of this shell, which is where its credentials are good.
fn region(environment: &mut BTreeMap<String, String>, here: impl Fn(&str) -> Option<String>) -> String {
    let given = environment.remove("AWS_REGION");
    given
        .or_else(|| here("AWS_REGION"))
        .or_else(|| here("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|| "us-east-1".to_owned())
}

fn code(path: &Path, cache: &Path) -> anyhow::Result<Code> {
    let unusable = |reason: String| {
        failure(
            format!("{} is no function: {reason}", path.display()),
            "name a zip with an executable `bootstrap` at its top, as `cargo lambda build --output-format zip` makes it",
        )
    };
    let code = if path.is_dir() {
        Code::in_folder(&std::path::absolute(path)?)
    } else {
        let zip = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
        Code::unpack(&zip, &cache.join("code")).map_err(|error| unusable(faults::chain(&error)))?
    };
    if code.bootstrap().is_file() { Ok(code) } else { Err(unusable("it has no `bootstrap`".to_owned())) }
}

/// Says every few seconds how far the function is, when that has changed.
async fn say(status: &Path) {
    let mut before = said(status);
    loop {
        tokio::time::sleep(EVERY).await;
        let now = said(status);
        if now != before {
            out::note(now.as_deref().unwrap_or_default());
            before = now;
        }
    }
}

fn said(status: &Path) -> Option<String> {
    let status = status::read(status).ok()?;
    let mapping = status.mappings.first()?;
    let mut text = format!(
        "{} records handled in {} invocations, {} of them repeated; {} records given up",
        mapping.handled, mapping.invocations, mapping.retries, mapping.given_up
    );
    if let Some(error) = mapping.lately.error() {
        text = format!("{text}; the last try: {error}");
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::failure::describe;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        own: OwnFunction,
    }

    fn own(arguments: &[&str]) -> OwnFunction {
        let all = ["bridge", "--topic", "orders", "--function-zip", "f.zip"].iter().chain(arguments);
        Line::try_parse_from(all).unwrap().own
    }

    #[test]
    fn the_defaults_are_those_of_the_mapping_that_aws_makes() {
        let mapping = own(&[]).mapping("orders", "f");
        assert_eq!((mapping.batch_size, mapping.maximum_retries), (100, -1));
        assert_eq!(mapping.consumer_group, "headwater-orders-f");
        assert_eq!(mapping.validate(), Ok(()));
        let late = own(&["--from", "2026-11-21T00:00:00Z", "--batch-size", "7"]).mapping("orders", "f");
        assert_eq!((late.validate(), late.batch_size), (Ok(()), 7));
    }

    #[test]
    fn a_variable_without_a_value_is_taken_from_here_and_a_missing_one_is_named() {
        let here = |name: &str| (name == "HERE").then(|| "value".to_owned());
        let found = own(&["--env", "A=b=c", "--env", "HERE"]).environment(here).unwrap();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("A".to_owned(), "b=c".to_owned()), ("HERE".to_owned(), "value".to_owned())]
        );
        let error = describe(&own(&["--env", "NOWHERE"]).environment(here).unwrap_err());
        assert!(error.contains("NOWHERE is not set here"), "{error}");
    }

    #[test]
    fn credentials_are_given_to_the_function_as_those_of_its_role() {
        let here = |name: &str| Some(format!("{name} from here"));
        let arguments =
            ["--env", "AWS_ACCESS_KEY_ID", "--env", "AWS_SECRET_ACCESS_KEY=secret", "--env", "TABLE=t"];
        let mut environment = own(&arguments).environment(here).unwrap();
        let found = credentials(&mut environment).unwrap();
        assert_eq!(found.access_key_id, "AWS_ACCESS_KEY_ID from here");
        assert_eq!((found.secret_access_key.as_str(), found.session_token), ("secret", None));
        assert_eq!(environment.into_keys().collect::<Vec<_>>(), ["TABLE"]);
    }

    #[test]
    fn the_region_is_the_given_one_or_that_of_this_shell() {
        let shell = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "eu-west-1".to_owned());
        let mut given = BTreeMap::from([("AWS_REGION".to_owned(), "eu-central-1".to_owned())]);
        assert_eq!(region(&mut given, shell), "eu-central-1");
        assert_eq!(region(&mut BTreeMap::new(), shell), "eu-west-1");
        assert_eq!(region(&mut BTreeMap::new(), |_| None), "us-east-1");
    }

    #[test]
    fn a_topic_without_a_function_and_a_function_without_a_topic_are_refused() {
        for arguments in [&["bridge", "--topic", "t"][..], &["bridge", "--function-zip", "f.zip"]] {
            assert!(Line::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
        assert!(!Line::try_parse_from(["bridge"]).unwrap().own.is_named());
    }

    #[test]
    fn what_is_no_function_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.zip");
        std::fs::write(&text, "no zip").unwrap();
        for path in [folder.path(), &text, &folder.path().join("nowhere.zip")] {
            let error = describe(&code(path, folder.path()).unwrap_err());
            assert!(error.contains("is no function") && error.contains("bootstrap"), "{error}");
        }
    }
}
