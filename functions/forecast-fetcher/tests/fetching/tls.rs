//! HTTPS: a server with a certificate of a configured authority is accepted under its own name. Every other server is
//! refused with a reason.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;

use crate::server::{Bench, MINUTE, Reply, Server, WEATHER, key, path, weather};

/// A private certificate authority.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Creates a root certificate.
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Starts a server with a certificate for `name` that is valid until the year `until`.
    async fn server(&self, name: &str, until: i32) -> Server {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateDer::from(params.signed_by(&key, &self.issuer).unwrap());
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let server = Server::start_with(Some(TlsAcceptor::from(Arc::new(config)))).await;
        server.on(&path("3477"), [Reply::weather()]);
        server
    }
}

/// A fetcher for this server's weather over HTTPS.
fn bench(server: &Server, variables: &[(&str, &str)]) -> Bench {
    Bench::new(&weather(&format!("https://localhost:{}", server.port)), variables)
}

/// The reason why the item fails. Asserts that the request was sent only once and did not arrive.
async fn refused(server: &Server, variables: &[(&str, &str)]) -> String {
    let started = Instant::now();
    let reason = bench(server, variables).refused(MINUTE).await;
    assert!(
        started.elapsed() < Duration::from_secs(10) && !reason.contains("tried"),
        "tried again: {reason}"
    );
    assert!(server.seen().is_empty(), "a request was sent");
    reason
}

#[tokio::test]
async fn a_server_with_a_certificate_of_a_configured_authority_is_accepted() {
    let ours = Authority::new("ours");
    let server = ours.server("localhost", 2100).await;
    for pem in
        [ours.pem.clone(), ours.pem.replace('\n', "\\n"), format!("{}{}", Authority::new("x").pem, ours.pem)]
    {
        let bench = bench(&server, &[("FETCH_CA_PEM", &pem)]);
        let report = bench.run(&["3477"], MINUTE).await;
        assert_eq!(report.stored_count, 1, "{report:?}");
        assert_eq!(bench.objects.text(&key("3477")), WEATHER);
    }
}

#[tokio::test]
async fn every_other_server_is_rejected_with_the_reason_and_gets_no_request() {
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let server = ours.server("localhost", 2100).await;
    for variables in [vec![], vec![("FETCH_CA_PEM", other.pem.as_str())]] {
        let reason = refused(&server, &variables).await;
        assert!(reason.contains("add the server's authority to FETCH_CA_PEM"), "{reason}");
    }
    let trusted = [("FETCH_CA_PEM", ours.pem.as_str())];
    let reason = refused(&ours.server("localhost", 2021).await, &trusted).await;
    assert!(reason.contains("it has expired"), "{reason}");
    let reason = refused(&ours.server("api.example", 2100).await, &trusted).await;
    assert!(reason.contains("use a name in the URL"), "{reason}");
}

#[tokio::test]
async fn a_server_without_tls_at_an_https_url_is_a_failed_connection() {
    let server = Server::start().await;
    let reason = bench(&server, &[]).refused(Duration::from_secs(3)).await;
    assert!(reason.contains("the connection failed"), "{reason}");
}
