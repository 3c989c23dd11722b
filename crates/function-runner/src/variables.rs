//! The environment variables of a function's process: those that Lambda sets, and none of the caller's environment.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::{Credentials, Function};

/// Variables that a function's configuration cannot set, because AWS reserves their names.
const RESERVED: [&str; 15] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
];

/// The values that differ between processes.
pub(crate) struct Sandbox<'a> {
    /// The address of the Runtime API.
    pub(crate) api: SocketAddr,
    /// The folder for temporary files, the value of `TMPDIR`.
    pub(crate) scratch: &'a Path,
    /// The name of the process's log stream.
    pub(crate) log_stream: &'a str,
}

/// All variables of a process.
///
/// If a name occurs twice, the later value is used: the configuration overrides the defaults, Lambda's variables
/// override the configuration, and the machine's variables override all.
pub(crate) fn of(
    function: &Function,
    credentials: Option<&Credentials>,
    sandbox: &Sandbox<'_>,
) -> Vec<(String, OsString)> {
    let mut variables: Vec<(String, OsString)> = Vec::new();
    let mut set = |name: &str, value: OsString| variables.push((name.to_owned(), value));
    let root = function.code.folder();
    // A function may override these.
    set("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".into());
    set("LANG", "en_US.UTF-8".into());
    set("TZ", ":UTC".into());
    set("TMPDIR", sandbox.scratch.into());
    // Lambda's value also contains system folders. They are left out, because this machine's loader knows its own.
    let mut libraries = root.as_os_str().to_owned();
    libraries.push(":");
    libraries.push(root.join("lib"));
    set("LD_LIBRARY_PATH", libraries);
    set("LAMBDA_RUNTIME_DIR", root.into());
    for (name, value) in &function.environment {
        if !RESERVED.contains(&name.as_str()) {
            set(name, value.into());
        }
    }
    set("AWS_REGION", function.region.as_str().into());
    set("AWS_DEFAULT_REGION", function.region.as_str().into());
    if let Some(credentials) = credentials {
        set("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str().into());
        set("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.as_str().into());
        if let Some(token) = &credentials.session_token {
            set("AWS_SESSION_TOKEN", token.into());
        }
    }
    set("AWS_LAMBDA_FUNCTION_NAME", function.name.as_str().into());
    set("AWS_LAMBDA_FUNCTION_VERSION", function.version.as_str().into());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string().into());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into());
    set("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.as_str().into());
    set("AWS_LAMBDA_LOG_STREAM_NAME", sandbox.log_stream.into());
    set("AWS_LAMBDA_RUNTIME_API", sandbox.api.to_string().into());
    set("LAMBDA_TASK_ROOT", root.into());
    set("_HANDLER", function.handler.as_str().into());
    for (name, value) in &function.machine {
        set(name, value.into());
    }
    variables
}
