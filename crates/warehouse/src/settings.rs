//! The settings for the database connection.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use settings::Environment;
use tokio_postgres::Config;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::config::{Host, SslMode};

/// Where the database is, and how to log in.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Hosts, ports, user, database and all other parameters of the URL.
    pub(crate) config: Config,
    pub(crate) tls: TlsMode,
    pub(crate) auth: DatabaseAuth,
    /// The path of a PEM file with further certificate authorities.
    pub(crate) ca_file: Option<String>,
    /// Further certificate authorities, as PEM text.
    pub(crate) ca_pem: Option<String>,
}

/// Where the password comes from. In `DATABASE_AUTH`: `url`, `iam` or `secret:ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseAuth {
    /// The URL contains it, or none is needed.
    Url,
    /// A secret in Secrets Manager, by name or ARN. It is JSON with `password` and optionally `username`.
    Secret(String),
    /// A token of RDS IAM authentication, created for each connection.
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

/// Whether TLS is used, and what is checked. It follows from `sslmode` in the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS if the server offers it, without any check. An attacker who can change packets can also remove the offer.
    Prefer,
    /// TLS, with a certificate from a trusted authority for any name.
    VerifyCa,
    /// TLS, with a certificate from a trusted authority for the host's name or address.
    VerifyFull,
}

impl DatabaseSettings {
    /// Reads `DATABASE_URL`, `DATABASE_AUTH` (default `url`), `DATABASE_CA_FILE` and `DATABASE_CA_PEM`.
    pub fn read(environment: &mut Environment) -> Option<Self> {
        let url: Option<String> = environment.required("DATABASE_URL", "postgres://user@host:port/database");
        let auth = environment.optional("DATABASE_AUTH", DatabaseAuth::Url);
        let ca_file = environment.text("DATABASE_CA_FILE");
        let ca_pem = environment.text("DATABASE_CA_PEM");
        match Self::new(&url?, auth?) {
            Ok(settings) => Some(Self { ca_file: ca_file.or(settings.ca_file), ca_pem, ..settings }),
            Err(problem) => {
                environment.problem(format!("DATABASE_URL is not valid: {problem}"));
                None
            }
        }
    }

    /// Creates settings from a URL. The meaning of its `sslmode`:
    ///
    /// | `sslmode` | TLS | certificate |
    /// |---|---|---|
    /// | `disable` | no | not checked |
    /// | `allow`, `prefer` | if the server offers it | not checked |
    /// | `verify-ca` | yes | from a trusted authority, for any name |
    /// | `require`, `verify-full` | yes | from a trusted authority, for the host's name or address |
    ///
    /// The default is `disable` for a server on this machine and `verify-full` for any other. `require` is stricter
    /// than in libpq, which accepts any certificate unless there is a file of authorities. Here there are always
    /// authorities. A connection over a Unix socket never uses TLS. `sslrootcert` means the same as `DATABASE_CA_FILE`,
    /// which has priority.
    ///
    /// # Errors
    /// A text for the operator if the URL cannot be used.
    pub fn new(url: &str, auth: DatabaseAuth) -> Result<Self, String> {
        let Url { rest: url, sslmode, sslrootcert } = Url::of(url);
        let mut config: Config = url.parse().map_err(|_| "not a postgres:// URL".to_owned())?;
        if config.get_hosts().is_empty() {
            return Err("it names no host".into());
        }
        let all = |local: &dyn Fn(&Host) -> bool| config.get_hosts().iter().all(local);
        let sockets = all(&|host| matches!(host, Host::Unix(_)));
        let local = all(&|host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => true,
        });
        let tls = match sslmode.as_deref() {
            _ if sockets => TlsMode::Disable,
            None if local => TlsMode::Disable,
            Some("disable") => TlsMode::Disable,
            Some("allow" | "prefer") => TlsMode::Prefer,
            Some("verify-ca") => TlsMode::VerifyCa,
            None | Some("require" | "verify-full") => TlsMode::VerifyFull,
            Some(_) => {
                return Err("sslmode must be disable, prefer, require, verify-ca or verify-full".into());
            }
        };
        config.application_name("headwater").ssl_mode(match tls {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
        wants_writes(&mut config, &url);
        Ok(Self { config, tls, auth, ca_file: sslrootcert, ca_pem: None })
    }

    /// Adds a PEM file of further certificate authorities, unless the URL names one (`sslrootcert`).
    #[must_use]
    pub fn with_ca_file(mut self, file: Option<String>) -> Self {
        self.ca_file = self.ca_file.or(file);
        self
    }

    /// The host and port, for messages.
    #[must_use]
    pub fn address(&self) -> String {
        let (host, port) = self.endpoint();
        format!("{host}:{port}")
    }

    /// The host and port of the first server. The port's default is 5432.
    pub(crate) fn endpoint(&self) -> (String, u16) {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        (host, self.config.get_ports().first().copied().unwrap_or(5432))
    }
}

/// A URL without the parameters that tokio-postgres does not support, or of which it supports fewer values than libpq.
struct Url {
    /// The URL without these two parameters.
    rest: String,
    /// The decoded value of `sslmode`.
    sslmode: Option<String>,
    /// The decoded path in `sslrootcert`.
    sslrootcert: Option<String>,
}

impl Url {
    /// Splits `sslmode` and `sslrootcert` off a URL.
    fn of(url: &str) -> Self {
        let Some((base, query)) = url.split_once('?') else {
            return Self { rest: url.to_owned(), sslmode: None, sslrootcert: None };
        };
        let (mut sslmode, mut sslrootcert, mut rest) = (None, None, Vec::new());
        for pair in query.split('&') {
            let value = |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned();
            match pair.split_once('=') {
                Some(("sslmode", mode)) => sslmode = Some(value(mode)),
                // libpq's name for the public authorities, which are always trusted here.
                Some(("sslrootcert", "system")) => {}
                Some(("sslrootcert", path)) => sslrootcert = Some(value(path)),
                _ => rest.push(pair),
            }
        }
        let rest = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        Self { rest, sslmode, sslrootcert }
    }
}

/// If there are several hosts, connects to the one that accepts writes, unless the URL says otherwise.
fn wants_writes(config: &mut Config, url: &str) {
    if config.get_hosts().len() > 1 && !url.contains("target_session_attrs") {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Only;

    impl settings::FromEnvironment for Only {
        fn read(environment: &mut Environment) -> Option<Self> {
            DatabaseSettings::read(environment).map(|_| Self)
        }
    }

    fn tls(url: &str) -> Result<TlsMode, String> {
        DatabaseSettings::new(url, DatabaseAuth::Url).map(|settings| settings.tls)
    }

    #[test]
    fn only_a_server_on_this_machine_is_spoken_to_in_the_clear_unasked() {
        assert_eq!(tls("postgres://u@127.0.0.1:5432/db"), Ok(TlsMode::Disable));
        assert_eq!(tls("postgres://u@%2Fvar%2Frun/db?sslmode=verify-full"), Ok(TlsMode::Disable));
        assert_eq!(tls("postgres://u@db.example:5432/db"), Ok(TlsMode::VerifyFull));
        assert_eq!(tls("postgres://u@127.0.0.1,db.example/db"), Ok(TlsMode::VerifyFull));
        assert_eq!(tls("postgres://u@db.example/db?connect_timeout=3&sslmode=disable"), Ok(TlsMode::Disable));
        assert_eq!(tls("postgres://u@127.0.0.1/db?sslmode=verify-full"), Ok(TlsMode::VerifyFull));
        assert_eq!(tls("postgres://u@db.example/db?sslmode=require"), Ok(TlsMode::VerifyFull));
        assert_eq!(tls("postgres://u@db.example/db?sslmode=verify-ca"), Ok(TlsMode::VerifyCa));
        assert_eq!(tls("postgres://u@db.example/db?sslmode=prefer"), Ok(TlsMode::Prefer));
        assert!(tls("postgres://u@h/db?sslmode=maybe").is_err());
        assert!(tls("not a url").is_err());
    }

    #[test]
    fn a_file_of_authorities_may_be_named_in_the_url() {
        let url = "postgres://u@h/db?sslrootcert=%2Fetc%2Fca.pem&sslmode=verify-full";
        let settings = DatabaseSettings::new(url, DatabaseAuth::Url).unwrap();
        assert_eq!(settings.ca_file.as_deref(), Some("/etc/ca.pem"));
        let url = "postgres://u@h/db?sslrootcert=system";
        assert_eq!(DatabaseSettings::new(url, DatabaseAuth::Url).unwrap().ca_file, None);
    }

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_meant() {
        use tokio_postgres::config::TargetSessionAttrs::{Any, ReadWrite};
        for (url, meant) in [
            ("postgres://u@a,b/db", ReadWrite),
            ("postgres://u@a/db", Any),
            ("postgres://u@a,b/db?target_session_attrs=any", Any),
            ("postgres://u@a/db?target_session_attrs=read-write", ReadWrite),
        ] {
            let settings = DatabaseSettings::new(url, DatabaseAuth::Url).unwrap();
            assert_eq!(settings.config.get_target_session_attrs(), meant, "{url}");
        }
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
