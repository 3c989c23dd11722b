//! The output of a function.

use function_runner::{LogFile, LogLine, LogSink as _};
use serde_json::json;

use crate::support::{Lab, answer, error, who};

#[tokio::test]
async fn the_lines_of_an_invocation_stand_between_start_and_report() {
    let lab = Lab::new();
    let runner = lab.runner();
    answer(&runner, json!({"do": "print", "lines": 3})).await;
    lab.logs.told("REPORT").await;
    let texts = lab.logs.texts();
    let starts: Vec<&str> = texts.iter().map(|text| text.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["START", "line", "line", "line", "END", "REPORT"], "{texts:?}");
    assert_eq!(texts[2].trim(), "line 1", "both outputs in the order of printing");
    assert!(
        texts[5].contains("\tMemory Size: 128 MB\tMax Memory Used: ")
            && texts[5].contains("\tInit Duration: ")
    );
    let lines = lab.logs.lines();
    assert!(lines.iter().all(|line| *line.group == *"/aws/lambda/lab" && line.stream == lines[0].stream));
    assert!(lines[0].stream.contains("/[$LATEST]"));
    who(&runner).await;
    lab.logs.told("END").await;
    let reports: Vec<_> = lab.logs.texts().into_iter().filter(|text| text.starts_with("REPORT")).collect();
    assert!(reports.last().unwrap().contains("Init Duration") == (reports.len() == 1), "{reports:?}");
}

#[tokio::test]
async fn a_function_that_prints_much_is_never_blocked_by_it() {
    let lab = Lab::new();
    let runner = lab.runner();
    // More output than a pipe can buffer.
    answer(&runner, json!({"do": "print", "lines": 2_000, "width": 500})).await;
    lab.logs.told("REPORT").await;
    assert_eq!(lab.logs.texts().iter().filter(|text| text.starts_with("line")).count(), 2_000);
    // A line without a line end that is longer than one log event may be.
    answer(&runner, json!({"do": "print", "lines": 1, "width": 600_000})).await;
    lab.logs.told("line 0 xxx").await;
    assert!(lab.logs.texts().iter().all(|text| text.len() < 300_000));
}

#[tokio::test]
async fn the_output_of_a_process_that_died_is_kept() {
    let lab = Lab::new();
    let runner = lab.runner();
    error(&runner, json!({"do": "exit", "code": 1})).await;
    lab.logs.told("last words").await;
    lab.logs.told("Status: error\tError Type: Runtime.ExitError").await;
}

#[test]
fn a_log_file_is_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for text in ["one", "two"] {
        let line = LogLine { group: "g".into(), stream: "s".into(), at_ms: 0, text: text.into() };
        LogFile::append(&path).unwrap().write(line);
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), "one\ntwo\n");
}
