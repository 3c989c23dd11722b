//! Deletes objects, one or many per request.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::FutureExt;
use tokio::time::Instant;

use super::ObjectStore;
use crate::error::{Fault, StoreError};

/// S3's limit for one `DeleteObjects` request.
const DELETED_AT_ONCE: usize = 1_000;

/// An object that the store refused to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDeleted {
    /// The key, relative to the store's location.
    pub path: String,
    /// The store's error code and message.
    pub reason: String,
}

impl ObjectStore {
    /// Deletes the object. It is no error if the object does not exist.
    pub async fn delete(&self, path: &str, deadline: Instant) -> Result<(), StoreError> {
        let key = self.location.key(path);
        self.retrying("DELETE", &key, deadline, || {
            async {
                let delete = self.client.delete_object().bucket(self.location.bucket()).key(&key);
                delete.send().await.map(drop).map_err(|e| Fault::of(&e))
            }
            .boxed()
        })
        .await
    }

    /// Deletes the objects, up to 1,000 per request. It is no error if an object does not exist. Returns the
    /// objects that the store refused to delete.
    ///
    /// # Errors
    /// [`StoreError`] if a request is refused as a whole or fails until `deadline`. The objects of earlier
    /// requests are deleted.
    pub async fn delete_all(
        &self,
        paths: &[String],
        deadline: Instant,
    ) -> Result<Vec<NotDeleted>, StoreError> {
        let mut refused = Vec::new();
        for paths in paths.chunks(DELETED_AT_ONCE) {
            let below = self.location.key("");
            refused
                .extend(self.retrying("DELETE", &below, deadline, || self.delete_some(paths).boxed()).await?);
        }
        Ok(refused)
    }

    /// One request. A temporary error of a single object makes the request a temporary fault, so that it is
    /// repeated.
    async fn delete_some(&self, paths: &[String]) -> Result<Vec<NotDeleted>, Fault> {
        let named = |path: &String| ObjectIdentifier::builder().key(self.location.key(path)).build();
        let objects: Vec<_> =
            paths.iter().map(named).collect::<Result<_, _>>().map_err(|e| Fault::lasting(e.to_string()))?;
        let batch = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let batch = batch.map_err(|e| Fault::lasting(e.to_string()))?;
        let delete = self.client.delete_objects().bucket(self.location.bucket()).delete(batch);
        let answer = delete.send().await.map_err(|e| Fault::of(&e))?;
        let below = self.location.key("").len();
        let mut refused = Vec::new();
        for error in answer.errors() {
            let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
            let reason = format!("{code}: {message}");
            if matches!(code, "InternalError" | "SlowDown" | "ServiceUnavailable") {
                return Err(Fault::passing(reason));
            }
            let path = error.key().and_then(|key| key.get(below..)).unwrap_or_default().to_owned();
            refused.push(NotDeleted { path, reason });
        }
        Ok(refused)
    }
}
