//! Costs of other ways to bring a topic of MSK to Parquet files on S3, for the same load.
//!
//! Only the monthly cost of the transport itself counts. MSK, storage on S3, and the conversion of plain Parquet files
//! to a Delta table are not included.

use serde::Serialize;

use super::{
    lanes::{self, Load},
    measured::Measured,
    prices::Prices,
};

/// Throughput of an event poller unit in bytes per second. Source: AWS's documentation of provisioned mode. The same
/// page says that a poller carries 5 MB/s and that a unit has 10 pollers, which would be more.
const UNIT_BYTES: f64 = 20e6;
/// Firehose rounds the size of each record that is written to it up to a multiple of 5 KB.
const FIREHOSE_STEP: f64 = 5.0 * 1024.0;
const FIREHOSE_GB: f64 = 1024.0 * 1024.0 * 1024.0;

/// One way and its cost.
#[derive(Debug, Serialize)]
pub(crate) struct Way {
    /// Name for people.
    pub(crate) name: &'static str,
    /// US dollars per month.
    pub(crate) usd: f64,
}

/// Costs of all ways for one load. The ways with this project's functions come first.
///
/// # Errors
/// The price list has no entry for a price that is needed.
pub(crate) fn ways(prices: &Prices, measured: &Measured, load: Load) -> anyhow::Result<Vec<Way>> {
    let mut ways = Vec::new();
    let bytes = load.records_per_second * load.record_bytes;
    let seconds = prices.hours * 3600.0;
    if let Some(lane) = measured.lanes.iter().find(|lane| lane.section == "lake") {
        let lambda = lanes::of_a_month(prices, measured, lane, load)?;
        ways.push(Way { name: "Lambda, on-demand pollers", usd: lambda.usd });
        ways.push(Way { name: "… through interface endpoints", usd: lambda.usd + lambda.endpoints_usd });
        let units = (bytes / UNIT_BYTES).ceil().max(1.0);
        ways.push(Way {
            name: "Lambda, provisioned pollers",
            usd: lambda.usd + prices.usd("poller_unit", units)?,
        });
    }
    let gb = bytes * seconds / FIREHOSE_GB;
    let private = prices.usd("multi_vpc", 1.0)? + prices.usd("multi_vpc_gb", gb)?;
    ways.push(Way {
        name: "Firehose from MSK, with Parquet",
        usd: prices.usd("firehose_msk_gb", gb)? + prices.usd("firehose_parquet_gb", gb)? + private,
    });
    let steps = (load.record_bytes / FIREHOSE_STEP).ceil();
    let counted = load.records_per_second * steps * FIREHOSE_STEP * seconds / FIREHOSE_GB;
    ways.push(Way {
        name: "Firehose, written to, with Parquet",
        usd: prices.usd("firehose_put_gb", counted)? + prices.usd("firehose_parquet_gb", counted)?,
    });
    ways.push(Way { name: "MSK Connect, one unit", usd: prices.usd("connect_unit", 1.0)? });
    Ok(ways)
}
