//! `headwater invoke`: runs a deployed function once and prints its answer.

use end_to_end::stack::headwater;
use serde_json::Value;

use super::TURN;

/// `--freeze` suspends the function's process between two invocations, as Lambda does.
#[tokio::test]
async fn a_deployed_function_answers_before_and_after_its_process_was_suspended() {
    let _turn = TURN.lock().await;
    let arguments =
        ["invoke", "lake-keeper", "--data", r#"{"dry_run":true,"steps":["compact"]}"#, "--freeze", "1s"];
    let answers = headwater(&arguments).unwrap();
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2, "one before, one after: {answers:?}");
    for answer in answers {
        assert!(answer["dry_run"] == true && !answer["tables"].as_array().unwrap().is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn if_the_function_fails_the_command_fails_with_its_message_and_its_log() {
    let _turn = TURN.lock().await;
    let error = headwater(&["invoke", "lake-keeper", "--data", r#"{"steps":["vaccum"]}"#]).unwrap_err();
    assert!(error.contains("lake-keeper failed") && error.contains("clean_log"), "{error}");
    // The function's log is on standard error, between the lines that Lambda adds.
    assert!(error.contains("START RequestId") && error.contains("REPORT RequestId"), "{error}");
}

#[tokio::test]
async fn an_unknown_function_is_refused_with_the_list_of_functions() {
    let _turn = TURN.lock().await;
    let error = headwater(&["invoke", "lake-keper"]).unwrap_err();
    assert!(error.contains("no function is called lake-keper") && error.contains("lake-keeper"), "{error}");
}
