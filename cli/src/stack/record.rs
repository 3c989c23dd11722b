//! `stack.json`: what `up` was told and found out about the local stack, so that the other verbs need no flags.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{emulator::Emulator, layout::Layout, outputs::Outputs};
use crate::failure::failure;

/// The one region of the local stack.
pub(crate) const REGION: &str = "us-east-1";

/// One stack as it was last brought up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LocalStack {
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

impl LocalStack {
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
