//! `stack.json`: the record of the local stack. `up` writes it, so that the other verbs need no flags.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{emulator::Emulator, layout::Layout, outputs::Outputs};
use crate::failure::failure;

/// Region of the local stack.
pub(crate) const REGION: &str = "us-east-1";

/// The local stack as the last `up` started it. Fields that an older version did not write have default values.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LocalStack {
    /// Address of the AWS emulator: `http://HOST:PORT`.
    pub(crate) endpoint: String,
    /// Kind of the emulator.
    pub(crate) emulator: Emulator,
    /// Whether the emulator was given with `--endpoint`. Such an emulator is neither started nor stopped here.
    pub(crate) foreign_emulator: bool,
    /// AWS region of the resources.
    pub(crate) region: String,
    /// Port of the emulator.
    pub(crate) emulator_port: u16,
    /// Port of the broker for clients.
    pub(crate) kafka_port: u16,
    /// Port of the KRaft controller. Only the broker itself uses it. 0 before the first start.
    pub(crate) kafka_controller_port: u16,
    /// Port of Postgres.
    pub(crate) postgres_port: u16,
    /// Port of the weather stub.
    pub(crate) forecast_port: u16,
    /// Port of the bridge, on which functions can be invoked by Lambda's API and by their URLs.
    pub(crate) functions_port: u16,
    /// URL of the database with user and password.
    pub(crate) database_url: String,
    /// Whether schedules are enabled (`up --live`).
    pub(crate) live: bool,
    /// The folder of the pipeline files.
    pub(crate) pipelines: PathBuf,
    /// Terraform's outputs. `None` until an apply has succeeded.
    pub(crate) outputs: Option<Outputs>,
}

impl LocalStack {
    /// Reads the record of the data folder.
    ///
    /// # Errors
    /// There is no record, or it cannot be parsed.
    pub(crate) fn load(layout: &Layout) -> anyhow::Result<Self> {
        Self::load_if_any(layout)?.ok_or_else(|| {
            failure(
                format!("no stack in {}", layout.data.display()),
                "start one with `headwater up` (or name its folder with --data-dir)",
            )
        })
    }

    /// Reads the record of the data folder. `None` if no `up` has written one. Fails if it cannot be parsed.
    pub(crate) fn load_if_any(layout: &Layout) -> anyhow::Result<Option<Self>> {
        let file = layout.stack_file();
        let Ok(bytes) = fs::read(&file) else { return Ok(None) };
        let stack = serde_json::from_slice(&bytes).map_err(|error| {
            failure(
                format!("{} is damaged: {error}", file.display()),
                "delete that file and run `headwater up` again; no data is lost",
            )
        })?;
        Ok(Some(stack))
    }

    /// Writes the record. The file is replaced atomically, so that other commands never read a part of it.
    pub(crate) fn save(&self, layout: &Layout) -> anyhow::Result<()> {
        let file = layout.stack_file();
        let draft = file.with_extension("new");
        fs::write(&draft, serde_json::to_vec_pretty(self)?)
            .and_then(|()| fs::rename(&draft, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Terraform's outputs. Fails if no apply has succeeded.
    pub(crate) fn outputs(&self) -> anyhow::Result<&Outputs> {
        self.outputs.as_ref().ok_or_else(|| failure("no `headwater up` has finished", "run `headwater up`"))
    }

    /// Kafka's bootstrap server, `HOST:PORT`.
    pub(crate) fn kafka(&self) -> String {
        format!("127.0.0.1:{}", self.kafka_port)
    }

    /// Address of the bridge, which serves Lambda's invoke API and the functions' URLs.
    pub(crate) fn functions_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.functions_port)
    }

    /// Address of the weather stub.
    pub(crate) fn forecast_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.forecast_port)
    }
}

/// Environment variables for AWS clients of the emulator. The credentials are dummies.
pub(crate) fn aws_variables(endpoint: &str, region: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}
