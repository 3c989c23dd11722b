//! Presigned URLs, which MSK and RDS take for tokens.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// How long a token is good for; what AWS's own signers ask for.
pub const LIFETIME: Duration = Duration::from_mins(15);

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A URL could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("a token of {service} could not be signed: {reason}")]
pub struct PresignError {
    service: &'static str,
    reason: String,
}

/// Signs a GET of `url`, whose query is encoded already, for `service` at `now`: valid for [`LIFETIME`].
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

/// Percent-encodes everything but the characters that RFC 3986 calls unreserved, as Signature Version 4 asks for.
#[must_use]
pub fn encoded(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, RESERVED)
}
