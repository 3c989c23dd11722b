//! Invokes deployed functions through Lambda's API.

use anyhow::Context as _;
use aws_sdk_lambda::{error::DisplayErrorContext, primitives::Blob, types::LogType};
use serde_json::Value;

use super::opened::Stack;
use crate::failure::failure;

/// The alias that points at the version in use.
const LIVE: &str = "live";

/// Result of an invocation.
pub(crate) struct Invoked {
    /// The function's answer, unparsed. Empty if there was none.
    pub(crate) answer: Vec<u8>,
    /// Whether the function failed. `answer` is then Lambda's error object with `errorType` and `errorMessage`.
    pub(crate) failed: bool,
    /// The last 4 KB of the function's log if `LogType::Tail` was requested; otherwise empty.
    pub(crate) log: String,
}

impl Stack {
    /// Invokes a function by the name of its folder and returns its answer. An answer that is not JSON becomes `null`.
    ///
    /// # Errors
    /// The invocation is not possible, or the function itself failed. The error then holds its `errorMessage`.
    pub(crate) async fn invoke(&self, function: &str, payload: Vec<u8>) -> anyhow::Result<Value> {
        let name = self.deployed_name(function);
        let Invoked { answer, failed, .. } = self.invoke_once(function, payload, LogType::None).await?;
        let value: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if failed {
            let reason = value["errorMessage"].as_str().unwrap_or("no reason given");
            return Err(failure(
                format!("{name} failed: {reason}"),
                format!("see `headwater logs {function}`"),
            ));
        }
        Ok(value)
    }

    /// Invokes a function and returns all that Lambda reports. A failure of the function itself is not an error here,
    /// see [`Invoked::failed`]. Where functions have versions, the alias `live` is invoked.
    pub(crate) async fn invoke_once(
        &self,
        function: &str,
        payload: Vec<u8>,
        log: LogType,
    ) -> anyhow::Result<Invoked> {
        let name = self.deployed_name(function);
        let has_versions = matches!(self.outputs().live_versions.get(function), Some(Some(_)));
        let client = aws_sdk_lambda::Client::new(self.sdk());
        let invoking = client
            .invoke()
            .function_name(&name)
            .set_qualifier(has_versions.then(|| LIVE.to_owned()))
            .log_type(log)
            .payload(Blob::new(payload));
        let answer = invoking.send().await.map_err(|error| {
            failure(
                format!("cannot invoke {name}: {}", DisplayErrorContext(&error)),
                if self.local().is_some() {
                    "run `headwater up`"
                } else {
                    "check that the function is deployed, and that this shell's credentials allow lambda:InvokeFunction on it (ARN with :live)"
                },
            )
        })?;
        let log = answer.log_result.map(|log| base64_simd::STANDARD.decode_to_vec(log)).transpose();
        Ok(Invoked {
            answer: answer.payload.map(Blob::into_inner).unwrap_or_default(),
            failed: answer.function_error.is_some(),
            log: String::from_utf8_lossy(
                &log.context("the end of the log is not base64")?.unwrap_or_default(),
            )
            .into_owned(),
        })
    }
}
