//! The certificate authorities that a database server is checked against: public ones and Amazon's for RDS, compiled in,
//! and those that the settings add.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::settings::DatabaseSettings;

/// See the file's head for source and licence.
const RDS: &[u8] = include_bytes!("../certificates/rds-roots.pem");

/// All trusted authorities. Called when a TLS connection is made and not before: parsing takes longer than a start may.
pub(crate) fn trusted(settings: &DatabaseSettings) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    add(&mut roots, "the roots of RDS", RDS)?;
    if let Some(path) = &settings.ca_file {
        let pem = std::fs::read(path).map_err(|error| format!("DATABASE_CA_FILE {path}: {error}"))?;
        add(&mut roots, &format!("DATABASE_CA_FILE {path}"), &pem)?;
    }
    if let Some(pem) = &settings.ca_pem {
        // Some tools write the line ends of a variable as two characters.
        add(&mut roots, "DATABASE_CA_PEM", pem.replace("\\n", "\n").as_bytes())?;
    }
    Ok(roots)
}

fn add(roots: &mut RootCertStore, source: &str, pem: &[u8]) -> Result<(), String> {
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate.into_owned()).map_err(|error| error.to_string()));
        added.map_err(|reason| format!("{source}: {reason}"))?;
        found = true;
    }
    if found { Ok(()) } else { Err(format!("{source}: it holds no certificate in PEM")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{CertificateError, Error};

    use super::*;

    #[test]
    fn every_root_of_rds_is_a_trust_anchor_of_its_own_and_its_key_is_one_that_is_verified() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut all = RootCertStore::empty();
        add(&mut all, "RDS", RDS).unwrap();
        assert_eq!(all.len(), 87);
        for certificate in CertificateDer::pem_slice_iter(RDS) {
            let certificate = certificate.unwrap();
            let mut one = RootCertStore::empty();
            one.add(certificate.clone()).unwrap();
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(one), Arc::clone(&provider))
                .build()
                .unwrap();
            let name = ServerName::try_from("db.example").unwrap();
            // A root is no server's certificate. That it is refused for this reason shows that it was found and read.
            let refused =
                verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now()).unwrap_err();
            let Error::InvalidCertificate(CertificateError::Other(reason)) = refused else {
                panic!("{refused:?}");
            };
            assert!(format!("{reason:?}").contains("CaUsedAsEndEntity"), "{reason:?}");
        }
    }

    #[test]
    fn a_text_without_a_certificate_is_named() {
        let mut roots = RootCertStore::empty();
        let problem = add(&mut roots, "DATABASE_CA_PEM", b"hello").unwrap_err();
        assert_eq!(problem, "DATABASE_CA_PEM: it holds no certificate in PEM");
    }
}
