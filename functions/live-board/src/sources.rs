//! What the sections read from: the settings and the clients, made once.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client as LogsClient;
use aws_sdk_sqs::Client as SqsClient;
use kafka::LagReader;
use lake::TableWatch;
use pipeline::Pipelines;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;
use warehouse::Warehouse;

use crate::error::BoardError;
use crate::settings::Settings;

/// The settings, and a client of each system that a section reads.
pub(crate) struct Sources {
    pub(crate) settings: Settings,
    pub(crate) objects: s3::Client,
    pub(crate) warehouse: Warehouse,
    /// Reads lags and offsets from Kafka.
    pub(crate) offsets: LagReader,
    /// Reads the depths of queues.
    pub(crate) queues: SqsClient,
    /// Reads the functions' logs.
    pub(crate) logs: LogsClient,
    /// The lake's tables by path. A watch reads only the commits that are new since its last look.
    pub(crate) lake: Mutex<BTreeMap<String, TableWatch>>,
    pipelines: OnceCell<Pipelines>,
}

impl Sources {
    /// Makes the clients. No request is sent before the first question.
    pub(crate) async fn open(settings: Settings) -> Self {
        let sdk = settings::sdk_config().await;
        Self {
            objects: s3::client(&sdk),
            warehouse: Warehouse::new(settings.database.clone()),
            offsets: LagReader::new(settings.cluster.clone(), sdk.clone()),
            queues: SqsClient::new(&sdk),
            logs: LogsClient::new(&sdk),
            lake: Mutex::default(),
            pipelines: OnceCell::new(),
            settings,
        }
    }

    /// The pipelines. They are loaded once.
    pub(crate) async fn pipelines(&self, deadline: Instant) -> Result<&Pipelines, BoardError> {
        let load = async || Ok(self.settings.pipelines.load(&self.objects, deadline).await?);
        self.pipelines.get_or_try_init(load).await
    }
}
