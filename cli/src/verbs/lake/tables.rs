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

/// The table of one topic.
pub(super) struct LakeTable {
    pub(super) topic: String,
    /// Below the lake's root.
    pub(super) path: String,
    pub(super) location: S3Location,
    pub(super) upkeep: UpkeepSection,
    client: Client,
}

impl LakeTable {
    pub(super) fn keeper(&self) -> Keeper {
        Keeper::new(self.client.clone(), self.location.clone())
    }

    /// When reading the table is given up.
    pub(super) fn deadline() -> Instant {
        Instant::now() + PATIENCE
    }

    /// The error of a table that no record has reached yet.
    pub(super) fn absent(&self) -> anyhow::Error {
        failure(
            format!("{} has had no record yet: there is no table at {}", self.topic, self.location),
            "the first record makes it; `headwater status` shows whether any are on their way",
        )
    }
}

/// The tables of these topics; of all topics where none is named.
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
            "docs/pipeline-files.md says how to add one",
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
    fn all_tables_are_meant_where_none_is_named() {
        assert_eq!(names(&[("aa", true), ("bb", false), ("cc", true)], &[]).unwrap(), ["aa", "cc"]);
        assert_eq!(names(&[("aa", true), ("cc", true)], &["cc"]).unwrap(), ["cc"]);
    }

    #[test]
    fn a_topic_without_a_table_is_refused_with_the_list_of_those_that_have_one() {
        for unknown in ["bb", "nowhere"] {
            let error = names(&[("aa", true), ("bb", false), ("cc", true)], &["aa", unknown]).unwrap_err();
            assert!(error.contains(unknown) && error.contains("name one of: aa, cc"), "{error}");
        }
        let error = names(&[("bb", false)], &[]).unwrap_err();
        assert!(error.contains("`lake` section"), "{error}");
    }
}
