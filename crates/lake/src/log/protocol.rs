//! Decides which tables this crate may append to and read: those whose requirements it knows completely.

use super::actions::{Metadata, Protocol};
use crate::schema::DeltaStruct;

/// Features that do not concern an append, or are harmless while their property is off (which is checked).
const APPENDABLE: [&str; 10] = [
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "columnMapping",
    "deletionVectors",
    "generatedColumns",
    "identityColumns",
    "invariants",
    "timestampNtz",
    "v2Checkpoint",
];
/// Features that concern neither readers nor appending writers.
const HARMLESS: [&str; 1] = ["vacuumProtocolCheck"];
/// Features that this crate can read, or whose properties it checks.
const READABLE: [&str; 4] = ["columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint"];

/// Returns everything that forbids appending, each by its name. Empty if appending is allowed.
///
/// Reading must be allowed too. The names are sorted, for stable messages.
pub(crate) fn against_appending(
    protocol: &Protocol,
    metadata: &Metadata,
    schema: &DeltaStruct,
) -> Vec<String> {
    let mut against = against_reading(protocol, metadata);
    match protocol.min_writer_version {
        ..=6 => {}
        7 => against.extend(unknown(protocol.writer_features.as_deref(), &APPENDABLE, "writer feature")),
        newer => against.push(format!("minWriterVersion {newer}")),
    }
    let on = |key: &str| metadata.configuration.get(key).and_then(Option::as_deref) == Some("true");
    for key in ["delta.enableRowTracking", "delta.enableInCommitTimestamps"] {
        if on(key) {
            against.push(format!("property {key}"));
        }
    }
    let constraints = metadata.configuration.keys().filter(|key| key.starts_with("delta.constraints."));
    against.extend(constraints.map(|key| format!("check constraint {key}")));
    for (path, field) in schema.walk() {
        for key in ["delta.invariants", "delta.generationExpression"] {
            if field.metadata.contains_key(key) {
                against.push(format!("{key} of column {path:?}"));
            }
        }
        if field.metadata.keys().any(|key| key.starts_with("delta.identity.")) {
            against.push(format!("identity column {path:?}"));
        }
    }
    against.sort();
    against.dedup();
    against
}

/// Returns everything that forbids reading. Deletion vectors are not included: they forbid only reading the files that
/// have one.
pub(crate) fn against_reading(protocol: &Protocol, metadata: &Metadata) -> Vec<String> {
    let mut against = match protocol.min_reader_version {
        ..=2 => Vec::new(),
        3 => unknown(protocol.reader_features.as_deref(), &READABLE, "reader feature"),
        newer => vec![format!("minReaderVersion {newer}")],
    };
    let mapping = metadata.configuration.get("delta.columnMapping.mode").and_then(Option::as_deref);
    if let Some(mode) = mapping.filter(|mode| *mode != "none") {
        against.push(format!("column mapping by {mode}"));
    }
    if metadata.format.provider != "parquet" {
        against.push(format!("format {}", metadata.format.provider));
    }
    against
}

/// The features that are not in `known`, each with its kind for the message.
fn unknown(features: Option<&[String]>, known: &[&str], kind: &str) -> Vec<String> {
    let known = |name: &str| known.contains(&name) || HARMLESS.contains(&name);
    let features = features.unwrap_or_default().iter().filter(|name| !known(name));
    features.map(|name| format!("{kind} {name}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "json! literals read better without a reference")]
    fn judged(
        protocol: serde_json::Value,
        configuration: serde_json::Value,
        column: serde_json::Value,
    ) -> Vec<String> {
        let protocol: Protocol = serde_json::from_value(protocol).unwrap();
        let metadata: Metadata = serde_json::from_value(json!({
            "id": "i", "format": {"provider": "parquet"}, "schemaString": "", "partitionColumns": [],
            "configuration": configuration,
        }))
        .unwrap();
        let schema = json!({"type": "struct", "fields": [{"name": "a", "type": "long", "nullable": true, "metadata": column}]});
        against_appending(&protocol, &metadata, &DeltaStruct::parse(&schema.to_string()).unwrap())
    }

    #[test]
    fn plain_tables_and_known_features_are_fine() {
        let plain = json!({"minReaderVersion": 1, "minWriterVersion": 2});
        assert!(judged(plain, json!({"delta.appendOnly": "true"}), json!({})).is_empty());
        let features = json!({"minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["deletionVectors", "timestampNtz", "v2Checkpoint"],
            "writerFeatures": ["appendOnly", "invariants", "deletionVectors", "timestampNtz", "v2Checkpoint", "changeDataFeed"]});
        assert!(
            judged(features, json!({"delta.enableChangeDataFeed": "true"}), json!({"comment": "c"}))
                .is_empty()
        );
    }

    #[test]
    fn unknown_features_are_named() {
        let features = json!({"minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["catalogManaged"], "writerFeatures": ["catalogManaged", "rowTracking", "appendOnly"]});
        let against = judged(features, json!({}), json!({})).join(", ");
        assert_eq!(
            against,
            "reader feature catalogManaged, writer feature catalogManaged, writer feature rowTracking"
        );
        for feature in [
            "allowColumnDefaults",
            "catalogManaged",
            "checkpointProtection",
            "clustering",
            "domainMetadata",
            "icebergCompatV2",
            "inCommitTimestamp",
            "materializePartitionColumns",
            "rowTracking",
            "typeWidening",
        ] {
            let features = json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["appendOnly", feature]});
            assert_eq!(judged(features, json!({}), json!({})), [format!("writer feature {feature}")]);
        }
        let newer = json!({"minReaderVersion": 4, "minWriterVersion": 8});
        assert_eq!(judged(newer, json!({}), json!({})), ["minReaderVersion 4", "minWriterVersion 8"]);
    }

    #[test]
    fn tables_that_need_checked_or_computed_values_are_refused() {
        let legacy = || json!({"minReaderVersion": 2, "minWriterVersion": 5});
        assert!(judged(legacy(), json!({}), json!({})).is_empty());
        for (configuration, column) in [
            (json!({"delta.constraints.positive": "a > 0"}), json!({})),
            (json!({"delta.columnMapping.mode": "name"}), json!({})),
            (json!({"delta.enableRowTracking": "true"}), json!({})),
            (json!({"delta.enableInCommitTimestamps": "true"}), json!({})),
            (json!({}), json!({"delta.invariants": "{}"})),
            (json!({}), json!({"delta.generationExpression": "b + 1"})),
            (json!({}), json!({"delta.identity.start": 1})),
        ] {
            assert_eq!(
                judged(legacy(), configuration.clone(), column.clone()).len(),
                1,
                "{configuration} {column}"
            );
        }
    }
}
