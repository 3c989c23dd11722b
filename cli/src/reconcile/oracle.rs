//! An independent check of the lake. cli/oracle/oracle.py reads the tables, and on request the records in Kafka, with
//! other libraries than our own code. So an error in our reader or writer is not hidden by the same error in the check.

use std::{collections::BTreeMap, path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context as _;
use pipeline::{Pipeline, Pipelines};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time::timeout,
};

use super::{Verdict, ends::Ends, parked::Letters};
use crate::{
    failure::failure,
    stack::{
        layout::Layout,
        opened::{self, Stack},
        record::aws_variables,
        tools,
    },
};

/// How long reading all tables may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// The function whose rows are checked.
const LANE: &str = pipeline::Sink::Lake.function();

/// Result of the independent check for one table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opinion {
    pub(crate) topic: String,
    /// Rows in the table.
    pub(crate) rows: i64,
    /// Distinct stored records whose offsets are between the ends of Kafka.
    pub(crate) stored: i64,
    /// Offsets between the ends whose rows may all come from an earlier topic of the same name. It is not known whether
    /// the current topic's record is stored.
    pub(crate) shared: i64,
    /// Rows that store a record a second time.
    pub(crate) doubled: i64,
    /// Comparison with the records in Kafka. `None` if they were not read.
    #[serde(flatten)]
    pub(crate) compared: Option<Compared>,
    /// Differences, one line each.
    pub(crate) problems: Vec<String>,
}

/// Comparison of the rows with the records in Kafka.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Compared {
    /// Records read from Kafka.
    pub(crate) records: i64,
    /// Records that are neither stored nor parked.
    pub(crate) missing: i64,
    /// Values that differ between a row and its record.
    pub(crate) different: i64,
    /// Exact sum of the pipeline's summed field over the records, as a decimal number. `None` if it has no such field.
    pub(crate) sum_in_kafka: Option<String>,
    /// The same sum over the rows.
    pub(crate) sum_in_lake: Option<String>,
}

impl Opinion {
    /// Whether the check found no problem.
    pub(crate) fn holds(&self) -> bool {
        self.problems.is_empty()
    }

    /// The result as one line for people.
    pub(crate) fn line(&self) -> String {
        let Self { topic, rows, stored, compared, .. } = self;
        let compared = compared.as_ref().map(Compared::text).unwrap_or_default();
        format!("{topic}: deltalake reads {rows} rows, {stored} records of those in Kafka{compared}")
    }
}

impl Compared {
    fn text(&self) -> String {
        let sums = self.sum_in_lake.as_ref().zip(self.sum_in_kafka.as_ref());
        let sums = sums.map(|(lake, kafka)| {
            let relation = if lake == kafka { "=" } else { "BUT" };
            format!(", sum {lake} {relation} {kafka} in Kafka")
        });
        format!("; compared with the {} records{}", self.records, sums.unwrap_or_default())
    }
}

/// The check, ready to run.
pub(crate) struct Oracle {
    /// Python of the check's virtual environment.
    python: PathBuf,
    script: PathBuf,
    /// Input of the script: one JSON object on its standard input.
    question: Value,
}

impl Oracle {
    /// Prepares the check of all tables. With `records`, it also compares values with Kafka, and its Python packages
    /// are installed if needed. Without, returns `None` if they are not installed or the stack is not local.
    ///
    /// # Errors
    /// With `records`: the packages cannot be installed, or the stack is not local.
    pub(crate) fn new(
        (layout, stack): (&Layout, &Stack),
        records: bool,
        pipelines: &Pipelines,
        ends: &BTreeMap<String, Ends>,
        letters: &Letters,
    ) -> anyhow::Result<Option<Self>> {
        let python = if records { Some(tools::oracle(layout)?) } else { tools::installed_oracle(layout) };
        let Some(python) = python else { return Ok(None) };
        let root = &stack.outputs().lake_root;
        let table = |pipeline: &Pipeline| {
            let (lake, topic) = (pipeline.lake.as_ref()?, &pipeline.topic.name);
            let mine = letters.iter().filter(|((lane, of, ..), _)| lane == LANE && of == topic);
            // If a topic was deleted and created again, only the parked records of the last topic count. `collect`
            // keeps the last entry of each partition.
            let letters: BTreeMap<i32, _> =
                mine.map(|((_, _, partition, _), offsets)| (*partition, offsets)).collect();
            let uri = format!("{root}/{}", lake.path);
            Some(json!({ "uri": uri, "pipeline": pipeline, "ends": ends.get(topic)?, "letters": letters }))
        };
        let Some(local) = stack.local() else {
            return if records { Err(opened::local_only("verify --independent")) } else { Ok(None) };
        };
        let mut storage: BTreeMap<_, _> = aws_variables(&local.endpoint, &local.region).into_iter().collect();
        storage.insert("AWS_ALLOW_HTTP", "true".to_owned());
        let question = json!({
            "storage": storage,
            "kafka": local.kafka(),
            "records": records,
            "tables": pipelines.iter().filter_map(table).collect::<Vec<_>>(),
        });
        Ok(Some(Self { python, script: layout.checkout.join("cli/oracle/oracle.py"), question }))
    }

    /// Starts the script, which runs while this command continues.
    pub(crate) async fn start(&self) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.python);
        command
            .arg(&self.script)
            // The AWS variables of this shell must not direct the script to another endpoint or account.
            .env_clear()
            .env("LANG", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.python.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // If the script has ended already, its exit status reports the error.
            let _ = stdin.write_all(self.question.to_string().as_bytes()).await;
        }
        Ok(Running(child))
    }

    /// Waits for the script's results and compares them with the verdicts of our own reader. A difference becomes a
    /// problem of the result. If there is a problem, the check is run once more.
    ///
    /// # Errors
    /// The script fails, prints invalid JSON, or does not end within [`PATIENCE`].
    pub(crate) async fn opinions(
        &self,
        running: Running,
        verdicts: &[Verdict],
    ) -> anyhow::Result<Vec<Opinion>> {
        let opinions = running.answer(verdicts).await?;
        if opinions.iter().all(Opinion::holds) {
            return Ok(opinions);
        }
        // The script may have read a table just before the last rows were stored.
        self.start().await?.answer(verdicts).await
    }
}

/// The running script. Dropping it kills the script.
pub(crate) struct Running(Child);

impl Running {
    /// Waits for the script's output and adds a problem to each result that differs from the verdict of our reader.
    async fn answer(self, verdicts: &[Verdict]) -> anyhow::Result<Vec<Opinion>> {
        const FIX: &str = "run this again; if it still fails, delete the folder `oracle` in .tools (or HEADWATER_TOOLS_DIR) and run `headwater verify --independent`";
        let failed =
            |reason: &str| failure(format!("the independent check of the lake failed: {reason}"), FIX);
        let output = timeout(PATIENCE, self.0.wait_with_output())
            .await
            .map_err(|_| failed("it did not end in time"))?
            .context("cannot read the output of the independent check of the lake")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(
                said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given"),
            ));
        }
        let mut opinions: Vec<Opinion> =
            serde_json::from_slice(&output.stdout).map_err(|error| failed(&error.to_string()))?;
        for opinion in &mut opinions {
            let ours =
                verdicts.iter().find(|verdict| verdict.function == LANE && verdict.topic == opinion.topic);
            if let Some(Verdict { stored, .. }) = ours
                && !(opinion.stored..=opinion.stored + opinion.shared).contains(stored)
            {
                let problem =
                    format!("our reader finds {stored} stored records, deltalake {}", opinion.stored);
                opinion.problems.push(problem);
            }
        }
        Ok(opinions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opinions_are_read_with_and_without_records() {
        let counts =
            r#"{"topic":"t","rows":3,"stored":2,"shared":0,"doubled":1,"problems":["stored twice: 0:1"]}"#;
        let counts: Opinion = serde_json::from_str(counts).unwrap();
        assert!(!counts.holds() && counts.compared.is_none());
        let compared = r#"{"topic":"t","rows":3,"stored":3,"shared":0,"doubled":0,"problems":[],"records":3,"missing":0,"different":0,"sum_in_kafka":"6","sum_in_lake":"6"}"#;
        let compared: Opinion = serde_json::from_str(compared).unwrap();
        assert!(compared.holds());
        assert!(
            compared
                .line()
                .ends_with("3 records of those in Kafka; compared with the 3 records, sum 6 = 6 in Kafka")
        );
    }
}
