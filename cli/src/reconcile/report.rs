//! The report of `headwater verify`, as tables or JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Verdict, fleet::FleetVerdict, objects::ObjectVerdict, oracle::Opinion};
use crate::{out, stack::lag::OpenTransaction, table};

/// Results of all checks.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Whether all checks passed. `verify` sets it from [`Report::adds_up`].
    pub(crate) holds: bool,
    /// One verdict per mapping of a function and a topic.
    pub(crate) mappings: Vec<Verdict>,
    /// By topic, open transactions. Records from their first offset on are not checked.
    pub(crate) open_transactions: BTreeMap<String, Vec<OpenTransaction>>,
    /// Sums of the topics that have both a Delta table and a table of totals.
    pub(crate) sums: Vec<Sum>,
    /// One verdict per S3 lane.
    pub(crate) objects: Vec<ObjectVerdict>,
    /// One verdict per drive of a fleet.
    pub(crate) fleets: Vec<FleetVerdict>,
    /// Results of the independent check. `None` if it is not installed.
    pub(crate) independent: Option<Vec<Opinion>>,
}

/// Comparison of the two sinks of a topic: the sum of one field in the lake and in the table of totals.
#[derive(Debug, Serialize)]
pub(crate) struct Sum {
    pub(crate) topic: String,
    /// Name of the summed field.
    pub(crate) field: String,
    /// Name of the table of totals.
    pub(crate) table: String,
    /// Sum in the lake as a decimal number. `None` if it is not known exactly; then it is not compared.
    pub(crate) lake: Option<String>,
    /// Sum in the table of totals as a decimal number.
    pub(crate) totals: String,
    /// Whether the sums are equal.
    pub(crate) agree: bool,
}

impl Report {
    /// Whether all checks passed: mappings, sums, objects, fleets and the independent check.
    pub(crate) fn adds_up(&self) -> bool {
        self.mappings.iter().all(Verdict::holds)
            && self.sums.iter().all(|sum| sum.agree)
            && self.objects.iter().all(ObjectVerdict::holds)
            && self.fleets.iter().all(FleetVerdict::holds)
            && self.independent.iter().flatten().all(Opinion::holds)
    }

    /// Prints the report as tables, or with `json` as one JSON object.
    pub(crate) fn show(&self, json: bool) -> anyhow::Result<()> {
        let report = self;
        if json {
            return out::json(report);
        }
        let rows = report.mappings.iter().map(|verdict| {
            let numbers = [
                verdict.produced,
                verdict.stored,
                verdict.repeated,
                verdict.parked,
                verdict.missing,
                verdict.lost,
                verdict.doubled,
            ];
            let names = [&verdict.function, &verdict.group, &verdict.topic];
            row(names, numbers, verdict.holds())
        });
        let header = [
            "function", "group", "topic", "produced", "stored", "repeated", "parked", "missing", "lost",
            "doubled", "verdict",
        ];
        out::line(table::render(&header, rows));
        for sum in &report.sums {
            let relation = if sum.agree { "=" } else { "BUT" };
            let lake = sum.lake.as_deref().unwrap_or("(not known exactly, not compared)");
            out::line(format!(
                "{}: sum of {} in the lake {lake} {relation} {} in {}",
                sum.topic, sum.field, sum.totals, sum.table
            ));
        }
        for (topic, open) in &report.open_transactions {
            for transaction in open {
                out::line(format!("not checked: {}", transaction.describe(topic)));
            }
        }
        for opinion in report.independent.iter().flatten() {
            out::line(opinion.line());
        }
        for drive in &report.fleets {
            let relation = if drive.holds() { "=" } else { "BUT" };
            let given_up = if drive.given_up > 0 {
                format!(" (and {} given up)", drive.given_up)
            } else {
                String::new()
            };
            out::line(format!(
                "fleet of {} at {}: {} acknowledged{given_up} {relation} {} stored",
                drive.vehicles, drive.started, drive.acknowledged, drive.stored
            ));
        }
        let rows = report.objects.iter().map(|verdict| {
            let numbers = [
                verdict.objects,
                verdict.rows,
                verdict.stored,
                verdict.superseded,
                verdict.ignored,
                verdict.parked,
            ];
            row([&verdict.function, &verdict.bucket], numbers, verdict.holds())
        });
        let header =
            ["function", "bucket", "objects", "rows", "stored", "superseded", "ignored", "parked", "verdict"];
        out::line("");
        out::line(table::render(&header, rows));
        for problem in problems(report) {
            out::line(problem);
        }
        Ok(())
    }
}

/// A row of a table: names, numbers and the verdict.
fn row<const N: usize, T: ToString>(
    names: [&String; N],
    numbers: impl IntoIterator<Item = T>,
    holds: bool,
) -> Vec<String> {
    let mut row: Vec<String> = names.into_iter().cloned().collect();
    row.extend(numbers.into_iter().map(|number| number.to_string()));
    row.push(if holds { "holds" } else { "DOES NOT HOLD" }.to_owned());
    row
}

/// All problems of the report, one line each.
fn problems(report: &Report) -> Vec<String> {
    let mut problems = Vec::new();
    for verdict in &report.objects {
        problems.extend(verdict.problems.iter().map(|problem| format!("{}: {problem}", verdict.function)));
        if verdict.more_problems > 0 {
            problems.push(format!("{}: and {} more", verdict.function, verdict.more_problems));
        }
    }
    for verdict in &report.mappings {
        let of = |problem| format!("{} of {}: {problem}", verdict.function, verdict.topic);
        problems.extend(verdict.problems.iter().map(of));
    }
    for opinion in report.independent.iter().flatten() {
        let of = |problem| format!("independent check of {}: {problem}", opinion.topic);
        problems.extend(opinion.problems.iter().map(of));
    }
    for drive in &report.fleets {
        problems
            .extend(drive.problems.iter().map(|problem| format!("fleet at {}: {problem}", drive.started)));
    }
    problems
}
