//! Functions as processes: checks that they behave as Lambda documents for an execution environment.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod endings;
mod failures;
mod limits;
mod logs;
mod support;

use std::time::Duration;

use function_runner::{Credentials, Outcome};
use serde_json::json;
use support::{Lab, answer, at_rest, outcome, who};

#[tokio::test]
async fn one_process_serves_one_invocation_at_a_time_and_is_kept_for_the_next() {
    let lab = Lab::new();
    let runner = lab.runner();
    let (pid, first) = who(&runner).await;
    at_rest(pid).await;
    assert_eq!((who(&runner).await, first), ((pid, 2), 1));
    at_rest(pid).await;
    let slow = || answer(&runner, json!({"do": "sleep", "seconds": 0.3}));
    let (one, two) = tokio::join!(slow(), slow());
    assert_ne!(one["pid"], two["pid"], "invocations at once have processes of their own");
    assert!(one["pid"] == pid || two["pid"] == pid, "the warm process is used first");
}

#[tokio::test]
async fn the_environment_is_lambdas_and_nothing_of_the_callers() {
    let mut lab = Lab::new();
    lab.set("TABLE", "rooms");
    lab.set("AWS_REGION", "a function cannot set this");
    lab.function.machine.insert("AWS_ENDPOINT_URL".into(), "http://127.0.0.1:4566".into());
    let runner = lab.runner();
    runner.set_credentials(Credentials {
        access_key_id: "ASIA1".into(),
        secret_access_key: "secret".into(),
        session_token: Some("token".into()),
        expires: None,
    });
    let answer = answer(&runner, json!({"do": "environment"})).await;
    let variables = answer["environment"].as_object().unwrap();
    let expected = [
        ("TABLE", "rooms"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "ASIA1"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_LAMBDA_FUNCTION_NAME", "lab"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/lab"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("LANG", "en_US.UTF-8"),
    ];
    for (name, value) in expected {
        assert_eq!(variables[name], value, "{name}");
    }
    let others = [
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LD_LIBRARY_PATH",
        "PATH",
        "TMPDIR",
        // Python sets this variable itself if the locale is not installed.
        "LC_CTYPE",
    ];
    let known =
        |name: &&String| expected.iter().map(|(name, _)| name).chain(&others).any(|known| known == name);
    let unknown: Vec<_> = variables.keys().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert_eq!(answer["folder"], variables["LAMBDA_TASK_ROOT"]);
    let headers = answer["headers"].as_object().unwrap();
    let header =
        |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap().1.clone();
    assert_eq!(
        header("lambda-runtime-invoked-function-arn"),
        "arn:aws:lambda:us-east-1:000000000000:function:lab"
    );
    assert!(header("lambda-runtime-trace-id").as_str().unwrap().starts_with("Root=1-"));
    let deadline: i64 = header("lambda-runtime-deadline-ms").as_str().unwrap().parse().unwrap();
    let left = deadline - chrono::Utc::now().timestamp_millis();
    assert!((0..=30_000).contains(&left), "{left} ms");
}

#[tokio::test]
async fn a_process_is_stopped_between_invocations_and_not_during_one() {
    let lab = Lab::new();
    let runner = lab.runner();
    let ticks = async |seconds: f32| {
        answer(&runner, json!({"do": "sleep", "seconds": seconds})).await["ticks"].as_u64().unwrap()
    };
    let before = ticks(0.5).await;
    assert!(before >= 10, "a thread of the function runs during an invocation: {before} ticks");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let after = ticks(0.0).await;
    assert!(after - before < 20, "it was stopped for a second: {before} → {after}");
}

#[tokio::test]
async fn a_process_that_was_killed_while_it_was_idle_is_replaced() {
    let lab = Lab::new();
    let runner = lab.runner();
    let (pid, _) = who(&runner).await;
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    support::gone(pid).await;
    let (other, invocations) = who(&runner).await;
    assert!(other != pid && invocations == 1);
}

#[tokio::test]
async fn an_invocation_goes_on_when_its_caller_gives_up() {
    let lab = Lab::new();
    let runner = lab.runner();
    let (pid, _) = who(&runner).await;
    at_rest(pid).await;
    let given_up = outcome(&runner, json!({"do": "sleep", "seconds": 0.5}));
    assert!(tokio::time::timeout(Duration::from_millis(100), given_up).await.is_err());
    support::until("it ends by itself", async || {
        lab.logs.texts().iter().filter(|text| text.starts_with("REPORT")).count() == 2
    })
    .await;
    at_rest(pid).await;
    assert_eq!(who(&runner).await, (pid, 3));
}

#[tokio::test]
async fn work_after_the_answer_holds_the_answer_back_for_a_moment_only_and_is_let_finish() {
    let lab = Lab::new();
    let runner = lab.runner();
    let (pid, _) = who(&runner).await;
    let started = std::time::Instant::now();
    answer(&runner, json!({"do": "work-on", "seconds": 2})).await;
    assert!(started.elapsed() < Duration::from_millis(1500), "{:?}", started.elapsed());
    let (other, _) = who(&runner).await;
    assert_ne!(other, pid, "it still works");
    support::until("it is stopped once it asks for its next event", async || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    })
    .await;
}

#[tokio::test]
async fn an_answer_to_an_earlier_event_is_refused() {
    let lab = Lab::new();
    let runner = lab.runner();
    let stale = json!({"do": "stale", "id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd"});
    assert_eq!(answer(&runner, stale).await["status"], 400);
    assert_eq!(
        answer(&runner, json!({"do": "next"})).await["status"],
        403,
        "and so is asking for the next event first"
    );
    assert!(matches!(outcome(&runner, json!({})).await, Outcome::Answer(_)));
}
