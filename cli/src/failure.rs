//! Errors with instructions for the user: what went wrong, and how to fix it.

use std::{error::Error, fmt};

/// An error with a fix. [`describe`] prints it as `error: …` and `fix: …`.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong, without a full stop at the end.
    message: String,
    /// What the user can do, in the imperative.
    fix: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// Makes an error with a fix. `message` has no full stop at the end; `fix` is in the imperative.
///
/// Context that callers add with `anyhow` does not hide the fix.
pub(crate) fn failure(message: impl Into<String>, fix: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Failure { message: message.into(), fix: fix.into() })
}

/// Formats an error for the terminal: the chain of causes on one line, then the fix on a second line.
///
/// If several causes have a fix, the innermost fix is printed, because it is the most specific. Without a fix, there
/// is no second line.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some libraries include the text of the cause in their own message. It is printed only once.
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
