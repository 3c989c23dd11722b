//! AWS clients for the local stack's emulator.

use aws_config::SdkConfig;

use super::record::LocalStack;

/// Configures clients for the emulator, with its dummy credentials. `AWS_PROFILE` and the other variables of this shell
/// cannot redirect them to an AWS account.
pub(crate) async fn config(stack: &LocalStack) -> SdkConfig {
    let credentials = aws_credential_types::Credentials::new("test", "test", None, None, "headwater");
    settings::sdk_loader()
        .endpoint_url(&stack.endpoint)
        .region(aws_config::Region::new(stack.region.clone()))
        .credentials_provider(credentials)
        .load()
        .await
}

/// Whether all functions that Terraform created still exist. Other resources are not checked: a killed emulator loses
/// its functions, so they are enough to find that out. Returns `false` before the first apply.
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
