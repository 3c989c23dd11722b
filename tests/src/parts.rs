//! The parts of the running stack, and a corner of them for one test.

use std::env;
use std::path::PathBuf;

use s3::S3Location;
use uuid::Uuid;

/// Addresses of the running parts, and names that no other test uses.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The emulator.
    pub endpoint: String,
    /// Postgres, as a user who may create databases.
    pub database_url: String,
    /// The root of this test's tables.
    pub lake_root: S3Location,
    /// The root of this test's dead letters.
    pub parked_root: S3Location,
    /// A topic of this test alone.
    pub topic: String,
    /// Where bucket-ingester finds its files: a bucket of this test alone.
    pub media: String,
    /// Where inbox-etl finds its events: in that bucket.
    pub inbox: String,
}

pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run scripts/test, or `headwater up` and then `eval \"$(headwater env)\"`")
    })
}

impl Parts {
    /// The parts named by the environment.
    #[must_use]
    pub fn of_environment() -> Self {
        let id = Uuid::new_v4().simple().to_string();
        let below = |name: &str| variable(name).parse::<S3Location>().unwrap().join(&format!("tests/{id}"));
        Self {
            endpoint: variable("AWS_ENDPOINT_URL"),
            database_url: variable("DATABASE_URL"),
            lake_root: below("HEADWATER_LAKE"),
            parked_root: below("HEADWATER_PARKED"),
            topic: format!("t-{id}"),
            media: format!("s3://t-{id}"),
            inbox: format!("s3://t-{id}/inbox"),
        }
    }

    /// The same, with a migrated database of its own: the tables of the S3 lanes are named by their contracts.
    pub async fn with_own_database(mut self) -> Self {
        let (client, connection) =
            tokio_postgres::connect(&self.database_url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let name = self.topic.replace('-', "_");
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (server, _) = self.database_url.rsplit_once('/').unwrap();
        self.database_url = format!("{server}/{name}");
        let mut migrator = crate::Function::start("schema-migrator", &self, &[]).await;
        let _applied = migrator.invoke(b"{}").await.answer();
        self
    }

    /// The pipeline file of the rooms, for this test's topic, groups and tables.
    #[must_use]
    pub fn rooms_pipeline(&self) -> String {
        self.pipeline(include_str!("../../pipelines/rooms-v1.yaml"))
    }

    /// The pipeline file of the vehicles, for this test's topic, and its table in a schema of this test.
    #[must_use]
    pub fn telemetry_pipeline(&self) -> String {
        include_str!("../../pipelines/telemetry-v1.yaml")
            .replace("telemetry-v1", &self.topic)
            .replace("av_telemetry", &self.totals_table())
    }

    /// A pipeline file's text with this test's names in place of the rooms'.
    #[must_use]
    pub fn pipeline(&self, yaml: &str) -> String {
        yaml.replace("rooms-v1", &self.topic).replace("room_n_total_counts", &self.totals_table())
    }

    /// The name of this test's totals table.
    #[must_use]
    pub fn totals_table(&self) -> String {
        self.topic.replace('-', "_")
    }
}

/// The binary of a function: beside the test's own folder in cargo's target.
#[must_use]
pub(crate) fn binary(name: &str) -> PathBuf {
    let path = env::current_exe().unwrap().parent().unwrap().parent().unwrap().join(name);
    assert!(path.is_file(), "{} is not built: `cargo build --release --workspace --bins`", path.display());
    path
}
