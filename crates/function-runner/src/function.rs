//! What is run, and how the runner treats it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::Code;

/// A deployed function: what `GetFunction` says of it.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its ARN, with the version or alias that is invoked.
    pub arn: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// The handler's name. A `bootstrap` may ignore it.
    pub handler: String,
    /// The region.
    pub region: String,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Megabytes that its processes may hold.
    pub memory_mb: u32,
    /// Invocations at once at most; `None` without a limit, 0 for a function that is switched off.
    pub reserved_concurrency: Option<usize>,
    /// The environment variables of its configuration.
    pub environment: BTreeMap<String, String>,
    /// Variables that the machine adds, for example `AWS_ENDPOINT_URL`. They win over the function's own.
    pub machine: BTreeMap<String, String>,
    /// The log group.
    pub log_group: String,
    /// Its code.
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
    /// When they end. A process is not given events any more shortly before that.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Credentials");
        shown.field("access_key_id", &self.access_key_id).field("expires", &self.expires);
        shown.finish_non_exhaustive()
    }
}

/// How the runner treats processes.
#[derive(Debug, Clone)]
pub struct RunnerSettings {
    /// Processes get their `TMPDIR` below this folder.
    pub scratch: PathBuf,
    /// A process without an event for this long is ended.
    pub idle: Duration,
    /// How long a process may take from its start to its first call for an event. AWS gives 10 s, then starts it once
    /// more with the time-out of the function.
    pub start_up: Duration,
    /// Time between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Whether a process is stopped between invocations.
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
