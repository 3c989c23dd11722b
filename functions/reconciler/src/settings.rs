//! The settings of the function.

use std::time::Duration;

use function_kit::pipelines::PipelineSource;
use kafka::ClusterSettings;
use s3::S3Location;
use settings::Environment;
use warehouse::DatabaseSettings;

/// The settings from the environment. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pipeline files are read from.
    pub pipelines: PipelineSource,
    /// How to connect to the database. The user must have the right to write rows.
    pub database: DatabaseSettings,
    /// How to connect to the Kafka cluster.
    pub cluster: ClusterSettings,
    /// The S3 location of all Delta tables.
    pub lake_root: S3Location,
    /// The S3 location below which all lanes park records.
    pub parked_root: S3Location,
    /// How long after its end a window is judged. The lanes must have read it by then. From `GRACE_MINUTES`.
    pub grace: Duration,
    /// The maximum number of offsets in a window. Larger ones are split. From `LARGEST_WINDOW`.
    pub largest_window: i64,
    /// How long a failed window is judged again before it expires. From `JUDGED_DAYS`.
    pub judged: Duration,
    /// How long settled certificates are kept before they are deleted. From `KEPT_DAYS`.
    pub kept: Duration,
}

impl settings::FromEnvironment for Settings {
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let database = DatabaseSettings::read(environment);
        let cluster = ClusterSettings::read(environment);
        let lake_root = environment.required("LAKE_ROOT", "s3://bucket/prefix of the tables");
        let parked_root = environment.required("PARKED_ROOT", "s3://bucket/prefix of the dead letters");
        let grace = environment.optional("GRACE_MINUTES", 45_u64);
        let largest_window = environment.optional("LARGEST_WINDOW", 2_000_000_i64);
        let judged = environment.optional("JUDGED_DAYS", 7_u64);
        let kept = environment.optional("KEPT_DAYS", 400_u64);
        if largest_window.is_some_and(|offsets| !(1_000..=100_000_000).contains(&offsets)) {
            environment.problem("LARGEST_WINDOW must be 1000 to 100000000 offsets");
        }
        if grace.is_some_and(|minutes| minutes > 1_440) {
            environment.problem("GRACE_MINUTES must be 0 to 1440");
        }
        for (name, days) in [("JUDGED_DAYS", judged), ("KEPT_DAYS", kept)] {
            if days.is_some_and(|days| !(1..=3_650).contains(&days)) {
                environment.problem(format!("{name} must be 1 to 3650"));
            }
        }
        Some(Self {
            pipelines: pipelines?,
            database: database?,
            cluster: cluster?,
            lake_root: lake_root?,
            parked_root: parked_root?,
            grace: Duration::from_mins(grace?),
            largest_window: largest_window?,
            judged: Duration::from_hours(judged? * 24),
            kept: Duration::from_hours(kept? * 24),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_at_once() {
        let environment: Environment =
            [("LARGEST_WINDOW", "1"), ("JUDGED_DAYS", "0"), ("GRACE_MINUTES", "2000")].into_iter().collect();
        let error = environment.settings::<Settings>().unwrap_err().to_string();
        for name in [
            "HEADWATER_PIPELINES",
            "DATABASE_URL",
            "KAFKA_AUTH",
            "LAKE_ROOT",
            "PARKED_ROOT",
            "LARGEST_WINDOW",
            "JUDGED_DAYS",
            "GRACE_MINUTES",
        ] {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }
}
