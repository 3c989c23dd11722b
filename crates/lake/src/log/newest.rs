//! Finds the files of the newest version with a GET and a LIST. If one page does not contain all commits, it searches
//! for the newest commit.

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::{
    FOLDER, Segment, commit_path,
    files::Listing,
    reader::{CONCURRENT, LogReader},
    search::Search,
};
use crate::LakeError;

/// The content of `_last_checkpoint`. Only the version is used.
#[derive(Deserialize)]
struct LastCheckpoint {
    version: i64,
}

impl LogReader<'_> {
    /// Returns the newest checkpoint and the commits after it.
    pub(crate) async fn segment(&self) -> Result<Segment, LakeError> {
        Ok(self.segment_and_hint().await?.0)
    }

    /// Returns the segment, and the version that `_last_checkpoint` names.
    pub(crate) async fn segment_and_hint(&self) -> Result<(Segment, Option<i64>), LakeError> {
        let hint = self.store.get(&format!("{FOLDER}_last_checkpoint"), self.deadline).await?;
        let hint = hint.and_then(|body| serde_json::from_slice::<LastCheckpoint>(&body).ok());
        let hint = hint.map(|hint| hint.version);
        if let Some(version) = hint {
            // The hint may be outdated or wrong, so the listing decides.
            if let Ok(segment @ Segment { checkpoint: Some(_), .. }) = self.list(version).await? {
                return Ok((segment, hint));
            }
        }
        let segment = self.list(0).await?.map_err(|reason| self.moved(&reason))?;
        Ok((segment, hint))
    }

    /// Lists the log from `version` on. If one page is not enough, the commits between that page and the newest commit
    /// are not listed.
    async fn list(&self, version: i64) -> Result<Result<Segment, String>, LakeError> {
        let mut listing = Listing::default();
        let mut after = format!("{FOLDER}{version:020}");
        loop {
            let (page, more) = self.store.list_page(FOLDER, &after, self.deadline).await?;
            if let Some(last) = page.last() {
                after.clone_from(&last.path);
            }
            let beyond = listing.take(page);
            if beyond || !more {
                return Ok(listing.segment());
            }
            // If the listing has no complete start, commits may be missing. Then every page is read.
            let known = listing.segment().is_ok_and(|segment| !segment.commits.is_empty());
            if let Some(newest) = listing.newest().filter(|_| known) {
                let there = self.close_to_newest(newest).await?;
                if there > newest {
                    listing.skip(newest + 1..there);
                    after = after.max(format!("{FOLDER}{there:020}"));
                }
            }
        }
    }

    /// Returns a version that exists and is close to the newest, or `from` itself.
    async fn close_to_newest(&self, from: i64) -> Result<i64, LakeError> {
        let mut search = Search::from(from);
        while let Some(round) = search.round() {
            let there = |version| {
                // Boxed, because the compiler cannot prove that the nested future is `Send`.
                async move {
                    let found = self.store.head(&commit_path(version), self.deadline).await?;
                    Ok::<_, LakeError>(found.is_some())
                }
                .boxed()
            };
            let requests: Vec<_> = round.iter().copied().map(there).collect();
            let there: Vec<bool> = stream::iter(requests).buffered(CONCURRENT).try_collect().await?;
            search.take(&round, &there);
        }
        Ok(search.there())
    }
}
