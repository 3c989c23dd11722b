//! Runs a deployed Lambda function on this machine.
//!
//! A [`Function`] is an unpacked zip with a `bootstrap` and its configuration. A [`Runner`] starts one process for each
//! concurrent invocation, speaks the Lambda Runtime API with it on loopback, and enforces what Lambda enforces:
//! time-out, memory, payload sizes, reserved concurrency. A process is kept warm between invocations, stopped by
//! SIGSTOP as Lambda freezes an execution environment, and replaced after idle time, a crash or a time-out.
//!
//! What cannot be had without root, and is therefore missing:
//! - A mount namespace: the code lies below a cache folder, not at `/var/task`, and `/tmp` is the machine's own. Each
//!   process gets a folder of its own in `TMPDIR`.
//! - A cgroup: memory is measured instead (`/proc`), so a process may exceed its limit for some milliseconds before it
//!   is killed. `RLIMIT_AS` is no substitute: it counts reserved address space, and thread stacks and allocators
//!   reserve far more than they use. Without `/proc` (macOS) memory is not limited.
//! - A share of the processor in proportion to memory, and a read-only file system.
//!
//! [`deployed`] reads functions from Lambda's API, with credentials of their own roles, and sends their logs to
//! CloudWatch Logs: those of the local stack's emulator. [`front`] lets others invoke them: by Lambda's Invoke API, and by
//! the functions' URLs.
//!
//! Not supported: Lambda extensions, layers, container images; a streamed response is collected before it is returned.

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

/// Lambda's limit for an event, in bytes.
pub const REQUEST_LIMIT: usize = 6_291_456;

/// Lambda's limit for an answer, in bytes.
pub const RESPONSE_LIMIT: usize = 6_291_556;
