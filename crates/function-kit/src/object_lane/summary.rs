//! Summarises the results of an invocation's objects, as metrics and as the answer.

use std::collections::BTreeMap;

use faults::FaultClass;
use serde_json::{Value, json};

use super::{Counts, add};
use crate::serve::Failure;
use crate::telemetry::{Unit, WideEvent};

/// The largest number of keys that an error names.
pub(super) const NAMED: usize = 5;

/// The results of one list of objects.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// The number of objects.
    pub(super) objects: u64,
    /// The counts of all objects that are done.
    pub(super) counts: Counts,
    /// The failed objects by key.
    pub(super) failed: BTreeMap<String, Failure>,
}

/// The results of all objects of an invocation. It keeps only counts and a few keys, so memory stays bounded.
#[derive(Debug, Default)]
pub(super) struct Summary {
    /// The number of objects.
    objects: u64,
    pub(super) counts: Counts,
    /// The number of failed objects.
    failed: u64,
    /// Whether at least one failure is retryable.
    passing: bool,
    /// The keys of the first failed objects, each with its error.
    named: Vec<String>,
}

impl Summary {
    /// Adds the results of a run.
    pub(super) fn take(&mut self, run: &Run) {
        self.objects += run.objects;
        add(&mut self.counts, &run.counts);
        self.failed += run.failed.len() as u64;
        self.passing |= run.failed.values().any(|failure| failure.class() == FaultClass::Retryable);
        let room = NAMED.saturating_sub(self.named.len());
        self.named.extend(run.failed.iter().take(room).map(|(key, failure)| format!("{key}: {failure}")));
    }

    /// Writes the counts as metrics.
    pub(super) fn report(&self, event: &mut WideEvent) {
        event.metric("ObjectsReceived", self.objects, Unit::Count);
        event.metric("ObjectsToRetry", self.failed, Unit::Count);
        for (name, &count) in &self.counts {
            event.metric(name, count, Unit::Count);
        }
    }

    /// Writes the metrics and returns the counts.
    ///
    /// # Errors
    /// [`Failure`] if at least one object failed; the other objects are done nevertheless. It is retryable if
    /// one of the failures is, because the invocation must be repeated then.
    pub(super) fn answer(self, event: &mut WideEvent) -> Result<Value, Failure> {
        self.report(event);
        if self.failed == 0 {
            let mut answer = json!(self.counts);
            answer["objects"] = self.objects.into();
            return Ok(answer);
        }
        let class = if self.passing { FaultClass::Retryable } else { FaultClass::Configuration };
        let (failed, objects, named) = (self.failed, self.objects, self.named.join("; "));
        Err(Failure::new(class, format!("{failed} of {objects} objects must be read again: {named}")))
    }
}
