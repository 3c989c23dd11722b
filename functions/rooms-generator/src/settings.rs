//! The function's settings.

use kafka::ClusterSettings;
use settings::Environment;

/// The settings from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The cluster (`KAFKA_…`).
    pub cluster: ClusterSettings,
    /// `ROOMS_TOPIC`: the topic that records are produced to.
    pub topic: String,
    /// `ROOMS_COUNT`: the number of records per invocation if the event does not have one.
    pub count: u64,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let cluster = ClusterSettings::read(environment);
        let topic = environment.required("ROOMS_TOPIC", "the topic that records are produced to");
        let count = environment.optional("ROOMS_COUNT", 1000_u64);
        if count.is_some_and(|count| count > crate::MOST_RECORDS) {
            environment.problem(format!("ROOMS_COUNT must be 0 to {}", crate::MOST_RECORDS));
        }
        Some(Self { cluster: cluster?, topic: topic?, count: count? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings from these variables, or the error message.
    fn read(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let environment: Environment = variables.iter().copied().collect();
        environment.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn a_thousand_records_are_the_default() {
        let variables =
            [("KAFKA_BOOTSTRAP_SERVERS", "a:1"), ("KAFKA_AUTH", "plaintext"), ("ROOMS_TOPIC", "rooms-v1")];
        assert_eq!(read(&variables).unwrap().count, 1000);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let error = read(&[("ROOMS_COUNT", "10000001"), ("KAFKA_AUTH", "x")]).unwrap_err();
        for name in ["ROOMS_TOPIC", "ROOMS_COUNT", "KAFKA_AUTH", "KAFKA_BOOTSTRAP_SERVERS"] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }
}
