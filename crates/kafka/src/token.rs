//! MSK's IAM token: a presigned `kafka-cluster:Connect` URL, base64url-encoded, as the `aws-msk-iam-sasl-signer`
//! libraries make it.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use settings::presign::{LIFETIME, PresignError, presigned};

/// A token and its expiry.
#[derive(Clone)]
pub struct MskToken {
    /// The signed URL in base64url without padding.
    pub value: String,
    /// 15 minutes after signing, or the expiry of the credentials if that is earlier.
    pub expires_at: SystemTime,
}

impl std::fmt::Debug for MskToken {
    /// Omits the token, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MskToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Signs a token with `credentials` at `now`.
///
/// # Errors
/// [`PresignError`] if the credentials or the region cannot be used for signing.
pub fn msk_token(region: &str, credentials: &Credentials, now: SystemTime) -> Result<MskToken, PresignError> {
    let url = format!("https://kafka.{region}.amazonaws.com/?Action=kafka-cluster%3AConnect");
    let mut url = presigned(&url, "kafka-cluster", region, credentials, now)?;
    // The user agent is not part of the signature; AWS's own signers add it in the same way.
    url.push_str("&User-Agent=headwater");
    let expires_at = credentials.expiry().map_or(now + LIFETIME, |expiry| expiry.min(now + LIFETIME));
    Ok(MskToken { value: base64_simd::URL_SAFE_NO_PAD.encode_to_string(url), expires_at })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// 2026-11-21T00:00:00Z
    const NOW: Duration = Duration::from_hours(498_672);

    /// The part of the token's URL before the query, and the parameters.
    fn decoded(token: &MskToken) -> (String, BTreeMap<String, String>) {
        let url = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(&token.value).unwrap();
        let url = String::from_utf8(url).unwrap();
        let (address, query) = url.split_once('?').unwrap();
        let parameters = query.split('&').map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        });
        (address.to_owned(), parameters.collect())
    }

    #[test]
    fn a_token_is_a_presigned_connect_url() {
        let credentials = Credentials::for_tests_with_session_token();
        let token = msk_token("eu-central-1", &credentials, UNIX_EPOCH + NOW).unwrap();
        let (address, parameters) = decoded(&token);
        assert_eq!(address, "https://kafka.eu-central-1.amazonaws.com/");
        let expected = [
            ("Action", "kafka-cluster%3AConnect"),
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "ANOTREAL%2F20261121%2Feu-central-1%2Fkafka-cluster%2Faws4_request"),
            ("X-Amz-Date", "20261121T000000Z"),
            ("X-Amz-Expires", "900"),
            ("X-Amz-SignedHeaders", "host"),
            ("X-Amz-Security-Token", "notarealsessiontoken"),
            ("User-Agent", "headwater"),
        ];
        for (name, value) in expected {
            assert_eq!(parameters.get(name).map(String::as_str), Some(value), "{name}");
        }
        let signature = &parameters["X-Amz-Signature"];
        assert!(signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()), "{signature}");
        assert_eq!(parameters.len(), expected.len() + 1);
        assert!(!token.value.contains(['=', '+', '/']));
    }

    #[test]
    fn a_token_expires_after_fifteen_minutes_or_with_its_credentials() {
        let now = UNIX_EPOCH + NOW;
        let lasting = Credentials::new("A", "S", None, None, "test");
        assert_eq!(msk_token("r", &lasting, now).unwrap().expires_at, now + LIFETIME);
        let soon = now + Duration::from_mins(5);
        let brief = Credentials::new("A", "S", None, Some(soon), "test");
        assert_eq!(msk_token("r", &brief, now).unwrap().expires_at, soon);
    }

    #[test]
    fn the_same_moment_and_credentials_sign_the_same_token() {
        let credentials = Credentials::for_tests();
        let sign = |after| msk_token("r", &credentials, UNIX_EPOCH + NOW + after).unwrap().value;
        assert_eq!(sign(Duration::ZERO), sign(Duration::ZERO));
        assert_ne!(sign(Duration::ZERO), sign(Duration::from_secs(1)));
    }
}
