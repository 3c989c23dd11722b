//! The state of a table at one version, as an appending writer needs it.

use std::collections::BTreeMap;

use super::actions::{CommitInfo, Metadata, Protocol, StateLine};

/// The app ids of a table with their versions. Headwater stores its positions in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppVersions(BTreeMap<String, i64>);

impl AppVersions {
    /// The version of one app id, if it has one.
    #[must_use]
    pub fn get(&self, app_id: &str) -> Option<i64> {
        self.0.get(app_id).copied()
    }

    /// All app ids that start with `prefix`, in ascending order, with their versions.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, i64)> {
        let from = self.0.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        from.take_while(move |(app_id, _)| app_id.starts_with(prefix))
            .map(|(app_id, version)| (app_id.as_str(), *version))
    }

    /// The number of app ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no app ids.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets a version, even if it is lower than before.
    pub(crate) fn set(&mut self, app_id: String, version: i64) {
        self.0.insert(app_id, version);
    }

    /// For reading from the newest commit back: an older value does not replace a newer one.
    pub(crate) fn set_if_absent(&mut self, app_id: String, version: i64) {
        self.0.entry(app_id).or_insert(version);
    }

    /// All app ids and their versions.
    #[must_use]
    pub fn as_map(&self) -> &BTreeMap<String, i64> {
        &self.0
    }
}

impl FromIterator<(String, i64)> for AppVersions {
    fn from_iter<T: IntoIterator<Item = (String, i64)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// The state of a table at one version, without its data files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    /// The version of the newest commit.
    pub(crate) version: i64,
    /// The newest protocol action.
    pub(crate) protocol: Protocol,
    /// The version in which `protocol` was committed, if known.
    pub(crate) protocol_version: Option<i64>,
    /// The newest metadata action.
    pub(crate) metadata: Metadata,
    /// The version in which `metadata` was committed, if known.
    pub(crate) metadata_version: Option<i64>,
    /// The app transactions after this version.
    pub(crate) apps: AppVersions,
}

impl State {
    /// Applies the commit of the next version. Returns `true` if columns, properties or the protocol changed.
    pub(crate) fn advance(&mut self, lines: Vec<StateLine>) -> bool {
        self.version += 1;
        let mut changed = false;
        for line in lines {
            if let Some(protocol) = line.protocol {
                (self.protocol, self.protocol_version, changed) = (protocol, Some(self.version), true);
            }
            if let Some(metadata) = line.meta_data {
                (self.metadata, self.metadata_version, changed) = (metadata, Some(self.version), true);
            }
            if let Some(txn) = line.txn {
                self.apps.set(txn.app_id, txn.version);
            }
        }
        changed
    }
}

/// The id in a commit of Headwater. `None` if another tool wrote the commit.
pub(crate) fn commit_id(lines: &[StateLine]) -> Option<&str> {
    let infos = lines.iter().filter_map(|line| line.commit_info.as_ref());
    infos
        .filter_map(|CommitInfo { headwater, .. }| headwater.as_ref())
        .map(|own| own.commit_id.as_str())
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_yields_its_app_ids_only() {
        let apps: AppVersions = [("a/1", 1), ("a/1/hole", 2), ("a/10", 3), ("b", 4)]
            .map(|(id, v)| (id.to_owned(), v))
            .into_iter()
            .collect();
        assert_eq!(apps.with_prefix("a/1/").collect::<Vec<_>>(), [("a/1/hole", 2)]);
        assert_eq!(apps.with_prefix("a/1").count(), 3);
        assert_eq!((apps.get("a/10"), apps.get("a/11"), apps.len()), (Some(3), None, 4));
    }
}
