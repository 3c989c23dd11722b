//! Sizes, memory, concurrency.

use std::time::Duration;

use function_runner::{Cause, Outcome, REQUEST_LIMIT, RESPONSE_LIMIT};
use serde_json::json;

use crate::support::{Lab, answer, error, gone, outcome, who};

#[tokio::test]
async fn an_event_or_an_answer_beyond_six_megabytes_is_refused_and_one_below_is_not() {
    let mut lab = Lab::new();
    lab.function.memory_mb = 1024;
    let runner = lab.runner();
    let event = |bytes: usize| format!(r#"{{"pad":"{}"}}"#, "x".repeat(bytes - 10));
    assert!(matches!(runner.invoke(event(REQUEST_LIMIT)).await, Outcome::Answer(_)));
    let bytes = REQUEST_LIMIT + 1;
    assert_eq!(runner.invoke(event(bytes)).await, Outcome::TooLarge { bytes });
    // The answer is a JSON string, so its two quotes count.
    let Outcome::Answer(answer) = outcome(&runner, json!({"do": "big", "bytes": RESPONSE_LIMIT - 2})).await
    else {
        panic!("an answer of the largest size is taken")
    };
    assert_eq!(answer.len(), RESPONSE_LIMIT);
    let (pid, _) = who(&runner).await;
    for bytes in [RESPONSE_LIMIT - 1, 20_000_000] {
        let error = error(&runner, json!({"do": "big", "bytes": bytes})).await;
        assert_eq!(
            (error.cause, &*error.error_type),
            (Cause::ResponseTooLarge, "Function.ResponseSizeTooLarge")
        );
        assert!(error.message.contains("6291556 bytes"), "{}", error.message);
    }
    assert_eq!(who(&runner).await.0, pid, "the process goes on");
}

#[tokio::test]
async fn a_process_that_holds_more_than_its_memory_is_killed() {
    let lab = Lab::new();
    let runner = lab.runner();
    assert!(matches!(outcome(&runner, json!({"do": "hold", "megabytes": 60})).await, Outcome::Answer(_)));
    // The memory is used only for a moment, or until the runner measures it.
    for seconds in [0, 20] {
        let error = error(&runner, json!({"do": "hold", "megabytes": 150, "seconds": seconds})).await;
        assert_eq!((error.cause, &*error.error_type), (Cause::Exited, "Runtime.ExitError"));
        assert!(error.message.ends_with("Runtime exited with error: signal: killed"), "{}", error.message);
        assert_eq!(who(&runner).await.1, 1);
    }
    lab.logs.told("more than its 128 MB of memory").await;
    lab.logs.told("Memory Size: 128 MB\tMax Memory Used: 128 MB").await;
}

#[tokio::test]
async fn the_memory_of_child_processes_counts_too() {
    let lab = Lab::new();
    let runner = lab.runner();
    let error = error(&runner, json!({"do": "child", "megabytes": 150, "seconds": 20})).await;
    assert_eq!(error.cause, Cause::Exited, "{}", error.message);
}

#[tokio::test]
async fn reserved_concurrency_throttles_and_zero_switches_the_function_off() {
    let mut lab = Lab::new();
    lab.function.reserved_concurrency = Some(1);
    let runner = lab.runner();
    let slow = || outcome(&runner, json!({"do": "sleep", "seconds": 0.5}));
    let (one, two) = tokio::join!(slow(), slow());
    assert!(matches!(one, Outcome::Answer(_)), "{one:?}");
    assert_eq!(two, Outcome::Throttled);
    assert!(matches!(slow().await, Outcome::Answer(_)));
    lab.function.reserved_concurrency = Some(0);
    assert_eq!(outcome(&lab.runner(), json!({})).await, Outcome::Throttled);
}

#[tokio::test]
async fn each_process_has_a_scratch_folder_that_goes_with_it() {
    let mut lab = Lab::new();
    lab.settings.idle = Duration::from_millis(1);
    let runner = lab.runner();
    let (pid, _) = who(&runner).await;
    let environment = answer(&runner, json!({"do": "environment"})).await["environment"].clone();
    let scratch = std::path::PathBuf::from(environment["TMPDIR"].as_str().unwrap());
    assert!(scratch.starts_with(lab.path("scratch")));
    gone(pid).await;
    crate::support::until("the folder is deleted", async || !scratch.exists()).await;
}
