//! Files that break a rule by themselves.

use pipeline::Rule;

use crate::{Case, orders};

/// All cases, by section.
pub(crate) fn cases() -> Vec<Case> {
    [topics(), fields(), lake(), names(), tables(), batching()].into_iter().flatten().collect()
}

/// One case per text in `to`, which replaces `from`. The finding must name the line with that text.
fn each(rule: Rule, from: &str, to: &[&str]) -> Vec<Case> {
    to.iter().map(|to| orders(rule, from, to, to.split('\n').next().unwrap())).collect()
}

/// Topics and consumer groups.
fn topics() -> Vec<Case> {
    let long = format!("name: {}", "a".repeat(250));
    let names =
        ["name: a", "name: .", "name: ..", "name: .a", "name: a b", "name: a/b", "name: \u{e4}b", &long];
    let long_group = format!("consumer_group: {}", "a".repeat(201));
    let groups = ["consumer_group: ''", "consumer_group: a/b", "consumer_group: \"a*\"", &long_group];
    [
        each(Rule::TopicName, "name: shop.orders-v1", &names),
        each(Rule::TopicReserved, "name: shop.orders-v1", &["name: __consumer_offsets", "name: _.x"]),
        each(Rule::Partitions, "partitions: 2", &["partitions: 0", "partitions: 10001"]),
        each(Rule::RetentionHours, "retention_hours: 24", &["retention_hours: 0"]),
        each(Rule::GroupName, "consumer_group: orders-lake", &groups),
        vec![orders(Rule::GroupTaken, "group: orders-table", "group: orders-lake # here", "# here")],
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The fields of the record, the event time and the sinks.
fn fields() -> Vec<Case> {
    let names = [
        "name: _id,",
        "name: \"a b\",",
        "name: \"\",",
        "name: a.b,",
        "name: \"a=b\",",
        "name: \"a\u{a0}b\",",
    ];
    let mut cases = each(Rule::FieldName, "name: weight,", &names);
    cases.extend([
        orders(Rule::FieldTaken, "name: weight", "name: SHOP", "SHOP"),
        orders(Rule::FieldTaken, "name: by", "name: At", "name: At"),
        orders(Rule::FieldTaken, "name: day", "name: Shop", "name: Shop"),
        orders(Rule::StructFields, "type: float64", "type: struct", "name: weight"),
        orders(Rule::StructFields, "type: struct", "type: json", "    fields:"),
        orders(Rule::TimestampFormat, "type: float64", "type: int64, format: epoch_millis", "epoch_millis"),
        orders(Rule::EventTime, "event_time: placed.at", "event_time: shop", "event_time:"),
        orders(Rule::EventTime, "event_time: placed.at", "event_time: at", "event_time:"),
        orders(Rule::EventTime, "type: struct", "type: struct\n    nullable: true", "event_time:"),
    ]);
    let mut sinks = orders(Rule::NoSink, "# A file", "# A file", "topic:");
    let text = String::from_utf8(sinks.content).unwrap();
    let (start, end) = (text.find("lake:").unwrap(), text.find("batching:").unwrap());
    sinks.content = format!("{}{}", &text[..start], &text[end..]).into_bytes();
    let mut none = orders(Rule::NoFields, "# A file", "# A file", "fields:");
    let text = String::from_utf8(none.content).unwrap();
    let (start, end) = (text.find("fields:").unwrap(), text.find("lake:").unwrap());
    none.content = format!("{}fields: []\n{}", &text[..start], &text[end..]).into_bytes();
    cases.extend([sinks, none]);
    cases
}

/// The `lake` section.
fn lake() -> Vec<Case> {
    let long = format!("path: {}", "a".repeat(513));
    let paths = [
        "path: ''",
        "path: /a",
        "path: a/",
        "path: a//b",
        "path: a/./b",
        "path: ../a",
        "path: a/..",
        "path: \"a*\"",
        "path: \"a?b\"",
        "path: a:b",
        "path: a%b",
        &long,
    ];
    let reserved = ["path: a/_delta_log", "path: _a/b", "path: .a/b", "path: a/.b"];
    let patterns = ["value: \"%M\"", "value: \"%Y-%\"", "value: \"%%\""];
    let mut cases = each(Rule::LakePath, "path: a/orders", &paths);
    cases.extend(each(Rule::LakeReserved, "path: a/orders", &reserved));
    cases.extend(each(Rule::FieldName, "name: day", &["name: _day", "name: a/b=c", "name: ''"]));
    cases.extend(each(Rule::PartitionPattern, "value: \"%Y-%m-%d\"", &patterns));
    cases.push(orders(Rule::PartitionTime, "event_time: placed.at", "", "value:"));
    cases.extend(each(Rule::PartitionValue, "value: \"%Y-%m-%d\"", &["value: ''"]));
    let commits = ["checkpoint_commits: 0", "checkpoint_commits: 100001"];
    let targets = ["target_file_bytes: 268435457", "target_file_bytes: 1048575"];
    cases.extend(each(Rule::CheckpointCommits, "checkpoint_commits: 50", &commits));
    cases.extend(each(Rule::TargetFileBytes, "target_file_bytes: 67108864", &targets));
    cases.extend(each(Rule::MinFiles, "min_files: 4", &["min_files: 1", "min_files: 10001"]));
    cases.extend(each(Rule::UpkeepHours, "    retention_hours: 48", &["    retention_hours: 0"]));
    cases.extend(each(Rule::UpkeepHours, "log_retention_hours: 72", &["log_retention_hours: 87601"]));
    cases
}

/// Names in Postgres.
fn names() -> Vec<Case> {
    let long = format!("name: {}", "a".repeat(54));
    let long_id = format!("id_column: {}", "a".repeat(55));
    let long_field = format!("name: {},", "\u{e4}".repeat(32));
    let tables = ["name: a.b.c", "name: Orders", "name: \"a;b\"", "name: 1a", "name: .a", "name: \"a b\""];
    let reserved = ["name: pg_toast.a", "name: information_schema.a", "name: pg_class"];
    let own = ["name: songs", "name: public.kafka_offsets", "name: schema_migrations", "name: users_pkey"];
    [
        each(Rule::TableName, "name: shops.orders", &tables),
        each(Rule::TableReserved, "name: shops.orders", &reserved),
        each(Rule::TableOwn, "name: shops.orders", &own),
        each(Rule::TableOwn, "table: shops.turnover", &["table: public.users"]),
        each(Rule::TableLong, "name: shops.orders", &[&long]),
        vec![orders(Rule::TableLong, "id_column: id", &long_id, "name: shops.orders")],
        each(Rule::TableTwice, "name: shops.orders", &["name: shops.turnover"]),
        each(Rule::ColumnReserved, "name: weight", &["name: xmin", "name: ctid", "name: tableoid"]),
        each(Rule::ColumnReserved, "total_column: turnover", &["total_column: cmax"]),
        each(Rule::ColumnReserved, "id_column: id", &["id_column: xmax"]),
        each(Rule::ColumnName, "id_column: id", &["id_column: Id", "id_column: _id", "id_column: ''"]),
        each(Rule::ColumnName, "total_column: turnover", &["total_column: \"a b\""]),
        each(Rule::ColumnOwn, "id_column: id", &["id_column: received_at"]),
        each(Rule::ColumnOwn, "total_column: turnover", &["total_column: updated_at"]),
        each(Rule::ColumnLong, "name: weight,", &[&long_field]),
        each(Rule::ColumnTwice, "name: weight", &["name: placed_at", "name: id", "name: received_at"]),
        vec![orders(Rule::ColumnTwice, "total_column: turnover", "total_column: shop", "key: [shop]")],
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Keys, indexes, sums and retention of the Postgres tables.
fn tables() -> Vec<Case> {
    let many: Vec<_> = (0..1600).map(|number| format!("  - {{ name: f{number}, type: int32 }}\n")).collect();
    let many = many.concat();
    let long: Vec<_> = (0..33).map(|number| format!("f{number}")).collect();
    let long = long.join(", ");
    vec![
        orders(Rule::Columns, "lake:\n", &format!("{many}lake:\n"), "fields:"),
        orders(Rule::NoKey, "key: [shop]", "key: []", "key: []"),
        orders(Rule::NoKey, "- [amount]", "- []", "- []"),
        orders(Rule::KeyField, "key: [shop]", "key: [shops]", "key: [shops]"),
        orders(Rule::KeyField, "key: [shop, placed.at]", "key: [weight, placed.at]", "key: [weight"),
        orders(Rule::KeyTwice, "key: [shop, placed.at]", "key: [shop, shop, placed.at]", "key: [shop, shop"),
        orders(Rule::KeyLong, "key: [shop, placed.at]", &format!("key: [{long}]"), "key: [f0"),
        orders(Rule::KeyLong, "key: [shop]", &format!("key: [{long}]"), "key: [f0"),
        orders(Rule::KeyLong, "- [amount]", &format!("- [{long}]"), "- [f0"),
        orders(
            Rule::KeyForRepeats,
            "key: [shop, placed.at]\n  on_repeat: keep_first",
            "on_repeat: replace_by_newest",
            "on_repeat:",
        ),
        orders(Rule::IndexField, "- [amount]", "- [amounts]", "- [amounts]"),
        orders(Rule::IndexField, "- [amount]", "- [placed]", "- [placed]"),
        orders(Rule::IndexTwice, "- [weight]", "- [amount] # again", "# again"),
        orders(Rule::Sum, "sum: amount", "sum: weight", "sum: weight"),
        orders(Rule::RetentionDays, "retention_days: 30", "retention_days: 0", "retention_days:"),
        orders(Rule::RetentionTime, "event_time: placed.at", "", "retention_days:"),
        orders(Rule::RetentionKey, "key: [shop, placed.at]", "key: [shop]", "retention_days:"),
        // Names of a partition and of an index of the other table.
        orders(
            Rule::TableOfParts,
            "table: shops.turnover",
            "table: shops.orders_default",
            "name: shops.orders",
        ),
    ]
}

/// The limits of Lambda's event source mappings.
fn batching() -> Vec<Case> {
    [
        each(Rule::BatchSize, "batch_size: 1000", &["batch_size: 0", "batch_size: 10001"]),
        each(Rule::Window, "window_seconds: 1", &["window_seconds: 301"]),
        each(Rule::MinimumPollers, "minimum_pollers: 1", &["minimum_pollers: 0", "minimum_pollers: 201"]),
        each(Rule::MaximumPollers, "maximum_pollers: 2", &["maximum_pollers: 0", "maximum_pollers: 2001"]),
        each(Rule::MaximumRetries, "maximum_retries: 3", &["maximum_retries: -2"]),
        vec![orders(Rule::GivingUp, "on_failure: true", "on_failure: false", "provisioned:")],
        each(Rule::RecordAge, "record_age_seconds: 60", &["record_age_seconds: 59"]),
    ]
    .into_iter()
    .flatten()
    .collect()
}
