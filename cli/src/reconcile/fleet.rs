//! Compares the receipts of fleets with the rows of the table.

use std::fs;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use pipeline::{Pipeline, TableSection};
use serde::Serialize;
use tokio_postgres::Client;
use warehouse::quoted;

use crate::{failure::failure, stack::layout::Layout, traffic::receipt::Receipt};

/// Result for one drive of a fleet.
#[derive(Debug, Serialize)]
pub(crate) struct FleetVerdict {
    /// Start of the drive, RFC 3339.
    pub(crate) started: String,
    /// Number of vehicles.
    pub(crate) vehicles: usize,
    /// Events that the gateway answered with 2xx.
    pub(crate) acknowledged: i64,
    /// Rows of these vehicles between their first and last acknowledged event.
    pub(crate) stored: i64,
    /// Events that were never acknowledged. Each of them may be stored or not.
    pub(crate) given_up: i64,
    /// Vehicles with missing rows, or with rows of events that were not acknowledged. Holds at most [`NAMED`] entries.
    pub(crate) problems: Vec<String>,
}

impl FleetVerdict {
    /// Whether every acknowledged event is stored, and no more rows exist than the events given up can explain.
    pub(crate) fn holds(&self) -> bool {
        self.problems.is_empty()
            && (self.acknowledged..=self.acknowledged + self.given_up).contains(&self.stored)
    }
}

/// Largest number of vehicles that a verdict names.
const NAMED: usize = 5;

/// Checks every drive to `gateway` whose receipt is in the data folder. Empty if the pipeline has no fields `vin` and
/// `timestamp`.
///
/// # Errors
/// A receipt or the table cannot be read.
pub(crate) async fn judge(
    layout: &Layout,
    gateway: &str,
    client: &Client,
    pipeline: &Pipeline,
    spec: &TableSection,
) -> anyhow::Result<Vec<FleetVerdict>> {
    let has = |name: &str| pipeline.fields.iter().any(|field| field.name == name);
    if !has("vin") || !has("timestamp") {
        return Ok(Vec::new());
    }
    let mut files: Vec<_> =
        fs::read_dir(layout.fleet()).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut verdicts = Vec::new();
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let receipt: Receipt = serde_json::from_slice(&bytes).map_err(|error| {
            failure(
                format!("{} is not a receipt: {error}", file.display()),
                "delete that file if it is not needed",
            )
        })?;
        // Events of drives to other gateways are not stored in this stack.
        if receipt.host.trim_end_matches('/') == gateway {
            verdicts.push(one(client, spec, &receipt).await?);
        }
    }
    Ok(verdicts)
}

/// Checks one drive: counts, by vehicle, the rows between its first and last acknowledged event. More rows than
/// acknowledged events are accepted if the drive gave up events.
async fn one(client: &Client, spec: &TableSection, receipt: &Receipt) -> anyhow::Result<FleetVerdict> {
    let mut verdict = FleetVerdict {
        started: receipt.started.clone(),
        vehicles: receipt.vehicles,
        acknowledged: i64::try_from(receipt.acknowledged)?,
        stored: 0,
        given_up: i64::try_from(receipt.given_up)?,
        problems: Vec::new(),
    };
    let (mut vins, mut firsts, mut lasts, mut promised) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (vin, &(acknowledged, first, last)) in &receipt.vins {
        let Some((first, last)) = first.zip(last) else { continue };
        vins.push(vin.as_str());
        firsts.push(micros(first)?);
        lasts.push(micros(last)?);
        promised.push(i64::try_from(acknowledged)?);
    }
    let sql = format!(
        "SELECT u.vin, u.promised, (SELECT count(*) FROM {} d WHERE d.vin = u.vin AND d.\"timestamp\" BETWEEN u.first AND u.last) \
         FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::int8[]) AS u(vin, first, last, promised)",
        quoted(&spec.name)
    );
    let rows = client.query(&sql, &[&vins, &firsts, &lasts, &promised]).await;
    for row in rows.with_context(|| format!("cannot read {}", spec.name))? {
        let (vin, promised, stored): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        verdict.stored += stored;
        let surplus_is_explained = receipt.given_up > 0 && stored > promised;
        if stored != promised && !surplus_is_explained && verdict.problems.len() < NAMED {
            verdict
                .problems
                .push(format!("vehicle {vin}: {promised} events were acknowledged, {stored} are stored"));
        }
    }
    Ok(verdict)
}

/// Converts seconds since the Unix epoch to a time, rounded to microseconds as the pipeline does.
fn micros(seconds: f64) -> anyhow::Result<DateTime<Utc>> {
    #[expect(clippy::cast_possible_truncation, reason = "a time of this century")]
    let micros = (seconds * 1e6).round() as i64;
    DateTime::from_timestamp_micros(micros).context("a receipt has an invalid timestamp")
}
