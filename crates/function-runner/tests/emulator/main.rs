//! Functions that are deployed to an emulator (`AWS_ENDPOINT_URL`) and run on this machine.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod front;
#[path = "../support/waiting.rs"]
mod waiting;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use aws_config::SdkConfig;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime};
use function_runner::deployed::{CloudWatchLogs, DeployedError, DeployedFunctions, Target};
use function_runner::{Code, Outcome, RunnerSettings};
use serde_json::{Value, json};
use tempfile::TempDir;
use waiting::until;

/// Answers with a word of its code, its variables and its process.
const BOOTSTRAP: &str = concat!(
    include_str!("../support/runtime.py"),
    r#"
while True:
    request_id, _, _ = next_event()
    print("printed by WORD", flush=True)
    answer = {"word": "WORD", "pid": os.getpid(), "environment": dict(os.environ)}
    call("POST", f"invocation/{request_id}/response", json.dumps(answer))
"#
);

fn zip(word: &str) -> Blob {
    Blob::new(Code::pack(BOOTSTRAP.replace("WORD", word).as_bytes()).unwrap())
}

struct Lab {
    sdk: SdkConfig,
    name: String,
    functions: DeployedFunctions,
    logs: Arc<CloudWatchLogs>,
    _folder: TempDir,
}

impl Lab {
    async fn new(name: &str) -> Self {
        std::env::var("AWS_ENDPOINT_URL")
            .expect("this test needs a Lambda endpoint: set AWS_ENDPOINT_URL (scripts/test does)");
        let sdk = settings::sdk_config().await;
        let folder = tempfile::tempdir().unwrap();
        let settings = RunnerSettings { scratch: PathBuf::from(folder.path()), ..RunnerSettings::default() };
        let logs = CloudWatchLogs::start(&sdk);
        let functions = DeployedFunctions::new(&sdk, settings, Arc::clone(&logs) as _);
        let name = format!("{name}-{}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos());
        Self { sdk, name, functions, logs, _folder: folder }
    }

    fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.sdk)
    }

    async fn deploy(&self, word: &str, runtime: Runtime) {
        self.deploy_code(zip(word), runtime).await;
    }

    async fn deploy_code(&self, code: Blob, runtime: Runtime) {
        let lambda = self.lambda();
        // If the emulator checks roles, the role must exist: take the one of any deployed function.
        let deployed = lambda.list_functions().send().await.unwrap();
        let role = deployed.functions().iter().find_map(|function| function.role());
        let role = role.unwrap_or("arn:aws:iam::000000000000:role/test").to_owned();
        lambda
            .create_function()
            .function_name(&self.name)
            .runtime(runtime)
            .role(role)
            .handler("the.handler")
            .code(FunctionCode::builder().zip_file(code).build())
            .environment(variables("first"))
            .timeout(30)
            .memory_size(256)
            .send()
            .await
            .unwrap();
    }

    async fn answer(&self) -> Value {
        match self.functions.get(&self.name).await.unwrap() {
            Target::Here(runner) => match runner.invoke("{}").await {
                Outcome::Answer(answer) => serde_json::from_slice(&answer).unwrap(),
                other => panic!("no answer but {other:?}"),
            },
            Target::Api => panic!("the function runs here"),
        }
    }
}

fn variables(table: &str) -> Environment {
    Environment::builder().variables("TABLE", table).build()
}

#[tokio::test]
async fn a_deployed_function_runs_with_its_configuration_and_as_its_own_role() {
    let lab = Lab::new("configured").await;
    let Err(DeployedError::Missing(name)) = lab.functions.get(&lab.name).await else {
        panic!("it does not exist yet");
    };
    assert_eq!(name, lab.name);
    lab.deploy("one", Runtime::Providedal2023).await;
    let answer = lab.answer().await;
    let environment = &answer["environment"];
    assert_eq!(answer["word"], "one");
    assert_eq!(
        [&environment["TABLE"], &environment["_HANDLER"], &environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]],
        [&json!("first"), &json!("the.handler"), &json!("256")]
    );
    assert_eq!(environment["AWS_ENDPOINT_URL"].as_str(), lab.sdk.endpoint_url());
    let own = |name: &str| environment[name].as_str().unwrap().to_owned();
    let credentials = aws_credential_types::Credentials::new(
        own("AWS_ACCESS_KEY_ID"),
        own("AWS_SECRET_ACCESS_KEY"),
        Some(own("AWS_SESSION_TOKEN")),
        None,
        "test",
    );
    let config = aws_sdk_sts::config::Builder::from(&lab.sdk)
        .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(credentials));
    let sts = aws_sdk_sts::Client::from_conf(config.build());
    let identity = sts.get_caller_identity().send().await.unwrap();
    assert!(identity.arn().unwrap().contains(":assumed-role/"), "{identity:?}");
    let pid = answer["pid"].clone();
    // The check after `doubt` does not replace the process if nothing has changed.
    lab.functions.doubt(&lab.name).await;
    assert_eq!(lab.answer().await["pid"], pid);
    lab.functions.stop().await;
}

#[tokio::test]
async fn new_code_and_new_configuration_replace_the_processes() {
    let lab = Lab::new("replaced").await;
    lab.deploy("one", Runtime::Providedal2023).await;
    let first = lab.answer().await;
    let lambda = lab.lambda();
    lambda.update_function_code().function_name(&lab.name).zip_file(zip("two")).send().await.unwrap();
    until("the new code answers", async || lab.answer().await["word"] == "two").await;
    let second = lab.answer().await;
    assert_ne!(second["pid"], first["pid"]);
    let update = lambda.update_function_configuration().function_name(&lab.name);
    update.environment(variables("second")).send().await.unwrap();
    until("the new configuration holds", async || lab.answer().await["environment"]["TABLE"] == "second")
        .await;
    lambda
        .put_function_concurrency()
        .function_name(&lab.name)
        .reserved_concurrent_executions(0)
        .send()
        .await
        .unwrap();
    until("the function is switched off", async || {
        let Target::Here(runner) = lab.functions.get(&lab.name).await.unwrap() else { return false };
        runner.invoke("{}").await == Outcome::Throttled
    })
    .await;
    lab.functions.stop().await;
}

#[tokio::test]
async fn the_output_of_a_function_is_in_its_log_group_with_lambdas_lines() {
    let lab = Lab::new("logged").await;
    lab.deploy("one", Runtime::Providedal2023).await;
    lab.answer().await;
    lab.functions.stop().await;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&lab.sdk);
    let group = format!("/aws/lambda/{}", lab.name);
    let mut messages: Vec<String> = Vec::new();
    until("all four lines are there", async || {
        lab.logs.flush().await;
        let found = logs.filter_log_events().log_group_name(&group).send().await;
        messages = found
            .map(|found| found.events().iter().map(|event| event.message().unwrap().to_owned()).collect())
            .unwrap_or_default();
        messages.len() >= 4
    })
    .await;
    let starts: Vec<_> = messages.iter().map(|text| text.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["START", "printed", "END", "REPORT"], "{messages:?}");
}

#[tokio::test]
async fn a_function_whose_runtime_is_not_in_its_zip_is_left_to_lambda() {
    let lab = Lab::new("python").await;
    lab.deploy("one", Runtime::Python312).await;
    assert!(matches!(lab.functions.get(&lab.name).await.unwrap(), Target::Api));
}
