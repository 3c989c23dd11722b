//! Receipts of fleets: the events that the gateway acknowledged. `headwater verify` compares them with the stored rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::tally::Summary;

/// One drive of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// Start, RFC 3339 with milliseconds, UTC.
    pub(crate) started: String,
    /// End, in the same form.
    pub(crate) ended: String,
    /// Address of the gateway. `verify` looks only at drives to the gateway of its own stack.
    pub(crate) host: String,
    /// Number of vehicles.
    pub(crate) vehicles: usize,
    /// Events that the vehicles made.
    pub(crate) made: u64,
    /// Events that the gateway answered with 2xx. Each of them must be stored.
    pub(crate) acknowledged: u64,
    /// Events that the gateway refused.
    pub(crate) refused: u64,
    /// Events that were never acknowledged before the drive ended. Each of them may be stored or not.
    pub(crate) given_up: u64,
    /// By VIN: the number of acknowledged events, and the timestamps of the first and the last of them in seconds since
    /// the Unix epoch. The timestamps are `None` if the number is 0.
    pub(crate) vins: BTreeMap<String, (u64, Option<f64>, Option<f64>)>,
}

/// The acknowledged events of one vehicle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trace {
    vin: String,
    acknowledged: u64,
    /// Timestamp of the first acknowledged event, in seconds since the Unix epoch.
    first: Option<f64>,
    /// Timestamp of the last one.
    last: Option<f64>,
}

impl Trace {
    pub(crate) fn new(vin: &str) -> Self {
        Self { vin: vin.to_owned(), acknowledged: 0, first: None, last: None }
    }

    /// Adds an acknowledged event. Timestamps must come in ascending order.
    pub(crate) fn acknowledged(&mut self, timestamp: f64) {
        self.acknowledged += 1;
        self.first.get_or_insert(timestamp);
        self.last = Some(timestamp);
    }
}

impl Receipt {
    pub(crate) fn new(
        host: &str,
        started: DateTime<Utc>,
        summary: &Summary,
        traces: impl IntoIterator<Item = Trace>,
    ) -> Self {
        let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let vins = traces.into_iter().map(|trace| (trace.vin, (trace.acknowledged, trace.first, trace.last)));
        Self {
            started: time(started),
            ended: time(Utc::now()),
            host: host.to_owned(),
            vehicles: summary.vehicles,
            made: summary.made,
            acknowledged: summary.acknowledged,
            refused: summary.refused,
            given_up: summary.given_up,
            vins: vins.collect(),
        }
    }

    /// Writes the receipt into `folder`, which is created if needed, and returns the file. The file's name is the start
    /// and the process id, so that two fleets that start together do not overwrite each other.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let time: String = self.started.chars().filter(|c| !":.-".contains(*c)).collect();
        let file = folder.join(format!("{time}-{}.json", std::process::id()));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, serde_json::to_vec(self)?))
            .with_context(|| format!("cannot write the receipt {}", file.display()))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::tally::Tally;

    #[test]
    fn a_receipt_is_read_back_as_it_was_written() {
        let mut trace = Trace::new("GD9KE1GANAGOCJ64E");
        trace.acknowledged(1_664_624_846.762_738);
        trace.acknowledged(1_664_624_849.5);
        let summary = Tally::default().counts().summary(2, std::time::Duration::from_secs(1));
        let traces = [trace, Trace::new("00000000000000000")];
        let started = DateTime::from_timestamp_millis(1_795_262_400_123).unwrap();
        let receipt = Receipt::new("http://h", started, &summary, traces);
        let folder = tempfile::tempdir().unwrap();
        let file = receipt.write(&folder.path().join("fleet")).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("20261121T120000123Z-"), "{name}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(r#""GD9KE1GANAGOCJ64E":[2,1664624846.762738,1664624849.5]"#), "{text}");
        assert_eq!(serde_json::from_str::<Receipt>(&text).unwrap(), receipt);
    }
}
