//! A function fed by objects, with a bucket and a database of its own.

use std::collections::BTreeMap;

use dead_letters::{DeadLetters, Source};
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::bucket::{Bucket, notification, queue_event};
use crate::function::Function;
use crate::parts::Parts;
use crate::sinks::Sinks;

/// One lane under test.
pub struct ObjectLane {
    /// Its corner of the parts.
    pub parts: Parts,
    /// Its bucket.
    pub bucket: Bucket,
    /// What it wrote.
    pub sinks: Sinks,
    /// One environment of its function.
    pub function: Function,
}

impl ObjectLane {
    /// Starts the function of this name.
    pub async fn start(name: &str) -> Self {
        let parts = Parts::of_environment().with_own_database().await;
        Self {
            bucket: Bucket::make(&parts).await,
            sinks: Sinks::open(&parts).await,
            function: Function::start(name, &parts, &[]).await,
            parts,
        }
    }

    /// Tells the function of new objects, as the queue does; all of them must be handled.
    pub async fn tell(&mut self, keys: &[&str]) {
        let event = queue_event(&[notification(self.bucket.name(), keys)]);
        assert_eq!(self.function.invoke(&event).await.answer(), json!({"batchItemFailures": []}));
    }

    /// Reasons of parked records by `key#index`, and by `key` of objects as a whole.
    pub async fn parked(&self) -> BTreeMap<String, String> {
        let letters = DeadLetters::new(self.sinks.client(), self.parts.parked_root.clone());
        let objects = letters.objects(None, Instant::now() + Duration::from_mins(1)).await.unwrap();
        let records = objects.into_iter().flat_map(|object| object.records).map(Result::unwrap);
        records
            .map(|record| {
                let Source::Object { key, index, .. } = &record.source else { panic!("{record:?}") };
                let place = index.map_or_else(|| key.clone(), |index| format!("{key}#{index}"));
                (place, record.reason)
            })
            .collect()
    }
}
