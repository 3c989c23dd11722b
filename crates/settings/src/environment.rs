//! Configuration from the environment: read once, and every problem named in one message.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use faults::{Classified, FaultClass};

/// Settings that are read from environment variables.
pub trait FromEnvironment: Sized {
    /// Reads every variable, even after one was bad: the caller reports all problems together.
    ///
    /// `None` only after a problem was noted in `environment`.
    fn read(environment: &mut Environment) -> Option<Self>;
}

/// Variables, and what was wrong with those that were asked for.
#[derive(Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    problems: Vec<String>,
}

/// One or more variables are missing or bad.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}", .0.join("; "))]
pub struct BadEnvironment(pub Vec<String>);

impl Classified for BadEnvironment {
    fn class(&self) -> FaultClass {
        FaultClass::Configuration
    }
}

impl Environment {
    /// The variables of this process. Values that are not Unicode count as missing.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables, problems: Vec::new() }
    }

    /// The settings of type `S` from these variables.
    pub fn settings<S: FromEnvironment>(mut self) -> Result<S, BadEnvironment> {
        let settings = S::read(&mut self);
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(BadEnvironment(self.problems)),
        }
    }

    /// A variable that must be there; `meaning` says what it is for.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str, meaning: &str) -> Option<T> {
        if self.text(name).is_some() {
            return self.parsed(name);
        }
        self.problem(format!("{name} is missing ({meaning})"));
        None
    }

    /// A variable with a default. `None` only when it is there and bad.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Option<T> {
        if self.text(name).is_some() { self.parsed(name) } else { Some(default) }
    }

    /// A variable that may be absent, as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// Notes a problem found by the settings themselves, such as two variables that exclude each other.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match self.variables.get(name)?.parse() {
            Ok(value) => Some(value),
            // The value itself stays out of the message: it may be a secret.
            Err(error) => {
                self.problem(format!("{name} is not valid: {error}"));
                None
            }
        }
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, problems: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Sample {
        port: u16,
        host: String,
        tries: u8,
    }

    impl FromEnvironment for Sample {
        fn read(environment: &mut Environment) -> Option<Self> {
            let port = environment.required("PORT", "where to listen");
            let host = environment.required("HOST", "whom to call");
            let tries = environment.optional("TRIES", 3);
            Some(Self { port: port?, host: host?, tries: tries? })
        }
    }

    #[test]
    fn every_missing_and_bad_variable_is_named_at_once() {
        let bad = Environment::from_iter([("PORT", "x"), ("TRIES", "-1")]).settings::<Sample>().unwrap_err();
        let message = bad.to_string();
        for name in ["PORT", "HOST", "TRIES"] {
            assert!(message.contains(name), "{name} in {message}");
        }
        assert!(message.contains("whom to call"));
    }

    #[test]
    fn an_empty_variable_is_a_missing_one_and_defaults_hold() {
        let environment = Environment::from_iter([("PORT", "80"), ("HOST", "h"), ("TRIES", "")]);
        assert_eq!(environment.settings(), Ok(Sample { port: 80, host: "h".into(), tries: 3 }));
    }
}
