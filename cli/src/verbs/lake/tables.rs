//! The Delta tables of the deployed pipelines.

use lake_upkeep::Keeper;
use pipeline::{Pipelines, UpkeepSection};
use s3::{Client, S3Location};
use tokio::time::Instant;

use super::{PATIENCE, words::listed};
use crate::{
    failure::failure,
    stack::{emulator, opened::Stack},
};

/// The Delta table of one topic.
pub(super) struct LakeTable {
    pub(super) topic: String,
    /// The path below the lake's root.
    pub(super) path: String,
    /// The bucket and prefix of the table.
    pub(super) location: S3Location,
    /// The section `lake.upkeep` of the pipeline file, with defaults.
    pub(super) upkeep: UpkeepSection,
    client: Client,
}

impl LakeTable {
    /// Reads the table's log and objects from S3.
    pub(super) fn keeper(&self) -> Keeper {
        Keeper::new(self.client.clone(), self.location.clone())
    }

    /// The deadline of a read that starts now ([`PATIENCE`]).
    pub(super) fn deadline() -> Instant {
        Instant::now() + PATIENCE
    }

    /// The error for a table that does not exist, because its topic has had no record.
    pub(super) fn absent(&self) -> anyhow::Error {
        failure(
            format!("{} has had no record yet: there is no table at {}", self.topic, self.location),
            "the first record creates the table; `headwater status` shows the lag of its mapping",
        )
    }
}

/// The tables of these topics. If `topics` is empty, all tables.
///
/// # Errors
/// A failure with a fix if a topic has no table, if no pipeline has one, or if the local stack is not running.
pub(super) async fn of_topics(stack: &Stack, topics: &[String]) -> anyhow::Result<Vec<LakeTable>> {
    let pipelines = stack.pipelines()?;
    let wanted = wanted(&pipelines, topics)?;
    if let Some(local) = stack.local()
        && emulator::healthy(&local.endpoint).await.is_none()
    {
        return Err(failure("the stack is not running", "start it with `headwater up`"));
    }
    let root = stack.lake()?;
    let client = stack.objects();
    let table = |(topic, lake): (&str, &pipeline::LakeSection)| LakeTable {
        topic: topic.to_owned(),
        path: lake.path.clone(),
        location: root.join(&lake.path),
        upkeep: lake.upkeep.clone(),
        client: client.clone(),
    };
    Ok(wanted.into_iter().map(table).collect())
}

/// The topics and their `lake` sections, in the order of the pipelines; see [`of_topics`].
fn wanted<'a>(
    pipelines: &'a Pipelines,
    topics: &[String],
) -> anyhow::Result<Vec<(&'a str, &'a pipeline::LakeSection)>> {
    let of_lake =
        |pipeline: &'a pipeline::Pipeline| Some((pipeline.topic.name.as_str(), pipeline.lake.as_ref()?));
    let all: Vec<_> = pipelines.iter().filter_map(of_lake).collect();
    if all.is_empty() {
        return Err(failure(
            "no pipeline file has a `lake` section, so there is no table",
            "add one: docs/pipeline-files.md explains how",
        ));
    }
    let known = || listed(all.iter().map(|(topic, _)| *topic));
    if let Some(unknown) = topics.iter().find(|topic| !all.iter().any(|(known, _)| known == topic)) {
        return Err(failure(
            format!("no pipeline file has a `lake` section for the topic {unknown}"),
            format!("name one of: {}", known()),
        ));
    }
    Ok(all
        .iter()
        .filter(|(topic, _)| topics.is_empty() || topics.iter().any(|one| one == topic))
        .copied()
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::describe;

    fn pipelines(topics: &[(&str, bool)]) -> Pipelines {
        let one = |(topic, lake): &(&str, bool)| {
            let lake = if *lake {
                format!(r#","lake":{{"consumer_group":"{topic}-l","path":"{topic}"}}"#)
            } else {
                String::new()
            };
            format!(
                r#"{{"topic":{{"name":"{topic}","partitions":1,"retention_hours":1}},"event_time":"at",
                    "fields":[{{"name":"at","type":"timestamp"}},{{"name":"k","type":"string"}},{{"name":"n","type":"int64"}}],
                    "totals":{{"consumer_group":"{topic}-t","table":"{topic}","key":["k"],"sum":"n"}}{lake}}}"#
            )
        };
        let all: Vec<String> = topics.iter().map(one).collect();
        Pipelines::from_json(&format!("[{}]", all.join(","))).unwrap()
    }

    fn names(topics: &[(&str, bool)], wanted_topics: &[&str]) -> Result<Vec<String>, String> {
        let topics_wanted: Vec<String> = wanted_topics.iter().map(|topic| (*topic).to_owned()).collect();
        let found = pipelines(topics);
        let found = wanted(&found, &topics_wanted).map_err(|error| describe(&error))?;
        Ok(found.into_iter().map(|(topic, _)| topic.to_owned()).collect())
    }

    #[test]
    fn without_topics_all_tables_are_returned() {
        assert_eq!(names(&[("aa", true), ("bb", false), ("cc", true)], &[]).unwrap(), ["aa", "cc"]);
        assert_eq!(names(&[("aa", true), ("cc", true)], &["cc"]).unwrap(), ["cc"]);
    }

    #[test]
    fn a_topic_without_a_table_is_refused_with_the_list_of_topics_that_have_one() {
        for unknown in ["bb", "nowhere"] {
            let error = names(&[("aa", true), ("bb", false), ("cc", true)], &["aa", unknown]).unwrap_err();
            assert!(error.contains(unknown) && error.contains("name one of: aa, cc"), "{error}");
        }
        let error = names(&[("bb", false)], &[]).unwrap_err();
        assert!(error.contains("`lake` section"), "{error}");
    }
}
