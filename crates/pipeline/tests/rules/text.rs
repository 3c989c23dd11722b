//! Files that readers of YAML read differently.

use pipeline::Rule;

use crate::{Case, ORDERS, orders};

/// Scalars that are text for some readers of YAML.
const AMBIGUOUS: &[&str] = &[
    "n",
    "y",
    "N",
    "Yes",
    "no",
    "NO",
    "on",
    "off",
    "Off",
    "True",
    "FALSE",
    "Null",
    "1_000",
    "0x1F",
    "0o17",
    "0b1",
    "017",
    "12:30",
    "1:2:3",
    "1e3",
    "1.5",
    ".5",
    "+5",
    ".inf",
    "-.Inf",
    ".nan",
    "2026-11-25",
    "2026-11-25T10:00:00Z",
    "<<",
    "=",
    "-0",
    "99999999999999999999",
];

/// Cases about the text of the file, before its content is checked.
pub(crate) fn cases() -> Vec<Case> {
    let latin = String::from_utf8(ORDERS.into()).unwrap().replace("a/orders", "a/caf\u{e9}");
    let latin = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let mut cases = vec![
        Case { content: latin, ..orders(Rule::Encoding, "a/orders", "a/caf", "a/caf") },
        orders(Rule::ByteOrderMark, "# A file", "\u{feff}# A file", "# A file"),
        orders(Rule::LineEnd, "topic:\n", "topic:\r\n", "topic:"),
        orders(Rule::LineEnd, "topic:\n", "topic:\r", "topic:"),
        orders(Rule::Tab, "  path: a/orders", "\tpath: a/orders", "path: a/orders"),
        orders(Rule::Tab, "path: a/orders", "path:\ta/orders", "a/orders"),
        orders(Rule::Character, "# A file", "# A\u{0}file", "file"),
        orders(Rule::Character, "a/orders", "a/\u{2028}orders", "path:"),
        orders(Rule::Character, "a/orders", "a/\u{85}orders", "path:"),
        orders(Rule::Character, "a/orders", "\"a\\x07orders\"", "path:"),
        orders(Rule::Character, "a/orders", "\"a\\Lorders\"", "path:"),
        orders(
            Rule::Syntax,
            "retention_hours: 24",
            &format!("retention_hours: {}", "[".repeat(100_000)),
            "[[[",
        ),
        orders(Rule::Syntax, "key: [shop]", "key: [shop", "sum: amount"),
        orders(Rule::Syntax, "  partitions: 2", "   partitions: 2", "partitions: 2"),
        orders(Rule::Marker, "# A file", "%YAML 1.2\n---\n#", "%YAML"),
        orders(Rule::Marker, "# A file", "...\n#", "..."),
        orders(Rule::Marker, "# A file that", "--- # A file\n--- topic: #", "--- topic"),
        orders(Rule::OneDocument, "event_time:", "---\nevent_time:", "---"),
        orders(Rule::NoMap, ORDERS, "# nothing\n", "# nothing"),
        orders(Rule::NoMap, ORDERS, "", ""),
        orders(Rule::NoMap, ORDERS, "- topic\n", "- topic"),
        orders(Rule::Anchor, "path: a/orders", "path: &here a/orders", "&here"),
        orders(Rule::Anchor, "topic:", "topic: &topic", "name: shop.orders-v1"),
        orders(Rule::Tag, "path: a/orders", "path: !!str a/orders", "!!str"),
        orders(Rule::Tag, "partitions: 2", "partitions: !!int \"2\"", "!!int"),
        orders(Rule::PlainKey, "event_time:", "5: five\nevent_time:", "5: five"),
        orders(Rule::PlainKey, "event_time:", "? [a, b]\n: five\nevent_time:", "? [a"),
        orders(Rule::PlainKey, "name: weight,", "\"na\\\n      me\": weight,", "\"na"),
        orders(Rule::PlainKey, "name: weight,", "'name'\n      : weight,", "'name'"),
        orders(Rule::Ambiguous, "path: a/orders", "path: a\n    orders", "path: a"),
        orders(Rule::Ambiguous, "path: a/orders", "path: :a", "path: :a"),
        orders(Rule::DuplicateKey, "retention_hours: 24", "partitions: 3", "partitions: 3"),
        orders(Rule::DuplicateKey, "retention_hours: 24", "\"partitions\": 2", "\"partitions\""),
        orders(Rule::NoValue, "event_time: placed.at", "event_time:", "event_time:"),
        orders(Rule::NoValue, "event_time: placed.at", "event_time: ~", "event_time:"),
        orders(Rule::NoValue, "event_time: placed.at", "event_time: null", "event_time:"),
        orders(Rule::Ambiguous, "partitions: 2", "partitions: 0x2", "partitions:"),
        orders(Rule::Ambiguous, "nullable: true", "nullable: yes", "nullable:"),
        orders(Rule::Ambiguous, "key: [shop]", "key: [y]", "key: [y]"),
        orders(Rule::Ambiguous, "path: a/orders", "path: |-\n    no", "    no"),
        orders(Rule::Ambiguous, "path: a/orders", "path: >-\n    ~", "    ~"),
        orders(Rule::Ambiguous, "path: a/orders", "path: |-\n    017", "    017"),
        // Terraform normalises the characters before it reads the escape.
        orders(Rule::Normalized, "a/orders", "\"a\\x2e\u{301}\"", "path:"),
        orders(Rule::Escape, "a/orders", "\"a\\/orders\"", "path:"),
        orders(Rule::Normalized, "name: weight", "name: \"e\u{301}\"", "e\u{301}"),
        orders(Rule::Normalized, "name: weight", "name: \"e\\u0301\"", "e\\u0301"),
        orders(
            Rule::Depth,
            "retention_hours: 24",
            &format!("retention_hours: {}{}", "[".repeat(110), "]".repeat(110)),
            "[[[",
        ),
        orders(Rule::Shape, "sum: amount", "summ: amount", "summ: amount"),
        orders(Rule::Shape, "  sum: amount\n", "", "totals:"),
        orders(Rule::Shape, "type: float64", "type: float", "type: float "),
        orders(Rule::Shape, "partitions: 2", "partitions: \"2\"", "partitions:"),
        orders(Rule::Shape, "partitions: 2", "partitions: -2", "partitions:"),
        orders(Rule::Shape, "name: weight", "name: 5", "name: 5"),
        orders(Rule::Shape, "name: weight", "name: true", "name: true"),
        orders(Rule::Shape, "on_repeat: keep_first", "on_repeat: keep_last", "on_repeat:"),
        orders(Rule::Shape, "retention_days: 30", "retention_days: [30]", "retention_days:"),
    ];
    cases.extend(reported());
    for text in AMBIGUOUS {
        let name = format!("name: {text},");
        cases.push(orders(Rule::Ambiguous, "name: weight,", &name, &name));
        let block = format!("path: {text}\n");
        cases.push(orders(Rule::Ambiguous, "path: a/orders\n", &block, block.trim_end()));
    }
    cases
}

/// Mistakes that users of similar systems have reported.
fn reported() -> Vec<Case> {
    vec![
        // Terraform 23770: text that starts with `0b` is an error. 29012: `0600` is 600. 34301: the key `n` is `false`.
        orders(Rule::Ambiguous, "path: a/orders", "path: 0ba", "path: 0ba"),
        orders(Rule::Ambiguous, "partitions: 2", "partitions: 0600", "0600"),
        orders(Rule::Ambiguous, "event_time:", "n: 1\nevent_time:", "n: 1"),
        // dbt 5114: if two lists have the same name, the last one is used, without a message.
        orders(
            Rule::DuplicateKey,
            "lake:",
            "\"fields\":\n  - { name: late, type: string }\nlake:",
            "\"fields\"",
        ),
        // dbt: a setting under the wrong key is ignored.
        orders(Rule::Shape, "event_time: placed.at", "retention_days: 30", "retention_days: 30"),
        // Vector: some versions do not replace variables, and the text stays as it is.
        orders(Rule::Shape, "partitions: 2", "partitions: ${PARTITIONS}", "${PARTITIONS}"),
        orders(Rule::GroupName, "group: orders-lake", "group: ${STAGE}-lake", "${STAGE}"),
        orders(Rule::LakePath, "path: a/orders", "path: \"{{ stage }}/orders\"", "{{ stage }}"),
        // Kafka Connect's JDBC sink 675: a long table name. 292: the dots in a topic's name were taken for a schema.
        orders(Rule::TableName, "name: shops.orders", &format!("name: {}", "k".repeat(67)), "kkk"),
        orders(Rule::TableName, "name: shops.orders", "name: this.is.orders", "this.is"),
    ]
}
