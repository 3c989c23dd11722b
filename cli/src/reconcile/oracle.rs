//! A second opinion on the lake: cli/oracle/oracle.py reads the tables, and Kafka when asked to, with libraries that are
//! not ours.

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
/// The function whose rows are looked at.
const LANE: &str = "parquet-writer";

/// What the second opinion says of one table.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opinion {
    pub(crate) topic: String,
    /// Rows in the table.
    pub(crate) rows: i64,
    /// Distinct records between the ends that Kafka had.
    pub(crate) stored: i64,
    /// Of the offsets between the ends, those whose rows may all belong to earlier topics.
    pub(crate) shared: i64,
    pub(crate) doubled: i64,
    /// What the records in Kafka say, if they were read.
    #[serde(flatten)]
    pub(crate) compared: Option<Compared>,
    pub(crate) problems: Vec<String>,
}

/// Rows against the records in Kafka.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Compared {
    /// Records read.
    pub(crate) records: i64,
    /// Neither stored nor parked.
    pub(crate) missing: i64,
    /// Values in rows that are not those of their record.
    pub(crate) different: i64,
    pub(crate) sum_in_kafka: Option<String>,
    pub(crate) sum_in_lake: Option<String>,
}

impl Opinion {
    pub(crate) fn holds(&self) -> bool {
        self.problems.is_empty()
    }

    /// The opinion as a line of `verify`.
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
    python: PathBuf,
    script: PathBuf,
    question: Value,
}

impl Oracle {
    /// The check of all tables. With `records`, values are compared with those in Kafka, and what the check needs is
    /// installed first; without, `None` where that is not installed.
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
            // Of several incarnations the last one counts: earlier letters are of topics that are gone.
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

    /// Starts it; it runs beside this command.
    pub(crate) async fn start(&self) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.python);
        command
            .arg(&self.script)
            // Nothing of this shell's AWS settings must lead it elsewhere.
            .env_clear()
            .env("LANG", "C.UTF-8")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.python.display()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // If it is gone already, its exit status says so.
            let _ = stdin.write_all(self.question.to_string().as_bytes()).await;
        }
        Ok(Running(child))
    }

    /// What it says, and whether that agrees with the verdicts of our own reader.
    pub(crate) async fn opinions(
        &self,
        running: Running,
        verdicts: &[Verdict],
    ) -> anyhow::Result<Vec<Opinion>> {
        let opinions = running.answer(verdicts).await?;
        if opinions.iter().all(Opinion::holds) {
            return Ok(opinions);
        }
        // It may have read a table a moment before the last rows came.
        self.start().await?.answer(verdicts).await
    }
}

/// The check while it runs.
pub(crate) struct Running(Child);

impl Running {
    async fn answer(self, verdicts: &[Verdict]) -> anyhow::Result<Vec<Opinion>> {
        const FIX: &str = "run this again; if it stays so, delete the folder `oracle` of the tools (.tools, or HEADWATER_TOOLS_DIR) and run `headwater verify --independent`";
        let failed =
            |reason: &str| failure(format!("the independent check of the lake failed: {reason}"), FIX);
        let output = timeout(PATIENCE, self.0.wait_with_output())
            .await
            .map_err(|_| failed("it did not end in time"))?
            .context("the independent check of the lake cannot be read")?;
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
