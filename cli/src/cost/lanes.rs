//! What the records of a topic cost in a lane that Lambda's on-demand pollers feed, beyond what is paid while nothing flows.

use serde::Serialize;

use super::{
    measured::{Lane, Measured},
    prices::Prices,
};

/// Records in a batch at most.
const BATCH: f64 = 10_000.0;
/// Bytes of an event at most.
const EVENT: f64 = 6.0 * 1024.0 * 1024.0;
const MILLION: f64 = 1e6;
const GB: f64 = 1e9;

/// A topic's load, and how its batches are cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) records_per_second: f64,
    pub(crate) record_bytes: f64,
    /// How long a record waits at most for its batch to fill, in seconds.
    pub(crate) window_seconds: f64,
}

/// US dollars, by what is paid.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Cost {
    pub(crate) invocations: f64,
    pub(crate) records_per_batch: f64,
    pub(crate) billed_ms: f64,
    pub(crate) requests_usd: f64,
    pub(crate) duration_usd: f64,
    pub(crate) s3_usd: f64,
    pub(crate) logs_usd: f64,
    /// All of the above.
    pub(crate) usd: f64,
    /// What interface endpoints take of it on top, where they are the way out: on-demand pollers invoke from the VPC.
    pub(crate) endpoints_usd: f64,
}

/// The window of each section in AWS: Terraform's `batch_windows`. A test compares the two.
pub(crate) fn window_seconds(section: &str) -> f64 {
    if section == "lake" { 60.0 } else { 10.0 }
}

/// Records that fit into an event: 10,000, or 6 MB.
fn most(measured: &Measured, record_bytes: f64) -> f64 {
    BATCH.min((EVENT / measured.event_bytes(record_bytes)).floor()).max(1.0)
}

/// A million records in batches that are as full as they can be.
pub(crate) fn of_a_million(
    prices: &Prices,
    measured: &Measured,
    lane: &Lane,
    record_bytes: f64,
) -> anyhow::Result<Cost> {
    let records = most(measured, record_bytes);
    of_batches(prices, measured, lane, record_bytes, records, MILLION / records)
}

/// The cost of one month at a steady load. A batch is delivered when it is full or when its window ends. One poller is assumed to
/// read all partitions, which is how Lambda begins.
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
