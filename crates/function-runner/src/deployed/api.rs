//! Invokes functions through Lambda's API, if their runtime is not part of their zip file.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::{StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use bytes::Bytes;

use super::text;
use crate::{Cause, FunctionError, Outcome};

/// Lambda's longest time-out is 15 minutes, so there is no answer after this time.
const LONGEST_INVOCATION: Duration = Duration::from_mins(16);

/// A client without retries and without a limit that is shorter than the longest invocation.
pub(super) fn client(sdk: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_timeout(LONGEST_INVOCATION)
        .build();
    let config = aws_sdk_lambda::config::Builder::from(sdk)
        // The SDK must not retry, because the caller counts the attempts.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // A slow function sends no bytes while it works; the SDK must not take this for a stalled stream.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Invokes a function and waits for its answer. Throttling and events that are too large become the outcomes that a
/// local runner has. Every other error of the service or the connection is [`Outcome::Unavailable`].
pub(super) async fn invoke(client: &Client, name: &str, payload: Bytes) -> Outcome {
    let bytes = payload.len();
    let error = match client.invoke().function_name(name).payload(Blob::new(payload)).send().await {
        Ok(answer) => {
            let payload = answer.payload.map(Blob::into_inner).unwrap_or_default().into();
            return match answer.function_error {
                Some(_) => Outcome::Failed(FunctionError::reported(Cause::Reported, None, payload)),
                None => Outcome::Answer(payload),
            };
        }
        Err(error) => error,
    };
    let failed = |cause, kind| Outcome::Failed(FunctionError::of_platform(cause, kind, text(&error)));
    match &error {
        SdkError::TimeoutError(_) => failed(Cause::TimedOut, "Sandbox.Timedout"),
        SdkError::ServiceError(service) => match service.err() {
            InvokeError::RequestTooLargeException(_) => Outcome::TooLarge { bytes },
            InvokeError::TooManyRequestsException(_) => Outcome::Throttled,
            InvokeError::InvalidRequestContentException(_) => {
                failed(Cause::Reported, "InvalidRequestContentException")
            }
            _ => Outcome::Unavailable(text(&error)),
        },
        _ => Outcome::Unavailable(text(&error)),
    }
}
