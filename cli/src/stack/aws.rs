//! AWS clients for the stack's emulator.

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;

use super::record::Stack;
use crate::failure::failure;

/// Clients reach the emulator with the dummy credentials, whatever this shell's environment says.
pub(crate) async fn config(stack: &Stack) -> SdkConfig {
    let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "headwater");
    function_kit::aws::loader()
        .endpoint_url(&stack.endpoint)
        .region(aws_config::Region::new(stack.region.clone()))
        .credentials_provider(credentials)
        .load()
        .await
}

/// Invokes a function by its folder's name and waits for its answer.
pub(crate) async fn invoke(
    stack: &Stack,
    function: &str,
    payload: Vec<u8>,
) -> anyhow::Result<serde_json::Value> {
    let name = stack.outputs()?.functions.get(function).cloned().unwrap_or_else(|| function.to_owned());
    let client = aws_sdk_lambda::Client::new(&config(stack).await);
    let answer =
        client.invoke().function_name(&name).payload(Blob::new(payload)).send().await.map_err(|error| {
            failure(
                format!("cannot invoke {name}: {}", aws_sdk_lambda::error::DisplayErrorContext(&error)),
                "run `headwater up`",
            )
        })?;
    let body = answer.payload.map(Blob::into_inner).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    if answer.function_error.is_some() {
        let reason = value.get("errorMessage").and_then(|text| text.as_str()).unwrap_or("no reason given");
        return Err(failure(format!("{name} failed: {reason}"), format!("see `headwater logs {function}`")));
    }
    Ok(value)
}

/// Whether everything that the environment made is still there: functions are what a killed emulator forgets first.
pub(crate) async fn intact(stack: &Stack) -> bool {
    let Some(outputs) = &stack.outputs else { return false };
    let config = config(stack).await;
    let client = aws_sdk_lambda::Client::new(&config);
    for name in outputs.functions.values() {
        if client.get_function().function_name(name).send().await.is_err() {
            return false;
        }
    }
    !outputs.functions.is_empty()
}
