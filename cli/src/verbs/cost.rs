//! `headwater cost`: what a deployment costs, before the bill. It needs no stack and no checkout.

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
Prices are AWS's list prices of us-east-1; durations and request counts were measured on a local stack. terraform/README.md says
where each price was seen and what the figures leave out.

Examples:
  headwater cost                                      both profiles while nothing flows, then what records cost
  headwater cost dev                                  one profile
  headwater cost --records-per-second 500 --record-bytes 2000
  terraform show -json PLAN > plan.json && headwater cost --plan plan.json")]
pub(crate) struct CostArgs {
    /// One profile (dev or prod) while nothing flows
    profile: Option<String>,
    /// What a plan keeps running (`terraform show -json PLAN`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "markdown"])]
    plan: Option<PathBuf>,
    /// Records a second of a topic, to compare ways to S3; more than once for more columns [default: 1, 100 and 10000]
    #[arg(long, value_name = "N", value_parser = positive)]
    records_per_second: Vec<f64>,
    /// Size of a record's value in bytes [default: 61, the measured size]
    #[arg(long, value_name = "N", value_parser = positive)]
    record_bytes: Option<f64>,
    /// The tables of terraform/README.md
    #[arg(long, conflicts_with_all = ["profile", "json"])]
    markdown: bool,
    /// All figures as JSON; with --plan the amounts and their sum
    #[arg(long)]
    json: bool,
}

/// Prints the figures.
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
            out::note(format!("{name}: no price in terraform/prices.json; add it to have it counted"));
        }
        if args.json {
            let usd = crate::cost::idle::total(&report.prices, &planned.amounts);
            return out::json(
                &serde_json::json!({ "amounts": planned.amounts, "unknown": planned.unknown, "usd": usd }),
            );
        }
        out::line(report.idle("What this plan keeps running", &planned.amounts));
    } else if args.json {
        out::json(&report.json()?)?;
    } else {
        profiles(args, &report)?;
    }
    Ok(())
}

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

fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number > 0.0)
        .ok_or_else(|| format!("{text} is not a number above 0"))
}
