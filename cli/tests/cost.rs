//! Tests of `headwater cost`. They compute its figures a second time, with separate code. Both read the prices from
//! `terraform/prices.json` and the measured durations from `docs/measurements/lanes.json`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Runs the command, and returns its standard output and standard error. The working folder is empty, because the
/// command must not need a checkout.
fn cost(arguments: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    let done = command.arg("cost").args(arguments).current_dir(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
}

/// The figures of the command as JSON.
fn figures(arguments: &[&str]) -> Value {
    serde_json::from_str(&cost(&[&["--json"], arguments].concat()).0).unwrap()
}

/// A JSON file of the repository.
fn file(path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(Path::new(ROOT).join(path)).unwrap()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Asserts that two amounts are equal, apart from rounding.
#[track_caller]
fn assert_same(found: f64, expected: f64) {
    assert!((found - expected).abs() <= expected.abs() * 1e-9 + 1e-12, "{found} is not {expected}");
}

/// A file like the output of `terraform show -json`, with these resources (address, type, values) in a child module.
fn plan(resources: &[(&str, &str, Value)]) -> tempfile::NamedTempFile {
    let found: Vec<Value> = resources
        .iter()
        .map(|(address, kind, values)| json!({ "address": address, "mode": "managed", "type": kind, "values": values }))
        .collect();
    let plan = json!({ "planned_values": { "root_module": { "child_modules": [{ "resources": found }] } } });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), plan.to_string()).unwrap();
    file
}

/// The figures for a plan with these resources.
fn planned(resources: &[(&str, &str, Value)]) -> Value {
    let plan = plan(resources);
    figures(&["--plan", plan.path().to_str().unwrap()])
}

/// A database instance with 100 GB. `zones` makes it Multi-AZ.
fn database(kind: &str, zones: bool) -> (&'static str, &'static str, Value) {
    ("db", "aws_db_instance", json!({ "instance_class": kind, "multi_az": zones, "allocated_storage": 100 }))
}

/// The sum of a figure over both lanes, in dollars, for records of 61 bytes.
fn sum_of_the_lanes(figure: &str) -> f64 {
    let figures = figures(&[]);
    assert_same(number(&figures["record_bytes"]), 61.0);
    let lanes = figures["lanes"].as_array().unwrap();
    assert_eq!(lanes.len(), 2, "the lake and the totals");
    lanes.iter().map(|lane| number(&lane[figure]["usd"])).sum()
}

#[test]
fn the_lines_of_a_profile_add_up_to_its_sum() {
    for profile in ["dev", "prod"] {
        let text = cost(&[profile]).0;
        let amounts: Vec<f64> = text
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().last().unwrap().parse().unwrap())
            .collect();
        let (total, lines) = amounts.split_last().unwrap();
        assert!((lines.iter().sum::<f64>() - total).abs() < 0.06, "{text}");
    }
}

#[test]
fn the_cost_of_a_profile_is_the_sum_of_its_amounts() {
    let (prices, idle) = (file("terraform/prices.json"), &figures(&[])["idle"]);
    for (profile, amounts) in prices["profiles"].as_object().unwrap() {
        let mut sum = 0.0;
        for (name, amount) in amounts.as_object().unwrap() {
            let price = &prices["prices"][name];
            let paid =
                (number(amount) - price["free"].as_f64().unwrap_or(0.0)).max(0.0) * number(&price["usd"]);
            let usd = if price["per"] == "hour" { paid * number(&prices["hours"]) } else { paid };
            assert_same(number(&idle[profile]["lines"][name]), usd);
            sum += usd;
        }
        assert_same(number(&idle[profile]["usd"]), sum);
    }
}

#[test]
fn an_idle_dev_stack_costs_less_than_100_dollars_a_month() {
    assert!(number(&figures(&[])["idle"]["dev"]["usd"]) < 100.0);
}

#[test]
fn a_million_records_of_61_bytes_cost_at_most_a_fifth_of_a_cent_in_both_lanes() {
    let usd = sum_of_the_lanes("million_records");
    assert!(usd <= 0.002, "{usd}");
}

#[test]
fn a_quiet_topic_costs_less_than_a_dollar_a_month_in_both_lanes() {
    let usd = sum_of_the_lanes("quiet_month");
    assert!(usd < 1.0, "{usd}");
}

/// Computes all figures of a lane from the two files and compares them with `found`. The lane has this number of
/// invocations with `records` records each.
fn assert_computed(found: &Value, lane: &Value, event_bytes: f64, invocations: f64, records: f64) {
    let prices = file("terraform/prices.json");
    let usd = |name: &str, amount: f64| number(&prices["prices"][name]["usd"]) * amount;
    let between = |name: &str| {
        let (small, full) = (number(&lane["small"][name]), number(&lane["full"][name]));
        let (few, many) =
            (number(&lane["small"]["records_per_batch"]), number(&lane["full"]["records_per_batch"]));
        small + (full - small) * ((records - few) / (many - few)).max(0.0)
    };
    let memory = number(&lane["memory_mb"]);
    // Lambda gives one CPU for 1,769 MB of memory. Only computing is slower with less memory, waiting is not.
    let waiting = (between("duration_ms") - between("cpu_ms")).max(0.0);
    let billed = (waiting + between("cpu_ms") * 1769.0 / memory).ceil();
    assert_same(number(&found["records_per_batch"]), records);
    assert_same(number(&found["invocations"]), invocations);
    assert_same(number(&found["billed_ms"]), billed);
    assert_same(number(&found["requests_usd"]), usd("lambda_request", invocations / 1e6));
    assert_same(
        number(&found["duration_usd"]),
        usd("lambda_gb_second", invocations * billed / 1e3 * memory / 1024.0),
    );
    let requests = usd("s3_put", between("s3_put")) + usd("s3_get", between("s3_get"));
    assert_same(number(&found["s3_usd"]), requests * invocations / 1e6);
    assert_same(number(&found["logs_usd"]), usd("log_gb", invocations * between("log_bytes") / 1e9));
    assert_same(
        number(&found["endpoints_usd"]),
        usd("endpoint_gb", invocations * records * event_bytes / 1e9),
    );
    let parts = ["requests_usd", "duration_usd", "s3_usd", "logs_usd"];
    assert_same(number(&found["usd"]), parts.iter().map(|part| number(&found[part])).sum());
}

#[test]
fn the_figures_of_a_lane_are_computed_from_the_cited_measurement() {
    let (measured, figures) = (file("docs/measurements/lanes.json"), figures(&[]));
    for said in ["command", "date", "machine"] {
        assert_eq!(figures["measured"][said], measured[said]);
    }
    let event_bytes = number(&measured["event_bytes_per_record"]);
    for (lane, found) in
        measured["lanes"].as_array().unwrap().iter().zip(figures["lanes"].as_array().unwrap())
    {
        assert_eq!(found["function"], lane["function"]);
        assert_computed(&found["million_records"], lane, event_bytes, 100.0, 10_000.0);
        let window = number(&found["window_seconds"]);
        assert_computed(&found["quiet_month"], lane, event_bytes, 730.0 * 3600.0 / window, window);
    }
}

#[test]
fn the_batch_windows_are_the_defaults_in_terraform() {
    let variables =
        fs::read_to_string(Path::new(ROOT).join("terraform/environments/aws/variables_lanes.tf")).unwrap();
    for lane in figures(&[])["lanes"].as_array().unwrap() {
        let section = if lane["function"] == "parquet-writer" { "lake" } else { "totals" };
        let default = format!("optional(number, {})", number(&lane["window_seconds"]));
        let said =
            variables.lines().any(|line| line.trim_start().starts_with(section) && line.contains(&default));
        assert!(said, "{section} = {default} is not in variables_lanes.tf");
    }
}

#[test]
fn alternatives_are_computed_from_the_price_list() {
    let prices = file("terraform/prices.json");
    let usd = |name: &str, amount: f64| {
        let price = &prices["prices"][name];
        number(&price["usd"]) * amount * if price["per"] == "hour" { 730.0 } else { 1.0 }
    };
    // 400,000 records of 61 bytes per second are 24.4 MB/s, which needs two event poller units.
    let figures = figures(&["--records-per-second", "2", "--records-per-second", "400000"]);
    for (load, units) in [(0, 1.0), (1, 2.0)] {
        let compared = &figures["compared"][load];
        let rate = number(&compared["records_per_second"]);
        let way = |name: &str| {
            let ways = compared["ways"].as_array().unwrap();
            number(&ways.iter().find(|way| way["name"].as_str().unwrap().starts_with(name)).unwrap()["usd"])
        };
        let (seconds, gb) = (730.0 * 3600.0, 1024.0 * 1024.0 * 1024.0);
        let plain = rate * 61.0 * seconds / gb;
        let rounded = rate * 5120.0 * seconds / gb;
        let pollers = way("Lambda, provisioned") - way("Lambda, on-demand");
        assert!((pollers - usd("poller_unit", units)).abs() < 1e-6, "{pollers}");
        assert_same(
            way("Firehose from MSK"),
            usd("firehose_msk_gb", plain)
                + usd("firehose_parquet_gb", plain)
                + usd("multi_vpc", 1.0)
                + usd("multi_vpc_gb", plain),
        );
        assert_same(
            way("Firehose, written to"),
            usd("firehose_put_gb", rounded) + usd("firehose_parquet_gb", rounded),
        );
        assert_same(way("MSK Connect"), usd("connect_unit", 1.0));
    }
}

#[test]
fn an_event_has_at_most_6_mb() {
    let measured = file("docs/measurements/lanes.json");
    // In Base64, 61 bytes become 84 bytes, and 3000 bytes become 4000.
    let event_bytes = number(&measured["event_bytes_per_record"]) - 84.0 + 4000.0;
    let found = figures(&["--record-bytes", "3000"]);
    let records = number(&found["lanes"][0]["million_records"]["records_per_batch"]);
    assert_same(records, (6.0 * 1024.0 * 1024.0 / event_bytes).floor());
}

#[test]
fn multi_az_doubles_the_cost_of_the_instance_and_its_storage() {
    let [one, two] =
        [false, true].map(|zones| planned(&[database("db.t4g.micro", zones)])["amounts"].clone());
    for amount in ["db.t4g.micro", "database_gb"] {
        assert_same(number(&two[amount]), 2.0 * number(&one[amount]));
    }
}

#[test]
fn an_interface_endpoint_costs_its_price_in_every_zone() {
    let subnets = [0, 1, 2].map(|zone| format!("module.network.aws_subnet.private[{zone}]"));
    let mut resources: Vec<(&str, &str, Value)> =
        subnets.iter().map(|address| (address.as_str(), "aws_subnet", json!({}))).collect();
    resources.push(("sts", "aws_vpc_endpoint", json!({ "vpc_endpoint_type": "Interface" })));
    resources.push(("s3", "aws_vpc_endpoint", json!({ "vpc_endpoint_type": "Gateway" })));
    assert_same(number(&planned(&resources)["usd"]), 21.90);
}

#[test]
fn an_alarm_on_an_expression_costs_the_price_of_each_metric() {
    let queries = json!({ "metric_query": [
        { "expression": "user + system", "metric": [] },
        { "metric": [{ "metric_name": "CpuUser" }] },
        { "metric": [{ "metric_name": "CpuSystem" }] },
    ] });
    let amounts = &planned(&[("cpu", "aws_cloudwatch_metric_alarm", queries)])["amounts"];
    assert_same(number(&amounts["alarm_metric"]), 2.0);
}

#[test]
fn the_free_alarms_cost_nothing() {
    let alarms: Vec<String> = (0..9).map(|alarm| format!("alarm-{alarm}")).collect();
    let resources: Vec<(&str, &str, Value)> =
        alarms.iter().map(|address| (address.as_str(), "aws_cloudwatch_metric_alarm", json!({}))).collect();
    let plan = plan(&resources);
    assert!(cost(&["--plan", plan.path().to_str().unwrap()]).0.contains("9, free"));
}

#[test]
fn an_instance_type_without_a_price_is_named() {
    let plan = plan(&[database("db.r8g.large", false)]);
    assert!(cost(&["--plan", plan.path().to_str().unwrap()]).1.contains("db.r8g.large has no price"));
}

#[test]
fn a_file_that_is_not_a_plan_is_refused_with_the_commands_that_make_one() {
    let no_plan = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let done =
        Command::new(env!("CARGO_BIN_EXE_headwater")).args(["cost", "--plan", no_plan]).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && said.contains("fix: create it with: terraform plan"), "{said}");
}

#[test]
fn every_price_has_a_source_and_the_way_it_was_checked() {
    let prices = file("terraform/prices.json");
    for (name, price) in prices["prices"].as_object().unwrap() {
        assert!(prices["seen"].get(price["seen"].as_str().unwrap()).is_some(), "{name}: seen");
        assert!(prices["sources"].get(price["source"].as_str().unwrap()).is_some(), "{name}: source");
    }
}

#[test]
fn the_readme_of_terraform_has_the_current_tables() {
    let page = fs::read_to_string(Path::new(ROOT).join("terraform/README.md")).unwrap();
    let (_, after) = page.split_once("<!-- costs: written by scripts/module-docs -->").unwrap();
    let (tables, _) = after.split_once("<!-- end of costs -->").unwrap();
    assert_eq!(tables.trim(), cost(&["--markdown"]).0.trim(), "run scripts/module-docs");
}
