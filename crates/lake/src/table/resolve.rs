//! The state that a writer knows of the table, and how it reads the commits of other writers.

use tokio::time::Instant;

use super::{TRUSTED, Table};
use crate::{
    LakeError,
    log::{LogReader, State, actions::StateLine, commit_id, properties, protocol},
    schema::{DeltaStruct, evolved},
};

/// Up to this many new commits are read one by one. If there are more, a LIST and the newest commit of Headwater give
/// the same state in four requests.
const ONE_BY_ONE: u32 = 16;

/// A version of the table that was checked against the writer's columns.
#[derive(Debug)]
pub(super) struct Known {
    /// The table's state. `None` if there is no table yet.
    pub(super) state: Option<State>,
    /// The new schema that the next commit with files must set. `None` if the columns match already.
    pub(super) evolve: Option<DeltaStruct>,
    /// When the version was read or confirmed.
    read_at: Instant,
}

impl Known {
    /// Records that this version is still the newest.
    pub(super) fn confirmed(&mut self) {
        self.read_at = Instant::now();
    }
}

/// The result of a commit whose version was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Race {
    /// Another writer's commit has the version.
    Lost,
    /// Our own commit has the version. Only S3's response was lost.
    Ours,
}

impl Table {
    /// Makes sure that a version is known. Reads the log if the known one is older than [`TRUSTED`].
    pub(super) async fn recall(&mut self, deadline: Instant) -> Result<(), LakeError> {
        match &self.known {
            Some(known) if known.read_at.elapsed() < TRUSTED => Ok(()),
            _ => self.read(deadline).await,
        }
    }

    /// Makes sure that the known version is the newest. Returns `true` if it changed.
    pub(super) async fn confirm(&mut self, deadline: Instant) -> Result<bool, LakeError> {
        if self.fresh {
            return Ok(false);
        }
        let before = self.known.as_ref().map(|known| known.state.as_ref().map(|state| state.version));
        self.recall(deadline).await?;
        if !self.fresh {
            self.catch_up(None, deadline).await?;
        }
        let after = self.known.as_ref().map(|known| known.state.as_ref().map(|state| state.version));
        Ok(before != after)
    }

    /// Applies the commits after the known version. `ours` is the id of our commit that may be the first of them.
    pub(super) async fn catch_up(
        &mut self,
        ours: Option<&str>,
        deadline: Instant,
    ) -> Result<Race, LakeError> {
        let mut race = Race::Lost;
        let mut changed = false;
        for read in 0..ONE_BY_ONE {
            let Some(known) = self.known.as_mut() else { break };
            let next = known.state.as_ref().map_or(0, |state| state.version + 1);
            let log = LogReader { store: &self.store, deadline };
            let Some(lines) = log.commit::<StateLine>(next).await? else {
                known.confirmed();
                self.fresh = true;
                if changed {
                    self.check()?;
                }
                return Ok(race);
            };
            if read == 0 && ours.is_some() && commit_id(&lines) == ours {
                race = Race::Ours;
            }
            match &mut known.state {
                Some(state) => changed |= state.advance(lines),
                // Another writer created the table in the meantime, so the whole log is read.
                None => break,
            }
        }
        self.read(deadline).await?;
        Ok(race)
    }

    /// Reads the log from its newest checkpoint on.
    async fn read(&mut self, deadline: Instant) -> Result<(), LakeError> {
        let read_at = Instant::now();
        self.known = None;
        let state = LogReader { store: &self.store, deadline }.newest().await?;
        self.known = Some(Known { state, evolve: None, read_at });
        self.fresh = true;
        self.check()
    }

    /// Checks whether we may append to the table, and whether its schema must change first.
    ///
    /// After an error the known version is forgotten.
    pub(super) fn check(&mut self) -> Result<(), LakeError> {
        let checked = self.checked();
        match (checked, self.known.as_mut()) {
            (Ok(evolve), Some(known)) => known.evolve = evolve,
            (Ok(_), None) => {}
            (Err(misfit), _) => {
                // An operator must change the table or the pipeline. Read the table again on the next call.
                self.forget();
                return Err(misfit);
            }
        }
        Ok(())
    }

    /// Checks protocol, properties, partitioning and columns. Returns the new schema if the table's schema must change.
    fn checked(&self) -> Result<Option<DeltaStruct>, LakeError> {
        let Some(state) = self.known.as_ref().and_then(|known| known.state.as_ref()) else { return Ok(None) };
        let table = || self.location().to_string();
        let schema = DeltaStruct::parse(&state.metadata.schema_string).map_err(|e| LakeError::Log {
            table: table(),
            file: "metaData".to_owned(),
            reason: format!("schemaString: {e}"),
        })?;
        let against = protocol::against_appending(&state.protocol, &state.metadata, &schema);
        if !against.is_empty() {
            return Err(LakeError::Unsupported {
                table: table(),
                features: against.join(", "),
                purpose: "appending",
            });
        }
        let refused = properties::against_appending(&state.metadata.configuration);
        if !refused.is_empty() {
            let problems: Vec<_> = refused.iter().map(|(key, reason)| format!("{key}: {reason}")).collect();
            let keys: Vec<_> = refused.iter().map(|(key, _)| format!("'{key}'")).collect();
            let (problems, keys) = (problems.join("; "), keys.join(", "));
            return Err(LakeError::Properties { table: table(), problems, keys });
        }
        if state.metadata.partition_columns != self.schema.partition_columns() {
            return Err(LakeError::Partitioning {
                table: table(),
                found: state.metadata.partition_columns.clone(),
                wanted: self.schema.partition_columns().to_vec(),
            });
        }
        evolved(&schema, self.schema.delta()).map_err(|misfit| LakeError::Schema {
            table: table(),
            column: misfit.column,
            reason: misfit.reason,
        })
    }
}
