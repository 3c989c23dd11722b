//! Checks the `lake` section of a pipeline file.

use std::collections::HashSet;

use crate::checker::{Checker, is_column};
use crate::rule::Rule;
use crate::spec::{LakeSection, Pipeline, UpkeepSection};

/// Characters that S3 advises against, that Hadoop reads as a glob, or that have a meaning in a URL.
const BARRED: &str = "\\{}^%`[]\"<>~#|?*:";

/// Checks the section: path, partition columns and upkeep.
pub(crate) fn lake(checker: &mut Checker, lake: &LakeSection, pipeline: &Pipeline) {
    let at = ["lake", "path"];
    let plain = lake.path.len() <= 512
        && lake.path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !lake.path.contains(|c: char| c.is_control() || BARRED.contains(c));
    checker.require(plain, &at, Rule::LakePath);
    // Readers of Delta tables treat names like these as hidden; `_delta_log` is one of them.
    let reserved = plain && lake.path.split('/').any(|part| part.starts_with(['_', '.']));
    checker.require(!reserved, &at, Rule::LakeReserved);
    let mut names: HashSet<_> = pipeline.fields.iter().map(|field| field.name.to_lowercase()).collect();
    for (index, column) in lake.partition_by.iter().enumerate() {
        let index = index.to_string();
        let at = |part| ["lake", "partition_by", &index, part];
        checker.require(is_column(&column.name), &at("name"), Rule::FieldName);
        if !names.insert(column.name.to_lowercase()) {
            checker.problem(&at("name"), Rule::FieldTaken, &column.name);
        }
        if column.value.contains('%') {
            checker.require(is_calendar_pattern(&column.value), &at("value"), Rule::PartitionPattern);
            checker.require(pipeline.event_time.is_some(), &at("value"), Rule::PartitionTime);
        }
        checker.require(!column.value.is_empty(), &at("value"), Rule::PartitionValue);
    }
    upkeep(checker, &lake.upkeep);
}

/// Checks the limits of the upkeep settings.
fn upkeep(checker: &mut Checker, upkeep: &UpkeepSection) {
    let at = |part| ["lake", "upkeep", part];
    let commits = (1..=100_000).contains(&upkeep.checkpoint_commits);
    checker.require(commits, &at("checkpoint_commits"), Rule::CheckpointCommits);
    let target = (1 << 20..=1 << 28).contains(&upkeep.target_file_bytes);
    checker.require(target, &at("target_file_bytes"), Rule::TargetFileBytes);
    checker.require((2..=10_000).contains(&upkeep.min_files), &at("min_files"), Rule::MinFiles);
    let hours = 1..=87_600;
    checker.require(hours.contains(&upkeep.retention_hours), &at("retention_hours"), Rule::UpkeepHours);
    let history = hours.contains(&upkeep.log_retention_hours);
    checker.require(history, &at("log_retention_hours"), Rule::UpkeepHours);
}

/// Whether a pattern uses only codes of a year, month, day, hour or ISO week. A finer one would make folders of less
/// than an hour.
fn is_calendar_pattern(pattern: &str) -> bool {
    let mut parts = pattern.split('%').skip(1);
    parts.all(|part| part.starts_with(['Y', 'm', 'd', 'H', 'j', 'G', 'V']))
}

/// Whether two paths name the same folder, or one is inside the other. Paths are normalised first: `a//b`, `a/./b` and
/// `a/c/../b` are the same folder.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (parts(one), parts(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// The parts of a path after normalisation.
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}
