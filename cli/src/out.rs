//! Where words go: results to standard output, progress to standard error. A closed pipe ends the command quietly.

use std::io::{self, IsTerminal as _, Write as _};

use function_runner::{LogLine, LogSink};
use serde::Serialize;

/// One line of the result.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut stdout = io::stdout().lock();
    end_quietly_if_closed(writeln!(stdout, "{}", text.as_ref()).and_then(|()| stdout.flush()));
}

/// One JSON value on one line of the result.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?);
    Ok(())
}

/// One line about what is going on. It may be lost: nobody must fail because nobody listens.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// What functions print, beside their answers.
pub(crate) struct FunctionLog;

impl LogSink for FunctionLog {
    fn write(&self, line: LogLine) {
        note(line.text);
    }
}

/// Whether progress is watched by a person.
pub(crate) fn watched() -> bool {
    io::stderr().is_terminal()
}

fn end_quietly_if_closed(written: io::Result<()>) {
    if let Err(error) = written {
        if error.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        note(format!("error: cannot write to standard output: {error}"));
        std::process::exit(1);
    }
}
