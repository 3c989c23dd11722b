//! The Delta tables: their size and the time of their last commit, from their logs.

use lake::{TableSize, TableWatch};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::BoardError;
use crate::sources::Sources;

impl Sources {
    /// The tables of the pipelines, and the forecast's table, which has no topic. Tables that do not exist yet are
    /// left out.
    ///
    /// Versions, rows and bytes are text, because numbers in JavaScript are exact only up to 2^53.
    pub(crate) async fn lake_tables(&self, deadline: Instant) -> Result<Value, BoardError> {
        let pipelines = self.pipelines(deadline).await?.iter();
        let of_topics = pipelines
            .filter_map(|pipeline| Some((Some(&pipeline.topic.name), &pipeline.lake.as_ref()?.path)));
        let others = self.settings.forecast_table.iter().map(|path| (None, path));
        let mut tables = Vec::new();
        for (topic, path) in of_topics.chain(others) {
            let Some(size) = self.table_size(path, deadline).await? else { continue };
            tables.push(json!({
                "topic": topic, "path": path, "version": size.version.to_string(),
                "rows": size.rows.to_string(), "files": size.files, "bytes": size.bytes.to_string(),
                "last_commit": size.last_commit,
            }));
        }
        Ok(json!({ "tables": tables }))
    }

    /// The current size of the table at this path below the lake's root. `None` if there is no table.
    pub(crate) async fn table_size(
        &self,
        path: &str,
        deadline: Instant,
    ) -> Result<Option<TableSize>, BoardError> {
        let mut watches = self.lake.lock().await;
        let watch = watches
            .entry(path.to_owned())
            .or_insert_with(|| TableWatch::new(self.objects.clone(), self.settings.lake_root.join(path)));
        Ok(watch.look(deadline).await?)
    }
}
