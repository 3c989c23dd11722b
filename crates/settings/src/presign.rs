//! Presigned URLs. MSK and RDS accept them as authentication tokens.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How long a token is valid. AWS's own signers use the same value.
pub const LIFETIME: Duration = Duration::from_mins(15);

/// All characters except the unreserved ones of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Signing a URL failed.
#[derive(Debug, thiserror::Error)]
#[error("could not sign a token for {service}: {reason}")]
pub struct PresignError {
    /// The service in the signature: `kafka-cluster` or `rds-db`.
    service: &'static str,
    /// The error of the signer, with its causes.
    reason: String,
}

/// Signs a GET request for `url` with AWS Signature Version 4 in the query. `url` must already have a query, and the
/// query must be percent-encoded. The result is valid from `now` for [`LIFETIME`].
///
/// Fails with [`PresignError`] if the request cannot be signed, for example because the URL is not valid.
pub fn presigned(
    url: &str,
    service: &'static str,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, PresignError> {
    let failed = |error: &dyn std::error::Error| PresignError { service, reason: faults::chain(error) };
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| failed(&error))?;
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(&[]))
        .map_err(|error| failed(&error))?;
    let (instructions, _) = sign(request, &parameters.into()).map_err(|error| failed(&error))?.into_parts();
    let mut signed = url.to_owned();
    for (name, value) in instructions.params() {
        signed.push('&');
        signed.push_str(name);
        signed.push('=');
        signed.extend(utf8_percent_encode(value, RESERVED));
    }
    Ok(signed)
}

/// Percent-encodes all characters except the unreserved ones of RFC 3986, as Signature Version 4 requires.
#[must_use]
pub fn encoded(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, RESERVED)
}
