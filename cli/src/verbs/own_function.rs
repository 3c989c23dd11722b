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

/// Interval between two lines of progress.
const EVERY: Duration = Duration::from_secs(5);

/// A function, the topic that it reads, and the settings of the mapping between them. Batch size and retries have the
/// defaults of AWS.
#[derive(Debug, Args)]
pub(crate) struct OwnFunction {
    /// Topic that the function reads
    #[arg(long, requires = "function_zip")]
    topic: Option<String>,
    /// The function: a zip or a folder with an executable `bootstrap` at its top (runtime provided.*)
    #[arg(long, value_name = "PATH", requires = "topic")]
    function_zip: Option<PathBuf>,
    /// Kafka brokers, separated by commas; connections are not authenticated or encrypted
    #[arg(long, value_name = "HOST:PORT", env = "KAFKA_BOOTSTRAP_SERVERS", default_value = "localhost:9092")]
    bootstrap_servers: String,
    /// Consumer group; its committed offsets decide where to continue [default: headwater-<topic>-<zip's name>]
    #[arg(long, value_name = "GROUP", requires = "topic")]
    group: Option<String>,
    /// Maximum number of records per invocation, 1 to 10,000
    #[arg(long, value_name = "N", default_value_t = 100, requires = "topic")]
    batch_size: u32,
    /// Seconds for which a batch waits for more records, 0 to 300
    #[arg(long, value_name = "SECONDS", default_value_t = 1, requires = "topic")]
    window: u32,
    /// Begin with records from this time on (RFC 3339), if the group has no committed offsets [default: the oldest]
    #[arg(long, value_name = "TIME", requires = "topic")]
    from: Option<String>,
    /// Read the failed records from the answer (`batchItemFailures`) and deliver only those again
    #[arg(long, requires = "topic")]
    report_batch_item_failures: bool,
    /// Split a failed batch in two halves before it is tried again
    #[arg(long, requires = "topic")]
    bisect: bool,
    /// Number of retries before a batch is given up; -1 for no limit
    #[arg(
        long,
        value_name = "N",
        default_value_t = -1,
        allow_negative_numbers = true,
        requires = "topic"
    )]
    maximum_retries: i32,
    /// Time limit of an invocation
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration, requires = "topic")]
    timeout: Duration,
    /// Memory limit of the function in megabytes
    #[arg(long, value_name = "MB", default_value_t = 512, requires = "topic")]
    memory: u32,
    /// Environment variable of the function; NAME alone takes the value from this shell
    #[arg(long, value_name = "NAME[=VALUE]", requires = "topic")]
    env: Vec<String>,
}

impl OwnFunction {
    /// Whether the arguments name a function. If not, `headwater bridge` serves the local stack.
    pub(crate) fn is_named(&self) -> bool {
        self.topic.is_some()
    }

    /// Serves the topic until Ctrl-C. Then it finishes the running invocations, commits their offsets and prints the
    /// counts of records and invocations.
    ///
    /// # Errors
    /// - The zip or folder is not a function, or a variable of `--env` is not set in this shell.
    /// - A setting of the mapping is not valid, such as a batch size of 0.
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
        out::note(format!("{name} reads {topic} as group {group}; stop with Ctrl-C"));
        tokio::select! {
            ended = Bridge::run(config, shutdown) => ended.context("the bridge cannot run")?,
            () = say(&status) => {}
        }
        out::line(said(&status).unwrap_or_default());
        Ok(())
    }

    /// The mapping of the topic to the function `name`, which also becomes part of the default group. The settings are
    /// not checked here; the bridge does that at its start.
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

    /// The variables of `--env`. `here` returns the value of a variable of this shell.
    ///
    /// # Errors
    /// A variable without a value is not set in this shell.
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

/// Removes the AWS credentials from the variables and returns them. `None` without a complete key pair. In AWS they are
/// not part of a function's configuration either: Lambda sets those of the function's role.
fn credentials(environment: &mut BTreeMap<String, String>) -> Option<Credentials> {
    let session_token = environment.remove("AWS_SESSION_TOKEN");
    let (id, secret) = (environment.remove("AWS_ACCESS_KEY_ID"), environment.remove("AWS_SECRET_ACCESS_KEY"));
    Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token, expires: None })
}

/// Removes the region from the variables and returns it. Without one, returns the region of this shell, because the
/// shell's credentials usually work there, or else `us-east-1`.
fn region(environment: &mut BTreeMap<String, String>, here: impl Fn(&str) -> Option<String>) -> String {
    let given = environment.remove("AWS_REGION");
    given
        .or_else(|| here("AWS_REGION"))
        .or_else(|| here("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|| "us-east-1".to_owned())
}

/// The code of the function. A zip is unpacked below `cache`; a folder is used in place.
///
/// # Errors
/// The path cannot be read, is not a zip, or has no `bootstrap` at its top.
fn code(path: &Path, cache: &Path) -> anyhow::Result<Code> {
    let unusable = |reason: String| {
        failure(
            format!("{} is not a function: {reason}", path.display()),
            "use a zip with an executable `bootstrap` at its top (`cargo lambda build --output-format zip` makes one)",
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

/// Prints the counts every [`EVERY`] if they have changed. `status` is the status file of the bridge. Never returns.
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

/// The counts in the bridge's status file, and the last error unless the function has succeeded since, as one line.
/// `None` if the bridge has not written the file yet.
fn said(status: &Path) -> Option<String> {
    let status = status::read(status).ok()?;
    let mapping = status.mappings.first()?;
    let mut text = format!(
        "{} records handled in {} invocations, {} of them repeated; {} records given up",
        mapping.handled, mapping.invocations, mapping.retries, mapping.given_up
    );
    if let Some(error) = mapping.lately.error() {
        text = format!("{text}; last error: {error}");
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
    fn a_variable_without_a_value_is_taken_from_the_shell_and_a_missing_one_is_named() {
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
    fn a_path_without_a_function_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.zip");
        std::fs::write(&text, "no zip").unwrap();
        for path in [folder.path(), &text, &folder.path().join("nowhere.zip")] {
            let error = describe(&code(path, folder.path()).unwrap_err());
            assert!(error.contains("is not a function") && error.contains("bootstrap"), "{error}");
        }
    }
}
