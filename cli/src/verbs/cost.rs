//! `headwater cost`: estimates the monthly cost of a deployment in AWS. It needs no stack and no checkout: prices and
//! measured durations are compiled in.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cost::{measured::Measured, plan, prices::Prices, report::Report},
    failure::failure,
    out,
};

/// Arguments of `headwater cost`.
#[derive(Debug, Args)]
#[command(after_help = "\
Use it before a deployment. The first table shows what a deployment costs while no records arrive, the second one what
records cost. Prices are AWS list prices of us-east-1; durations and request counts were measured on a local stack.
terraform/README.md lists the source of each price, and the costs that are not included.

Examples:
  headwater cost                                      both profiles without records, then the cost of records
  headwater cost dev                                  one profile without records
  headwater cost --records-per-second 500 --record-bytes 2000
  terraform show -json PLAN > plan.json && headwater cost --plan plan.json")]
pub(crate) struct CostArgs {
    /// Show only this profile (dev or prod), without records
    profile: Option<String>,
    /// Show the resources of a plan that cost money while no records arrive (`terraform show -json PLAN`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "markdown"])]
    plan: Option<PathBuf>,
    /// Records per second of a topic, to compare ways to S3. Repeat it for more columns [default: 1, 100 and 10000]
    #[arg(long, value_name = "N", value_parser = positive)]
    records_per_second: Vec<f64>,
    /// Size of a record's value in bytes [default: 61, the measured size]
    #[arg(long, value_name = "N", value_parser = positive)]
    record_bytes: Option<f64>,
    /// Print the tables of terraform/README.md, in Markdown
    #[arg(long, conflicts_with_all = ["profile", "json"])]
    markdown: bool,
    /// Print all figures as one JSON object; with --plan, the amounts and their sum
    #[arg(long)]
    json: bool,
}

/// Prints the figures: as tables, Markdown or JSON. Amounts of money are US dollars per month.
///
/// # Errors
/// There is no such profile, or the plan file cannot be read or parsed.
pub(crate) fn run(args: &CostArgs) -> anyhow::Result<()> {
    let (prices, measured) = (Prices::built_in()?, Measured::built_in()?);
    let loads = if args.records_per_second.is_empty() {
        vec![1.0, 100.0, 10_000.0]
    } else {
        args.records_per_second.clone()
    };
    let record_bytes = args.record_bytes.unwrap_or(measured.record_bytes);
    let report = Report { prices, measured, record_bytes, loads };
    if args.markdown {
        out::line(report.markdown()?);
    } else if let Some(file) = &args.plan {
        let planned = plan::read(&report.prices, file)?;
        for name in &planned.unknown {
            out::note(format!("{name} has no price in terraform/prices.json, so it is not counted"));
        }
        if args.json {
            let usd = crate::cost::idle::total(&report.prices, &planned.amounts);
            return out::json(
                &serde_json::json!({ "amounts": planned.amounts, "unknown": planned.unknown, "usd": usd }),
            );
        }
        out::line(report.idle("This plan", &planned.amounts));
    } else if args.json {
        out::json(&report.json()?)?;
    } else {
        profiles(args, &report)?;
    }
    Ok(())
}

/// Prints the chosen profile. Without one, prints all profiles and then the cost of records.
fn profiles(args: &CostArgs, report: &Report) -> anyhow::Result<()> {
    let known = &report.prices.profiles;
    if let Some(wanted) = &args.profile {
        let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
        let (name, amounts) = known.iter().find(|(name, _)| name == wanted).ok_or_else(|| {
            failure(format!("there is no profile {wanted}"), format!("choose {}", names.join(" or ")))
        })?;
        out::line(report.idle(&format!("Profile {name}"), amounts));
        return Ok(());
    }
    for (name, amounts) in known {
        out::line(format!("{}\n", report.idle(&format!("Profile {name}"), amounts)));
    }
    out::line(report.use_of_it()?);
    Ok(())
}

/// Parses a finite number above 0.
fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number > 0.0)
        .ok_or_else(|| format!("{text} is not a number above 0"))
}
