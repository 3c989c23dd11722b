//! `stack.json`: what `up` was told and found out, so that the other verbs need no flags.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::Context as _;
use event_source::{Mapping, QueueMapping};
use objects::S3Location;
use serde::{Deserialize, Serialize};

use super::{emulator::Emulator, layout::Layout};
use crate::failure::failure;

/// The one region of the local stack.
pub(crate) const REGION: &str = "us-east-1";

/// One stack as it was last brought up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Stack {
    pub(crate) endpoint: String,
    pub(crate) emulator: Emulator,
    /// Whether the emulator is somebody else's (`--endpoint`).
    pub(crate) foreign_emulator: bool,
    pub(crate) region: String,
    pub(crate) emulator_port: u16,
    pub(crate) kafka_port: u16,
    pub(crate) kafka_controller_port: u16,
    pub(crate) postgres_port: u16,
    pub(crate) forecast_port: u16,
    /// Where the bridge lets functions be invoked.
    pub(crate) functions_port: u16,
    pub(crate) database_url: String,
    pub(crate) live: bool,
    /// The folder of the pipeline files.
    pub(crate) pipelines: PathBuf,
    /// Terraform's outputs, once applied.
    pub(crate) outputs: Option<Outputs>,
}

/// What the local Terraform environment says it made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outputs {
    pub(crate) event_source_mappings: Vec<Mapping>,
    pub(crate) topics: Vec<TopicOutput>,
    pub(crate) lake_root: String,
    pub(crate) parked_root: String,
    /// Folder of the function → its name in the environment.
    pub(crate) functions: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) queues: Vec<QueueOutput>,
    /// What the bridge does between these queues and their functions.
    #[serde(default)]
    pub(crate) queue_mappings: Vec<QueueMapping>,
    #[serde(default)]
    pub(crate) media_bucket: Option<String>,
    #[serde(default)]
    pub(crate) inbox_bucket: Option<String>,
    #[serde(default)]
    pub(crate) forecast: Option<ForecastOutput>,
    /// Folder of the function → where it answers HTTP.
    #[serde(default)]
    pub(crate) urls: BTreeMap<String, String>,
}

impl Outputs {
    /// The page's address. Its files are beside it, so it ends with a slash.
    pub(crate) fn board(&self) -> anyhow::Result<String> {
        Ok(format!("{}/", self.url("live-board")?))
    }

    /// Where a function answers HTTP, by its folder's name.
    pub(crate) fn url(&self, function: &str) -> anyhow::Result<&str> {
        let url = self.urls.get(function).map(String::as_str);
        url.ok_or_else(|| failure(format!("this stack has no address of {function}"), "run `headwater up`"))
    }
}

/// The weather lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForecastOutput {
    pub(crate) state_machine_arn: String,
    pub(crate) activity_arn: String,
    pub(crate) raw_bucket: String,
    /// Where the raw answers lie in that bucket; ends with a slash.
    pub(crate) raw_prefix: String,
    /// The Delta table, below the lake's root.
    pub(crate) table: String,
}

/// One queue that feeds a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct QueueOutput {
    pub(crate) function_name: String,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) dead_letter_url: String,
}

/// One topic.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TopicOutput {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) retention_hours: i64,
}

impl Stack {
    /// The stack of the data folder; an error when there is none.
    pub(crate) fn load(layout: &Layout) -> anyhow::Result<Self> {
        Self::load_if_any(layout)?.ok_or_else(|| {
            failure(
                format!("no stack in {}", layout.data.display()),
                "start one with `headwater up` (or name its folder with --data-dir)",
            )
        })
    }

    /// The stack of the data folder, if one was ever brought up.
    pub(crate) fn load_if_any(layout: &Layout) -> anyhow::Result<Option<Self>> {
        let file = layout.stack_file();
        let Ok(bytes) = fs::read(&file) else { return Ok(None) };
        let stack = serde_json::from_slice(&bytes).map_err(|error| {
            failure(
                format!("{} is damaged: {error}", file.display()),
                "delete that file and run `headwater up` again; the data stays",
            )
        })?;
        Ok(Some(stack))
    }

    /// Writes it whole or not at all.
    pub(crate) fn save(&self, layout: &Layout) -> anyhow::Result<()> {
        let file = layout.stack_file();
        let draft = file.with_extension("new");
        fs::write(&draft, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&draft, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Terraform's outputs; an error when the stack never came up whole.
    pub(crate) fn outputs(&self) -> anyhow::Result<&Outputs> {
        self.outputs.as_ref().ok_or_else(|| failure("the stack never came up whole", "run `headwater up`"))
    }

    /// The root of the Delta tables.
    pub(crate) fn lake(&self) -> anyhow::Result<S3Location> {
        let root = &self.outputs()?.lake_root;
        root.parse().with_context(|| format!("{root} is not an address on S3"))
    }

    /// Kafka's address.
    pub(crate) fn kafka(&self) -> String {
        format!("127.0.0.1:{}", self.kafka_port)
    }

    /// Where functions are invoked by Lambda's API, and have their URLs.
    pub(crate) fn functions_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.functions_port)
    }

    /// The weather source's API.
    pub(crate) fn forecast_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.forecast_port)
    }

    /// The variables of `headwater env`, in its order.
    pub(crate) fn variables(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let outputs = self.outputs()?;
        let mut variables = aws_variables(&self.endpoint, &self.region);
        variables.extend([
            ("KAFKA_BOOTSTRAP_SERVERS", self.kafka()),
            ("DATABASE_URL", self.database_url.clone()),
            ("HEADWATER_LAKE", outputs.lake_root.clone()),
            ("HEADWATER_PARKED", outputs.parked_root.clone()),
        ]);
        let buckets = [
            ("HEADWATER_MEDIA_BUCKET", &outputs.media_bucket),
            ("HEADWATER_INBOX_BUCKET", &outputs.inbox_bucket),
        ];
        variables.extend(buckets.into_iter().filter_map(|(name, bucket)| Some((name, bucket.clone()?))));
        if let Some(forecast) = &outputs.forecast {
            let ForecastOutput { raw_bucket, raw_prefix, table, .. } = forecast;
            variables.push(("HEADWATER_FORECAST_RAW", format!("s3://{raw_bucket}/{raw_prefix}")));
            variables.push(("HEADWATER_FORECAST_TABLE", format!("{}/{table}", outputs.lake_root)));
            variables.push(("HEADWATER_FORECAST_URL", self.forecast_url()));
        }
        if let Ok(gateway) = outputs.url("telemetry-gateway") {
            variables.push(("HEADWATER_GATEWAY_URL", gateway.to_owned()));
        }
        if let Ok(board) = outputs.board() {
            variables.push(("HEADWATER_BOARD_URL", board));
        }
        Ok(variables)
    }
}

/// How AWS clients reach the emulator; the credentials are dummies.
pub(crate) fn aws_variables(endpoint: &str, region: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}
