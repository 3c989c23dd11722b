//! The S3 operations that Headwater needs. Each one retries until a deadline.

mod delete;
mod list;

use aws_sdk_s3::{
    Client,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    operation::{get_object::GetObjectError, head_object::HeadObjectError, put_object::PutObjectError},
    primitives::{ByteStream, DateTime as SdkDateTime},
};
use bytes::Bytes;
use chrono::DateTime;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant};

use crate::error::{Fault, StoreError, status};
use crate::location::S3Location;
use crate::retry;
use crate::version::ObjectVersion;

pub use delete::NotDeleted;
pub use list::Listed;

/// Creates a client for [`ObjectStore`]: with path-style addresses if the endpoint is set (an emulator), and without
/// the SDK's retries, because [`ObjectStore`] retries with regard to the deadline.
#[must_use]
pub fn client(config: &aws_config::SdkConfig) -> Client {
    let settings = aws_sdk_s3::config::Builder::from(config)
        // The host name of an emulator does not contain the bucket.
        .force_path_style(config.endpoint_url().is_some())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(Duration::from_secs(2)).build());
    Client::from_conf(settings.build())
}

/// An attempt to upload may take [`retry::ATTEMPT`] plus the time that this rate allows (2 MB/s). A slower
/// attempt is ended and repeated.
const SLOWEST_BYTES_PER_MILLISECOND: u64 = 2_000;

/// The result of a conditional PUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutIfAbsent {
    /// This call wrote the object.
    Written,
    /// The object exists already (412), or another writer wrote the key at the same time (409). If an earlier attempt
    /// of this call succeeded but its response was lost, the existing object may be our own.
    Lost,
}

/// The objects below one location.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    client: Client,
    location: S3Location,
}

impl ObjectStore {
    /// The objects below `location`. [`client`] creates a suitable client.
    #[must_use]
    pub fn new(client: Client, location: S3Location) -> Self {
        Self { client, location }
    }

    /// The location that all paths are relative to.
    #[must_use]
    pub fn location(&self) -> &S3Location {
        &self.location
    }

    /// The object's content, or `None` if the object does not exist.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if S3 refuses the request, for example because of missing rights.
    /// [`StoreError::Failed`] if every attempt until `deadline` failed. All operations of this type have
    /// these two errors.
    pub async fn get(&self, path: &str, deadline: Instant) -> Result<Option<Bytes>, StoreError> {
        let read = self.read(path, u64::MAX, deadline).await?;
        Ok(read.and_then(|(_, bytes)| bytes))
    }

    /// The content of one version of the object, in a bucket with versioning. The version can be read even after the
    /// object was overwritten or deleted. Returns `None` if the key does not exist.
    pub async fn get_version(
        &self,
        path: &str,
        id: &str,
        deadline: Instant,
    ) -> Result<Option<Bytes>, StoreError> {
        let read = self.read_version(path, Some(id), u64::MAX, deadline).await?;
        Ok(read.and_then(|(_, bytes)| bytes))
    }

    /// The object's state and its content, or `None` if the object does not exist. The content is `None` if
    /// it is longer than `longest` bytes; it is not downloaded then.
    pub async fn read(
        &self,
        path: &str,
        longest: u64,
        deadline: Instant,
    ) -> Result<Option<(ObjectVersion, Option<Bytes>)>, StoreError> {
        self.read_version(path, None, longest, deadline).await
    }

    /// [`Self::read`] for the version `id`, or for the current one.
    async fn read_version(
        &self,
        path: &str,
        id: Option<&str>,
        longest: u64,
        deadline: Instant,
    ) -> Result<Option<(ObjectVersion, Option<Bytes>)>, StoreError> {
        let key = self.location.key(path);
        self.retrying("GET", &key, deadline, || {
            async {
                let get = self.client.get_object().bucket(self.location.bucket()).key(&key);
                match get.set_version_id(id.map(str::to_owned)).send().await {
                    Ok(found) => {
                        let version =
                            version_of(found.e_tag(), found.content_length(), found.last_modified());
                        if version.size > longest {
                            return Ok(Some((version, None)));
                        }
                        let body = found.body.collect().await.map_err(|e| Fault::lost(&e))?;
                        Ok(Some((version, Some(body.into_bytes()))))
                    }
                    Err(e) if e.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
                    Err(e) => Err(Fault::of(&e)),
                }
            }
            .boxed()
        })
        .await
    }

    /// The object's current state, or `None` if the object does not exist.
    pub async fn head(&self, path: &str, deadline: Instant) -> Result<Option<ObjectVersion>, StoreError> {
        let key = self.location.key(path);
        self.retrying("HEAD", &key, deadline, || {
            async {
                match self.client.head_object().bucket(self.location.bucket()).key(&key).send().await {
                    Ok(found) => {
                        Ok(Some(version_of(found.e_tag(), found.content_length(), found.last_modified())))
                    }
                    Err(e) if e.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
                    Err(e) => Err(Fault::of(&e)),
                }
            }
            .boxed()
        })
        .await
    }

    /// Reads exactly `length` bytes from offset `start` of the version `tag`. Returns `None` if that version is no
    /// longer current: the object was overwritten or deleted.
    pub async fn get_range(
        &self,
        path: &str,
        tag: &str,
        (start, length): (u64, u64),
        deadline: Instant,
    ) -> Result<Option<Bytes>, StoreError> {
        let key = self.location.key(path);
        let range = format!("bytes={start}-{}", (start + length).saturating_sub(1));
        self.retrying("GET", &key, deadline, || {
            async {
                let get = self.client.get_object().bucket(self.location.bucket()).key(&key);
                match get.range(&range).if_match(tag).send().await {
                    Ok(answer) => {
                        // A store that ignores If-Match could return bytes of another version.
                        if answer.e_tag() != Some(tag) {
                            return Ok(None);
                        }
                        let body = answer.body.collect().await.map_err(|e| Fault::lost(&e))?.into_bytes();
                        if body.len() as u64 == length { Ok(Some(body)) } else { Err(Fault::cut_short()) }
                    }
                    Err(e) if matches!(status(&e), Some(404 | 412)) => Ok(None),
                    Err(e) => Err(Fault::of(&e)),
                }
            }
            .boxed()
        })
        .await
    }

    /// Writes the object and replaces an existing one.
    pub async fn put(&self, path: &str, body: Bytes, deadline: Instant) -> Result<(), StoreError> {
        let key = self.location.key(path);
        self.uploading(&key, body.len(), deadline, || {
            async {
                let put = self.client.put_object().bucket(self.location.bucket()).key(&key);
                put.body(ByteStream::from(body.clone())).send().await.map(drop).map_err(|e| Fault::of(&e))
            }
            .boxed()
        })
        .await
    }

    /// Writes the object only if it does not exist (`If-None-Match: *`).
    pub async fn put_if_absent(
        &self,
        path: &str,
        body: Bytes,
        deadline: Instant,
    ) -> Result<PutIfAbsent, StoreError> {
        let key = self.location.key(path);
        self.uploading(&key, body.len(), deadline, || {
            async {
                let put =
                    self.client.put_object().bucket(self.location.bucket()).key(&key).if_none_match("*");
                match put.body(ByteStream::from(body.clone())).send().await {
                    Ok(_) => Ok(PutIfAbsent::Written),
                    Err(e) if lost(&e) => Ok(PutIfAbsent::Lost),
                    Err(e) => Err(Fault::of(&e)),
                }
            }
            .boxed()
        })
        .await
    }

    /// The full address of a key, for messages.
    fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.location.bucket())
    }

    /// Like [`retrying`](Self::retrying), but each attempt gets more time for a larger body.
    async fn uploading<'f, T>(
        &self,
        key: &str,
        bytes: usize,
        deadline: Instant,
        attempt: impl FnMut() -> BoxFuture<'f, Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        let patience = retry::ATTEMPT + Duration::from_millis(bytes as u64 / SLOWEST_BYTES_PER_MILLISECOND);
        retry::retrying(deadline, patience, attempt)
            .await
            .map_err(|(fault, attempts)| fault.into_error("PUT", self.address(key), attempts))
    }

    /// Runs `attempt` until `deadline` with [`retry::retrying`], and adds operation and address to its fault.
    async fn retrying<'f, T>(
        &self,
        operation: &'static str,
        key: &str,
        deadline: Instant,
        attempt: impl FnMut() -> BoxFuture<'f, Result<T, Fault>>,
    ) -> Result<T, StoreError> {
        retry::retrying(deadline, retry::ATTEMPT, attempt)
            .await
            .map_err(|(fault, attempts)| fault.into_error(operation, self.address(key), attempts))
    }
}

/// The version from the parts of an answer. A missing part becomes empty, 0 or 1970.
fn version_of(tag: Option<&str>, size: Option<i64>, modified: Option<&SdkDateTime>) -> ObjectVersion {
    // HEAD returns whole seconds, a listing may return fractions. Both must give the same version for the same object.
    let seconds = modified.map_or(0, SdkDateTime::secs);
    ObjectVersion {
        tag: tag.unwrap_or_default().to_owned(),
        size: size.and_then(|size| size.try_into().ok()).unwrap_or(0),
        modified: DateTime::from_timestamp(seconds, 0).unwrap_or_default(),
    }
}

/// Whether the answer to a conditional PUT says that the object exists, or that another writer writes it.
fn lost(error: &SdkError<PutObjectError>) -> bool {
    matches!(status(error), Some(409 | 412))
}
