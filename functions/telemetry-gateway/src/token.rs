//! The word that vehicles must know: the text of a secret of Secrets Manager.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use faults::{Classified, FaultClass};
use kafka_client::SdkConfig;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// How often the secret is read again where a request's token is not the known one: it may have been rotated.
const FRESH: Duration = Duration::from_mins(1);

/// The secret cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("secret {id}: {reason}")]
pub(crate) struct NoToken {
    id: String,
    reason: String,
}

impl Classified for NoToken {
    fn class(&self) -> FaultClass {
        FaultClass::Retryable
    }
}

/// Knows the token, or how to learn it.
#[derive(Debug)]
pub(crate) struct Token {
    id: String,
    client: Client,
    known: Mutex<Known>,
}

/// What was read last, and when. Only a digest is kept: it has one length, and it is no secret in a core dump.
#[derive(Debug, Default)]
struct Known {
    digest: Option<[u8; 32]>,
    read: Option<Instant>,
}

impl Token {
    pub(crate) fn new(id: String, sdk: &SdkConfig) -> Self {
        Self { id, client: Client::new(sdk), known: Mutex::default() }
    }

    /// Whether an `Authorization` header holds the token. The secret is read with the first question, and again at
    /// most once a minute when the token is another.
    pub(crate) async fn allows(
        &self,
        authorization: Option<&str>,
        deadline: Instant,
    ) -> Result<bool, NoToken> {
        let Some(given) = authorization.and_then(bearer) else { return Ok(false) };
        let given = digest(given);
        let mut known = self.known.lock().await;
        if known.digest.is_some_and(|digest| same(&digest, &given)) {
            return Ok(true);
        }
        if known.read.is_some_and(|read| read.elapsed() < FRESH) {
            return Ok(false);
        }
        match self.read(deadline).await {
            Ok(digest) => {
                *known = Known { digest: Some(digest), read: Some(Instant::now()) };
                Ok(same(&digest, &given))
            }
            // The token that is known stays good for those who have it.
            Err(error) if known.digest.is_some() => {
                tracing::warn!(%error, "the token was not read again");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn read(&self, deadline: Instant) -> Result<[u8; 32], NoToken> {
        let failed = |reason: String| NoToken { id: self.id.clone(), reason };
        let answer = timeout_at(deadline, self.client.get_secret_value().secret_id(&self.id).send()).await;
        let answer = answer
            .map_err(|_| failed("Secrets Manager does not answer".into()))?
            .map_err(|error| failed(faults::chain(&error)))?;
        let token = answer.secret_string().map(str::trim).unwrap_or_default();
        if token.is_empty() { Err(failed("it holds no text".into())) } else { Ok(digest(token)) }
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// In a time that tells nothing of where they differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_found_and_no_other_scheme() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer(" bearer  abc "), Some("abc"));
        assert_eq!((bearer("Basic abc"), bearer("abc"), bearer("Bearer")), (None, None, None));
    }

    #[test]
    fn only_the_same_token_is_the_same() {
        assert!(same(&digest("abc"), &digest("abc")));
        assert!(!same(&digest("abc"), &digest("abcd")) && !same(&digest("abc"), &digest("")));
    }
}
