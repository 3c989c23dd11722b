//! The function's settings.

use std::time::Duration;

use kafka::ClusterSettings;
use settings::Environment;

/// The settings from the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The cluster (`KAFKA_…`).
    pub cluster: ClusterSettings,
    /// `TELEMETRY_TOPIC`: the topic that events are sent to.
    pub topic: String,
    /// `GATEWAY_TOKEN_SECRET`: the secret that holds the token. Without it, no token is needed.
    pub token_secret: Option<String>,
    /// `BODY_LIMIT_BYTES`: the largest body in bytes, 1 MiB by default.
    pub body_limit: usize,
    /// `PRODUCE_TIMEOUT_SECONDS`: the longest time to send the events of a request to Kafka, 5 s by default.
    pub produce_timeout: Duration,
}

/// Lambda's limit for the payload of a synchronous invocation, in bytes.
const MOST_BODY: usize = 6 << 20;

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let cluster = ClusterSettings::read(environment);
        let topic = environment.required("TELEMETRY_TOPIC", "the topic that events are produced to");
        let token_secret = environment.text("GATEWAY_TOKEN_SECRET");
        let body_limit = environment.optional("BODY_LIMIT_BYTES", 1_usize << 20);
        if body_limit.is_some_and(|limit| !(1..=MOST_BODY).contains(&limit)) {
            environment.problem(format!("BODY_LIMIT_BYTES must be 1 to {MOST_BODY}"));
        }
        let seconds = environment.optional("PRODUCE_TIMEOUT_SECONDS", 5_u16);
        if seconds == Some(0) {
            environment.problem("PRODUCE_TIMEOUT_SECONDS must be at least 1");
        }
        Some(Self {
            cluster: cluster?,
            topic: topic?,
            token_secret,
            body_limit: body_limit?,
            produce_timeout: Duration::from_secs(seconds?.into()),
        })
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
    fn the_defaults_are_one_mebibyte_five_seconds_and_no_token() {
        let settings = read(&[
            ("KAFKA_BOOTSTRAP_SERVERS", "a:1"),
            ("KAFKA_AUTH", "plaintext"),
            ("TELEMETRY_TOPIC", "telemetry-v1"),
        ])
        .unwrap();
        let Settings { body_limit, produce_timeout, token_secret, .. } = settings;
        assert_eq!((body_limit, produce_timeout, token_secret), (1 << 20, Duration::from_secs(5), None));
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let error = read(&[("BODY_LIMIT_BYTES", "0"), ("PRODUCE_TIMEOUT_SECONDS", "0"), ("KAFKA_AUTH", "x")])
            .unwrap_err();
        for name in [
            "TELEMETRY_TOPIC",
            "BODY_LIMIT_BYTES",
            "PRODUCE_TIMEOUT_SECONDS",
            "KAFKA_AUTH",
            "KAFKA_BOOTSTRAP_SERVERS",
        ] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }
}
