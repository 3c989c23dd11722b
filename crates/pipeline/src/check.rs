//! What a pipeline file must fulfil beyond its shape: names that exist, types that fit, numbers within AWS's bounds.

use std::collections::HashSet;

use crate::check_table::{KEYED, TABLE_NAME, is_identifier, is_table_name, keyed, table};
use crate::field::{Field, FieldType, TimestampFormat};
use crate::layout::Layout;
use crate::spec::{Batching, Lake, Pipeline, Totals};

/// Something wrong in a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: keys and list indices from the file's root, such as `totals`, `key`, `0`.
    pub path: Vec<String>,
    /// What, and how to mend it.
    pub message: String,
}

/// The lake's own columns begin with an underscore; so a field's must not.
const RESERVED_PREFIX: char = '_';

/// Collects problems.
pub(crate) struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    pub(crate) fn problem(&mut self, path: &[&str], message: impl Into<String>) {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        self.problems.push(Problem { path, message: message.into() });
    }

    pub(crate) fn require(&mut self, holds: bool, path: &[&str], message: &str) {
        if !holds {
            self.problem(path, message);
        }
    }
}

/// All problems of `pipeline`.
pub(crate) fn check(pipeline: &Pipeline) -> Vec<Problem> {
    let mut checker = Checker { problems: Vec::new() };
    let topic = &pipeline.topic;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let named = (1..=249).contains(&topic.name.len())
        && topic.name.chars().all(legal)
        && topic.name != "."
        && topic.name != "..";
    checker.require(
        named,
        &["topic", "name"],
        "a topic's name is 1 to 249 of letters, digits, `.`, `_`, `-`",
    );
    checker.require(topic.partitions > 0, &["topic", "partitions"], "a topic has at least one partition");
    checker.require(topic.retention_hours > 0, &["topic", "retention_hours"], "must be at least 1");
    checker.require(!pipeline.fields.is_empty(), &["fields"], "a record has at least one field");
    fields(&mut checker, &pipeline.fields, &["fields"]);

    let layout = Layout::of(&pipeline.fields);
    if let Some(path) = &pipeline.event_time {
        let timestamp = layout.place(path).filter(|&place| {
            layout.columns[place].field_type == FieldType::Timestamp && !layout.may_be_null(place)
        });
        checker.require(
            timestamp.is_some(),
            &["event_time"],
            "must name a field of type timestamp that is not nullable",
        );
    }
    if pipeline.lake.is_none() && pipeline.totals.is_none() && pipeline.table.is_none() {
        checker.problem(&[], "the records go nowhere: add a `lake`, a `totals` or a `table` section");
    }
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
    batching(&mut checker, &pipeline.batching);
    checker.problems
}

/// Each lane is a group of its own: two in one group would share out the partitions.
fn groups(checker: &mut Checker, pipeline: &Pipeline) {
    let sections = [
        ("lake", pipeline.lake.as_ref().map(|spec| &spec.consumer_group)),
        ("totals", pipeline.totals.as_ref().map(|spec| &spec.consumer_group)),
        ("table", pipeline.table.as_ref().map(|spec| &spec.consumer_group)),
    ];
    let mut seen = HashSet::new();
    for (section, group) in sections {
        let Some(group) = group else { continue };
        let path = [section, "consumer_group"];
        checker.require(!group.is_empty(), &path, "must not be empty");
        checker.require(seen.insert(group), &path, "another section has this group; each lane needs its own");
    }
}

fn fields(checker: &mut Checker, list: &[Field], path: &[&str]) {
    let mut names = HashSet::new();
    for (index, field) in list.iter().enumerate() {
        let index = index.to_string();
        let at = |part: &'static str| [path, &[&index, part]].concat();
        let plain = !field.name.is_empty()
            && !field.name.starts_with(RESERVED_PREFIX)
            && field.name.chars().all(|c| !c.is_control() && !" ,;{}()=.`\"".contains(c));
        checker.require(
            plain,
            &at("name"),
            "a field's name is not empty, does not begin with `_`, and holds no space nor any of ,;{}()=.`\"",
        );
        // Engines that read the table compare names without case.
        checker.require(names.insert(field.name.to_lowercase()), &at("name"), "another field has this name");
        let is_struct = field.field_type == FieldType::Struct;
        checker.require(
            is_struct != field.fields.is_empty(),
            &at("fields"),
            "a struct, and only a struct, has fields",
        );
        checker.require(
            field.field_type == FieldType::Timestamp || field.format == TimestampFormat::Iso,
            &at("format"),
            "only a timestamp has a format",
        );
        fields(checker, &field.fields, &at("fields"));
    }
}

fn lake(checker: &mut Checker, lake: &Lake, pipeline: &Pipeline) {
    let plain = lake.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    checker.require(
        plain,
        &["lake", "path"],
        "a path like `env=dv/source=rooms`, with no empty part and no `/` at its ends",
    );
    let mut names: HashSet<_> = pipeline.fields.iter().map(|field| field.name.to_lowercase()).collect();
    for (index, column) in lake.partition_by.iter().enumerate() {
        let index = index.to_string();
        let at = |part| ["lake", "partition_by", &index, part];
        let fresh = names.insert(column.name.to_lowercase()) && !column.name.is_empty();
        checker.require(
            fresh && !column.name.starts_with(RESERVED_PREFIX),
            &at("name"),
            "is empty, begins with `_`, or is taken",
        );
        if column.value.contains('%') {
            checker.require(
                is_calendar_pattern(&column.value),
                &at("value"),
                "may use %Y, %m, %d, %H, %j, %G, %V and plain text: a folder for less than an hour holds too little",
            );
            checker.require(pipeline.event_time.is_some(), &at("value"), "a pattern needs `event_time`");
        }
        checker.require(!column.value.is_empty(), &at("value"), "must not be empty");
    }
}

fn totals(checker: &mut Checker, totals: &Totals, layout: &Layout) {
    checker.require(is_table_name(&totals.table), &["totals", "table"], TABLE_NAME);
    checker.require(
        is_identifier(&totals.total_column),
        &["totals", "total_column"],
        "is lower-case letters, digits and `_`",
    );
    checker.require(!totals.key.is_empty(), &["totals", "key"], "names at least one field");
    let sum = layout.place(&totals.sum).filter(|&place| {
        let summable = matches!(
            layout.columns[place].field_type,
            FieldType::Int32 | FieldType::Int64 | FieldType::Decimal { .. }
        );
        summable && !layout.may_be_null(place)
    });
    checker.require(
        sum.is_some(),
        &["totals", "sum"],
        "must name a field of type int32, int64 or decimal that is not nullable",
    );
    let mut columns = HashSet::from([totals.total_column.as_str(), "updated_at"]);
    for (index, key) in totals.key.iter().enumerate() {
        let index = index.to_string();
        let path = ["totals", "key", &index];
        match keyed(layout, key).map(|place| layout.columns[place].name.as_str()) {
            None => checker.problem(&path, KEYED),
            Some(name) => {
                checker.require(columns.insert(name), &path, "the table has another column of this name");
            }
        }
    }
}

fn is_calendar_pattern(pattern: &str) -> bool {
    let mut parts = pattern.split('%').skip(1);
    parts.all(|part| part.starts_with(['Y', 'm', 'd', 'H', 'j', 'G', 'V']))
}

fn batching(checker: &mut Checker, batching: &Batching) {
    let size = (1..=10_000).contains(&batching.batch_size);
    checker.require(size, &["batching", "batch_size"], "is 1 to 10,000");
    checker.require(batching.window_seconds <= 300, &["batching", "window_seconds"], "is 0 to 300");
    if let Some(provisioned) = &batching.provisioned {
        let at = |part| ["batching", "provisioned", part];
        checker.require(
            (1..=200).contains(&provisioned.minimum_pollers),
            &at("minimum_pollers"),
            "is 1 to 200",
        );
        checker.require(
            (provisioned.minimum_pollers..=2_000).contains(&provisioned.maximum_pollers),
            &at("maximum_pollers"),
            "is at least `minimum_pollers`, at most 2,000",
        );
        checker.require(
            (-1..=10_000).contains(&provisioned.maximum_retries),
            &at("maximum_retries"),
            "is −1 to 10,000",
        );
        let age = provisioned.maximum_record_age_seconds;
        checker.require(
            age == -1 || (60..=604_800).contains(&age),
            &at("maximum_record_age_seconds"),
            "is −1 or 60 to 604,800",
        );
    }
}
