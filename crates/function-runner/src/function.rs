//! A function's configuration, and the runner's settings.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::Code;

/// A deployed function, as `GetFunction` describes it.
#[derive(Debug, Clone)]
pub struct Function {
    /// The function's name.
    pub name: String,
    /// The function's ARN, with the invoked version or alias.
    pub arn: String,
    /// The version: `$LATEST` or a number.
    pub version: String,
    /// The handler's name. A `bootstrap` may ignore it.
    pub handler: String,
    /// The region of the ARN.
    pub region: String,
    /// The time-out of an invocation.
    pub timeout: Duration,
    /// The memory limit of each process and its descendants, in megabytes.
    pub memory_mb: u32,
    /// The largest number of concurrent invocations. `None` for no limit; 0 for a function that is switched off.
    pub reserved_concurrency: Option<usize>,
    /// The environment variables of the function's configuration.
    pub environment: BTreeMap<String, String>,
    /// Variables that the machine adds, such as `AWS_ENDPOINT_URL`. They override the function's own.
    pub machine: BTreeMap<String, String>,
    /// The log group in CloudWatch Logs.
    pub log_group: String,
    /// The unpacked code.
    pub code: Code,
}

impl Function {
    /// A function with AWS's defaults: 3 s, 128 MB, no reserved concurrency.
    #[must_use]
    pub fn new(name: impl Into<String>, code: Code) -> Self {
        let name = name.into();
        Self {
            arn: format!("arn:aws:lambda:us-east-1:000000000000:function:{name}"),
            log_group: format!("/aws/lambda/{name}"),
            name,
            version: "$LATEST".to_owned(),
            handler: "bootstrap".to_owned(),
            region: "us-east-1".to_owned(),
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            reserved_concurrency: None,
            environment: BTreeMap::new(),
            machine: BTreeMap::new(),
            code,
        }
    }
}

/// Credentials of the function's role.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<String>,
    /// When the credentials expire. Shortly before, a process gets no more events.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Credentials");
        shown.field("access_key_id", &self.access_key_id).field("expires", &self.expires);
        shown.finish_non_exhaustive()
    }
}

/// The settings of a runner.
#[derive(Debug, Clone)]
pub struct RunnerSettings {
    /// The folder that holds the processes' `TMPDIR`s.
    pub scratch: PathBuf,
    /// A process that gets no event for this long is ended.
    pub idle: Duration,
    /// The longest time from a process's start to its first request for an event. AWS allows 10 s, and then starts the
    /// process once more with the function's time-out.
    pub start_up: Duration,
    /// The time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Whether a process is stopped (SIGSTOP) between invocations.
    pub freeze: bool,
}

impl Default for RunnerSettings {
    fn default() -> Self {
        Self {
            scratch: std::env::temp_dir(),
            idle: Duration::from_mins(5),
            start_up: Duration::from_secs(10),
            grace: Duration::from_millis(500),
            freeze: true,
        }
    }
}
