//! One invocation. It handles the topics one after another.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use faults::{Classified, FaultClass};
use function_kit::pipelines::LoadError;
use kafka::LagReader;
use pipeline::{Pipeline, Pipelines};
use reconcile::{Cluster, ReconcileError, Sources, topic::InspectedTopic};
use tokio::time::{Instant, timeout_at};
use warehouse::{Client, Warehouse, WarehouseError, certificates};

use crate::{Report, Request, Settings, TopicReport, amounts::Amounts, closing, judging::Judge, lanes};

/// The time that is reserved at the end of an invocation for saving and reporting results.
const LAST: Duration = Duration::from_secs(5);

/// Why an invocation did nothing at all. The error of a single topic is in the report.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The pipeline files could not be loaded.
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    /// Postgres failed or refused a statement.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// The event names a topic that no pipeline file describes.
    #[error("no pipeline file describes the topic {topic}; there are: {}", .known.join(", "))]
    Topic {
        /// The topic in the event.
        topic: String,
        /// The topics that have a pipeline file.
        known: Vec<String>,
    },
}

impl Classified for RoundError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Warehouse(error) => error.class(),
            Self::Topic { .. } => FaultClass::Poison,
        }
    }
}

/// The function: closes and judges windows.
pub struct Round {
    /// The settings from the environment.
    pub(crate) settings: Settings,
    /// The Kafka cluster, the lake and the dead letters.
    pub(crate) sources: Sources,
    /// Reads the ends of topics, and the committed offsets of consumer groups.
    pub(crate) offsets: LagReader,
    /// The connection to Postgres.
    warehouse: Warehouse,
}

impl Round {
    /// Creates the clients. Sends no request.
    pub async fn open(settings: Settings) -> Self {
        let sdk = settings::sdk_config().await;
        let sources = Sources {
            cluster: Cluster::new(settings.cluster.clone(), sdk.clone()),
            objects: s3::client(&sdk),
            lake_root: settings.lake_root.clone(),
            parked_root: settings.parked_root.clone(),
        };
        let offsets = LagReader::new(settings.cluster.clone(), sdk);
        let warehouse = Warehouse::new(settings.database.clone());
        Self { settings, sources, offsets, warehouse }
    }

    /// Closes the windows that end now and judges those that are due, one topic after another, until `deadline`.
    ///
    /// # Errors
    /// [`RoundError`] if nothing could be done, or if the database failed until the deadline. The error of a single
    /// topic is in its report.
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<Report, RoundError> {
        let pipelines = self.settings.pipelines.load(&self.sources.objects, deadline).await?;
        let chosen = topics_of(&pipelines, request)?;
        let until = deadline.checked_sub(LAST).unwrap_or(deadline);
        let work = async |client: &Client| self.locked(client, &chosen, request, until).await;
        self.warehouse.run("make certificates", deadline, work).await
    }

    /// Does the work of a run, under the advisory lock that excludes other runs. If another run has the lock,
    /// the report only says `busy`.
    async fn locked(
        &self,
        client: &Client,
        chosen: &[&Pipeline],
        request: &Request,
        until: Instant,
    ) -> Result<Report, RoundError> {
        if !certificates::try_lock(client).await? {
            return Ok(Report { busy: true, ..Report::default() });
        }
        let done = self.topics(client, chosen, request, until).await;
        // If the connection broke, the server has released the lock already.
        let unlocked = certificates::unlock(client).await;
        let report = done?;
        unlocked?;
        Ok(report)
    }

    /// Does the work for each topic. The error of a topic is added to its report, and the next topic follows.
    ///
    /// # Errors
    /// [`RoundError::Warehouse`] if the database connection is broken, because then the lock may be lost too.
    async fn topics(
        &self,
        client: &Client,
        chosen: &[&Pipeline],
        request: &Request,
        until: Instant,
    ) -> Result<Report, RoundError> {
        let ago = |age: Duration| Utc::now() - TimeDelta::from_std(age).unwrap_or_default();
        let expired = certificates::age(client, ago(self.settings.judged), ago(self.settings.kept)).await?;
        let mut report = Report { expired, ..Report::default() };
        for pipeline in chosen {
            let mut topic = TopicReport { topic: pipeline.topic.name.clone(), ..TopicReport::default() };
            // Boxed, because the futures of the clients are large.
            let done = Box::pin(self.topic(client, pipeline, request, until, &mut topic));
            match timeout_at(until, done).await {
                Ok(Ok(())) => {}
                // The connection may be broken and the lock lost with it. The whole run starts again on a new
                // connection.
                Ok(Err(ReconcileError::Warehouse(error))) if error.class() == FaultClass::Retryable => {
                    return Err(error.into());
                }
                Ok(Err(error)) => topic.error = Some(faults::chain(&error)),
                Err(_) => {
                    // A transaction may still be open on this connection.
                    client.batch_execute("ROLLBACK").await.map_err(WarehouseError::statement("roll back"))?;
                    topic.error = Some("out of time; the next run continues".to_owned());
                }
            }
            report.topics.push(topic);
        }
        let names: Vec<&str> = chosen.iter().map(|pipeline| pipeline.topic.name.as_str()).collect();
        report.stand(certificates::standing(client, &names).await?);
        Ok(report)
    }

    /// Closes the windows of a topic, compares amounts, and judges the windows that are due. Each judged
    /// certificate is saved at once and added to `report`, so that a timeout loses only the current window.
    async fn topic(
        &self,
        client: &Client,
        pipeline: &Pipeline,
        request: &Request,
        deadline: Instant,
        report: &mut TopicReport,
    ) -> Result<(), ReconcileError> {
        let name = &pipeline.topic.name;
        let (id, ends) = self.offsets.stable_ends(name, deadline).await?;
        let topic_id = format!("{:032x}", u128::from_be_bytes(id));
        let at = Utc::now();
        let now = closing::Now {
            topic_id: &topic_id,
            ends: &ends,
            at,
            largest_window: self.settings.largest_window,
        };
        let newest = certificates::newest(client, name).await?;
        for lane in lanes::of(pipeline) {
            let before = newest.iter().find(|one| one.lane.group == lane.group);
            for window in closing::windows(&lane, before, &now) {
                report.closed += u64::from(certificates::close(client, &window).await?);
            }
        }
        let grace = request.grace(self.settings.grace);
        let compacted = InspectedTopic::new(name, &ends, self.sources.cluster.clone()).is_compacted().await?;
        let amounts = Amounts { round: self, client, pipeline, now: &now, compacted, deadline };
        let findings = amounts.compare().await?;
        let due =
            certificates::due(client, name, at - TimeDelta::from_std(grace).unwrap_or_default()).await?;
        report.left = due.len() as u64;
        let topic_id = topic_id.as_str();
        let judge =
            Judge { round: self, client, pipeline, topic_id, findings: &findings, compacted, deadline };
        for mut window in lanes::by_window(due) {
            judge.judge(&mut window).await?;
            for certificate in window {
                certificates::save(client, &certificate).await?;
                report.left -= 1;
                report.judged.push(certificate);
            }
        }
        Ok(())
    }
}

/// The requested pipelines; all if the event names none.
///
/// # Errors
/// [`RoundError::Topic`] for the first topic without a pipeline file.
fn topics_of<'a>(pipelines: &'a Pipelines, request: &Request) -> Result<Vec<&'a Pipeline>, RoundError> {
    for topic in &request.topics {
        if !pipelines.iter().any(|pipeline| pipeline.topic.name == *topic) {
            let known = pipelines.iter().map(|pipeline| pipeline.topic.name.clone()).collect();
            return Err(RoundError::Topic { topic: topic.clone(), known });
        }
    }
    let wanted =
        |pipeline: &&Pipeline| request.topics.is_empty() || request.topics.contains(&pipeline.topic.name);
    Ok(pipelines.iter().filter(wanted).collect())
}
