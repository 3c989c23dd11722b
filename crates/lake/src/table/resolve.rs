//! What the writer knows of the table, and how it catches up with other writers.

use tokio::time::Instant;

use super::{TRUSTED, Table};
use crate::{
    LakeError,
    log::{LogReader, State, actions::StateLine, commit_id, properties, protocol},
    schema::{DeltaStruct, evolved},
};

/// More commits than this are not read one by one: a LIST and our own newest commit say the same in four requests.
const ONE_BY_ONE: u32 = 16;

/// A version of the table, checked against the writer's columns.
#[derive(Debug)]
pub(super) struct Known {
    /// `None`: there is no table yet.
    pub(super) state: Option<State>,
    /// The schema that the table must take before our files fit.
    pub(super) evolve: Option<DeltaStruct>,
    read_at: Instant,
}

impl Known {
    /// This version was the newest a moment ago.
    pub(super) fn confirmed(&mut self) {
        self.read_at = Instant::now();
    }
}

/// How a lost commit turned out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Race {
    /// Another writer's commit took the version.
    Lost,
    /// The commit of that version is ours: only its answer was lost.
    Ours,
}

impl Table {
    /// Makes sure that some version is known: remembered when that is recent, else read.
    pub(super) async fn recall(&mut self, deadline: Instant) -> Result<(), LakeError> {
        match &self.known {
            Some(known) if known.read_at.elapsed() < TRUSTED => Ok(()),
            _ => self.read(deadline).await,
        }
    }

    /// Makes sure that the newest version is known. `true` when it is newer than the one that was.
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

    /// Takes in the versions after the known one. `ours` is the id of a commit of ours that may be the first of them.
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
                // Created meanwhile: what there is of it is read as a whole.
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

    /// Whether we may append to the table, and with which columns.
    pub(super) fn check(&mut self) -> Result<(), LakeError> {
        let checked = self.checked();
        match (checked, self.known.as_mut()) {
            (Ok(evolve), Some(known)) => known.evolve = evolve,
            (Ok(_), None) => {}
            (Err(misfit), _) => {
                // Somebody will change the table or the pipeline: look again next time.
                self.forget();
                return Err(misfit);
            }
        }
        Ok(())
    }

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
