//! What became of an invocation's objects, as metrics and as an answer.

use std::collections::BTreeMap;

use faults::FaultClass;
use serde_json::{Value, json};

use super::{Counts, add};
use crate::serve::Failure;
use crate::telemetry::{Unit, WideEvent};

/// How many keys an error names.
pub(super) const NAMED: usize = 5;

/// What became of some objects.
#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) objects: u64,
    pub(super) counts: Counts,
    pub(super) failed: BTreeMap<String, Failure>,
}

/// What became of all objects of an invocation, however many.
#[derive(Debug, Default)]
pub(super) struct Summary {
    objects: u64,
    pub(super) counts: Counts,
    failed: u64,
    /// Whether at least one failure may go away when the object is tried again.
    passing: bool,
    /// The first that failed, and why.
    named: Vec<String>,
}

impl Summary {
    /// Adds what became of some.
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

    /// Returns the counts, or an error if any object must be handled again. The others are done in both cases.
    pub(super) fn answer(self, event: &mut WideEvent) -> Result<Value, Failure> {
        self.report(event);
        if self.failed == 0 {
            let mut answer = json!(self.counts);
            answer["objects"] = self.objects.into();
            return Ok(answer);
        }
        let class = if self.passing { FaultClass::Retryable } else { FaultClass::Configuration };
        let (failed, objects, named) = (self.failed, self.objects, self.named.join("; "));
        Err(Failure::new(class, format!("{failed} of {objects} objects must come again: {named}")))
    }
}
