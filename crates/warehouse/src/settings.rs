//! How to reach the database.

use std::str::FromStr;

use function_kit::Environment;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Where the database is and how to log in.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    pub(crate) config: Config,
    pub(crate) tls: bool,
    pub(crate) auth: DatabaseAuth,
    /// PEM file with further certificate authorities, such as those of RDS.
    pub(crate) ca_file: Option<String>,
}

/// Where the password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseAuth {
    /// The URL has it, or none is needed.
    Url,
    /// A secret of Secrets Manager, by name or ARN: JSON with `username` and `password`.
    Secret(String),
    /// A token of RDS IAM authentication, signed anew for each connection.
    Iam,
}

impl FromStr for DatabaseAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("secret", id)) if !id.is_empty() => Ok(Self::Secret(id.to_owned())),
            None if text == "url" => Ok(Self::Url),
            None if text == "iam" => Ok(Self::Iam),
            _ => Err("use `url`, `iam`, or `secret:` and the secret's name or ARN".into()),
        }
    }
}

impl DatabaseSettings {
    /// Reads `DATABASE_URL`, `DATABASE_AUTH` (default `url`) and `DATABASE_CA_FILE`.
    pub fn read(environment: &mut Environment) -> Option<Self> {
        let url: Option<String> = environment.required("DATABASE_URL", "postgres://user@host:port/database");
        let auth = environment.optional("DATABASE_AUTH", DatabaseAuth::Url);
        let ca_file = environment.text("DATABASE_CA_FILE");
        match Self::new(&url?, auth?) {
            Ok(settings) => Some(Self { ca_file, ..settings }),
            Err(problem) => {
                environment.problem(format!("DATABASE_URL is not valid: {problem}"));
                None
            }
        }
    }

    /// Settings for a URL; `sslmode=disable` turns TLS off, any other value asks for a verified server. Without
    /// `sslmode` only a server on this machine is spoken to in the clear.
    pub fn new(url: &str, auth: DatabaseAuth) -> Result<Self, String> {
        let (url, sslmode) = without_sslmode(url);
        let mut config: Config = url.parse().map_err(|_| "not a postgres:// URL".to_owned())?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        let local = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => true,
        });
        let tls = match sslmode.as_deref() {
            None => !local,
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            Some(_) => return Err("sslmode must be disable, require or verify-full".into()),
        };
        config.application_name("headwater").ssl_mode(if tls {
            tokio_postgres::config::SslMode::Require
        } else {
            tokio_postgres::config::SslMode::Disable
        });
        Ok(Self { config, tls, auth, ca_file: None })
    }

    /// Host and port, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        let (host, port) = self.endpoint();
        format!("{host}:{port}")
    }

    pub(crate) fn endpoint(&self) -> (String, u16) {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        (host, self.config.get_ports().first().copied().unwrap_or(5432))
    }
}

/// tokio-postgres knows fewer values of `sslmode` than libpq; so it is taken out and read here.
fn without_sslmode(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (mode, rest): (Vec<_>, Vec<_>) = query.split('&').partition(|pair| pair.starts_with("sslmode="));
    let mode = mode.first().and_then(|pair| pair.strip_prefix("sslmode=")).map(str::to_owned);
    let url = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (url, mode)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Only;

    impl function_kit::Settings for Only {
        fn read(environment: &mut Environment) -> Option<Self> {
            DatabaseSettings::read(environment).map(|_| Self)
        }
    }

    fn tls(url: &str) -> Result<bool, String> {
        DatabaseSettings::new(url, DatabaseAuth::Url).map(|settings| settings.tls)
    }

    #[test]
    fn only_a_server_on_this_machine_is_spoken_to_in_the_clear_unasked() {
        assert_eq!(tls("postgres://u@127.0.0.1:5432/db"), Ok(false));
        assert_eq!(tls("postgres://u@db.example:5432/db"), Ok(true));
        assert_eq!(tls("postgres://u@db.example/db?connect_timeout=3&sslmode=disable"), Ok(false));
        assert_eq!(tls("postgres://u@127.0.0.1/db?sslmode=verify-full"), Ok(true));
        assert!(tls("postgres://u@h/db?sslmode=maybe").is_err());
        assert!(tls("not a url").is_err());
    }

    #[test]
    fn the_password_of_a_bad_url_is_not_in_the_message() {
        let environment = Environment::from_iter([("DATABASE_URL", "postgres://u:hunter2@h:nonsense/db")]);
        let Err(bad) = environment.settings::<Only>() else { panic!("read") };
        assert!(!bad.to_string().contains("hunter2"), "{bad}");
    }

    #[test]
    fn a_source_of_the_password_is_one_of_three() {
        assert_eq!("secret:arn:aws:x".parse(), Ok(DatabaseAuth::Secret("arn:aws:x".into())));
        assert_eq!("iam".parse(), Ok(DatabaseAuth::Iam));
        assert!("secret:".parse::<DatabaseAuth>().is_err());
    }
}
