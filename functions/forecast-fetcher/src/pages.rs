//! Fetches one item: a single answer, or all pages.

use std::collections::HashSet;

use bytes::Bytes;
use url::Url;

use crate::answer::{checked, next_link, one_line};
use crate::download::Downloads;
use crate::fault::{Fault, GivenUp};
use crate::pointer::Pointer;
use crate::source::Source;
use object_reader::follow;

/// The largest number of pages of one item.
const MOST_PAGES: usize = 1000;

/// The largest size of all pages of one item, in bytes.
const LONGEST: usize = 32 << 20;

/// Why an item could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PagesError {
    /// The item's only answer could not be fetched or is not valid.
    #[error(transparent)]
    Only(GivenUp),
    /// One of the pages could not be fetched or is not valid.
    #[error("page {number}: {given_up}")]
    Page {
        /// The page's number, from 1.
        number: usize,
        given_up: GivenUp,
    },
    /// The links of the pages form a circle.
    #[error("page {0}: its link leads to a page that was read already, so there is no end")]
    Circle(usize),
    /// All pages together are too large for the memory.
    #[error("the pages have more than {} MB together", LONGEST >> 20)]
    TooLarge,
    /// There are too many pages.
    #[error("there are more than {MOST_PAGES} pages")]
    TooMany,
}

/// Fetches the bytes to store for an item. If the source has no `next`, they are the bytes of the answer, unchanged.
/// Otherwise they are JSON Lines with one page per line.
pub(crate) async fn item(source: &Source, downloads: &mut Downloads<'_>) -> Result<Bytes, PagesError> {
    match &source.next {
        None => single(source, downloads).await.map_err(PagesError::Only),
        Some(next) => pages(source, next, downloads).await,
    }
}

/// Fetches and checks the only answer of an item. Returns its bytes unchanged.
///
/// # Errors
/// [`GivenUp`] if it cannot be fetched or is not valid.
async fn single(source: &Source, downloads: &mut Downloads<'_>) -> Result<Bytes, GivenUp> {
    let start = downloads.start;
    let (_, body) = downloads.get(start).await?;
    checked(&body, &source.require, downloads.token)?;
    Ok(body)
}

/// Follows the links from page to page, and returns one line per page.
///
/// # Errors
/// [`PagesError`] for a bad page, a link to a page that was read already, more than [`MOST_PAGES`] pages, or
/// more than [`LONGEST`] bytes.
async fn pages(source: &Source, next: &Pointer, downloads: &mut Downloads<'_>) -> Result<Bytes, PagesError> {
    let mut url = downloads.start.clone();
    let mut seen = HashSet::from([url.clone()]);
    let mut lines = Vec::new();
    for number in 1..=MOST_PAGES {
        let page = page(source, next, downloads, &url).await;
        let (text, link) = page.map_err(|given_up| PagesError::Page { number, given_up })?;
        lines.extend_from_slice(&text);
        lines.push(b'\n');
        if lines.len() > LONGEST {
            return Err(PagesError::TooLarge);
        }
        let Some(link) = link else { return Ok(lines.into()) };
        if !seen.insert(link.clone()) {
            return Err(PagesError::Circle(number));
        }
        url = link;
    }
    Err(PagesError::TooMany)
}

/// Fetches a page. Returns it as a line, and the URL of the next page. A relative link refers to the page's
/// final URL after redirects.
async fn page(
    source: &Source,
    next: &Pointer,
    downloads: &mut Downloads<'_>,
    url: &Url,
) -> Result<(Vec<u8>, Option<Url>), GivenUp> {
    let (found_at, body) = downloads.get(url).await?;
    let json = checked(&body, &source.require, downloads.token)?;
    let link = next_link(json, next)?;
    let link = link.map(|link| follow(&found_at, &link, downloads.token.is_some()));
    Ok((one_line(json), link.transpose().map_err(Fault::Next)?))
}
