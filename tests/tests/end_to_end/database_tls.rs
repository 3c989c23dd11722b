//! TLS to the database: a server is accepted if a trusted authority signed its certificate and the certificate contains
//! the server's name. Otherwise the connection is refused with the reason.

use std::time::Duration;

use end_to_end::{Function, OwnPostgres, Parts, event, room};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use settings::{Environment, FromEnvironment};
use tokio::time::Instant;
use warehouse::{Client, DatabaseSettings, Warehouse, WarehouseError};

/// A private certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Issues a certificate for these names, which is valid until January 1 of the year `until`. Returns certificate
    /// and key in PEM.
    fn issue(&self, names: &[&str], until: i32) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Reads [`DatabaseSettings`] from environment variables, as a function does.
struct Database(DatabaseSettings);

impl FromEnvironment for Database {
    fn read(environment: &mut Environment) -> Option<Self> {
        DatabaseSettings::read(environment).map(Self)
    }
}

/// Connects with the settings in these variables. Returns whether the connection is encrypted, or the text of the
/// error. Panics if the attempt took longer than 10 s, because an error of TLS must not be retried.
async fn ask(variables: &[(&str, &str)]) -> Result<bool, String> {
    let Database(settings) = variables.iter().copied().collect::<Environment>().settings().unwrap();
    let deadline = Instant::now() + Duration::from_secs(15);
    let warehouse = Warehouse::new(settings);
    let asked = warehouse.run("ask", deadline, async |client: &Client| {
        let row = client.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await;
        Ok::<bool, WarehouseError>(row.map_err(WarehouseError::statement("ask"))?.get(0))
    });
    let answer = asked.await.map_err(|error| error.to_string());
    assert!(Instant::now() < deadline - Duration::from_secs(5), "it was tried again: {answer:?}");
    answer
}

/// Restarts the server with this certificate and key, or without TLS.
async fn serve(server: &mut OwnPostgres, certificate: Option<(String, String)>) {
    server.stop();
    let Some((certificate, key)) = certificate else { return server.start(&["ssl=off"]).await };
    let (certificate, key) = (server.file("server.crt", &certificate), server.file("server.key", &key));
    let files = [format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")];
    server.start(&["ssl=on", &files[0], &files[1]]).await;
}

/// The URL of the server with this host name and `sslmode`.
fn url(server: &OwnPostgres, host: &str, sslmode: &str) -> String {
    format!("{}?sslmode={sslmode}", server.url("postgres").replace("127.0.0.1", host))
}

/// Covers the values of `sslmode`, the three ways to name an authority, wrong names, expired certificates, and servers
/// without TLS.
#[tokio::test]
async fn a_server_is_accepted_by_its_name_and_authority_and_refused_with_the_reason_otherwise() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let mut server = OwnPostgres::make().await;

    serve(&mut server, Some(ours.issue(&["localhost"], 2100))).await;
    let full = url(&server, "localhost", "verify-full");
    let ca = ("DATABASE_CA_PEM", ours.pem.as_str());
    assert_eq!(ask(&[("DATABASE_URL", &full), ca]).await, Ok(true));
    let escaped = ours.pem.replace('\n', "\\n");
    assert_eq!(ask(&[("DATABASE_URL", &full), ("DATABASE_CA_PEM", &escaped)]).await, Ok(true));
    let file = server.file("ca.pem", &ours.pem);
    assert_eq!(ask(&[("DATABASE_URL", &full), ("DATABASE_CA_FILE", &file)]).await, Ok(true));
    assert_eq!(ask(&[("DATABASE_URL", &format!("{full}&sslrootcert={file}"))]).await, Ok(true));
    // The URL has another host name than the certificate, as with a tunnel or an alias.
    let address = url(&server, "127.0.0.1", "verify-full");
    let refused = ask(&[("DATABASE_URL", &address), ca]).await.unwrap_err();
    assert!(refused.contains("not valid for name") && refused.contains("localhost"), "{refused}");
    let refused = ask(&[("DATABASE_URL", &url(&server, "127.0.0.1", "require")), ca]).await.unwrap_err();
    assert!(refused.contains("verify-ca"), "{refused}");
    assert_eq!(ask(&[("DATABASE_URL", &url(&server, "127.0.0.1", "verify-ca")), ca]).await, Ok(true));
    // Without a configured authority, no private authority is trusted.
    for mode in ["verify-ca", "require", "verify-full"] {
        let refused = ask(&[("DATABASE_URL", &url(&server, "localhost", mode))]).await.unwrap_err();
        assert!(refused.contains("none of the trusted authorities"), "{mode}: {refused}");
    }
    let wrong = [("DATABASE_URL", full.as_str()), ("DATABASE_CA_PEM", &other.pem)];
    assert!(ask(&wrong).await.unwrap_err().contains("none of the trusted authorities"));
    let broken = [("DATABASE_URL", full.as_str()), ("DATABASE_CA_PEM", "hello")];
    assert!(ask(&broken).await.unwrap_err().contains("DATABASE_CA_PEM: it holds no certificate"));
    // `prefer` does not verify the certificate, and `disable` does not encrypt.
    assert_eq!(ask(&[("DATABASE_URL", &url(&server, "127.0.0.1", "prefer"))]).await, Ok(true));
    assert_eq!(ask(&[("DATABASE_URL", &url(&server, "127.0.0.1", "disable"))]).await, Ok(false));

    serve(&mut server, Some(ours.issue(&["127.0.0.1"], 2100))).await;
    assert_eq!(ask(&[("DATABASE_URL", &address), ca]).await, Ok(true));

    serve(&mut server, Some(ours.issue(&["localhost"], 2021))).await;
    for mode in ["verify-full", "verify-ca"] {
        let refused = ask(&[("DATABASE_URL", &url(&server, "localhost", mode)), ca]).await.unwrap_err();
        assert!(refused.contains("it has expired"), "{mode}: {refused}");
    }

    serve(&mut server, None).await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let refused = ask(&[("DATABASE_URL", &url(&server, "localhost", mode)), ca]).await.unwrap_err();
        assert!(refused.contains("does not offer TLS"), "{mode}: {refused}");
    }
    assert_eq!(ask(&[("DATABASE_URL", &url(&server, "localhost", "prefer"))]).await, Ok(false));
}

/// `pg_hba.conf` accepts only connections with TLS. Without TLS, the function must report a configuration fault.
#[tokio::test]
async fn a_function_stores_over_tls_if_the_server_requires_it() {
    let parts = Parts::of_environment();
    let pipelines = [parts.rooms_pipeline()];
    let ours = Authority::new("ours");
    let mut server = OwnPostgres::make().await;
    serve(&mut server, Some(ours.issue(&["localhost"], 2100))).await;
    let mut parts = server.with_tables(&parts, &pipelines).await;
    let admin = server.connect("postgres").await;
    server.rules("hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n");
    admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    parts.database_url = url(&server, "localhost", "verify-full");
    let variables = [("DATABASE_CA_PEM", ours.pem.as_str())];
    let mut function = Function::start_with("totals-upserter", &parts, &pipelines, &variables).await;
    function.invoke(&event(&parts.topic, &[room(0, 0, "A", 1)])).await.all_handled();
    parts.database_url = url(&server, "localhost", "disable");
    let mut function = Function::start("totals-upserter", &parts, &pipelines).await;
    let (class, message) = function.invoke(&event(&parts.topic, &[room(0, 1, "A", 1)])).await.error();
    assert_eq!(class, "configuration", "{message}");
    assert!(message.contains("no encryption"), "{message}");
}
