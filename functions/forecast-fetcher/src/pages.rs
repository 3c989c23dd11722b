//! One item: its answer, or all its pages.

use std::collections::HashSet;
use std::fmt::Display;

use bytes::Bytes;

use crate::answer::{checked, next_link, one_line};
use crate::download::Downloads;
use crate::fault::Fault;
use crate::follow::follow;
use crate::source::Source;

/// The most pages of one item.
const MOST_PAGES: usize = 1000;

/// The most bytes of all pages of one item.
const LONGEST: usize = 32 << 20;

/// The bytes to store for an item. Without `next` in the source, they are the answer's, as they came. With it, they are
/// JSON Lines: each page is a line.
pub(crate) async fn item(source: &Source, downloads: &mut Downloads<'_>) -> Result<Bytes, String> {
    let mut url = downloads.start.clone();
    let Some(next) = &source.next else {
        let (_, body) = downloads.get(&url).await.map_err(text)?;
        checked(&body, &source.require, downloads.token).map_err(with_detail)?;
        return Ok(body);
    };
    let mut seen = HashSet::from([url.clone()]);
    let mut lines = Vec::new();
    for page in 1..=MOST_PAGES {
        let of_page = |reason: String| format!("page {page}: {reason}");
        let (found_at, body) = downloads.get(&url).await.map_err(text).map_err(of_page)?;
        let checked = checked(&body, &source.require, downloads.token);
        let json = checked.map_err(with_detail).map_err(of_page)?;
        lines.extend_from_slice(&one_line(json));
        lines.push(b'\n');
        if lines.len() > LONGEST {
            return Err(format!("the pages have more than {} MB together", LONGEST >> 20));
        }
        let Some(link) = next_link(json, next).map_err(text).map_err(of_page)? else {
            return Ok(lines.into());
        };
        url = follow(&found_at, &link, downloads.token.is_some())
            .map_err(Fault::Next)
            .map_err(text)
            .map_err(of_page)?;
        if !seen.insert(url.clone()) {
            return Err(of_page(
                "its link leads to a page that was read already, so there is no end".to_owned(),
            ));
        }
    }
    Err(format!("there are more than {MOST_PAGES} pages"))
}

fn text(error: impl Display) -> String {
    error.to_string()
}

fn with_detail(fault: Fault) -> String {
    match fault.detail() {
        "" => fault.to_string(),
        detail => format!("{fault}: {detail}"),
    }
}
