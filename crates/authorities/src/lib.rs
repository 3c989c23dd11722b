//! The certificate authorities (root certificates) for verifying TLS servers: the compiled-in public ones, and others
//! given in PEM.

use std::error::Error as StdError;
use std::io;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The text does not hold valid certificates in PEM.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct BadPem {
    /// The file or variable that the text comes from.
    origin: String,
    reason: String,
}

/// The public authorities of Mozilla's list, from the `webpki-roots` crate.
#[must_use]
pub fn public() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

/// Adds all certificates of `pem` to `roots`. `origin` names the source of the text in the error.
///
/// # Errors
/// [`BadPem`] if the text holds no certificate, or one of them is invalid. Certificates before the invalid one are
/// added.
pub fn add_pem(roots: &mut RootCertStore, origin: &str, pem: &[u8]) -> Result<(), BadPem> {
    let bad = |reason: String| BadPem { origin: origin.to_owned(), reason };
    let mut found = false;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate.into_owned()).map_err(|error| bad(error.to_string()))?;
        found = true;
    }
    if found { Ok(()) } else { Err(bad("it holds no certificate in PEM".to_owned())) }
}

/// Adds the certificates of an environment variable. Some tools write a line end as the two characters `\n`,
/// so those count as line ends too.
///
/// # Errors
/// As for [`add_pem`]; the error names the variable.
pub fn add_variable(roots: &mut RootCertStore, name: &str, pem: &str) -> Result<(), BadPem> {
    add_pem(roots, name, pem.replace("\\n", "\n").as_bytes())
}

/// Finds a TLS error among the sources of `error`. `None` if the error has another cause, such as a closed
/// connection.
#[must_use]
pub fn tls_fault<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(one) = cause {
        if let Some(fault) = one.downcast_ref() {
            return Some(fault);
        }
        // `source` of an `io::Error` skips the error inside it, so that error is taken with `get_ref`.
        let inner = one.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| one.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_added_with_real_and_escaped_line_ends() {
        let pem = || {
            let mut params = rcgen::CertificateParams::default();
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
        };
        let mut roots = public();
        let before = roots.len();
        add_variable(&mut roots, "CA", &format!("{}{}", pem(), pem())).unwrap();
        add_variable(&mut roots, "CA", &pem().replace('\n', "\\n")).unwrap();
        assert_eq!(roots.len(), before + 3);
    }

    #[test]
    fn an_invalid_text_is_an_error_that_names_its_origin() {
        let mut roots = RootCertStore::empty();
        let problem = add_pem(&mut roots, "DATABASE_CA_PEM", b"hello").unwrap_err();
        assert_eq!(problem.to_string(), "DATABASE_CA_PEM: it holds no certificate in PEM");
    }

    #[test]
    fn a_tls_error_is_found_among_the_sources() {
        let fault = io::Error::other(io::Error::other(rustls::Error::DecryptError));
        assert_eq!(tls_fault(&fault), Some(&rustls::Error::DecryptError));
        assert_eq!(tls_fault(&io::Error::other("reset")), None);
    }
}
