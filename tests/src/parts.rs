//! Addresses of the running stack, and names and prefixes for one test.

use std::env;
use std::path::PathBuf;

use s3::S3Location;
use uuid::Uuid;

/// Addresses of the running parts, and names that no other test uses.
#[derive(Debug, Clone)]
pub struct Parts {
    /// URL of the emulator.
    pub endpoint: String,
    /// URL of Postgres, with a user that may create databases.
    pub database_url: String,
    /// The root of this test's tables.
    pub lake_root: S3Location,
    /// The root of this test's dead letters.
    pub parked_root: S3Location,
    /// Name for this test's topic. The topic is not created here.
    pub topic: String,
    /// Bucket from which bucket-ingester reads its files: `s3://…`, only for this test. It is not created here.
    pub media: String,
    /// Prefix in that bucket from which inbox-etl reads its events.
    pub inbox: String,
}

/// Reads an environment variable. Panics if it is not set; the message names the command that sets it.
pub(crate) fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run scripts/test, or `headwater up` and then `eval \"$(headwater env)\"`")
    })
}

impl Parts {
    /// Reads the addresses from the environment, and makes unique names from a random UUID.
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

    /// Creates a database for this test, with all tables. Tests of the S3 lanes need it: their tables have fixed names,
    /// so two tests cannot share a database.
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

    /// The pipeline file of the rooms, with this test's topic and totals table.
    #[must_use]
    pub fn rooms_pipeline(&self) -> String {
        self.pipeline(include_str!("../../pipelines/rooms-v1.yaml"))
    }

    /// The pipeline file of the vehicles, with this test's topic and a schema that is named like its totals table.
    #[must_use]
    pub fn telemetry_pipeline(&self) -> String {
        include_str!("../../pipelines/telemetry-v1.yaml")
            .replace("telemetry-v1", &self.topic)
            .replace("av_telemetry", &self.totals_table())
    }

    /// Replaces `rooms-v1` and `room_n_total_counts` in the text of a pipeline file by this test's topic and totals
    /// table.
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

/// The path of a function's binary: it is in the parent of the folder that contains the test's binary. Panics if it is
/// not built.
#[must_use]
pub(crate) fn binary(name: &str) -> PathBuf {
    let path = env::current_exe().unwrap().parent().unwrap().parent().unwrap().join(name);
    assert!(path.is_file(), "{} is not built: `cargo build --release --workspace --bins`", path.display());
    path
}
