//! A function that reads objects, with its own bucket and database.

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
    /// Addresses, and the names of this test.
    pub parts: Parts,
    /// The bucket that the function reads.
    pub bucket: Bucket,
    /// Reads what the function wrote.
    pub sinks: Sinks,
    /// The running function.
    pub function: Function,
}

impl ObjectLane {
    /// Creates the database and the bucket, and starts the function `name`.
    pub async fn start(name: &str) -> Self {
        let parts = Parts::of_environment().with_own_database().await;
        Self {
            bucket: Bucket::make(&parts).await,
            sinks: Sinks::open(&parts).await,
            function: Function::start(name, &parts, &[]).await,
            parts,
        }
    }

    /// Invokes the function with one queue message: the notification of new objects with these keys. Panics if the
    /// function reports the message as failed.
    pub async fn tell(&mut self, keys: &[&str]) {
        let event = queue_event(&[notification(self.bucket.name(), keys)]);
        assert_eq!(self.function.invoke(&event).await.answer(), json!({"batchItemFailures": []}));
    }

    /// Returns the reason of each parked record or object. The map's key is `key#index` for an element of an object,
    /// and `key` for a whole object.
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
