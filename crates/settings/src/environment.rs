//! Configuration from environment variables. It is read once at the start, and one message names all problems.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use faults::{Classified, FaultClass};

/// Settings that are read from environment variables.
pub trait FromEnvironment: Sized {
    /// Reads all variables, even after an invalid one, because the caller reports all problems together.
    ///
    /// Returns `None` only if a problem was added to `environment`.
    fn read(environment: &mut Environment) -> Option<Self>;
}

/// A set of variables, and the problems that were found while reading them.
#[derive(Debug, Default)]
pub struct Environment {
    /// The values by name.
    variables: BTreeMap<String, String>,
    /// One text per problem.
    problems: Vec<String>,
}

/// One or more variables are missing or invalid; holds one text per problem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("configuration: {}", .0.join("; "))]
pub struct BadEnvironment(pub Vec<String>);

impl Classified for BadEnvironment {
    fn class(&self) -> FaultClass {
        FaultClass::Configuration
    }
}

impl Environment {
    /// The variables of this process. A variable whose value is not valid Unicode counts as missing.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables, problems: Vec::new() }
    }

    /// Reads the settings of type `S`. The error names all problems.
    ///
    /// The error is a configuration fault: [`BadEnvironment`].
    pub fn settings<S: FromEnvironment>(mut self) -> Result<S, BadEnvironment> {
        let settings = S::read(&mut self);
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => Err(BadEnvironment(self.problems)),
        }
    }

    /// Reads a required variable. `meaning` explains the variable in the message if it is missing. An empty value
    /// counts as missing.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str, meaning: &str) -> Option<T> {
        if self.text(name).is_some() {
            return self.parsed(name);
        }
        self.problem(format!("{name} is missing ({meaning})"));
        None
    }

    /// Reads a variable with a default value. Returns `None` only if the variable is set and invalid.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Option<T> {
        if self.text(name).is_some() { self.parsed(name) } else { Some(default) }
    }

    /// The value of an optional variable. Returns `None` if it is missing or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// Adds a problem that the settings found themselves, such as two variables that may not both be set.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// Parses a variable that is set. Adds a problem if it is invalid.
    fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        match self.variables.get(name)?.parse() {
            Ok(value) => Some(value),
            // The message does not contain the value: it may be a secret.
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
