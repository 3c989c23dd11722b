//! The interfaces to the object store and to the secrets.

use std::future::Future;

use bytes::Bytes;
use s3::{Client, ObjectStore, PutIfAbsent, S3Location, StoreError};
use secrets::{SecretError, Secrets};
use tokio::time::Instant;

/// Reads tokens.
pub trait Tokens {
    /// Reads the text of a secret by its name or ARN.
    ///
    /// # Errors
    /// [`SecretError`]; its class says whether a later attempt may succeed.
    fn token(&self, secret: &str) -> impl Future<Output = Result<String, SecretError>>;
}

impl Tokens for Secrets {
    async fn token(&self, secret: &str) -> Result<String, SecretError> {
        self.text(secret).await
    }
}

/// Stores raw objects.
pub trait RawObjects {
    /// The size of an object in bytes; `None` if it does not exist.
    ///
    /// # Errors
    /// [`StoreError`] if S3 refuses the request or does not answer before `deadline`.
    fn size(
        &self,
        bucket: &S3Location,
        key: &str,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<u64>, StoreError>>;

    /// Writes an object only if it does not exist. The result says whether it was written.
    ///
    /// # Errors
    /// [`StoreError`] if S3 refuses the request or does not answer before `deadline`.
    fn put_if_absent(
        &self,
        bucket: &S3Location,
        key: &str,
        body: Bytes,
        deadline: Instant,
    ) -> impl Future<Output = Result<PutIfAbsent, StoreError>>;
}

/// Buckets on S3.
#[derive(Debug, Clone)]
pub struct Buckets(Client);

impl Buckets {
    /// Buckets with the credentials and endpoint of `sdk`.
    #[must_use]
    pub fn new(sdk: &aws_config::SdkConfig) -> Self {
        Self(s3::client(sdk))
    }
}

impl RawObjects for Buckets {
    async fn size(
        &self,
        bucket: &S3Location,
        key: &str,
        deadline: Instant,
    ) -> Result<Option<u64>, StoreError> {
        let found = ObjectStore::new(self.0.clone(), bucket.clone()).head(key, deadline).await?;
        Ok(found.map(|version| version.size))
    }

    async fn put_if_absent(
        &self,
        bucket: &S3Location,
        key: &str,
        body: Bytes,
        deadline: Instant,
    ) -> Result<PutIfAbsent, StoreError> {
        ObjectStore::new(self.0.clone(), bucket.clone()).put_if_absent(key, body, deadline).await
    }
}
