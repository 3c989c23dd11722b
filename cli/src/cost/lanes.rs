//! Variable costs: what the records of a topic cost in a lane, with Lambda's on-demand pollers. Fixed costs are in
//! `idle`.

use serde::Serialize;

use super::{
    measured::{Lane, Measured},
    prices::Prices,
};

/// Largest number of records in a batch: Lambda's limit for Kafka, which the mappings use.
const BATCH: f64 = 10_000.0;
/// Largest event in bytes: Lambda's limit of 6 MB for the payload of an invocation.
const EVENT: f64 = 6.0 * 1024.0 * 1024.0;
const MILLION: f64 = 1e6;
const GB: f64 = 1e9;

/// Load of a topic, and the batch window of its mapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Records per second over all partitions.
    pub(crate) records_per_second: f64,
    /// Size of a record's value in bytes.
    pub(crate) record_bytes: f64,
    /// Longest time in seconds that a record waits for its batch to fill. 0: no wait.
    pub(crate) window_seconds: f64,
}

/// Invocations and their costs in US dollars.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Cost {
    /// Number of invocations.
    pub(crate) invocations: f64,
    /// Mean number of records in a batch.
    pub(crate) records_per_batch: f64,
    /// Billed duration of one invocation in milliseconds.
    pub(crate) billed_ms: f64,
    /// Lambda: price of the invocations.
    pub(crate) requests_usd: f64,
    /// Lambda: price of their duration and memory.
    pub(crate) duration_usd: f64,
    /// S3: price of PUT and GET requests.
    pub(crate) s3_usd: f64,
    /// CloudWatch: price of the log lines.
    pub(crate) logs_usd: f64,
    /// Sum of the prices above.
    pub(crate) usd: f64,
    /// Additional price of interface endpoints. It applies only if the VPC has them: on-demand pollers invoke from the
    /// VPC, so all events pass through the endpoints. Not part of `usd`.
    pub(crate) endpoints_usd: f64,
}

/// Batch window in seconds of the lane of a pipeline section. Must be the same as `batch_windows` in Terraform; a test
/// compares them.
pub(crate) fn window_seconds(section: &str) -> f64 {
    if section == "lake" { 60.0 } else { 10.0 }
}

/// Largest number of records in one event: 10,000, or as many as fit in 6 MB. At least 1.
fn most(measured: &Measured, record_bytes: f64) -> f64 {
    BATCH.min((EVENT / measured.event_bytes(record_bytes)).floor()).max(1.0)
}

/// The cost of a million records in full batches: the lower bound of the price per record.
pub(crate) fn of_a_million(
    prices: &Prices,
    measured: &Measured,
    lane: &Lane,
    record_bytes: f64,
) -> anyhow::Result<Cost> {
    let records = most(measured, record_bytes);
    of_batches(prices, measured, lane, record_bytes, records, MILLION / records)
}

/// The cost of one month at a steady load.
///
/// A batch is delivered when it is full or when its window ends. The calculation assumes one poller for all partitions;
/// Lambda starts with one. More pollers would mean more and smaller batches.
pub(crate) fn of_a_month(
    prices: &Prices,
    measured: &Measured,
    lane: &Lane,
    load: Load,
) -> anyhow::Result<Cost> {
    let seconds = prices.hours * 3600.0;
    let fills = load.records_per_second / most(measured, load.record_bytes);
    let windows = if load.window_seconds > 0.0 { 1.0 / load.window_seconds } else { f64::INFINITY };
    let per_second = fills.max(windows.min(load.records_per_second));
    let records = load.records_per_second / per_second;
    of_batches(prices, measured, lane, load.record_bytes, records, per_second * seconds)
}

/// The cost of `invocations` batches of `records` records each.
fn of_batches(
    prices: &Prices,
    measured: &Measured,
    lane: &Lane,
    record_bytes: f64,
    records: f64,
    invocations: f64,
) -> anyhow::Result<Cost> {
    let mut batch = lane.batch(records);
    // Larger records take more CPU, in proportion to their bytes in the event.
    let larger = measured.event_bytes(record_bytes) / measured.event_bytes_per_record;
    let computing = lane.small.cpu_ms.min(batch.cpu_ms);
    let more = (batch.cpu_ms - computing) * (larger - 1.0);
    batch.cpu_ms += more;
    batch.duration_ms += more;

    let billed_ms = batch.billed_ms(lane.memory_mb);
    let gb_seconds = invocations * billed_ms / 1000.0 * lane.memory_mb / 1024.0;
    let event_gb = invocations * records * measured.event_bytes(record_bytes) / GB;
    let requests_usd = prices.usd("lambda_request", invocations / MILLION)?;
    let duration_usd = prices.usd("lambda_gb_second", gb_seconds)?;
    let s3_usd = prices.usd("s3_put", invocations * batch.s3_put / MILLION)?
        + prices.usd("s3_get", invocations * batch.s3_get / MILLION)?;
    let logs_usd = prices.usd("log_gb", invocations * batch.log_bytes / GB)?;
    Ok(Cost {
        invocations,
        records_per_batch: records,
        billed_ms,
        requests_usd,
        duration_usd,
        s3_usd,
        logs_usd,
        usd: requests_usd + duration_usd + s3_usd + logs_usd,
        endpoints_usd: prices.usd("endpoint_gb", event_gb)?,
    })
}
