//! Listing objects, page by page.

use aws_sdk_s3::types::EncodingType;
use futures::FutureExt;
use tokio::time::Instant;

use super::{ObjectStore, version_of};
use crate::error::{Fault, StoreError};
use crate::form::form_decoded;
use crate::version::ObjectVersion;

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key, relative to the store's location.
    pub path: String,
    /// The object's state when it was listed.
    pub version: ObjectVersion,
}

/// The parameters of a listing.
struct Listing<'a> {
    /// The beginning of all paths, relative to the store's location.
    prefix: &'a str,
    /// The listing contains only paths that sort after this one. Empty for all paths.
    after: String,
    /// With `/`, only objects directly below `prefix`; with `None`, objects at any depth.
    delimiter: Option<&'a str>,
}

impl ObjectStore {
    /// The objects directly below `folder` (`a/` or empty) whose path sorts after `folder` + `after`, sorted
    /// by path. Sends one request per 1,000 objects.
    ///
    /// # Errors
    /// [`StoreError`] if one of the requests is refused or fails until `deadline`.
    pub async fn list_after(
        &self,
        folder: &str,
        after: &str,
        deadline: Instant,
    ) -> Result<Vec<Listed>, StoreError> {
        let listing = Listing { prefix: folder, after: format!("{folder}{after}"), delimiter: Some("/") };
        self.list(listing, deadline).await
    }

    /// All objects at any depth whose path begins with `prefix`, sorted by path. All of them are held in
    /// memory.
    ///
    /// # Errors
    /// [`StoreError`] if one of the requests is refused or fails until `deadline`.
    pub async fn list_below(&self, prefix: &str, deadline: Instant) -> Result<Vec<Listed>, StoreError> {
        self.list(Listing { prefix, after: String::new(), delimiter: None }, deadline).await
    }

    /// One page (at most 1,000 objects) of the objects whose path begins with `prefix` and sorts after
    /// `after`, sorted by path. The flag is `true` if there are more pages.
    ///
    /// # Errors
    /// [`StoreError`] if the request is refused or fails until `deadline`.
    pub async fn list_page(
        &self,
        prefix: &str,
        after: &str,
        deadline: Instant,
    ) -> Result<(Vec<Listed>, bool), StoreError> {
        let listing = Listing { prefix, after: after.to_owned(), delimiter: None };
        let (mut page, next) = self.page(&listing, None, deadline).await?;
        page.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((page, next.is_some()))
    }

    /// All pages of a listing, sorted by path in byte order.
    async fn list(&self, listing: Listing<'_>, deadline: Instant) -> Result<Vec<Listed>, StoreError> {
        let (mut found, mut next) = self.page(&listing, None, deadline).await?;
        while next.is_some() {
            let (page, behind) = self.page(&listing, next, deadline).await?;
            found.extend(page);
            next = behind;
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Fetches one page of a listing. Returns its objects and the token of the next page, or `None` after the last
    /// page.
    async fn page(
        &self,
        listing: &Listing<'_>,
        from: Option<String>,
        deadline: Instant,
    ) -> Result<(Vec<Listed>, Option<String>), StoreError> {
        let prefix = self.location.key(listing.prefix);
        let after = Some(&listing.after).filter(|after| !after.is_empty());
        let below = self.location.key("").len();
        self.retrying("LIST", &prefix, deadline, || {
            async {
                let list = self.client.list_objects_v2().bucket(self.location.bucket()).prefix(&prefix);
                let answer = list
                    .set_delimiter(listing.delimiter.map(str::to_owned))
                    .set_start_after(after.map(|after| self.location.key(after)))
                    .set_continuation_token(from.clone())
                    // Without encoding, a key with a character that XML does not allow makes the response unreadable.
                    .encoding_type(EncodingType::Url)
                    .send()
                    .await
                    .map_err(|e| Fault::of(&e))?;
                let encoded = answer.encoding_type() == Some(&EncodingType::Url);
                let mut page = Vec::with_capacity(answer.contents().len());
                for object in answer.contents() {
                    let key = object.key().unwrap_or_default();
                    let key = if encoded {
                        form_decoded(key).map_err(|reason| {
                            Fault::lasting(format!("the listing has the key {key:?}, {reason}"))
                        })?
                    } else {
                        key.to_owned()
                    };
                    if let Some(path) = key.get(below..) {
                        let version = version_of(object.e_tag(), object.size(), object.last_modified());
                        page.push(Listed { path: path.to_owned(), version });
                    }
                }
                let more = answer.is_truncated() == Some(true);
                Ok((page, answer.next_continuation_token().filter(|_| more).map(ToOwned::to_owned)))
            }
            .boxed()
        })
        .await
    }
}
