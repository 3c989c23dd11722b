//! Errors for people: what went wrong, and what to do about it.

use std::{error::Error, fmt};

/// A message with the step that mends it; printed as `error: …` and `fix: …`.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    fix: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// An error that names its fix.
pub(crate) fn failure(message: impl Into<String>, fix: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Failure { message: message.into(), fix: fix.into() })
}

/// The error as printed: the chain of causes in one line, then the fix of the innermost that has one.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Libraries repeat their source in their own message; once is enough.
        if !line.contains(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
    }
    let fix = error.chain().filter_map(|cause| cause.downcast_ref::<Failure>()).last();
    match fix {
        Some(Failure { fix, .. }) => format!("error: {line}\nfix: {fix}"),
        None => format!("error: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_fix_survives_added_context() {
        let result: anyhow::Result<()> =
            Err(failure("port 9092 is taken", "choose another with --kafka-port"));
        let error = result.context("cannot start Kafka").unwrap_err();
        assert_eq!(
            describe(&error),
            "error: cannot start Kafka: port 9092 is taken\nfix: choose another with --kafka-port"
        );
    }

    #[test]
    fn an_error_without_a_fix_is_one_line() {
        assert_eq!(describe(&anyhow::anyhow!("no such function")), "error: no such function");
    }
}
