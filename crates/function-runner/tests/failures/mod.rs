//! Failures are reported in Lambda's words.

use std::time::Duration;

use function_runner::{Cause, Code, Function, Outcome};
use serde_json::json;

use crate::support::{Lab, at_rest, error, gone, outcome, until, who, write_program};

#[tokio::test]
async fn a_reported_error_has_type_and_message_and_the_process_goes_on() {
    let lab = Lab::new();
    let runner = lab.runner();
    let (pid, _) = who(&runner).await;
    at_rest(pid).await;
    let error = error(&runner, json!({"do": "error"})).await;
    assert_eq!((error.cause, &*error.error_type, &*error.message), (Cause::Reported, "Told", "to fail"));
    let payload: serde_json::Value = serde_json::from_slice(&error.payload).unwrap();
    assert_eq!(payload["stackTrace"], json!([]), "the whole answer is kept");
    at_rest(pid).await;
    assert_eq!(who(&runner).await, (pid, 3));
}

#[tokio::test]
async fn a_time_out_ends_the_process_and_its_children() {
    let mut lab = Lab::new();
    lab.function.timeout = Duration::from_secs(2);
    let runner = lab.runner();
    let child = crate::support::answer(&runner, json!({"do": "child"})).await["child"].as_i64().unwrap();
    let error = error(&runner, json!({"do": "sleep", "seconds": 60})).await;
    assert_eq!((error.cause, &*error.error_type), (Cause::TimedOut, "Sandbox.Timedout"));
    assert!(error.message.ends_with("Task timed out after 2.00 seconds"), "{}", error.message);
    gone(i32::try_from(child).unwrap()).await;
    assert_eq!(who(&runner).await.1, 1, "a new process serves the next event");
    lab.logs.told("\tStatus: timeout").await;
}

#[tokio::test]
async fn a_crash_is_reported_with_exit_status_or_signal() {
    let lab = Lab::new();
    let runner = lab.runner();
    for (event, words) in [
        (json!({"do": "exit", "code": 3}), "Runtime exited with error: exit status 3"),
        (json!({"do": "exit", "code": 0}), "Runtime exited without providing a reason"),
        (json!({"do": "signal", "signal": 9}), "Runtime exited with error: signal: killed"),
        (json!({"do": "signal", "signal": 15}), "Runtime exited with error: signal: terminated"),
    ] {
        let error = error(&runner, event).await;
        assert_eq!((error.cause, &*error.error_type), (Cause::Exited, "Runtime.ExitError"));
        assert!(
            error.message.starts_with("RequestId: ") && error.message.ends_with(words),
            "{}",
            error.message
        );
        assert_eq!(who(&runner).await.1, 1);
    }
    lab.logs.told("last words").await;
}

#[tokio::test]
async fn a_bootstrap_that_cannot_run_is_named() {
    let lab = Lab::new();
    let folder = lab.path("other");
    std::fs::create_dir(&folder).unwrap();
    let bootstrap = folder.join("bootstrap");
    let function = Function::new("other", Code::in_folder(&folder));
    let runner = function_runner::Runner::new(function, lab.settings.clone(), lab.logs.clone() as _);
    for write in [
        (|_: &std::path::Path| {}) as fn(&std::path::Path),
        |bootstrap| std::fs::write(bootstrap, "#!/bin/sh\n").unwrap(),
        |bootstrap| write_program(bootstrap, "\u{7f}ELF of another machine"),
    ] {
        write(&bootstrap);
        let error = error(&runner, json!({})).await;
        assert_eq!((error.cause, &*error.error_type), (Cause::Init, "Runtime.InvalidEntrypoint"));
        assert!(error.message.contains("other/bootstrap]"), "{}", error.message);
    }
}

#[tokio::test]
async fn a_failed_start_fails_the_invocation_and_is_tried_again_with_the_next_one() {
    for (begin, error_type, words) in [
        ("error", "Config.Missing", "no TABLE"),
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 7"),
    ] {
        let mut lab = Lab::new();
        lab.set("BEGIN", begin);
        let runner = lab.runner();
        for _ in 0..2 {
            let error = error(&runner, json!({})).await;
            assert_eq!((error.cause, &*error.error_type), (Cause::Init, error_type));
            assert!(error.message.ends_with(words), "{}", error.message);
        }
        lab.logs.told("INIT_REPORT").await;
    }
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_begun_again_with_the_functions_own_time_out() {
    let mut lab = Lab::new();
    lab.settings.start_up = Duration::from_secs(2);
    lab.set("BEGIN", "slow-once");
    let mark = lab.path("mark");
    lab.set("MARK", mark.to_str().unwrap());
    assert!(matches!(outcome(&lab.runner(), json!({})).await, Outcome::Answer(_)));
    lab.set("BEGIN", "slow");
    lab.function.timeout = Duration::from_secs(1);
    lab.settings.start_up = Duration::from_millis(200);
    let error = error(&lab.runner(), json!({})).await;
    assert!(error.message.ends_with("Task timed out after 1.00 seconds"), "{}", error.message);
    until("no process is left", async || {
        let scratch = std::fs::read_dir(lab.path("scratch")).unwrap().count();
        scratch == 0
    })
    .await;
}
