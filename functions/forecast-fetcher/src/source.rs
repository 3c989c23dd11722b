//! A source: an API and its items.

use chrono::{DateTime, Utc};
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};
use s3::S3Location;
use url::Url;

use crate::item::Item;
use crate::pointer::Pointer;
use crate::template::{BadToken, HeaderTemplate, ITEM, Target, UrlTemplate};
use crate::token::Token;

/// One API: the URL of its items, the checks of its answers, and where the answers are stored. Read from
/// `FETCH_SOURCES`.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name that events use. It is unique.
    pub(crate) name: String,
    /// The items that are fetched if an event does not name items.
    pub(crate) items: Vec<Item>,
    /// The URL of an item, with placeholders for the item and the token.
    pub(crate) url: UrlTemplate,
    /// The headers of all requests to the source's own host.
    pub(crate) headers: Vec<HeaderTemplate>,
    /// The parts that a valid answer must have.
    pub(crate) require: Vec<Pointer>,
    /// The part of an answer that holds the link to the next page.
    pub(crate) next: Option<Pointer>,
    /// Where the objects are written.
    pub(crate) target: Target,
    /// The name or ARN of the secret that holds the token.
    pub(crate) token_secret: Option<String>,
}

/// The URL of the first request for an item, and the headers of all its requests.
pub(crate) struct Call {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

impl Source {
    /// The source's name, as events use it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The items that are fetched if an event does not name items.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The bucket in which the objects are stored.
    #[must_use]
    pub fn bucket(&self) -> &S3Location {
        self.target.bucket()
    }

    /// The key of the object for `item` in a run that started at `at`.
    #[must_use]
    pub fn key(&self, at: DateTime<Utc>, item: &Item) -> String {
        self.target.key(at, item)
    }

    /// Whether the URL contains the item. If it does not, all items would have the same answer.
    pub(crate) fn has_items(&self) -> bool {
        self.url.holds(ITEM)
    }

    /// Fills in the item and the token.
    ///
    /// # Errors
    /// [`BadToken`] if the token has characters that a URL or a header cannot contain.
    pub(crate) fn call(&self, item: &Item, token: Option<&Token>) -> Result<Call, BadToken> {
        let mut headers = HeaderMap::new();
        // Some APIs reject requests without a user agent.
        headers.insert(USER_AGENT, HeaderValue::from_static("headwater"));
        for header in &self.headers {
            header.fill(&mut headers, token)?;
        }
        Ok(Call { url: self.url.fill(item, token)?, headers })
    }
}
