//! Runs a deployed Lambda function on this machine.
//!
//! A [`Function`] is an unpacked zip file with a `bootstrap`, and a configuration. A [`Runner`] starts one process for
//! each concurrent invocation and talks to it through the Lambda Runtime API on loopback. It enforces Lambda's limits:
//! time-out, memory, payload sizes and reserved concurrency. It keeps a process warm between invocations and stops it
//! with SIGSTOP meanwhile, as Lambda freezes an execution environment. It replaces a process after idle time, a crash
//! or a time-out.
//!
//! The runner does not need root. Therefore these features of Lambda are missing:
//! - A mount namespace. The code is in a cache folder and not at `/var/task`, and `/tmp` is the machine's own. Each
//!   process gets its own folder in `TMPDIR`.
//! - A cgroup. The runner measures memory (`/proc`) instead, so a process may exceed its limit for some milliseconds
//!   before it is killed. `RLIMIT_AS` is not suitable: it counts reserved address space, and thread stacks and
//!   allocators reserve far more than they use. Without `/proc` (macOS), memory is not limited.
//! - A processor share in proportion to memory, and a read-only file system.
//!
//! [`deployed`] reads functions from Lambda's API, gives them credentials of their own roles, and sends their logs to
//! CloudWatch Logs. The API is that of the local stack's emulator. [`front`] lets clients invoke the functions through
//! Lambda's Invoke API and through function URLs.
//!
//! Lambda extensions, layers and container images are not supported. A streamed response is collected before it is
//! returned.

mod code;
pub mod deployed;
mod environment;
pub mod front;
mod function;
mod invocation;
mod logs;
mod memory;
mod outcome;
mod process;
mod report;
mod runner;
mod runtime_api;
mod server;
mod variables;
mod watchdog;

pub use code::{Code, CodeError};
pub use function::{Credentials, Function, RunnerSettings};
pub use logs::{LogFile, LogLine, LogSink, NoLogs};
pub use outcome::{Cause, FunctionError, Outcome};
pub use runner::{Runner, Traced};

/// Lambda's limit for the event of a synchronous invocation, in bytes (6 MB).
pub const REQUEST_LIMIT: usize = 6_291_456;

/// Lambda's limit for an answer, in bytes.
pub const RESPONSE_LIMIT: usize = 6_291_556;
