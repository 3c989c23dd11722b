//! Files that are valid by themselves but clash with another file.

use pipeline::Rule;

use crate::{Case, returns};

/// Cases in which the second file is changed.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        returns(Rule::SameTopic, "name: returns.v1", "name: shop.orders-v1", "name: shop.orders-v1"),
        returns(Rule::TopicMetrics, "name: returns.v1", "name: shop_orders-v1", "name: shop_orders-v1"),
        returns(Rule::CatalogName, "name: returns.v1", "name: shop_orders_v1", "name: shop_orders_v1"),
        returns(Rule::CatalogName, "name: returns.v1", "name: Shop-Orders-V1", "name: Shop-Orders-V1"),
        returns(Rule::GroupOfOther, "group: returns-lake", "group: orders-table", "group: orders-table"),
        returns(Rule::GroupOfOther, "group: returns-table", "group: orders-totals", "group: orders-totals"),
    ];
    for path in ["a/orders", "a/orders/x", "a", "a/orders/day=2026-11-25"] {
        let path = format!("path: {path} #");
        cases.push(returns(Rule::LakeInside, "path: a/returns", &path, &path));
    }
    // These are also invalid by themselves. The clash with the other folder is reported as well.
    for path in ["a/orders/", "a//orders", "./a/./orders", "a/b/../orders", "a/../a/orders/x"] {
        let path = format!("path: {path} #");
        cases.push(returns(Rule::LakeInside, "path: a/returns", &path, &path));
    }
    for table in ["shops.orders", "shops.turnover"] {
        let name = format!("name: {table} #");
        cases.push(returns(Rule::TableOfOther, "name: shops.returns", &name, &name));
    }
    // Names of partitions, their indexes, sequences, and indexes of the other tables.
    let parts = [
        "orders_default",
        "orders_d20261125",
        "orders_default_pkey",
        "orders_id_seq",
        "orders_pkey",
        "turnover_pkey",
        "orders_amount_idx",
        "orders_amount_idx1",
    ];
    for table in parts {
        let name = format!("name: shops.{table} #");
        cases.push(returns(Rule::TableOfParts, "name: shops.returns", &name, &name));
    }
    cases
}

#[test]
fn names_that_differ_only_in_dots_or_the_schema_public_clash() {
    use pipeline::{Pipelines, Rule};
    let file = |topic: &str, table: &str| {
        let number = topic.len() + table.len();
        format!(
            r#"{{"topic":{{"name":"{topic}","partitions":1}},"fields":[{{"name":"shop","type":"string"}}],
                "table":{{"consumer_group":"group{number}","name":"{table}","id_column":"id"}}}}"#
        )
    };
    let rules = |one: String, other: String| match Pipelines::from_json(&format!("[{one},{other}]")) {
        Err(pipeline::PipelineError::Invalid(found)) => found.iter().map(|finding| finding.rule).collect(),
        _ => Vec::new(),
    };
    assert_eq!(rules(file("a.b_c", "orders"), file("a_b.c", "returns")), [Rule::TopicMetrics]);
    assert_eq!(rules(file("a.b", "orders"), file("a.c", "public.orders")), [Rule::TableOfOther]);
    assert_eq!(rules(file("a.b", "orders"), file("a.c", "shops.orders")), []);
    // Table `a` with column `b_id` and table `a_b` with column `id` would use the same sequence.
    let first = file("a.b", "a").replace(r#""id""#, r#""b_id""#);
    assert_eq!(rules(first, file("a.c", "a_b")), [Rule::TableOfParts]);
    // A table without a retention has no partitions.
    assert_eq!(rules(file("a.b", "orders"), file("a.c", "orders_default")), []);
    assert_eq!(rules(file("a.b", "orders"), file("Xa.b", "Orders")).len(), 1);
}
