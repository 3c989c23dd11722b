//! TLS: how strictly a server's certificate is checked, and why a handshake failed.

use std::error::Error as StdError;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::roots;
use crate::settings::{DatabaseSettings, TlsMode};

/// The TLS configuration of the client.
///
/// The error is a text for the operator, for example if a file of authorities cannot be read.
pub(crate) fn client_config(settings: &DatabaseSettings) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let roots = Arc::new(roots::trusted(settings)?);
    if settings.tls == TlsMode::VerifyFull {
        return Ok(config.with_root_certificates(roots).with_no_client_auth());
    }
    let chain = WebPkiServerVerifier::builder_with_provider(roots, provider)
        .build()
        .map_err(|error| error.to_string())?;
    let verifier = Lenient { chain, mode: settings.tls };
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// A verifier that ignores what `mode` does not require.
#[derive(Debug)]
struct Lenient {
    /// The verifier that checks everything.
    chain: Arc<WebPkiServerVerifier>,
    mode: TlsMode,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // rustls verifies the chain first and then the name. So an error about the name means that the chain is valid.
        match self.chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            Err(_) if self.mode == TlsMode::Prefer => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Why a connection failed, if the cause is TLS and a retry cannot help.
pub(crate) fn lasting_fault(error: &tokio_postgres::Error) -> Option<String> {
    if let Some(fault) = authorities::tls_fault(error) {
        return explain(fault);
    }
    let mut cause = error.source();
    while let Some(one) = cause {
        if one.to_string() == "server does not support TLS" {
            return Some(
                "the server does not offer TLS: turn it on there, or allow a connection in the clear with \
                 sslmode=disable"
                    .to_owned(),
            );
        }
        cause = one.source();
    }
    None
}

/// The reason with advice for the operator. `None` if a retry may help.
fn explain(fault: &Error) -> Option<String> {
    let Error::InvalidCertificate(bad) = fault else {
        let lasting = matches!(fault, Error::PeerIncompatible(_) | Error::NoCertificatesPresented);
        return lasting.then(|| format!("TLS: {fault}"));
    };
    let advice = match bad {
        CertificateError::UnknownIssuer => {
            "none of the trusted authorities issued it (public ones, those of Amazon RDS, and those that \
             DATABASE_CA_FILE or DATABASE_CA_PEM adds)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "use a name that it is valid for, or sslmode=verify-ca where the database is reached by another one"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired: renew it on the server"
        }
        CertificateError::Other(reason) if format!("{reason:?}").contains("CaUsedAsEndEntity") => {
            "it is an authority's own certificate: let the authority issue one for the server"
        }
        _ => "it is not valid",
    };
    Some(format!("the server's certificate was refused: {bad}; {advice}"))
}
