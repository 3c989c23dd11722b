//! AWS clients for the local stack's emulator.

use aws_config::SdkConfig;

use super::record::LocalStack;

/// Clients reach the emulator with the dummy credentials, whatever this shell's environment says.
pub(crate) async fn config(stack: &LocalStack) -> SdkConfig {
    let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "headwater");
    settings::sdk_loader()
        .endpoint_url(&stack.endpoint)
        .region(aws_config::Region::new(stack.region.clone()))
        .credentials_provider(credentials)
        .load()
        .await
}

/// Whether everything that the environment made is still there: functions are what a killed emulator forgets first.
pub(crate) async fn intact(stack: &LocalStack) -> bool {
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
