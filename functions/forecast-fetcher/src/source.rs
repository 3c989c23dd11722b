//! What is fetched from one API, and how.

use chrono::{DateTime, Utc};
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};
use s3::S3Location;
use url::Url;

use crate::item::Item;
use crate::pointer::Pointer;
use crate::template::{BadToken, HeaderTemplate, ITEM, Target, UrlTemplate};
use crate::token::Token;

/// One API: where its items are, which answers are good, and where they are stored. Read from `FETCH_SOURCES`.
#[derive(Debug, Clone)]
pub struct Source {
    pub(crate) name: String,
    pub(crate) items: Vec<Item>,
    pub(crate) url: UrlTemplate,
    pub(crate) headers: Vec<HeaderTemplate>,
    /// What a good answer has.
    pub(crate) require: Vec<Pointer>,
    /// Where an answer has the link to the next page.
    pub(crate) next: Option<Pointer>,
    pub(crate) target: Target,
    /// The secret with the token.
    pub(crate) token_secret: Option<String>,
}

/// The first request for an item, and the headers of all.
pub(crate) struct Call {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

impl Source {
    /// The name that events use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The items that are fetched if an event names none.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The bucket of its objects.
    #[must_use]
    pub fn bucket(&self) -> &S3Location {
        self.target.bucket()
    }

    /// The key of the object for `item` in a run that began `at`.
    #[must_use]
    pub fn key(&self, at: DateTime<Utc>, item: &Item) -> String {
        self.target.key(at, item)
    }

    /// Whether the items make a difference: without a place in the URL, every item would be the same answer.
    pub(crate) fn has_items(&self) -> bool {
        self.url.holds(ITEM)
    }

    pub(crate) fn call(&self, item: &Item, token: Option<&Token>) -> Result<Call, BadToken> {
        let mut headers = HeaderMap::new();
        // Some APIs refuse requests without one.
        headers.insert(USER_AGENT, HeaderValue::from_static("headwater"));
        for header in &self.headers {
            header.fill(&mut headers, token)?;
        }
        Ok(Call { url: self.url.fill(item, token)?, headers })
    }
}
