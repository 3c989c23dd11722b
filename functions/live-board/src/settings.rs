//! The function's settings.

use std::collections::BTreeMap;
use std::str::FromStr;

use function_kit::pipelines::PipelineSource;
use kafka::ClusterSettings;
use s3::S3Location;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use settings::Environment;
use warehouse::DatabaseSettings;

/// The function's settings. README.md lists the variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the pipeline files are: in the environment or on S3. The variables begin with `HEADWATER_PIPELINES`.
    pub pipelines: PipelineSource,
    /// `DATABASE_…`: the database. Its user needs only permission to read.
    pub database: DatabaseSettings,
    /// `KAFKA_…`: the Kafka cluster.
    pub cluster: ClusterSettings,
    /// `LAKE_ROOT`: the root of the Delta tables.
    pub lake_root: S3Location,
    /// `FORECAST_TABLE`: the path of the forecast's table below the root. Without it, the board has no forecast
    /// section.
    pub forecast_table: Option<String>,
    /// `PARKED_ROOT`: the bucket and prefix of all dead letters.
    pub parked_root: S3Location,
    /// `BOARD_FUNCTIONS`, a JSON object: folder of a function → its deployed name.
    pub functions: BTreeMap<String, String>,
    /// `BOARD_QUEUES`, a JSON list: the queues whose messages invoke functions.
    pub queues: Vec<Queue>,
}

/// An SQS queue whose messages invoke a function.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Queue {
    /// The name of the function's folder.
    pub function: String,
    /// The queue's URL.
    pub url: String,
    /// The URL of its dead-letter queue.
    pub dead_letter_url: String,
}

/// A variable whose value is JSON.
struct Json<T>(T);

impl<T: DeserializeOwned> FromStr for Json<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map(Self).map_err(|error| format!("must be JSON: {error}"))
    }
}

impl settings::FromEnvironment for Settings {
    /// Reads all variables before it returns, so that every problem is reported at once.
    fn read(environment: &mut Environment) -> Option<Self> {
        let pipelines = PipelineSource::read(environment);
        let database = DatabaseSettings::read(environment);
        let cluster = ClusterSettings::read(environment);
        let lake_root = environment.required("LAKE_ROOT", "s3://bucket/prefix of the tables");
        let forecast_table = environment.text("FORECAST_TABLE");
        let parked_root = environment.required("PARKED_ROOT", "s3://bucket/prefix of the dead letters");
        let functions = environment.optional("BOARD_FUNCTIONS", Json(BTreeMap::new()));
        let queues = environment.optional("BOARD_QUEUES", Json(Vec::new()));
        Some(Self {
            pipelines: pipelines?,
            database: database?,
            cluster: cluster?,
            lake_root: lake_root?,
            forecast_table,
            parked_root: parked_root?,
            functions: functions?.0,
            queues: queues?.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_named_at_once() {
        let environment: Environment = [("BOARD_QUEUES", "[{}]"), ("KAFKA_AUTH", "x")].into_iter().collect();
        let error = environment.settings::<Settings>().unwrap_err().to_string();
        for name in
            ["HEADWATER_PIPELINES", "DATABASE_URL", "LAKE_ROOT", "PARKED_ROOT", "BOARD_QUEUES", "KAFKA_AUTH"]
        {
            assert!(error.contains(name), "{name} is not in: {error}");
        }
    }
}
