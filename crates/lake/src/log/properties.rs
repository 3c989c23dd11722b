//! Table properties that make appends unsafe, and why.
//!
//! Headwater relies on three things: positions are app transactions, a known version is trusted for some minutes, and
//! data files are on S3 before their commit. A property can allow maintenance jobs of other tools to break each of
//! them. So every property is refused unless it is known to be harmless.

use std::{collections::BTreeMap, time::Duration};

/// The minimum retention of log entries and of unreferenced files. A commit can follow a version that was read half an
/// hour ago (`TRUSTED` in `table`, plus one invocation), and its files can be as old.
const SHORTEST_RETENTION: Duration = Duration::from_hours(1);

/// Properties that do not concern a writer that only appends. Lower case, without `delta.`.
const HARMLESS: [&str; 24] = [
    "appendonly",
    "checkpointinterval",
    "checkpointpolicy",
    "checkpointretentionduration",
    "columnmapping.maxcolumnid",
    "columnmapping.mode", // judged as a feature
    "dataskippingnumindexedcols",
    "dataskippingstatscolumns",
    "dataskippingstringprefixlength",
    "enablechangedatafeed",
    "enabledeletionvectors",
    "enableexpiredlogcleanup",
    "enablefullretentionrollback",
    "enableincommittimestamps", // judged as a feature
    "enablerowtracking",        // judged as a feature
    "isolationlevel",
    "minreaderversion",
    "minwriterversion",
    "parquet.format.version",
    "randomizefileprefixes",
    "randomprefixlength",
    "sampleretentionduration",
    "targetfilesize",
    "tunefilesizesforrewrites",
];
/// Prefixes of further harmless properties. Constraints are checked as a feature.
const HARMLESS_GROUPS: [&str; 5] =
    ["autooptimize", "checkpoint.", "constraints.", "feature.", "parquet.compression."];

/// Returns the properties that forbid appending, each with the reason.
pub(crate) fn against_appending(configuration: &BTreeMap<String, Option<String>>) -> Vec<(String, String)> {
    let judge = |(key, value): (&String, &Option<String>)| {
        let reason = reason_against(key, value.as_deref().unwrap_or_default())?;
        Some((key.clone(), reason))
    };
    configuration.iter().filter_map(judge).collect()
}

/// The reason against a property. `None` if it is harmless.
fn reason_against(key: &str, value: &str) -> Option<String> {
    let lower = key.to_lowercase();
    // Properties without the prefix `delta.` are notes of users and tools.
    let name = lower.strip_prefix("delta.")?;
    let too_short = |what: &str| {
        (interval(value).is_none_or(|retention| retention < SHORTEST_RETENTION))
            .then(|| format!("{value:?} is not an interval of at least 1 hour; {what}"))
    };
    match name {
        "settransactionretentionduration" => {
            Some("checkpoints would drop the positions, and records would be stored twice".to_owned())
        }
        "logretentionduration" => too_short("a writer could take a version that was used before"),
        "deletedfileretentionduration" => too_short("a vacuum could delete files before they are committed"),
        name if HARMLESS.contains(&name) || HARMLESS_GROUPS.iter().any(|group| name.starts_with(group)) => {
            None
        }
        _ => Some("Headwater does not know what it requires of a writer".to_owned()),
    }
}

/// Parses an interval such as `interval 7 days` or `1 day 2 hours`. Returns `None` if the text is not an interval of
/// fixed length.
fn interval(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    let mut words = text.strip_prefix("interval").unwrap_or(&text).split_whitespace().peekable();
    words.peek()?;
    let mut total = Duration::ZERO;
    while let Some(number) = words.next() {
        let number: u64 = number.parse().ok()?;
        let seconds = match words.next()?.trim_end_matches('s') {
            "week" => 7 * 24 * 3_600,
            "day" => 24 * 3_600,
            "hour" => 3_600,
            "minute" => 60,
            "second" => 1,
            // Too short to matter.
            "millisecond" | "microsecond" | "nanosecond" => 0,
            _ => return None,
        };
        total = total.checked_add(Duration::from_secs(number.checked_mul(seconds)?))?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(key: &str, value: &str) -> Option<String> {
        let configuration = [(key.to_owned(), Some(value.to_owned()))].into();
        against_appending(&configuration).pop().map(|(named, reason)| {
            assert_eq!(named, key);
            reason
        })
    }

    #[test]
    fn a_table_that_expires_app_transactions_is_refused_in_any_spelling() {
        for key in ["delta.setTransactionRetentionDuration", "DELTA.settransactionretentionduration"] {
            assert!(refused(key, "interval 365 days").unwrap().contains("positions"));
        }
    }

    #[test]
    fn retention_shorter_than_a_writer_may_be_behind_is_refused() {
        for key in ["delta.logRetentionDuration", "delta.deletedFileRetentionDuration"] {
            for short in [
                "interval 0 hours",
                "interval 59 minutes",
                "interval 3000 milliseconds",
                "1 month",
                "soon",
                "",
            ] {
                assert!(refused(key, short).is_some(), "{key} {short}");
            }
            for long in [
                "interval 1 hour",
                "interval 7 days",
                "INTERVAL 1 WEEK",
                "30 days",
                "interval 0 days 61 minutes",
            ] {
                assert_eq!(refused(key, long), None, "{key} {long}");
            }
        }
    }

    #[test]
    fn harmless_properties_and_those_of_others_are_taken() {
        for key in [
            "delta.appendOnly",
            "delta.autoOptimize.optimizeWrite",
            "delta.checkpoint.writeStatsAsJson",
            "delta.checkpointInterval",
            "delta.enableChangeDataFeed",
            "delta.enableExpiredLogCleanup",
            "delta.feature.deletionVectors",
            "delta.isolationLevel",
            "owner",
            "spark.something",
        ] {
            assert_eq!(refused(key, "true"), None, "{key}");
        }
    }

    #[test]
    fn a_property_that_is_not_known_is_refused() {
        assert!(refused("delta.universalFormat.enabledFormats", "iceberg").is_some());
        assert!(refused("delta.somethingOfNextYear", "true").is_some());
    }
}
