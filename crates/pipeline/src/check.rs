//! Checks a pipeline file beyond its shape: names that exist, types that fit, numbers within AWS's limits.

use std::collections::HashSet;

use crate::check_lake::lake;
use crate::check_table::table;
use crate::check_totals::totals;
use crate::checker::{Checker, Problem, is_column};
use crate::field::{Field, FieldType, TimestampFormat};
use crate::layout::Layout;
use crate::rule::Rule;
use crate::spec::{Batching, Pipeline, TopicSection};
use crate::together::own_tables;

/// Checks one pipeline and returns every problem, not only the first.
pub(crate) fn check(pipeline: &Pipeline) -> Vec<Problem> {
    let mut checker = Checker::default();
    topic(&mut checker, &pipeline.topic);
    checker.require(!pipeline.fields.is_empty(), &["fields"], Rule::NoFields);
    fields(&mut checker, &pipeline.fields, &["fields"]);

    let layout = Layout::of(&pipeline.fields);
    if let Some(path) = &pipeline.event_time {
        let timestamp = layout.column_index(path).filter(|&place| {
            layout.columns[place].field_type == FieldType::Timestamp && !layout.may_be_null(place)
        });
        checker.require(timestamp.is_some(), &["event_time"], Rule::EventTime);
    }
    let sinks = pipeline.lake.is_some() || pipeline.totals.is_some() || pipeline.table.is_some();
    checker.require(sinks, &[], Rule::NoSink);
    if let Some(spec) = &pipeline.lake {
        lake(&mut checker, spec, pipeline);
    }
    if let Some(spec) = &pipeline.totals {
        totals(&mut checker, spec, &layout);
    }
    if let Some(spec) = &pipeline.table {
        table(&mut checker, spec, pipeline, &layout);
    }
    groups(&mut checker, pipeline);
    checker.extend(own_tables(pipeline));
    batching(&mut checker, &pipeline.batching);
    checker.into_problems()
}

/// Checks the topic against Kafka's rules and those of Lambda's event source mappings.
fn topic(checker: &mut Checker, topic: &TopicSection) {
    let name = &topic.name;
    let named = (2..=249).contains(&name.len()) && name.chars().all(is_kafka) && !name.starts_with('.');
    checker.require(named, &["topic", "name"], Rule::TopicName);
    // Kafka's internal topics begin with `__`, and its metrics write `_` for `.`.
    if named && name.replace('.', "_").starts_with("__") {
        checker.problem(&["topic", "name"], Rule::TopicReserved, name);
    }
    checker.require((1..=10_000).contains(&topic.partitions), &["topic", "partitions"], Rule::Partitions);
    checker.require(topic.retention_hours > 0, &["topic", "retention_hours"], Rule::RetentionHours);
}

/// Whether Kafka allows the character in the name of a topic or a group.
fn is_kafka(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Each lane needs its own consumer group: two lanes in one group would share the partitions, and each would miss
/// records. A group is part of the names of Delta's app transactions and of the resources in IAM policies, so it
/// contains neither `/` nor `*`.
fn groups(checker: &mut Checker, pipeline: &Pipeline) {
    let mut seen = HashSet::new();
    for (sink, group) in pipeline.lanes() {
        let path = [sink.section(), "consumer_group"];
        let named = (1..=200).contains(&group.len()) && group.chars().all(is_kafka);
        checker.require(named, &path, Rule::GroupName);
        if !seen.insert(group) {
            checker.problem(&path, Rule::GroupTaken, group);
        }
    }
}

/// Checks the fields of the record or of a struct, and the fields inside them.
fn fields(checker: &mut Checker, list: &[Field], path: &[&str]) {
    let mut names = HashSet::new();
    for (index, field) in list.iter().enumerate() {
        let index = index.to_string();
        let at = |part: &'static str| [path, &[&index, part]].concat();
        checker.require(is_column(&field.name), &at("name"), Rule::FieldName);
        // Engines that read the table compare column names without case.
        if !names.insert(field.name.to_lowercase()) {
            checker.problem(&at("name"), Rule::FieldTaken, &field.name);
        }
        let is_struct = field.field_type == FieldType::Struct;
        checker.require(is_struct != field.fields.is_empty(), &at("fields"), Rule::StructFields);
        checker.require(
            field.field_type == FieldType::Timestamp || field.format == TimestampFormat::Iso,
            &at("format"),
            Rule::TimestampFormat,
        );
        fields(checker, &field.fields, &at("fields"));
    }
}

/// Checks the batching settings against the limits of Lambda's event source mappings.
fn batching(checker: &mut Checker, batching: &Batching) {
    checker.require(
        (1..=10_000).contains(&batching.batch_size),
        &["batching", "batch_size"],
        Rule::BatchSize,
    );
    checker.require(batching.window_seconds <= 300, &["batching", "window_seconds"], Rule::Window);
    if let Some(provisioned) = &batching.provisioned {
        let at = |part| ["batching", "provisioned", part];
        checker.require(
            (1..=200).contains(&provisioned.minimum_pollers),
            &at("minimum_pollers"),
            Rule::MinimumPollers,
        );
        checker.require(
            (provisioned.minimum_pollers..=2_000).contains(&provisioned.maximum_pollers),
            &at("maximum_pollers"),
            Rule::MaximumPollers,
        );
        checker.require(
            (-1..=10_000).contains(&provisioned.maximum_retries),
            &at("maximum_retries"),
            Rule::MaximumRetries,
        );
        let limited = provisioned.maximum_retries != -1 || provisioned.maximum_record_age_seconds != -1;
        // Without a failure destination, Lambda drops the batches that it gives up.
        checker.require(!limited || batching.on_failure, &["batching", "provisioned"], Rule::GivingUp);
        let age = provisioned.maximum_record_age_seconds;
        checker.require(
            age == -1 || (60..=604_800).contains(&age),
            &at("maximum_record_age_seconds"),
            Rule::RecordAge,
        );
    }
}
