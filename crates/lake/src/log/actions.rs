//! The actions of the log, as far as this crate reads or writes them. Everything else in a line is ignored.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What readers and writers must be able to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Protocol {
    pub(crate) min_reader_version: i32,
    pub(crate) min_writer_version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reader_features: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) writer_features: Option<Vec<String>>,
}

/// The table's columns and properties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) format: Format,
    pub(crate) schema_string: String,
    pub(crate) partition_columns: Vec<String>,
    #[serde(default)]
    pub(crate) configuration: BTreeMap<String, Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_time: Option<i64>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// Always Parquet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    pub(crate) provider: String,
    #[serde(default)]
    pub(crate) options: BTreeMap<String, Option<String>>,
}

/// An application's position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Txn {
    /// Which application, and what of it.
    pub app_id: String,
    /// Its position.
    pub version: i64,
    /// When it was set, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<i64>,
}

/// A data file that is part of the table from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Add {
    pub(crate) path: String,
    pub(crate) partition_values: BTreeMap<String, Option<String>>,
    pub(crate) size: i64,
    pub(crate) modification_time: i64,
    pub(crate) data_change: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stats: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_vector: Option<DeletionVector>,
}

/// A data file that is no longer part of the table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remove {
    pub(crate) path: String,
    pub(crate) deletion_vector: Option<DeletionVector>,
}

/// Rows of a file that are deleted. Only its identity matters here: files that have one are not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionVector {
    /// `u`: a file named by an identifier; `p`: a file named by its path; `i`: inline.
    pub storage_type: String,
    /// The identifier, the path, or the rows themselves.
    pub path_or_inline_dv: String,
    /// Where in the file it begins.
    pub offset: Option<i64>,
    /// Its size.
    pub size_in_bytes: i64,
    /// How many rows are deleted.
    pub cardinality: i64,
}

/// A part of a V2 checkpoint, below `_delta_log/_sidecars/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sidecar {
    /// Its name in that folder.
    pub path: String,
}

/// Where a commit came from: free-form, so that ours can say who made it and what the state was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommitInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) headwater: Option<Own>,
    #[serde(flatten)]
    pub(crate) other: Map<String, Value>,
}

/// What our commits say of themselves.
///
/// A commit is made in full knowledge of the version before it, so it can carry the state that it leaves behind. A cold
/// writer then needs the newest commit instead of all commits since the last checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Own {
    /// Unique: a commit whose answer was lost is recognised by it.
    pub(crate) commit_id: String,
    /// The newest version with a `protocol` action; none when the writer knows it from a checkpoint only.
    pub(crate) protocol_version: Option<i64>,
    /// The newest version with a `metaData` action; likewise.
    pub(crate) metadata_version: Option<i64>,
    /// All app transactions after this commit, unless there are very many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app_versions: Option<BTreeMap<String, i64>>,
}

/// One line as a writer reads it: without the data files.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateLine {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) meta_data: Option<Metadata>,
    pub(crate) txn: Option<Txn>,
    pub(crate) commit_info: Option<CommitInfo>,
}

/// One line as a writer that replaces files reads it: the state, and which files are gone.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeLine {
    protocol: Option<Protocol>,
    meta_data: Option<Metadata>,
    txn: Option<Txn>,
    commit_info: Option<CommitInfo>,
    pub(crate) remove: Option<Remove>,
}

impl ChangeLine {
    /// The line without its file.
    pub(crate) fn state(self) -> StateLine {
        let Self { protocol, meta_data, txn, commit_info, remove: _ } = self;
        StateLine { protocol, meta_data, txn, commit_info }
    }
}

/// One line as a reader of the table's files reads it.
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

/// The actions of one commit, or of a piece of a checkpoint, as a reader of the table's files takes them in.
#[derive(Debug, Default)]
pub(crate) struct FileActions {
    pub(crate) protocol: Option<Protocol>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) txns: Vec<Txn>,
    pub(crate) adds: Vec<Add>,
    pub(crate) removes: Vec<Remove>,
    pub(crate) sidecars: Vec<Sidecar>,
}

impl FileActions {
    /// Those of a commit or of a JSON checkpoint.
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

    /// Takes in a line without a file.
    pub(crate) fn push_state(&mut self, line: StateLine) {
        self.protocol = line.protocol.or(self.protocol.take());
        self.metadata = line.meta_data.or(self.metadata.take());
        self.txns.extend(line.txn);
    }
}

/// The files of a table, each with what a reader keeps of it. A path and a deletion vector tell one file from another.
pub(crate) type Files<T> = HashMap<(String, Option<DeletionVector>), T>;

/// Applies what a commit, or a piece of a checkpoint, does to the files. Removals come first, because the order of the lines
/// of a commit means nothing: a file that a commit removes was there before it.
pub(crate) fn apply<T>(files: &mut Files<T>, removes: Vec<Remove>, adds: Vec<Add>, keep: impl Fn(Add) -> T) {
    for remove in removes {
        files.remove(&(remove.path, remove.deletion_vector));
    }
    for add in adds {
        files.insert((add.path.clone(), add.deletion_vector.clone()), keep(add));
    }
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

/// The lines of a commit or of a JSON checkpoint.
pub fn parse<L: DeserializeOwned>(body: &[u8]) -> Result<Vec<L>, serde_json::Error> {
    lines(body).map(serde_json::from_slice).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_commit_of_another_writer_is_read_and_what_is_unknown_is_ignored() {
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
    fn metadata_keeps_what_this_crate_does_not_know() {
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
