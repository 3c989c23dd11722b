//! The certificate authorities that database servers are checked against: the public ones and those of Amazon RDS,
//! which are compiled in, and those in the settings.

use authorities::BadPem;
use rustls::RootCertStore;

use crate::settings::DatabaseSettings;

/// The authorities of Amazon RDS. The head of the file has its source and licence.
const RDS: &[u8] = include_bytes!("../certificates/rds-roots.pem");

/// All trusted authorities. Called only when a TLS connection is opened, because parsing them is too slow for every
/// cold start.
pub(crate) fn trusted(settings: &DatabaseSettings) -> Result<RootCertStore, String> {
    let text = |error: BadPem| error.to_string();
    let mut roots = authorities::public();
    authorities::add_pem(&mut roots, "the roots of RDS", RDS).map_err(text)?;
    if let Some(path) = &settings.ca_file {
        let pem = std::fs::read(path).map_err(|error| format!("DATABASE_CA_FILE {path}: {error}"))?;
        authorities::add_pem(&mut roots, &format!("DATABASE_CA_FILE {path}"), &pem).map_err(text)?;
    }
    if let Some(pem) = &settings.ca_pem {
        authorities::add_variable(&mut roots, "DATABASE_CA_PEM", pem).map_err(text)?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{CertificateError, Error};

    use super::*;

    #[test]
    fn every_root_of_rds_is_a_trust_anchor_of_its_own_and_its_key_is_one_that_is_verified() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut all = RootCertStore::empty();
        authorities::add_pem(&mut all, "RDS", RDS).unwrap();
        assert_eq!(all.len(), 87);
        for certificate in CertificateDer::pem_slice_iter(RDS) {
            let certificate = certificate.unwrap();
            let mut one = RootCertStore::empty();
            one.add(certificate.clone()).unwrap();
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(one), Arc::clone(&provider))
                .build()
                .unwrap();
            let name = ServerName::try_from("db.example").unwrap();
            // A root certificate is not a server certificate. If it is refused for this reason, the root was read.
            let refused =
                verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).unwrap_err();
            let Error::InvalidCertificate(CertificateError::Other(reason)) = refused else {
                panic!("{refused:?}");
            };
            assert!(format!("{reason:?}").contains("CaUsedAsEndEntity"), "{reason:?}");
        }
    }
}
