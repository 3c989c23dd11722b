//! Objects as input, on S3 or on a web server. They are read in pieces, so memory use does not depend on their size.

use bytes::Bytes;
use s3::{ObjectStore, ObjectVersion, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use crate::error::ReadError;
use crate::web::{WebFolder, WebReader};

/// The number of bytes that one request reads from S3. Two pieces are in memory at a time: one is processed while the
/// next one is fetched.
const PIECE: u64 = 8 << 20;
/// The longest wait for one piece. If S3 does not deliver an object, this leaves time for the other objects.
const PIECE_PATIENCE: Duration = Duration::from_secs(25);

/// The place that objects are read from.
#[derive(Debug, Clone)]
pub enum ObjectSource {
    /// A bucket, or the objects below one of its prefixes.
    Bucket(ObjectStore),
    /// A folder of a web server.
    Web(Box<WebFolder>),
}

impl ObjectSource {
    /// An object's full address: `s3://bucket/key` or a URL.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        match self {
            Self::Bucket(store) => {
                format!("s3://{}/{}", store.location().bucket(), store.location().key(path))
            }
            Self::Web(folder) => folder.url(path),
        }
    }

    /// The object's current state, or `None` if it does not exist.
    ///
    /// # Errors
    /// [`StoreError`] if the store refuses the request or does not answer before `deadline`.
    pub async fn head(&self, path: &str, deadline: Instant) -> Result<Option<ObjectVersion>, StoreError> {
        match self {
            Self::Bucket(store) => store.head(path, deadline).await,
            Self::Web(folder) => folder.head(path, deadline).await,
        }
    }

    /// Returns a reader of this `version` of the object that starts at byte `start`. It sends its first request with
    /// the first call of [`ObjectReader::next`].
    #[must_use]
    pub fn read(&self, path: &str, version: &ObjectVersion, start: u64, deadline: Instant) -> ObjectReader {
        ObjectReader(match self {
            Self::Bucket(store) => Inner::Bucket(BucketReader {
                store: store.clone(),
                path: path.to_owned(),
                version: version.clone(),
                next: start,
                ahead: None,
                deadline,
            }),
            Self::Web(folder) => Inner::Web(Box::new(folder.read(path, &version.tag, start, deadline))),
        })
    }
}

/// Reads one version of an object.
#[derive(Debug)]
pub struct ObjectReader(Inner);

/// The reader for the kind of source.
#[derive(Debug)]
enum Inner {
    Bucket(BucketReader),
    Web(Box<WebReader>),
}

impl ObjectReader {
    /// Returns the next non-empty chunk, or `None` at the end of the object.
    ///
    /// # Errors
    /// [`ReadError::Changed`] if the object is no longer the version that the reader was created for.
    /// [`ReadError::Store`] if the store failed until the deadline, or for 25 s for one piece of an object on
    /// S3.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        match &mut self.0 {
            Inner::Bucket(reader) => reader.next().await,
            Inner::Web(reader) => reader.next().await,
        }
    }

    /// Reads the rest of the object into memory. Only for objects that are known to be small.
    ///
    /// # Errors
    /// The errors of [`Self::next`].
    pub async fn rest(mut self) -> Result<Vec<u8>, ReadError> {
        let mut rest = Vec::new();
        while let Some(bytes) = self.next().await? {
            rest.extend_from_slice(&bytes);
        }
        Ok(rest)
    }
}

/// Reads an object on S3 piece by piece. Each piece is a separate range request with its own retries. While the caller
/// processes one piece, the next one is fetched.
#[derive(Debug)]
struct BucketReader {
    store: ObjectStore,
    path: String,
    /// The version to read. Requests carry its tag in `If-Match`.
    version: ObjectVersion,
    /// The offset of the next byte to request.
    next: u64,
    /// The request for the next piece, if one was started.
    ahead: Option<JoinHandle<Result<Option<Bytes>, StoreError>>>,
    deadline: Instant,
}

impl BucketReader {
    /// Waits for the piece that was requested ahead, and requests the one after it.
    async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let Some(waiting) = self.ahead.take().or_else(|| self.fetch()) else { return Ok(None) };
        // A join error means that the task panicked: only `drop` cancels the task. `None` means another version.
        let piece = waiting.await.map_err(|_| ReadError::Changed)??.ok_or(ReadError::Changed)?;
        if piece.is_empty() {
            return Err(ReadError::Changed);
        }
        self.ahead = self.fetch();
        Ok(Some(piece))
    }

    /// Starts the request for the next piece. Returns `None` at the end of the object.
    fn fetch(&mut self) -> Option<JoinHandle<Result<Option<Bytes>, StoreError>>> {
        let (start, length) = (self.next, PIECE.min(self.version.size.saturating_sub(self.next)));
        if length == 0 {
            return None;
        }
        self.next += length;
        let (store, path, tag) = (self.store.clone(), self.path.clone(), self.version.tag.clone());
        let deadline = self.deadline.min(Instant::now() + PIECE_PATIENCE);
        Some(tokio::spawn(async move { store.get_range(&path, &tag, (start, length), deadline).await }))
    }
}

impl Drop for BucketReader {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.abort();
        }
    }
}
