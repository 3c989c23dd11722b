//! Objects as input: on S3 or on a web server, read in pieces, so that memory does not grow with the object.

use bytes::Bytes;
use s3::{ObjectStore, ObjectVersion, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use crate::error::ReadError;
use crate::web::{WebFolder, WebReader};

/// One request's share of an object on S3. Two are in memory at a time: one being worked on, one being fetched.
const PIECE: u64 = 8 << 20;
/// The longest that one piece is waited for, so that an object that the store does not deliver leaves time for others.
const PIECE_PATIENCE: Duration = Duration::from_secs(25);

/// Where objects come from.
#[derive(Debug, Clone)]
pub enum ObjectSource {
    /// A bucket, or what is below a prefix of one.
    Bucket(ObjectStore),
    /// A web server.
    Web(Box<WebFolder>),
}

impl ObjectSource {
    /// An object's full address.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        match self {
            Self::Bucket(store) => {
                format!("s3://{}/{}", store.location().bucket(), store.location().key(path))
            }
            Self::Web(folder) => folder.url(path),
        }
    }

    /// The object's state now; `None` where there is none.
    pub async fn head(&self, path: &str, deadline: Instant) -> Result<Option<ObjectVersion>, StoreError> {
        match self {
            Self::Bucket(store) => store.head(path, deadline).await,
            Self::Web(folder) => folder.head(path, deadline).await,
        }
    }

    /// Reads `version` of the object from byte `start` on.
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

/// One version of an object, being read.
#[derive(Debug)]
pub struct ObjectReader(Inner);

#[derive(Debug)]
enum Inner {
    Bucket(BucketReader),
    Web(Box<WebReader>),
}

impl ObjectReader {
    /// The next bytes, never none of them; `None` at the object's end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        match &mut self.0 {
            Inner::Bucket(reader) => reader.next().await,
            Inner::Web(reader) => reader.next().await,
        }
    }

    /// All that is left of the object, in memory: for objects that are known to be small.
    pub async fn rest(mut self) -> Result<Vec<u8>, ReadError> {
        let mut rest = Vec::new();
        while let Some(bytes) = self.next().await? {
            rest.extend_from_slice(&bytes);
        }
        Ok(rest)
    }
}

/// Piece after piece, each a request of its own that is tried again by itself; the next one is fetched meanwhile.
#[derive(Debug)]
struct BucketReader {
    store: ObjectStore,
    path: String,
    version: ObjectVersion,
    next: u64,
    ahead: Option<JoinHandle<Result<Option<Bytes>, StoreError>>>,
    deadline: Instant,
}

impl BucketReader {
    async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        let Some(waiting) = self.ahead.take().or_else(|| self.fetch()) else { return Ok(None) };
        // A task that panicked or was cancelled has no answer; nobody cancels these.
        let piece = waiting.await.map_err(|_| ReadError::Changed)??.ok_or(ReadError::Changed)?;
        if piece.is_empty() {
            return Err(ReadError::Changed);
        }
        self.ahead = self.fetch();
        Ok(Some(piece))
    }

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
