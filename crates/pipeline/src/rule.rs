//! The rules of pipeline files, each with the message for a file that breaks it. The message says what is
//! wrong and how to fix it.

macro_rules! rules {
    ($($rule:ident: $text:literal,)*) => {
        /// A rule that a pipeline file can break.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each rule's text is its documentation")]
        pub enum Rule {
            $(#[doc = $text] $rule,)*
        }

        impl Rule {
            /// All rules.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// Says what is wrong and how to fix it. `{}` is replaced by a detail, such as a name in the file.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$rule => $text,)*
                }
            }
        }
    };
}

rules! {
    // The text of the file. Terraform and Headwater must read the same values from it.
    Encoding: "is not UTF-8; save the file as UTF-8",
    ByteOrderMark: "begins with a byte order mark; save the file as UTF-8 without one",
    LineEnd: "ends in a carriage return; save the file with LF line ends",
    Tab: "holds a tab; write spaces",
    Character: "holds the character {}, which YAML readers take differently; remove it",
    Syntax: "is not YAML: {}",
    Marker: "begins with a directive (`%`), `...`, or `---` followed by text; remove it, or indent the line",
    OneDocument: "begins a second document; write one file per topic",
    NoMap: "is not a map of sections such as `topic` and `fields`; pipelines/rooms-v1.yaml shows one",
    Anchor: "uses an anchor or an alias; write the value out",
    Tag: "has a tag; remove it, and put text in quotes",
    PlainKey: "has a key that is not text in one line with its colon; write `key: value`",
    DuplicateKey: "has the key `{}` twice; remove one",
    NoValue: "has no value (or null); give it one, or remove the key",
    Ambiguous: "`{}` is text for some YAML readers and something else for others; put text in quotes, write a number in \
                decimal digits and a truth value as true or false",
    Escape: "has the escape `\\{}`, which Terraform does not read; write the character itself",
    Normalized: "`{}` is not in Unicode's composed form (NFC), to which Terraform converts it; write the composed form",
    Depth: "nests deeper than 100 levels; make the record flatter",
    Shape: "{}",
    // The topic and its groups.
    TopicName: "a topic's name is 2 to 249 characters: letters, digits, `.`, `_`, `-`, and does not begin with `.`",
    TopicReserved: "`{}` is one of Kafka's own names; a topic's name does not begin with two of `.` or `_`",
    Partitions: "a topic has 1 to 10,000 partitions",
    RetentionHours: "must be at least 1",
    GroupName: "a consumer group is 1 to 200 characters: letters, digits, `.`, `_`, `-`",
    GroupTaken: "another section has the group `{}`; each lane needs its own",
    // The fields.
    NoFields: "a record has at least one field",
    FieldName: "a name is not empty, does not begin with `_`, and holds no control character, space nor any of ,;{}()=.`\"",
    FieldTaken: "another field or column is called `{}` (case does not count); rename one",
    StructFields: "a struct, and only a struct, has fields",
    TimestampFormat: "only a timestamp has a format",
    EventTime: "must name a field of type timestamp that is not nullable",
    NoSink: "there is no sink: add a `lake`, a `totals` or a `table` section",
    // The lake.
    LakePath: "a path like `env=dv/source=rooms`: at most 512 bytes, with no empty, `.` or `..` part, no `/` at its ends, \
               and none of \\ { } ^ % ` [ ] \" < > ~ # | ? * : or control characters",
    LakeReserved: "a part of the path begins with `_` or `.`, which readers of Delta tables skip; rename it",
    PartitionPattern: "may use %Y, %m, %d, %H, %j, %G, %V and plain text: folders for less than an hour would be too small",
    PartitionTime: "a pattern needs `event_time`",
    PartitionValue: "must not be empty",
    CheckpointCommits: "is 1 to 100,000",
    TargetFileBytes: "is 1,048,576 to 268,435,456 (1 to 256 MiB): a file is built in memory",
    MinFiles: "is 2 to 10,000",
    UpkeepHours: "is 1 to 87,600 (ten years)",
    // Postgres.
    TableName: "is `table` or `schema.table` in lower-case letters, digits and `_`, at most 63 bytes each",
    TableReserved: "`{}` is a name that Postgres keeps for itself; no schema or table begins with `pg_` or is \
                    `information_schema`",
    TableOwn: "`{}` is a table of Headwater's own; choose another name or schema",
    TableLong: "`{}` is longer than the 63 bytes that Postgres keeps; shorten the table's name",
    TableTwice: "is the totals table; a table of records is another one",
    ColumnName: "is lower-case letters, digits and `_`, at most 63 bytes",
    ColumnReserved: "`{}` is a column that every table of Postgres has; rename the field",
    ColumnOwn: "this table already has a column `{}`; choose another name",
    ColumnLong: "the column `{}` is longer than the 63 bytes that Postgres keeps; shorten the field's name",
    ColumnTwice: "the table has two columns called `{}`; rename one field",
    Columns: "makes {} columns; a table of Postgres has at most 1,600",
    NoKey: "names at least one field",
    KeyField: "must name a field that is not nullable and is not a float64, json or struct",
    KeyTwice: "is named twice",
    KeyLong: "names {} fields; Postgres takes at most 32",
    KeyForRepeats: "needs a `key`: without one no record repeats another",
    IndexField: "must name a field that is neither json nor a struct",
    IndexTwice: "is the same index as {}; remove one",
    Sum: "must name a field of type int32, int64 or decimal that is not nullable",
    RetentionDays: "is 1 to 36,500",
    RetentionTime: "needs `event_time`: the table is partitioned by its day",
    RetentionKey: "needs the `event_time` field in `key`: Postgres can enforce a unique key only within a partition",
    // Batching: the limits are those of Lambda's event source mappings.
    BatchSize: "is 1 to 10,000",
    Window: "is 0 to 300",
    MinimumPollers: "is 1 to 200",
    MaximumPollers: "is at least `minimum_pollers`, at most 2,000",
    MaximumRetries: "is −1 to 10,000",
    RecordAge: "is −1 or 60 to 604,800",
    GivingUp: "limits retries or record age, which needs `on_failure: true`: \
               without it, Lambda drops the batches that it gives up",
    // Several files: their names must not clash.
    NoFiles: "no `*.yaml` file in this folder; add a pipeline file",
    Extension: "is not read, because its name does not end in `.yaml`; rename it",
    SameTopic: "{} describes this topic, too; two pipeline files must not",
    TopicMetrics: "differs from {} only in `.` and `_`, and the names of Kafka's metrics would be the same; rename one",
    CatalogName: "has the same name in Glue as {} (lower case, \
                  other characters than letters and digits become `_`); rename one",
    GroupOfOther: "is also {}; each lane needs its own group",
    LakeInside: "lies in the same folder as {}, or one inside the other; keep the folders apart",
    TableOfOther: "is also {}; each lane needs its own table",
    TableOfParts: "clashes with a partition, sequence or index of {}; choose another name",
}
