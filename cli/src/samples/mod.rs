//! Sample data for the lanes that read S3. It has the format of the source systems' data, including its defects.

pub(crate) mod inbox;
pub(crate) mod media;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use s3::ObjectStore;
use tokio::time::{Duration, Instant};

use crate::progress::Meter;

/// The number of concurrent uploads.
const AT_A_TIME: usize = 16;
/// The time limit for all uploads together.
const PATIENCE: Duration = Duration::from_mins(30);

/// An object to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    /// The path below the prefix of the store, without URL encoding.
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
}

/// Uploads objects and shows the progress. Up to [`AT_A_TIME`] uploads run at once, so they finish in any order.
///
/// # Errors
/// Returns the error of the first upload that fails. Some objects may be stored then.
pub(crate) async fn upload(
    store: &ObjectStore,
    objects: impl Iterator<Item = Object>,
    total: u64,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut meter = Meter::new("objects", total);
    let mut done = 0;
    let mut uploads = stream::iter(objects)
        .map(async |object| {
            let Object { key, body } = object;
            store.put(&key, body.into(), deadline).await.with_context(|| format!("cannot upload {key}"))
        })
        .buffer_unordered(AT_A_TIME);
    while uploads.try_next().await?.is_some() {
        done += 1;
        meter.set(done, total);
    }
    Ok(())
}
