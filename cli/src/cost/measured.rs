//! What invocations took on a local stack, and what they would take in Lambda.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const FILE: &str = include_str!("../../../docs/measurements/lanes.json");

/// Memory at which a function has one vCPU; with less or more it has CPU in proportion. From AWS's documentation of memory.
pub(crate) const MB_OF_ONE_VCPU: f64 = 1769.0;

/// `docs/measurements/lanes.json`, which `scripts/measure-lanes` writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    pub(crate) command: String,
    pub(crate) date: String,
    pub(crate) machine: String,
    pub(crate) topic: String,
    /// Of a record's value.
    pub(crate) record_bytes: f64,
    /// Of a record in the event that the function is given.
    pub(crate) event_bytes_per_record: f64,
    pub(crate) lanes: Vec<Lane>,
}

/// One function.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lane {
    /// The section of a pipeline file that it serves.
    pub(crate) section: String,
    pub(crate) function: String,
    pub(crate) memory_mb: f64,
    /// How many metrics it writes.
    pub(crate) metrics: f64,
    /// Batches of 10,000 records.
    pub(crate) full: Means,
    /// Batches of a few records.
    pub(crate) small: Means,
}

/// Means over the measured invocations.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Means {
    pub(crate) invocations: u32,
    pub(crate) records_per_batch: f64,
    pub(crate) duration_ms: f64,
    /// CPU time, on a core of the machine that measured.
    pub(crate) cpu_ms: f64,
    pub(crate) s3_put: f64,
    pub(crate) s3_get: f64,
    /// Its own line and those of Lambda.
    pub(crate) log_bytes: f64,
}

impl Measured {
    /// The measurement that is built in.
    pub(crate) fn built_in() -> anyhow::Result<Self> {
        serde_json::from_str(FILE).context("the built-in measurement is damaged")
    }

    /// Of a record with a value of this size in the event: values are in Base64, all else has the same size.
    pub(crate) fn event_bytes(&self, record_bytes: f64) -> f64 {
        let base64 = |bytes: f64| (bytes / 3.0).ceil() * 4.0;
        self.event_bytes_per_record + base64(record_bytes) - base64(self.record_bytes)
    }
}

impl Lane {
    /// A batch of so many records, on the line through the two that were measured.
    pub(crate) fn batch(&self, records: f64) -> Means {
        let (small, full) = (&self.small, &self.full);
        let share = (records - small.records_per_batch) / (full.records_per_batch - small.records_per_batch);
        let between = |small: f64, full: f64| (full - small).mul_add(share.max(0.0), small);
        Means {
            invocations: small.invocations + full.invocations,
            records_per_batch: records,
            duration_ms: between(small.duration_ms, full.duration_ms),
            cpu_ms: between(small.cpu_ms, full.cpu_ms),
            s3_put: between(small.s3_put, full.s3_put),
            s3_get: between(small.s3_get, full.s3_get),
            log_bytes: between(small.log_bytes, full.log_bytes),
        }
    }
}

impl Means {
    /// How long it takes in Lambda: waiting takes as long as here, computing longer by the share of a vCPU that there is.
    /// A core of Lambda is taken to be as fast as one here. Lambda bills whole milliseconds.
    pub(crate) fn billed_ms(&self, memory_mb: f64) -> f64 {
        let waiting = (self.duration_ms - self.cpu_ms).max(0.0);
        self.cpu_ms.mul_add((MB_OF_ONE_VCPU / memory_mb).max(1.0), waiting).ceil()
    }
}
