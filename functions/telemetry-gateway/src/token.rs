//! Checks the token of a request. The token is the text of a secret.

use std::time::Duration;

use kafka::SdkConfig;
use secrets::{SecretError, Secrets};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

/// If a request's token is not the known one, the secret may have been rotated. It is read again, at most once in this
/// time.
const FRESH: Duration = Duration::from_mins(1);

/// The store of the token's text. Tests replace it by a secret in memory.
pub(crate) trait Secret {
    /// Reads the current text.
    ///
    /// # Errors
    /// [`SecretError`] if the text cannot be read before `deadline`, or if it is blank.
    async fn text(&self, deadline: Instant) -> Result<String, SecretError>;
}

/// A secret in AWS Secrets Manager.
#[derive(Debug)]
pub(crate) struct StoredSecret {
    id: String,
    secrets: Secrets,
}

impl StoredSecret {
    /// The secret with this name or ARN.
    pub(crate) fn new(id: String, sdk: &SdkConfig) -> Self {
        Self { id, secrets: Secrets::new(sdk) }
    }
}

impl Secret for StoredSecret {
    async fn text(&self, deadline: Instant) -> Result<String, SecretError> {
        let text = timeout_at(deadline, self.secrets.text(&self.id)).await;
        let text = text.map_err(|_| SecretError::passing(&self.id, "Secrets Manager does not answer"))??;
        match text.trim() {
            "" => Err(SecretError::lasting(&self.id, "it holds no text")),
            token => Ok(token.to_owned()),
        }
    }
}

/// Checks tokens. It caches the secret.
#[derive(Debug)]
pub(crate) struct Token<S = StoredSecret> {
    secret: S,
    known: Mutex<Known>,
}

/// The digest of the last text that was read, and the time of the last read. Digests all have the same length, so
/// comparing them takes the same time for each token.
#[derive(Debug, Default)]
struct Known {
    digest: Option<[u8; 32]>,
    read: Option<Instant>,
}

impl<S: Secret> Token<S> {
    /// Reads no secret yet.
    pub(crate) fn new(secret: S) -> Self {
        Self { secret, known: Mutex::default() }
    }

    /// Returns whether an `Authorization` header holds the token. The secret is read for the first token, and
    /// again, at most once a minute, for a token that differs.
    ///
    /// # Errors
    /// [`SecretError`] if the secret was never read and cannot be read now.
    pub(crate) async fn allows(
        &self,
        authorization: Option<&str>,
        deadline: Instant,
    ) -> Result<bool, SecretError> {
        let Some(given) = authorization.and_then(bearer).map(digest) else { return Ok(false) };
        let mut known = self.known.lock().await;
        if known.digest.is_some_and(|digest| same(&digest, &given)) {
            return Ok(true);
        }
        if known.digest.is_some() && known.read.is_some_and(|read| read.elapsed() < FRESH) {
            return Ok(false);
        }
        let text = self.secret.text(deadline).await;
        known.read = Some(Instant::now());
        match text {
            Ok(text) => {
                let digest = digest(&text);
                known.digest = Some(digest);
                Ok(same(&digest, &given))
            }
            // The known token stays valid while the secret cannot be read.
            Err(error) if known.digest.is_some() => {
                tracing::warn!(%error, "the token could not be read again");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// The token of an `Authorization` header with the scheme `Bearer`, whose name is not case-sensitive. `None`
/// for any other scheme.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The SHA-256 of a token.
fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Compares in constant time, so that the time does not tell where the digests differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// A secret that tests can change, with a count of its reads.
    #[derive(Default)]
    struct Vault {
        text: RefCell<Option<&'static str>>,
        read: Cell<u32>,
    }

    impl Secret for &Vault {
        async fn text(&self, _: Instant) -> Result<String, SecretError> {
            self.read.set(self.read.get() + 1);
            let text = self.text.borrow().map(str::to_owned);
            text.ok_or_else(|| SecretError::passing("s", "away"))
        }
    }

    /// Whether the header is accepted; `None` if the check failed.
    async fn allows(token: &Token<&Vault>, authorization: &str) -> Option<bool> {
        token.allows(Some(authorization), Instant::now() + FRESH).await.ok()
    }

    /// A client with a wrong token must not be able to cause a request to Secrets Manager with each of its
    /// requests.
    #[tokio::test(start_paused = true)]
    async fn a_wrong_token_causes_at_most_one_read_of_the_secret_per_minute() {
        let vault = Vault { text: RefCell::new(Some("old")), ..Vault::default() };
        let token = Token::new(&vault);
        assert_eq!(token.allows(None, Instant::now()).await.ok(), Some(false));
        assert_eq!(vault.read.get(), 0, "no request had a token yet");
        for _ in 0..3 {
            assert_eq!(allows(&token, "Bearer old").await, Some(true));
            assert_eq!(allows(&token, "Bearer wrong").await, Some(false));
        }
        assert_eq!(vault.read.get(), 1);
        vault.text.replace(Some("new"));
        assert_eq!(allows(&token, "Bearer new").await, Some(false), "not known yet");
        tokio::time::advance(FRESH).await;
        assert_eq!(allows(&token, "Bearer new").await, Some(true));
        assert_eq!(allows(&token, "Bearer old").await, Some(false));
        assert_eq!(vault.read.get(), 2);
    }

    /// An outage of Secrets Manager must not reject clients whose token is known.
    #[tokio::test(start_paused = true)]
    async fn while_the_secret_cannot_be_read_only_a_known_token_is_accepted() {
        let vault = Vault::default();
        let token = Token::new(&vault);
        assert_eq!(allows(&token, "Bearer good").await, None);
        vault.text.replace(Some("good"));
        assert_eq!(allows(&token, "Bearer good").await, Some(true));
        vault.text.replace(None);
        tokio::time::advance(FRESH).await;
        for _ in 0..3 {
            assert_eq!(allows(&token, "Bearer wrong").await, Some(false));
            assert_eq!(allows(&token, "Bearer good").await, Some(true));
        }
        assert_eq!(vault.read.get(), 3, "once a minute also while it fails");
    }

    #[test]
    fn only_the_scheme_bearer_is_accepted() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer(" bearer  abc "), Some("abc"));
        assert_eq!((bearer("Basic abc"), bearer("abc"), bearer("Bearer")), (None, None, None));
    }
}
