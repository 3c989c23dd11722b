//! Durations and requests of invocations, measured on a local stack, and their conversion to Lambda.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

const FILE: &str = include_str!("../../../docs/measurements/lanes.json");

/// Memory in MB at which a function has one vCPU. CPU is proportional to memory. Source: AWS's documentation of
/// Lambda's memory setting.
pub(crate) const MB_OF_ONE_VCPU: f64 = 1769.0;

/// `docs/measurements/lanes.json`, which `scripts/measure-lanes` writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measured {
    /// The command that measured.
    pub(crate) command: String,
    /// Date of the measurement.
    pub(crate) date: String,
    /// Description of the machine.
    pub(crate) machine: String,
    /// Topic whose records were used.
    pub(crate) topic: String,
    /// Mean size of a record's value in bytes.
    pub(crate) record_bytes: f64,
    /// Mean size of a record in Lambda's event in bytes: Base64 value, key, offsets and JSON around them.
    pub(crate) event_bytes_per_record: f64,
    pub(crate) lanes: Vec<Lane>,
}

/// Measurement of one function.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lane {
    /// The section of a pipeline file that the function serves, such as `lake`.
    pub(crate) section: String,
    /// Name of the function.
    pub(crate) function: String,
    /// Memory of the function in AWS, in MB.
    pub(crate) memory_mb: f64,
    /// Number of CloudWatch metrics that the function writes.
    pub(crate) metrics: f64,
    /// Means over batches of up to 10,000 records.
    pub(crate) full: Means,
    /// Means over batches of a few records.
    pub(crate) small: Means,
}

/// Means over the measured invocations.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Means {
    /// Number of measured invocations.
    pub(crate) invocations: u32,
    /// Records per invocation.
    pub(crate) records_per_batch: f64,
    /// Duration of an invocation in milliseconds, waiting included.
    pub(crate) duration_ms: f64,
    /// CPU time of an invocation in milliseconds, on a core of the measuring machine.
    pub(crate) cpu_ms: f64,
    /// S3 requests at the price of PUT, per invocation.
    pub(crate) s3_put: f64,
    /// S3 requests at the price of GET, per invocation.
    pub(crate) s3_get: f64,
    /// Bytes of log per invocation: the function's own line and Lambda's lines.
    pub(crate) log_bytes: f64,
}

impl Measured {
    /// The measurement that was compiled into this command.
    pub(crate) fn built_in() -> anyhow::Result<Self> {
        serde_json::from_str(FILE).context("the built-in measurement is damaged")
    }

    /// Size in the event, in bytes, of a record whose value has `record_bytes`. The value is in Base64; the rest is
    /// assumed to be as large as for the measured records.
    pub(crate) fn event_bytes(&self, record_bytes: f64) -> f64 {
        let base64 = |bytes: f64| (bytes / 3.0).ceil() * 4.0;
        self.event_bytes_per_record + base64(record_bytes) - base64(self.record_bytes)
    }
}

impl Lane {
    /// Estimates a batch of this many records by linear interpolation between `small` and `full`. Batches smaller than
    /// the measured small ones count as small.
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
    /// Estimates the billed duration in Lambda, in whole milliseconds (Lambda rounds up).
    ///
    /// Waiting takes as long as measured. With less than one vCPU, the CPU time grows in proportion; with more, it stays
    /// as measured. A core in Lambda is assumed to be as fast as one of the measuring machine.
    pub(crate) fn billed_ms(&self, memory_mb: f64) -> f64 {
        let waiting = (self.duration_ms - self.cpu_ms).max(0.0);
        self.cpu_ms.mul_add((MB_OF_ONE_VCPU / memory_mb).max(1.0), waiting).ceil()
    }
}
