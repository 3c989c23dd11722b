//! Prints the costs as text, as Markdown for terraform/README.md, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    idle,
    lanes::{self, Cost, Load},
    measured::{Lane, MB_OF_ONE_VCPU, Measured},
    others::{self, Way},
    prices::{Amounts, Prices},
};
use crate::table;

/// Input of all calculations.
pub(crate) struct Report {
    pub(crate) prices: Prices,
    pub(crate) measured: Measured,
    /// Size of a record's value in bytes.
    pub(crate) record_bytes: f64,
    /// Loads in records per second for the comparison with other ways; one column each.
    pub(crate) loads: Vec<f64>,
}

/// Costs of one lane.
struct Figures<'a> {
    lane: &'a Lane,
    /// Batch window in seconds.
    window_seconds: f64,
    /// Cost of a million records in full batches.
    million: Cost,
    /// Cost of a month with one record per second.
    quiet: Cost,
}

impl Report {
    /// The fixed costs of a plan or a profile as text.
    pub(crate) fn idle(&self, title: &str, amounts: &Amounts) -> String {
        let mut text =
            format!("{title} (list prices of {}, {}):\n", self.prices.region, self.prices.looked_up);
        for line in idle::lines(&self.prices, amounts) {
            let what = line.price.what.replace('`', "");
            let _ = writeln!(text, "  {what:62} {:>24} {:>9.2}", line.arithmetic, line.usd);
        }
        let sum = idle::total(&self.prices, amounts);
        let _ = write!(text, "  {:62} {:24} {sum:>9.2}", "a month while nothing flows, US dollars", "");
        text
    }

    /// The costs of the lanes and the comparison with other ways as text.
    pub(crate) fn use_of_it(&self) -> anyhow::Result<String> {
        let mut text = format!(
            "A topic's records of {} bytes in a lane, US dollars, beyond what is above:\n{}\n",
            self.record_bytes,
            table::render(&LANES, self.lane_rows()?)
        );
        let _ = writeln!(text, "{}\n", self.notes()?.join("\n").replace('`', ""));
        let _ = write!(
            text,
            "The lake lane of a topic beside other ways to S3, US dollars a month:\n{}",
            table::render(
                &self.ways_header().iter().map(String::as_str).collect::<Vec<_>>(),
                self.way_rows()?
            )
        );
        Ok(text)
    }

    /// The tables of terraform/README.md.
    pub(crate) fn markdown(&self) -> anyhow::Result<String> {
        let header = |cells: &[String]| format!("| {} |\n|{}", cells.join(" | "), "---|".repeat(cells.len()));
        let rows = |rows: Vec<Vec<String>>| {
            rows.into_iter().map(|row| format!("| {} |", row.join(" | "))).collect::<Vec<_>>().join("\n")
        };
        let lanes: Vec<String> = LANES.iter().map(|&cell| cell.to_owned()).collect();
        Ok(format!(
            "{}\n\nA topic's records of {} bytes in a lane, US dollars:\n\n{}\n{}\n\n{}\n\n\
             The lake lane of a topic beside other ways to S3, US dollars a month:\n\n{}\n{}",
            self.idle_markdown(),
            self.record_bytes,
            header(&lanes),
            rows(self.lane_rows()?),
            self.notes()?.iter().map(|note| format!("- {note}")).collect::<Vec<_>>().join("\n"),
            header(&self.ways_header()),
            rows(self.way_rows()?),
        ))
    }

    fn idle_markdown(&self) -> String {
        let (prices, profiles) = (&self.prices, &self.prices.profiles);
        let names: Vec<String> = profiles.iter().map(|(name, _)| format!("`{name}`")).collect();
        let mut text = format!("| | {} | |\n|{}\n", names.join(" | | "), "---|".repeat(2 * names.len() + 1));
        for (name, price) in &prices.list {
            if !profiles.iter().any(|(_, amounts)| amounts.contains_key(name)) {
                continue;
            }
            let mark = match price.seen.as_str() {
                "lists" => " ¹",
                "quoted" => " ²",
                _ => "",
            };
            let _ = write!(text, "| {}{mark} |", price.what);
            for (_, amounts) in profiles {
                let only: Amounts =
                    amounts.get(name).map(|amount| (name.clone(), *amount)).into_iter().collect();
                match idle::lines(prices, &only).first() {
                    Some(line) => _ = write!(text, " {} | ${:.2} |", line.arithmetic, line.usd),
                    None => text.push_str("  |  |"),
                }
            }
            text.push('\n');
        }
        let sums: Vec<String> =
            profiles.iter().map(|(_, amounts)| format!("**${:.0}**", idle::total(prices, amounts))).collect();
        let pages: Vec<String> =
            prices.sources.iter().map(|(name, url)| format!("[{name}]({url})")).collect();
        let seen = |name: &str| prices.seen.get(name).map_or("", String::as_str);
        let _ = write!(
            text,
            "| **a month** | | {} |\n\nList prices of {}, looked up on {}; {} hours a month; without taxes and without the \
             free months of a new account. AWS's pages show their figures only to a browser; these were seen {}. Check them \
             before you rely on them: {}.\n\n¹ Seen {}.\n\n² Seen {}.",
            sums.join(" | | "),
            prices.region,
            prices.looked_up,
            prices.hours,
            seen("infracost"),
            pages.join(", "),
            seen("lists"),
            seen("quoted"),
        );
        text
    }

    fn figures(&self) -> anyhow::Result<Vec<Figures<'_>>> {
        let figures = self.measured.lanes.iter().map(|lane| {
            let window_seconds = lanes::window_seconds(&lane.section);
            let load = Load { records_per_second: 1.0, record_bytes: self.record_bytes, window_seconds };
            Ok(Figures {
                lane,
                window_seconds,
                million: lanes::of_a_million(&self.prices, &self.measured, lane, self.record_bytes)?,
                quiet: lanes::of_a_month(&self.prices, &self.measured, lane, load)?,
            })
        });
        figures.collect()
    }

    fn lane_rows(&self) -> anyhow::Result<Vec<Vec<String>>> {
        let figures = self.figures()?;
        let mut rows = Vec::new();
        for (title, quiet) in
            [("a million records, full batches", false), ("a month of 1 record a second", true)]
        {
            let mut sum = 0.0;
            for each in &figures {
                let cost = if quiet { &each.quiet } else { &each.million };
                sum += cost.usd;
                let lane = format!("{title}: {}", each.lane.function);
                rows.push(vec![
                    lane,
                    format!("{:.0} × {:.0} ms", cost.invocations, cost.billed_ms),
                    usd(cost.requests_usd + cost.duration_usd),
                    usd(cost.s3_usd),
                    usd(cost.logs_usd),
                    usd(cost.usd),
                    usd(cost.endpoints_usd),
                ]);
            }
            let mut all =
                vec![format!("{title}: both"), String::new(), String::new(), String::new(), String::new()];
            all.extend([usd(sum), String::new()]);
            rows.push(all);
        }
        Ok(rows)
    }

    fn way_rows(&self) -> anyhow::Result<Vec<Vec<String>>> {
        let columns = self.loads.iter().map(|load| self.ways(*load)).collect::<anyhow::Result<Vec<_>>>()?;
        let mut rows = Vec::new();
        for way in 0..columns.first().map_or(0, Vec::len) {
            let mut row = vec![columns[0][way].name.to_owned()];
            row.extend(columns.iter().map(|ways| format!("{:.2}", ways[way].usd)));
            rows.push(row);
        }
        Ok(rows)
    }

    fn ways(&self, records_per_second: f64) -> anyhow::Result<Vec<Way>> {
        let load = Load {
            records_per_second,
            record_bytes: self.record_bytes,
            window_seconds: lanes::window_seconds("lake"),
        };
        others::ways(&self.prices, &self.measured, load)
    }

    fn ways_header(&self) -> Vec<String> {
        let mut header = vec!["records a second".to_owned()];
        header.extend(self.loads.iter().map(f64::to_string));
        header
    }

    /// The assumptions behind the figures.
    fn notes(&self) -> anyhow::Result<Vec<String>> {
        let figures = self.figures()?;
        let memory: Vec<String> =
            figures.iter().map(|each| format!("{} {} MB", each.lane.function, each.lane.memory_mb)).collect();
        let windows: Vec<String> =
            figures.iter().map(|each| format!("{} {} s", each.lane.section, each.window_seconds)).collect();
        let mut metrics = Vec::new();
        for each in &figures {
            let usd = self.prices.find("custom_metric").map_or(0.0, |price| price.usd * each.lane.metrics);
            metrics.push(format!("{} {} (${usd:.2})", each.lane.function, each.lane.metrics));
        }
        Ok(vec![
            format!(
                "Measured on {} with `{}`, on {}: not in AWS.",
                self.measured.date, self.measured.command, self.measured.machine
            ),
            format!(
                "Lambda gives CPU by memory, one vCPU at {MB_OF_ONE_VCPU} MB: the CPU part of a duration is longer there by that \
                 share ({}); waiting is as measured, and S3 answers more slowly than the emulator. 100 ms more for each batch are \
                 $0.00007 for a million records at 512 MB.",
                memory.join(", ")
            ),
            format!("Windows as in Terraform's `batch_windows`: {}. One poller reads all partitions.", windows.join(", ")),
            "Endpoints: on-demand pollers invoke from the VPC, so that events pass its interface endpoints where those are the way \
             out. A NAT instance takes nothing for data. Traffic between zones is not counted."
                .to_owned(),
            format!(
                "Not counted: storage, lake-keeper's work, and the metrics of a function, which are paid once for all topics in \
                 each hour in which it runs: {} a month.",
                metrics.join(", ")
            ),
        ])
    }

    /// The figures as JSON for scripts. All amounts of money are in US dollars.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        let idle = self.prices.profiles.iter().map(|(name, amounts)| {
            let lines: Value = amounts
                .iter()
                .map(|(price, amount)| {
                    let only = Amounts::from([(price.clone(), *amount)]);
                    (price.clone(), json!(idle::total(&self.prices, &only)))
                })
                .collect::<serde_json::Map<_, _>>()
                .into();
            (name.clone(), json!({ "lines": lines, "usd": idle::total(&self.prices, amounts) }))
        });
        let lanes: Vec<Value> = self
            .figures()?
            .iter()
            .map(|each| {
                json!({
                    "function": each.lane.function,
                    "window_seconds": each.window_seconds,
                    "million_records": each.million,
                    "quiet_month": each.quiet,
                })
            })
            .collect();
        let mut compared = Vec::new();
        for load in &self.loads {
            compared.push(json!({ "records_per_second": load, "ways": self.ways(*load)? }));
        }
        Ok(json!({
            "record_bytes": self.record_bytes,
            "idle": idle.collect::<serde_json::Map<_, _>>(),
            "lanes": lanes,
            "compared": compared,
            "measured": self.measured,
        }))
    }
}

const LANES: [&str; 7] = ["", "invocations", "Lambda", "S3 requests", "logs", "sum", "endpoints, on top"];

/// Formats an amount in US dollars with two decimals, or with five if it is less than 10 cents.
fn usd(amount: f64) -> String {
    if amount < 0.1 { format!("{amount:.5}") } else { format!("{amount:.2}") }
}
