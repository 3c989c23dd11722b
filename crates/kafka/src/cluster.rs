//! The settings of a connection: cluster and authentication.

use std::fmt;
use std::str::FromStr;

use settings::{Environment, FromEnvironment};

/// A cluster and how the client authenticates to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Where the brokers are.
    pub cluster: Cluster,
    /// How the client authenticates.
    pub auth: Auth,
}

impl ClusterSettings {
    /// Brokers (`host:port`, comma-separated) without TLS and authentication, for a broker on this machine.
    #[must_use]
    pub fn plaintext(servers: impl Into<String>) -> Self {
        Self { cluster: Cluster::Servers(servers.into()), auth: Auth::Plaintext }
    }
}

/// Where the brokers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cluster {
    /// `host:port`, comma-separated.
    Servers(String),
    /// An MSK cluster's ARN. The brokers are looked up for each new connection.
    Arn(String),
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Servers(text) | Self::Arn(text)) = self;
        f.write_str(text)
    }
}

/// How the client authenticates to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// No authentication and no TLS, for a broker on this machine.
    Plaintext,
    /// MSK's IAM access control: SASL/OAUTHBEARER with a signed token, over TLS.
    MskIam,
}

impl FromStr for Auth {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "plaintext" => Ok(Self::Plaintext),
            "msk-iam" => Ok(Self::MskIam),
            _ => Err("must be plaintext or msk-iam"),
        }
    }
}

impl FromEnvironment for ClusterSettings {
    /// Reads `KAFKA_BOOTSTRAP_SERVERS` or `KAFKA_CLUSTER_ARN` (exactly one of them), and `KAFKA_AUTH`.
    fn read(environment: &mut Environment) -> Option<Self> {
        let servers = environment.text("KAFKA_BOOTSTRAP_SERVERS");
        let arn = environment.text("KAFKA_CLUSTER_ARN");
        let auth = environment.required("KAFKA_AUTH", "plaintext or msk-iam");
        let cluster = match (servers, arn) {
            (Some(servers), None) => Some(Cluster::Servers(servers)),
            (None, Some(arn)) => Some(Cluster::Arn(arn)),
            (None, None) => {
                environment.problem(
                    "KAFKA_BOOTSTRAP_SERVERS or KAFKA_CLUSTER_ARN is missing (where the brokers are)",
                );
                None
            }
            (Some(_), Some(_)) => {
                environment.problem("KAFKA_BOOTSTRAP_SERVERS and KAFKA_CLUSTER_ARN are both set: set one");
                None
            }
        };
        Some(Self { cluster: cluster?, auth: auth? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<ClusterSettings, String> {
        let environment: Environment = variables.iter().copied().collect();
        environment.settings().map_err(|error| error.to_string())
    }

    #[test]
    fn the_brokers_or_the_cluster_arn_must_be_set() {
        let given = read(&[("KAFKA_BOOTSTRAP_SERVERS", "a:1,b:2"), ("KAFKA_AUTH", "plaintext")]);
        assert_eq!(
            given,
            Ok(ClusterSettings { cluster: Cluster::Servers("a:1,b:2".into()), auth: Auth::Plaintext })
        );
        let looked_up = read(&[("KAFKA_CLUSTER_ARN", "arn:x"), ("KAFKA_AUTH", "msk-iam")]);
        assert_eq!(
            looked_up,
            Ok(ClusterSettings { cluster: Cluster::Arn("arn:x".into()), auth: Auth::MskIam })
        );
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let error = read(&[("KAFKA_AUTH", "scram")]).unwrap_err();
        assert!(error.contains("KAFKA_BOOTSTRAP_SERVERS") && error.contains("KAFKA_AUTH"), "{error}");
        let error = read(&[
            ("KAFKA_BOOTSTRAP_SERVERS", "a:1"),
            ("KAFKA_CLUSTER_ARN", "arn:x"),
            ("KAFKA_AUTH", "plaintext"),
        ])
        .unwrap_err();
        assert!(error.contains("set one"), "{error}");
    }
}
