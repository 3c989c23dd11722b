//! Runs Spark jobs on this machine with `spark-submit`. In AWS, EMR Serverless runs them.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail};
use aws_config::SdkConfig;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{aws, layout::Layout, process::identity, record::LocalStack, requirements, tools};

/// Timeout of a job that has no `ExecutionTimeoutMinutes`.
const LONGEST: Duration = Duration::from_hours(1);
/// Number of lines at the end of the log that an error quotes.
const LAST_WORDS: usize = 8;

/// A job: the fields of EMR Serverless's `StartJobRun` request that are used here.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SparkJob {
    #[serde(default)]
    name: String,
    execution_role_arn: Option<String>,
    execution_timeout_minutes: Option<u64>,
    job_driver: JobDriver,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JobDriver {
    spark_submit: SparkSubmit,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SparkSubmit {
    entry_point: String,
    #[serde(default)]
    entry_point_arguments: Vec<String>,
    #[serde(default)]
    #[serde(rename = "SparkSubmitParameters")]
    parameters: String,
}

/// A running job. It has its own process group. Dropping this value kills the group and deletes the job's folder.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// Process id of `spark-submit`, which is also the id of its process group.
    pid: i32,
    /// Identity of that process (see [`identity`]): process ids are reused.
    pub(crate) identity: String,
    /// The job's temporary folder: its code, settings and standard output. Its name is the job run's id.
    folder: PathBuf,
    /// Log that all jobs append to.
    log: PathBuf,
    /// Byte position in the log at which this job's lines begin.
    log_start: u64,
    /// Timeout of the job.
    limit: Duration,
    name: String,
}

impl SparkJob {
    /// Parses a `StartJobRun` request in JSON. Unknown fields are ignored.
    pub(crate) fn parse(input: &str) -> anyhow::Result<Self> {
        serde_json::from_str(input).context("the task's input is not a StartJobRun request")
    }

    /// Fetches the job's code from S3 and starts the job with the credentials of its role.
    ///
    /// Installs Spark first if that is not done yet, which takes minutes.
    ///
    /// # Errors
    /// Spark cannot be installed; an object is missing; the parameters contain quotes; the role cannot be assumed.
    pub(crate) async fn start(&self, layout: &Layout, stack: &LocalStack) -> anyhow::Result<Running> {
        // An installation takes minutes. `block_in_place` lets the bridge poll Kafka meanwhile.
        let spark = tokio::task::block_in_place(|| tools::spark(layout))?;
        let folder = layout.data.join("spark").join(uuid::Uuid::new_v4().to_string());
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let submit = &self.job_driver.spark_submit;
        let sdk = aws::config(stack).await;
        let s3 = s3::client(&sdk);
        let entry = fetch(&s3, &submit.entry_point, &folder).await?;
        let parameters = parameters(&submit.parameters)?;
        let mut files = Vec::new();
        for file in &parameters.py_files {
            files.push(fetch(&s3, file, &folder).await?.display().to_string());
        }
        let log = layout.logs().join("spark.log");
        let open = || File::options().create(true).append(true).open(&log);
        let mut log_file = open().with_context(|| format!("cannot write {}", log.display()))?;
        let log_start = log_file.seek(SeekFrom::End(0)).context("cannot tell the log's length")?;
        let answer = File::create(folder.join("stdout")).context("cannot keep the job's answer")?;
        let mut command = Command::new(&spark.submit);
        command.arg("--properties-file").arg(defaults(layout, stack, &spark, &folder)?);
        if !files.is_empty() {
            command.arg("--py-files").arg(files.join(","));
        }
        command.args(&parameters.others).arg(entry).args(&submit.entry_point_arguments);
        command.env("PYSPARK_PYTHON", &spark.python).env("PYSPARK_DRIVER_PYTHON", &spark.python);
        command.env("JAVA_HOME", java_home()?).env("SPARK_LOCAL_IP", "127.0.0.1").env_remove("SPARK_HOME");
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"] {
            command.env_remove(name);
        }
        command.env("AWS_REGION", &stack.region).env("AWS_DEFAULT_REGION", &stack.region);
        command.envs(self.credentials(&sdk).await?);
        let child = command
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(answer)
            .stderr(log_file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {}", spark.submit.display()))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).context("spark-submit ended at once")?;
        let limit =
            self.execution_timeout_minutes.map_or(LONGEST, |minutes| Duration::from_secs(60 * minutes));
        let identity = identity(pid).unwrap_or_default();
        Ok(Running { child, pid, identity, folder, log, log_start, limit, name: self.name.clone() })
    }

    /// Credentials of the job's role, so that the job has the same permissions here as in AWS.
    async fn credentials(&self, sdk: &SdkConfig) -> anyhow::Result<[(&'static str, String); 3]> {
        let Some(role) = &self.execution_role_arn else { bail!("the job has no ExecutionRoleArn") };
        let client = aws_sdk_sts::Client::new(sdk);
        let session = client.assume_role().role_arn(role).role_session_name("headwater-spark").send().await;
        let session = session.map_err(|error| {
            anyhow::anyhow!("cannot assume {role}: {}", aws_sdk_sts::error::DisplayErrorContext(&error))
        })?;
        let credentials = session.credentials.context("the role has no credentials")?;
        Ok([
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
            ("AWS_SESSION_TOKEN", credentials.session_token),
        ])
    }
}

impl Running {
    /// Process id of `spark-submit`, the leader of the job's process group.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits for the job's end. Returns fields of EMR's `GetJobRun`, and as `Result` the last line of JSON that the job
    /// printed (`null` if there is none).
    ///
    /// # Errors
    /// The job failed (the error quotes its last lines), or its time is over. In the second case it is killed.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<Value> {
        let Ok(status) = tokio::time::timeout(self.limit, self.child.wait()).await else {
            self.kill();
            bail!("the job did not end within {} minutes", self.limit.as_secs() / 60);
        };
        let status = status.context("cannot wait for spark-submit")?;
        let printed = fs::read_to_string(self.folder.join("stdout")).unwrap_or_default();
        if !status.success() {
            bail!("{}", self.last_words(status, &printed));
        }
        let answer = printed.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        let id = self.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(json!({"JobRunId": id, "Name": self.name, "State": "SUCCESS", "Result": answer}))
    }

    /// Kills the job with all its processes.
    pub(crate) fn kill(&self) {
        kill_group(self.pid);
    }

    /// The text of a failed job's error: the exit status and the last lines of its log and output. Indented lines are
    /// left out: they are mostly stack traces.
    fn last_words(&self, status: ExitStatus, printed: &str) -> String {
        let mut logged = String::new();
        if let Ok(mut file) = File::open(&self.log)
            && file.seek(SeekFrom::Start(self.log_start)).is_ok()
        {
            let _ = file.read_to_string(&mut logged);
        }
        let mut lines: Vec<&str> = logged
            .lines()
            .chain(printed.lines())
            .filter(|line| !line.trim().is_empty() && !line.starts_with(char::is_whitespace))
            .collect();
        let lines = lines.split_off(lines.len().saturating_sub(LAST_WORDS));
        let mut text = format!("spark-submit failed ({status})");
        for line in lines {
            let _ = write!(text, "\n  {line}");
        }
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.kill();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Kills a process group with `SIGKILL`. Does nothing if it no longer exists.
pub(crate) fn kill_group(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Parsed `SparkSubmitParameters`. Files of `--py-files` are on S3 and must be fetched; the rest is passed on
/// unchanged.
#[derive(Debug, PartialEq, Eq)]
struct Parameters {
    py_files: Vec<String>,
    others: Vec<String>,
}

fn parameters(text: &str) -> anyhow::Result<Parameters> {
    if text.contains(['"', '\'', '\\']) {
        bail!("SparkSubmitParameters with quotes are not supported on the local stack: {text}");
    }
    let mut words = text.split_whitespace().map(ToOwned::to_owned);
    let mut parameters = Parameters { py_files: Vec::new(), others: Vec::new() };
    while let Some(word) = words.next() {
        if word == "--py-files" {
            let files = words.next().context("--py-files names no file")?;
            parameters.py_files.extend(files.split(',').map(ToOwned::to_owned));
        } else {
            parameters.others.push(word);
        }
    }
    Ok(parameters)
}

/// Downloads an object into the folder and returns the file.
async fn fetch(s3: &s3::Client, address: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    let (parent, name) =
        address.rsplit_once('/').with_context(|| format!("{address} is not an address on S3"))?;
    let parent = parent.parse().with_context(|| format!("{address} is not an address on S3"))?;
    let store = s3::ObjectStore::new(s3.clone(), parent);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let body = store.get(name, deadline).await?.with_context(|| format!("there is no {address}"))?;
    let file = folder.join(name);
    fs::write(&file, body).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Writes Spark's properties file for this stack and returns its path.
fn defaults(
    layout: &Layout,
    stack: &LocalStack,
    spark: &tools::Spark,
    folder: &Path,
) -> anyhow::Result<PathBuf> {
    let template = layout.checkout.join("localstack/spark/spark-defaults.conf");
    let settings = fs::read_to_string(&template)
        .with_context(|| format!("cannot read {}", template.display()))?
        .replace("@endpoint@", &stack.endpoint)
        .replace("@region@", &stack.region)
        .replace("@jars@", &spark.jars.display().to_string());
    let file = folder.join("spark-defaults.conf");
    fs::write(&file, settings).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// The folder of the Java that Kafka runs on.
fn java_home() -> anyhow::Result<PathBuf> {
    let java = fs::canonicalize(requirements::java()?).context("cannot find Java's folder")?;
    java.ancestors().nth(2).map(Path::to_path_buf).context("Java's path has no parent folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_files_are_told_from_other_parameters() {
        let taken = parameters("--py-files s3://b/a.py,s3://b/b.py --conf spark.x=1").unwrap();
        assert_eq!(taken.py_files, ["s3://b/a.py", "s3://b/b.py"]);
        assert_eq!(taken.others, ["--conf", "spark.x=1"]);
        assert!(parameters("--conf 'a b'").is_err() && parameters("--py-files").is_err());
    }

    #[test]
    fn a_job_is_read_in_the_words_of_emr() {
        let job = SparkJob::parse(
            r#"{"ApplicationId":"a","ExecutionRoleArn":"r","Name":"n","ExecutionTimeoutMinutes":5,
                "JobDriver":{"SparkSubmit":{"EntryPoint":"s3://b/job.py","EntryPointArguments":["--raw","x"]}}}"#,
        )
        .unwrap();
        assert_eq!(job.job_driver.spark_submit.entry_point, "s3://b/job.py");
        assert_eq!(job.execution_timeout_minutes, Some(5));
        assert!(SparkJob::parse("{}").is_err());
    }
}
