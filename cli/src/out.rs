//! Prints results to standard output, and progress to standard error. If the reader of standard output closes its pipe
//! (as `head` does), the command ends without an error.

use std::io::{self, IsTerminal as _, Write as _};

use function_runner::{LogLine, LogSink};
use serde::Serialize;

/// Prints one line of the result. If standard output cannot be written, ends the process: with status 0 if the reader
/// closed the pipe, else with status 1.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut stdout = io::stdout().lock();
    end_quietly_if_closed(writeln!(stdout, "{}", text.as_ref()).and_then(|()| stdout.flush()));
}

/// Prints a value as JSON on one line of the result.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?);
    Ok(())
}

/// Prints one line about the progress. Errors are ignored: a command must not fail because its progress cannot be
/// shown.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Passes the logs of locally run functions to standard error, so that standard output holds only their answers.
pub(crate) struct FunctionLog;

impl LogSink for FunctionLog {
    fn write(&self, line: LogLine) {
        note(line.text);
    }
}

/// Returns whether standard error is a terminal. Only then is progress shown as a spinner or bar.
pub(crate) fn watched() -> bool {
    io::stderr().is_terminal()
}

/// Ends the process if the line could not be written; see [`line`].
fn end_quietly_if_closed(written: io::Result<()>) {
    if let Err(error) = written {
        if error.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        note(format!("error: cannot write to standard output: {error}"));
        std::process::exit(1);
    }
}
