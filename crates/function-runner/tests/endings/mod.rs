//! No process outlives its use, even if its owner is killed.

use std::process::{Command, Stdio};
use std::time::Duration;

use function_runner::{Credentials, Outcome};
use serde_json::json;
use std::time::SystemTime;

use crate::support::{Lab, answer, gone, outcome, runs, until, who};

#[tokio::test]
async fn an_idle_process_is_ended_after_its_time_and_hears_sigterm_first() {
    let mut lab = Lab::new();
    lab.settings.idle = Duration::from_secs(1);
    let runner = lab.runner();
    let path = lab.path("ended");
    let pid = answer(&runner, json!({"do": "touch-at-end", "path": path})).await["pid"].as_i64().unwrap();
    until("it ends", async || path.exists()).await;
    gone(i32::try_from(pid).unwrap()).await;
    assert_eq!(who(&runner).await.1, 1);
}

#[tokio::test]
async fn a_retired_runner_ends_idle_processes_at_once_and_busy_ones_after_their_answer() {
    let lab = Lab::new();
    let runner = lab.runner();
    let (idle, _) = who(&runner).await;
    runner.retire().await;
    assert!(!runs(idle));
    let runner = lab.runner();
    let busy = outcome(&runner, json!({"do": "sleep", "seconds": 1}));
    let retire = async {
        lab.logs.told("START").await;
        runner.retire().await;
    };
    let (busy, ()) = tokio::join!(busy, retire);
    let Outcome::Answer(busy) = busy else { panic!("{busy:?}") };
    let busy: serde_json::Value = serde_json::from_slice(&busy).unwrap();
    gone(i32::try_from(busy["pid"].as_i64().unwrap()).unwrap()).await;
}

#[tokio::test]
async fn processes_end_with_their_runner() {
    let lab = Lab::new();
    let runner = lab.runner();
    let child = answer(&runner, json!({"do": "child"})).await["child"].as_i64().unwrap();
    let (pid, _) = who(&runner).await;
    drop(runner);
    gone(pid).await;
    gone(i32::try_from(child).unwrap()).await;
}

#[tokio::test]
async fn credentials_that_are_about_to_end_are_replaced_with_the_process() {
    let lab = Lab::new();
    let runner = lab.runner();
    let credentials = |minutes: u64| Credentials {
        access_key_id: format!("for {minutes} minutes"),
        secret_access_key: String::new(),
        session_token: None,
        expires: Some(SystemTime::now() + Duration::from_mins(minutes)),
    };
    let key = async || {
        answer(&runner, json!({"do": "environment"})).await["environment"]["AWS_ACCESS_KEY_ID"].clone()
    };
    runner.set_credentials(credentials(4));
    assert_eq!(key().await, "for 4 minutes");
    runner.set_credentials(credentials(60));
    assert_eq!(key().await, "for 60 minutes");
    runner.set_credentials(credentials(61));
    assert_eq!(key().await, "for 60 minutes", "good credentials are no reason for a cold start");
}

/// Not a test: this is the process that the test below kills.
#[tokio::test]
#[ignore = "started by the test below"]
async fn owner() {
    let Ok(folder) = std::env::var("OWNER_FOLDER") else { return };
    let lab = Lab::new();
    let runner = lab.runner();
    let (frozen, _) = who(&runner).await;
    let other = lab.runner();
    let event = json!({"do": "child", "seconds": 60});
    let busy = outcome(&other, event);
    let tell = async {
        until("it has started", async || {
            lab.logs.texts().iter().filter(|text| text.starts_with("START")).count() == 2
        })
        .await;
        std::fs::write(format!("{folder}/pid.new"), frozen.to_string()).unwrap();
        std::fs::rename(format!("{folder}/pid.new"), format!("{folder}/pid")).unwrap();
        std::future::pending::<()>().await;
    };
    let _ = tokio::join!(busy, tell);
}

/// The processes whose scratch folder is below `folder`.
fn functions_in(folder: &str) -> Vec<i32> {
    let ids = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let below = |pid: &i32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let wanted = format!("TMPDIR={folder}");
        environment.split(|byte| *byte == 0).any(|line| line.starts_with(wanted.as_bytes())) && runs(*pid)
    };
    ids.filter(below).collect()
}

#[tokio::test]
async fn nothing_is_left_when_the_owner_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "endings::owner"])
        .env("OWNER_FOLDER", path)
        .env("TMPDIR", path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("its functions run", async || folder.path().join("pid").exists()).await;
    let frozen: i32 = std::fs::read_to_string(folder.path().join("pid")).unwrap().parse().unwrap();
    // Three processes: a frozen one, a busy one, and a child of the busy one.
    let below = |pid: &i32| *pid != i32::try_from(owner.id()).unwrap();
    let expected = || functions_in(path).into_iter().filter(below).count();
    until("all three run", async || expected() >= 3).await;
    owner.kill().unwrap();
    owner.wait().unwrap();
    gone(frozen).await;
    until("none is left", async || functions_in(path).is_empty()).await;
}
