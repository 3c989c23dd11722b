//! Presigned URLs, which MSK and RDS take for tokens.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;

/// How long a token is good for; what AWS's own signers ask for.
pub const LIFETIME: Duration = Duration::from_mins(15);

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
        push_encoded(&mut signed, value);
    }
    Ok(signed)
}

/// Percent-encodes all but the characters that RFC 3986 calls unreserved.
pub fn push_encoded(url: &mut String, text: &str) {
    use std::fmt::Write;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
}
