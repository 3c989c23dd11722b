//! Exactly-once storage depends on one guarantee of S3: if several writers create the same object with the header
//! `If-None-Match`, exactly one succeeds. Emulators have violated it, also in buckets with versions. This test runs on
//! the emulator of the stack.

use std::sync::Arc;

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use end_to_end::Parts;
use s3::{ObjectStore, PutIfAbsent, S3Location};
use tokio::{
    sync::Barrier,
    task::JoinSet,
    time::{Duration, Instant},
};

/// Number of concurrent writers of an object.
const WRITERS: u8 = 24;
/// Number of objects in each bucket.
const ROUNDS: usize = 20;

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// A store with its own connections, like another process.
async fn store(location: &S3Location) -> ObjectStore {
    ObjectStore::new(s3::client(&settings::sdk_config().await), location.clone())
}

/// All writers create the same object at once; each writes its own number in every byte. Rounds alternate between small
/// objects and objects of 700,000 bytes, which arrive in several pieces.
async fn race(location: &S3Location) {
    for round in 0..ROUNDS {
        let key = format!("_delta_log/{round:020}.json");
        let length = if round % 2 == 0 { 100 } else { 700_000 };
        let start = Arc::new(Barrier::new(usize::from(WRITERS)));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (store, key, start) = (store(location).await, key.clone(), Arc::clone(&start));
            writers.spawn(async move {
                start.wait().await;
                (writer, store.put_if_absent(&key, vec![writer; length].into(), soon()).await.unwrap())
            });
        }
        let all = writers.join_all().await;
        let winners: Vec<u8> =
            all.iter().filter(|(_, put)| *put == PutIfAbsent::Written).map(|(writer, _)| *writer).collect();
        assert_eq!(winners.len(), 1, "round {round}: {all:?}");
        let stored = store(location).await.get(&key, soon()).await.unwrap().unwrap();
        assert!(
            stored == vec![winners[0]; length],
            "round {round}: other bytes than those of the winner are there"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_writers_of_one_absent_object_one_wins_and_its_bytes_stay() {
    let parts = Parts::of_environment();
    for (bucket, versions) in [("plain", false), ("versions", true)] {
        let location: S3Location = format!("{}-{bucket}", parts.media).parse().unwrap();
        let client = s3::client(&settings::sdk_config().await);
        client.create_bucket().bucket(location.bucket()).send().await.unwrap();
        if versions {
            let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
            let put = client.put_bucket_versioning().bucket(location.bucket());
            put.versioning_configuration(enabled).send().await.unwrap();
        }
        race(&location).await;
    }
}
