//! One invocation. It maintains the tables one after another, each with a share of the time.

use std::time::Duration;

use faults::{Classified, FaultClass};
use function_kit::pipelines::LoadError;
use lake::LakeError;
use pipeline::{LakeSection, Pipelines};
use tokio::time::Instant;

use crate::step::KeptTable;
use crate::{Report, Request, Settings, Step, TableReport};

/// Why an invocation did nothing at all. The error of a single table is in the report.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The pipeline files could not be loaded.
    #[error(transparent)]
    Pipelines(#[from] LoadError),
    /// The event names a topic that has no Delta table.
    #[error("no pipeline file has a `lake` section for the topic {topic}; there are: {}", .known.join(", "))]
    Topic {
        /// The topic in the event.
        topic: String,
        /// The topics that have a Delta table.
        known: Vec<String>,
    },
}

impl Classified for RoundError {
    fn class(&self) -> FaultClass {
        match self {
            Self::Pipelines(error) => error.class(),
            Self::Topic { .. } => FaultClass::Poison,
        }
    }
}

/// The function: maintains all tables.
#[derive(Debug)]
pub struct Round {
    client: s3::Client,
    settings: Settings,
}

impl Round {
    /// Creates the client. Sends no request.
    pub async fn open(settings: Settings) -> Self {
        let client = s3::client(&settings::sdk_config().await);
        Self { client, settings }
    }

    /// Maintains the requested tables one after another, until `deadline`.
    ///
    /// # Errors
    /// [`RoundError`] if no table could be maintained. The error of a single table is in its report.
    pub async fn run(&self, request: &Request, deadline: Instant) -> Result<Report, RoundError> {
        let pipelines = self.settings.pipelines.load(&self.client, deadline).await?;
        let mut tables = tables_of(&pipelines, request)?;
        // Starts with a random table, so that it is not always the same table that gets the least time. The
        // clock cannot make the choice: a schedule's times could always give the same table.
        let first = rand::random_range(0..tables.len().max(1));
        tables.rotate_left(first);
        let mut report = Report { dry_run: request.dry_run, ..Report::default() };
        let mut left = u32::try_from(tables.len()).unwrap_or(u32::MAX);
        for (topic, lake, event_time) in tables {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now) / left;
            left -= 1;
            let mut table = KeptTable::new(&self.client, &self.settings, lake, event_time);
            report.tables.push(keep(topic, lake, &mut table, request, now + share).await);
        }
        Ok(report)
    }
}

/// A Delta table of a pipeline file: topic, `lake` section and event time.
type LakeTable<'a> = (&'a str, &'a LakeSection, Option<&'a str>);

/// The requested tables. Tables whose pipeline file disables upkeep are left out.
///
/// # Errors
/// [`RoundError::Topic`] for the first topic that has no Delta table.
fn tables_of<'a>(pipelines: &'a Pipelines, request: &Request) -> Result<Vec<LakeTable<'a>>, RoundError> {
    let of_lake = |pipeline: &'a pipeline::Pipeline| {
        Some((pipeline.topic.name.as_str(), pipeline.lake.as_ref()?, pipeline.event_time.as_deref()))
    };
    let all: Vec<_> = pipelines.iter().filter_map(of_lake).collect();
    for topic in &request.topics {
        if !all.iter().any(|(known, ..)| known == topic) {
            let known = all.iter().map(|(known, ..)| (*known).to_owned()).collect();
            return Err(RoundError::Topic { topic: topic.clone(), known });
        }
    }
    let wanted = |(topic, lake, _): &LakeTable<'_>| {
        lake.upkeep.enabled && (request.topics.is_empty() || request.topics.iter().any(|one| one == topic))
    };
    Ok(all.into_iter().filter(wanted).collect())
}

/// Does all steps for one table. If a step fails, the later ones are not done, because they depend on it.
async fn keep(
    topic: &str,
    lake: &LakeSection,
    table: &mut KeptTable<'_>,
    request: &Request,
    deadline: Instant,
) -> TableReport {
    let mut report = TableReport::new(topic, &lake.path);
    for step in request.steps() {
        if Instant::now() + Duration::from_secs(1) > deadline {
            report.out_of_time = true;
            break;
        }
        let done = match step {
            Step::Checkpoint => table.checkpoint(request, deadline, &mut report).await,
            Step::Compact => table.compact(request, deadline, &mut report).await,
            Step::CleanLog => table.clean_log(request, deadline, &mut report).await,
            Step::Vacuum => table.vacuum(request, deadline, &mut report).await,
        };
        match done {
            Ok(()) => {}
            // The topic has had no record yet, so there is no table.
            Err(LakeError::NoTable { .. }) => break,
            Err(error) => {
                report.failed(step, &error);
                break;
            }
        }
    }
    report.behind |= report.error.is_some() || report.commits_since_checkpoint > too_many(lake);
    report
}

/// The number of commits after a checkpoint above which the table is behind.
fn too_many(lake: &LakeSection) -> u64 {
    u64::from(lake.upkeep.checkpoint_commits) * 10
}
