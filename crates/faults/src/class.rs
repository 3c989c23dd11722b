//! The class of a fault. The error's type decides the class, and the class decides what the caller does.

/// How the caller handles a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// Another attempt may succeed: time-outs, 5xx answers, lost connections, lost commit races.
    Retryable,
    /// The input can never be processed. It is parked with the reason.
    Poison,
    /// The operation can only succeed after an operator changes a setting, a role or a table.
    Configuration,
}

impl FaultClass {
    /// The word used in logs and in Lambda's error type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Poison => "poison",
            Self::Configuration => "configuration",
        }
    }
}

/// An error with a fault class. Every error enum of Headwater implements it.
pub trait Classified: std::error::Error {
    /// The class of this fault.
    fn class(&self) -> FaultClass;
}

/// Formats an error and all its sources in one line, separated by `: `. A source is left out if its text is already
/// part of the message.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !message.contains(&cause_text) {
            message.push_str(": ");
            message.push_str(&cause_text);
        }
        source = cause.source();
    }
    message
}
