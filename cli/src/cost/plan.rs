//! Finds the resources with fixed costs in a Terraform plan (`terraform show -json PLAN`).

use std::{collections::BTreeSet, path::Path};

use anyhow::Context as _;
use serde_json::Value;

use super::prices::{Amounts, Prices};
use crate::failure::failure;

/// Resources of a plan as amounts.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// Amounts by name of the price.
    pub(crate) amounts: Amounts,
    /// Names that the price list does not have, such as another instance type. Their costs are not included.
    pub(crate) unknown: BTreeSet<String>,
}

/// Reads a plan. Fails if the file is not the JSON of `terraform show -json`.
pub(crate) fn read(prices: &Prices, file: &Path) -> anyhow::Result<Planned> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let plan: Value = serde_json::from_str(&text).unwrap_or_default();
    let root = &plan["planned_values"]["root_module"];
    if !root.is_object() {
        return Err(failure(
            format!("{} is not a plan in JSON", file.display()),
            "create it with: terraform plan -out=PLAN && terraform show -json PLAN > plan.json",
        ));
    }
    let mut resources = Vec::new();
    collect(root, &mut resources);
    Ok(planned(prices, &resources))
}

/// Collects the managed resources of a module and of its child modules.
fn collect<'a>(module: &'a Value, found: &mut Vec<&'a Value>) {
    for child in module["child_modules"].as_array().into_iter().flatten() {
        collect(child, found);
    }
    let managed = |each: &&Value| each["mode"] == "managed" && each["values"].is_object();
    found.extend(module["resources"].as_array().into_iter().flatten().filter(managed));
}

fn planned(prices: &Prices, resources: &[&Value]) -> Planned {
    let mut planned = Planned::default();
    let is_zone = |each: &&&Value| {
        each["address"]
            .as_str()
            .is_some_and(|address| address.contains("aws_subnet.private[") && address.ends_with(']'))
    };
    let zones = count(resources.iter().filter(is_zone).count());
    for each in resources {
        for (name, amount) in of(each["type"].as_str().unwrap_or_default(), &each["values"], zones) {
            if prices.find(&name).is_some() {
                *planned.amounts.entry(name).or_default() += amount;
            } else {
                planned.unknown.insert(name);
            }
        }
    }
    planned
}

/// Names and amounts of the prices for one resource. Empty if it has no fixed costs.
///
/// `zones` is the number of private subnets in the plan. An interface endpoint costs per zone, and its own list of
/// subnets may not be known before the apply.
fn of(kind: &str, values: &Value, zones: f64) -> Vec<(String, f64)> {
    let text = |name: &str| values[name].as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let one = |name: &str| vec![(name.to_owned(), 1.0)];
    match kind {
        "aws_msk_cluster" => {
            let (brokers, node) =
                (number(&values["number_of_broker_nodes"]), &values["broker_node_group_info"][0]);
            let volume = number(&node["storage_info"][0]["ebs_storage_info"][0]["volume_size"]);
            vec![
                (node["instance_type"].as_str().unwrap_or_default().to_owned(), brokers),
                ("kafka_gb".to_owned(), brokers * volume),
            ]
        }
        "aws_db_instance" => {
            let copies = if values["multi_az"] == true { 2.0 } else { 1.0 };
            let mut all = one("secret");
            all.push((text("instance_class"), copies));
            all.push(("database_gb".to_owned(), copies * number(&values["allocated_storage"])));
            all
        }
        "aws_vpc_endpoint" if values["vpc_endpoint_type"] == "Interface" => {
            let subnets = count(values["subnet_ids"].as_array().map_or(0, Vec::len));
            vec![("interface_endpoint".to_owned(), if zones > 0.0 { zones } else { subnets })]
        }
        "aws_nat_gateway" => one("nat_gateway"),
        "aws_eip" => one("public_address"),
        "aws_instance" => {
            let disks = values["root_block_device"].as_array().into_iter().flatten();
            let disk = disks.map(|disk| number(&disk["volume_size"])).sum();
            vec![(text("instance_type"), 1.0), ("disk_gb".to_owned(), disk)]
        }
        "aws_cloudwatch_metric_alarm" => {
            let queries = values["metric_query"].as_array().into_iter().flatten();
            let metrics =
                queries.filter(|query| query["metric"].as_array().is_some_and(|metric| !metric.is_empty()));
            vec![("alarm_metric".to_owned(), count(metrics.count()).max(1.0))]
        }
        "aws_cloudwatch_dashboard" => one("dashboard"),
        "aws_kms_key" => one("key"),
        "aws_secretsmanager_secret" => one("secret"),
        "aws_cloudcontrolapi_resource" if values["type_name"] == "AWS::SecretsManager::Secret" => {
            one("secret")
        }
        _ => Vec::new(),
    }
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
