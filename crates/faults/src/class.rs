//! Every fault has one class, decided where the fault is named, and the class decides what happens next.

/// What to do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultClass {
    /// May succeed when tried again: time-outs, 5xx answers, lost connections, lost commits.
    Retryable,
    /// Can never succeed with this input: the input is parked with its reason.
    Poison,
    /// Can only succeed after somebody changed a setting, a role or a table.
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

/// Implemented by every error enum of this house.
pub trait Classified: std::error::Error {
    /// The class of this fault.
    fn class(&self) -> FaultClass;
}

/// An error and all that caused it, in one line.
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
