//! The emulator's Lambda API, through which other tools invoke functions. It must behave the same on `MiniStack` and on
//! `LocalStack`, where the function runner runs the functions.

use aws_sdk_lambda::{
    Client,
    operation::invoke::InvokeOutput,
    primitives::Blob,
    types::{InvocationType, LogType},
};
use serde_json::{Value, json};

async fn client() -> Client {
    Client::new(&settings::sdk_config().await)
}

/// Invokes a function synchronously. Returns its answer as JSON (null if it is not JSON), and the whole output of the
/// call.
async fn invoke(function: &str, event: Value) -> (Value, InvokeOutput) {
    let call = client().await.invoke().function_name(function).payload(Blob::new(event.to_string()));
    let answer = call.log_type(LogType::Tail).send().await.unwrap();
    let payload = answer.payload().map(|payload| payload.as_ref().to_vec()).unwrap_or_default();
    (serde_json::from_slice(&payload).unwrap_or_default(), answer)
}

/// `LogType::Tail` asks for the last 4 KB of the log, in Base64.
#[tokio::test]
async fn an_answer_has_the_version_of_the_function_and_the_end_of_its_log() {
    let (answer, output) = invoke("schema-migrator", json!({})).await;
    assert!(answer["tables"].as_array().is_some_and(|tables| !tables.is_empty()), "{answer}");
    assert_eq!((output.status_code(), output.function_error()), (200, None));
    assert_eq!(output.executed_version(), Some("$LATEST"));
    let log = base64_simd::STANDARD.decode_to_vec(output.log_result().unwrap()).unwrap();
    let log = String::from_utf8(log).unwrap();
    assert!(log.contains(r#""function":"schema-migrator""#), "{log}");
}

/// As in Lambda, the HTTP status is that of the call. The error is in the payload, and `FunctionError` is set.
#[tokio::test]
async fn a_function_that_fails_answers_200_with_its_error() {
    let (answer, output) = invoke("rooms-generator", json!({"count": "many"})).await;
    assert_eq!((output.status_code(), output.function_error()), (200, Some("Unhandled")), "{answer}");
    assert!(answer["errorMessage"].as_str().is_some_and(|error| !error.is_empty()), "{answer}");
}

#[tokio::test]
async fn a_dry_run_is_answered_with_204_and_an_asynchronous_event_with_202() {
    let client = client().await;
    let call = |kind| {
        let call = client.invoke().function_name("schema-migrator").payload(Blob::new("{}"));
        call.invocation_type(kind).send()
    };
    assert_eq!(call(InvocationType::DryRun).await.unwrap().status_code(), 204);
    assert_eq!(call(InvocationType::Event).await.unwrap().status_code(), 202);
}

/// The ARN in this test has a qualifier, `$LATEST`.
#[tokio::test]
async fn an_arn_invokes_the_same_function_as_its_name_and_an_unknown_function_is_refused() {
    let client = client().await;
    let known = client.get_function().function_name("schema-migrator").send().await.unwrap();
    let arn = known.configuration.unwrap().function_arn.unwrap();
    let (answer, _) = invoke(&format!("{arn}:$LATEST"), json!({})).await;
    assert!(answer["tables"].is_array(), "{answer}");
    let refused = client.invoke().function_name("nobody").send().await.unwrap_err();
    assert!(refused.as_service_error().unwrap().is_resource_not_found_exception(), "{refused:?}");
}

/// Each event contains another invalid count, which the function quotes in its error.
#[tokio::test]
async fn many_invocations_at_once_each_get_their_own_answer() {
    let all = (1..=12).map(|number| async move {
        let (answer, _) = invoke("rooms-generator", json!({"count": format!("number-{number}.")})).await;
        let text = answer.to_string();
        assert!(text.contains(&format!("number-{number}.")), "{text}");
    });
    futures::future::join_all(all).await;
}
