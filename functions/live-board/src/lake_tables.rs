//! The Delta tables: how large they are, and when they grew last.

use std::collections::BTreeMap;

use lake::TableWatch;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::board::Board;
use crate::error::BoardError;

/// The tables that were looked at before, by path: a second look reads only what is new.
pub(crate) type LakeTables = BTreeMap<String, TableWatch>;

impl Board {
    pub(crate) async fn lake_tables(&self, deadline: Instant) -> Result<Value, BoardError> {
        let mut watches = self.lake.lock().await;
        let mut tables = Vec::new();
        for pipeline in self.pipelines(deadline).await? {
            let Some(spec) = &pipeline.lake else { continue };
            let watch = watches.entry(spec.path.clone()).or_insert_with(|| {
                TableWatch::new(self.objects.clone(), self.settings.lake_root.join(&spec.path))
            });
            let Some(size) = watch.look(deadline).await? else { continue };
            tables.push(json!({
                "topic": pipeline.topic.name, "path": spec.path, "version": size.version.to_string(),
                "rows": size.rows.to_string(), "files": size.files, "bytes": size.bytes.to_string(),
                "last_commit": size.last_commit,
            }));
        }
        Ok(json!({ "tables": tables }))
    }
}
