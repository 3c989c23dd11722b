//! The actions of the Delta log (Delta protocol, "Actions"), with the fields that this crate uses. Other fields are
//! ignored.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// The protocol versions and features that readers and writers must support.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Protocol {
    /// With version 3, `reader_features` lists what a reader must support.
    pub(crate) min_reader_version: i32,
    /// With version 7, `writer_features` lists what a writer must support.
    pub(crate) min_writer_version: i32,
    /// The names of the features. `None` for a reader version below 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reader_features: Option<Vec<String>>,
    /// The names of the features. `None` for a writer version below 7.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) writer_features: Option<Vec<String>>,
}

/// The table's columns and properties. Unknown fields are kept in `other`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    /// The table's unique id.
    pub(crate) id: String,
    /// The name and the description that a user gave the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The format of the data files.
    pub(crate) format: Format,
    /// The schema as JSON in a string.
    pub(crate) schema_string: String,
    /// The partition columns, in the order of the folders.
    pub(crate) partition_columns: Vec<String>,
    /// The table properties, such as `delta.appendOnly`.
    #[serde(default)]
    pub(crate) configuration: BTreeMap<String, Option<String>>,
    /// When the table was created, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_time: Option<i64>,
    /// Fields that this crate does not know. They are kept if the metadata is written again.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// The format of the data files. The provider is always `parquet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    /// `parquet`. Other providers are refused.
    pub(crate) provider: String,
    /// Options of the format. Headwater writes none.
    #[serde(default)]
    pub(crate) options: BTreeMap<String, Option<String>>,
}

/// An app transaction. Headwater uses it for positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Txn {
    /// The application, and which of its values this is.
    pub app_id: String,
    /// The value.
    pub version: i64,
    /// When it was set, in milliseconds since 1970. Optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<i64>,
}

/// Adds a data file to the table. `size` is in bytes, `modification_time` in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Add {
    /// The path relative to the table, as a URI.
    pub(crate) path: String,
    /// The value of each partition column; `None` is null.
    pub(crate) partition_values: BTreeMap<String, Option<String>>,
    /// The size in bytes.
    pub(crate) size: i64,
    /// When the file was written, in milliseconds since 1970.
    pub(crate) modification_time: i64,
    /// Whether the file changes the data. `false` for a compaction, which only moves rows.
    pub(crate) data_change: bool,
    /// The statistics as JSON in a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<String>,
    /// The rows of the file that are deleted, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_vector: Option<DeletionVector>,
}

/// Removes a data file from the table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remove {
    /// The path exactly as in the `add` action.
    pub(crate) path: String,
    /// The deletion vector exactly as in the `add` action. Together with the path it identifies the file.
    pub(crate) deletion_vector: Option<DeletionVector>,
}

/// Marks the rows of a file that are deleted. Files with a deletion vector are not read here, so only its identity
/// matters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionVector {
    /// `u`: a file named by an identifier; `p`: a file named by its path; `i`: inline data.
    pub storage_type: String,
    /// The identifier, the path, or the inline data.
    pub path_or_inline_dv: String,
    /// The offset in the file where the vector starts, in bytes.
    pub offset: Option<i64>,
    /// The vector's size in bytes.
    pub size_in_bytes: i64,
    /// The number of deleted rows.
    pub cardinality: i64,
}

/// A part of a V2 checkpoint, in `_delta_log/_sidecars/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sidecar {
    /// The file's name in that folder.
    pub path: String,
}

/// Information about a commit. The protocol allows any fields, so Headwater adds its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommitInfo {
    /// Headwater's fields. `None` for commits of other tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) headwater: Option<Own>,
    /// All other fields.
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// Headwater's own fields in `commitInfo`.
///
/// A writer knows the whole state of the version before its commit. So it can store the state after the commit in the
/// commit itself. A new writer then reads only the newest commit, not all commits since the last checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Own {
    /// A unique id. A writer recognises its own commit by it if S3's response was lost.
    pub(crate) commit_id: String,
    /// The newest version with a `protocol` action. `None` if the writer knows the protocol only from a checkpoint.
    pub(crate) protocol_version: Option<i64>,
    /// The newest version with a `metaData` action. `None` as above.
    pub(crate) metadata_version: Option<i64>,
    /// All app transactions after this commit. `None` if there are too many for every commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app_versions: Option<BTreeMap<String, i64>>,
}

/// One line of a commit for an appending writer, without data files.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateLine {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) meta_data: Option<Metadata>,
    pub(crate) txn: Option<Txn>,
    pub(crate) commit_info: Option<CommitInfo>,
}

/// One line of a commit for a writer that replaces files: the state and the removed file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeLine {
    protocol: Option<Protocol>,
    meta_data: Option<Metadata>,
    txn: Option<Txn>,
    commit_info: Option<CommitInfo>,
    /// The file that the line removes, if it is a `remove` action.
    pub(crate) remove: Option<Remove>,
}

impl ChangeLine {
    /// The line without the removed file.
    pub(crate) fn state(self) -> StateLine {
        let Self { protocol, meta_data, txn, commit_info, remove: _ } = self;
        StateLine { protocol, meta_data, txn, commit_info }
    }
}

/// One line of a commit or JSON checkpoint for a reader of the data files.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileLine {
    protocol: Option<Protocol>,
    meta_data: Option<Metadata>,
    txn: Option<Txn>,
    add: Option<Add>,
    remove: Option<Remove>,
    sidecar: Option<Sidecar>,
}

/// The actions of one commit, or of a part of a checkpoint, for a reader of the data files.
#[derive(Debug, Default)]
pub(crate) struct FileActions {
    /// The newest protocol action.
    pub(crate) protocol: Option<Protocol>,
    /// The newest metadata action.
    pub(crate) metadata: Option<Metadata>,
    /// The app transactions, from the oldest to the newest.
    pub(crate) txns: Vec<Txn>,
    /// The files that are added.
    pub(crate) adds: Vec<Add>,
    /// The files that are removed.
    pub(crate) removes: Vec<Remove>,
    /// The further files of a V2 checkpoint.
    pub(crate) sidecars: Vec<Sidecar>,
}

impl FileActions {
    /// Parses a commit or a JSON checkpoint.
    ///
    /// Fails if a line is not JSON, or an action lacks a field that the protocol requires.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        let mut found = Self::default();
        for line in lines(body) {
            let line: FileLine = serde_json::from_slice(line)?;
            found.push_state(StateLine {
                protocol: line.protocol,
                meta_data: line.meta_data,
                txn: line.txn,
                commit_info: None,
            });
            found.adds.extend(line.add);
            found.removes.extend(line.remove);
            found.sidecars.extend(line.sidecar);
        }
        Ok(found)
    }

    /// Adds a line that has no data file.
    pub(crate) fn push_state(&mut self, line: StateLine) {
        self.protocol = line.protocol.or(self.protocol.take());
        self.metadata = line.meta_data.or(self.metadata.take());
        self.txns.extend(line.txn);
    }
}

/// The files of a table, each with what a reader keeps of it. A path and a deletion vector tell one file from another.
pub(crate) type Files<T> = HashMap<(String, Option<DeletionVector>), T>;

/// Applies the actions of a commit, or of a part of a checkpoint, to the files. The order of the lines in a commit has
/// no meaning (Delta protocol). So removes apply to the files before the commit.
pub(crate) fn apply<T>(files: &mut Files<T>, removes: Vec<Remove>, adds: Vec<Add>, keep: impl Fn(Add) -> T) {
    for remove in removes {
        files.remove(&(remove.path, remove.deletion_vector));
    }
    for add in adds {
        files.insert((add.path.clone(), add.deletion_vector.clone()), keep(add));
    }
}

/// The lines that are not blank.
fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

/// Parses the lines of a commit or a JSON checkpoint.
///
/// Fails at the first line that is not JSON of type `L`.
pub fn parse<L: DeserializeOwned>(body: &[u8]) -> Result<Vec<L>, serde_json::Error> {
    lines(body).map(serde_json::from_slice).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_commit_of_another_writer_is_read_and_unknown_fields_are_ignored() {
        let body = concat!(
            r#"{"commitInfo":{"timestamp":1,"operation":"WRITE","operationParameters":{"mode":"Append"},"isolationLevel":"Serializable"}}"#,
            "\n\n",
            r#"{"domainMetadata":{"domain":"d","configuration":"{}","removed":false}}"#,
            "\r\n",
            r#"{"txn":{"appId":"a","version":7,"lastUpdated":1700000000000}}"#,
            "\n",
            r#"{"add":{"path":"x=1/a%20b.parquet","partitionValues":{"x":"1","y":null},"size":1,"modificationTime":2,"dataChange":true,"tags":null,"baseRowId":4}}"#,
        );
        let lines: Vec<StateLine> = parse(body.as_bytes()).unwrap();
        assert_eq!(lines.iter().filter_map(|l| l.txn.as_ref()).map(|t| t.version).collect::<Vec<_>>(), [7]);
        assert!(lines[0].commit_info.as_ref().unwrap().headwater.is_none());
        let files = FileActions::parse(body.as_bytes()).unwrap();
        assert_eq!(files.adds[0].partition_values["y"], None);
    }

    #[test]
    fn metadata_keeps_unknown_fields() {
        let json = r#"{"id":"i","format":{"provider":"parquet","options":{}},"schemaString":"{}","partitionColumns":[],"configuration":{"a":"b"},"later":[1]}"#;
        let metadata: Metadata = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&metadata).unwrap(), json);
    }

    proptest! {
        #[test]
        fn unknown_actions_never_stop_a_reader(name in "[a-zA-Z]{1,12}", text in any::<String>(), number in any::<i64>()) {
            const KNOWN: [&str; 6] = ["protocol", "metaData", "txn", "commitInfo", "add", "remove"];
            prop_assume!(!KNOWN.contains(&name.as_str()) && name != "sidecar");
            let line = serde_json::json!({ name: { "text": text, "number": number, "deep": [{}] } }).to_string();
            prop_assert!(parse::<StateLine>(line.as_bytes()).is_ok());
            prop_assert!(FileActions::parse(line.as_bytes()).is_ok());
        }

        #[test]
        fn a_txn_survives_the_log(app in any::<String>(), version in any::<i64>()) {
            let txn = Txn { app_id: app, version, last_updated: None };
            let line = serde_json::json!({ "txn": txn }).to_string();
            prop_assert_eq!(line.lines().count(), 1);
            let lines: Vec<StateLine> = parse(line.as_bytes()).unwrap();
            prop_assert_eq!(lines[0].txn.as_ref(), Some(&txn));
        }
    }
}
