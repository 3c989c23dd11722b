//! For each rule of `headwater pipeline check` there is a file that breaks it, and the finding names the line.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod beside;
mod text;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use pipeline::{Finding, PipelineError, Pipelines, Rule};

/// A file that keeps every rule. The cases change it.
const ORDERS: &str = include_str!("orders.yaml");
/// A second file that keeps every rule, also beside the first.
const BESIDE: &str = include_str!("beside.yaml");

/// A file that breaks a rule.
struct Case {
    rule: Rule,
    /// The content of the changed file. The other file is unchanged.
    content: Vec<u8>,
    /// Whether the second file is changed.
    second: bool,
    /// The line that the finding must name.
    line: usize,
}

/// The first file, with `to` in place of the first `from`. The first line with `needle` breaks the rule.
fn orders(rule: Rule, from: &str, to: &str, needle: &str) -> Case {
    changed(rule, ORDERS, from, to, needle)
}

/// The same for the second file.
fn returns(rule: Rule, from: &str, to: &str, needle: &str) -> Case {
    Case { second: true, ..changed(rule, BESIDE, from, to, needle) }
}

/// The file `text` with one change. `line` is the number of the first line with `needle`.
fn changed(rule: Rule, text: &str, from: &str, to: &str, needle: &str) -> Case {
    assert!(text.contains(from), "{rule:?}: no {from}");
    let content = text.replacen(from, to, 1);
    let line = content.split('\n').position(|line| line.contains(needle));
    let line = line.unwrap_or_else(|| panic!("{rule:?}: no {needle}")) + 1;
    Case { rule, content: content.into_bytes(), second: false, line }
}

/// An empty folder for the files of a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rules").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The findings for all files of a folder.
fn findings(folder: &Path) -> Vec<Finding> {
    match Pipelines::from_folder(folder) {
        Ok(_) => Vec::new(),
        Err(PipelineError::Invalid(findings)) => findings,
        Err(error) => panic!("{error}"),
    }
}

fn cases() -> Vec<Case> {
    [text::cases(), alone::cases(), beside::cases()].into_iter().flatten().collect()
}

/// A rule without a case would be untested, and a wrong line would send an operator to the wrong place.
#[test]
fn every_rule_has_a_case_and_its_finding_names_file_and_line() {
    let folder = folder("cases");
    let (first, second) = (folder.join("orders.yaml"), folder.join("returns.yaml"));
    let (mut broken, mut missed) = (HashSet::new(), Vec::new());
    for case in cases() {
        fs::write(&first, if case.second { ORDERS.as_bytes() } else { &case.content }).unwrap();
        fs::write(&second, if case.second { &case.content } else { BESIDE.as_bytes() }).unwrap();
        let found = findings(&folder);
        let file = if case.second { &second } else { &first };
        let named = found.iter().any(|finding| {
            let prefix = format!("{}:{}: ", file.display(), case.line);
            finding.rule == case.rule && finding.to_string().starts_with(&prefix)
        });
        let content = String::from_utf8_lossy(&case.content);
        if !named {
            let line = content.split('\n').nth(case.line - 1).unwrap();
            missed.push(format!("{:?} in line {} ({line:.80}), but {found:?}", case.rule, case.line));
        }
        broken.insert(case.rule);
    }
    assert!(missed.is_empty(), "not told:\n{}", missed.join("\n"));
    // These rules are about a folder, so their findings have no line.
    let folder_rules = [Rule::NoFiles, Rule::Extension];
    let without: Vec<_> =
        Rule::ALL.iter().filter(|rule| !broken.contains(rule) && !folder_rules.contains(rule)).collect();
    assert!(without.is_empty(), "rules without a file that breaks them: {without:?}");
}

#[test]
fn valid_files_have_no_findings() {
    let folder = folder("good");
    fs::write(folder.join("orders.yaml"), ORDERS).unwrap();
    fs::write(folder.join("returns.yaml"), BESIDE).unwrap();
    assert_eq!(findings(&folder), []);
}

#[test]
fn a_folder_without_yaml_files_or_with_a_yml_file_is_rejected() {
    let folder = folder("names");
    let rules = |folder: &Path| findings(folder).iter().map(|finding| finding.rule).collect::<Vec<_>>();
    assert_eq!(rules(&folder), [Rule::NoFiles]);
    fs::write(folder.join("orders.yaml"), ORDERS).unwrap();
    fs::write(folder.join("README.md"), "# Pipelines").unwrap();
    fs::create_dir(folder.join("old.yaml")).unwrap();
    assert_eq!(rules(&folder), []);
    fs::write(folder.join("returns.yml"), BESIDE).unwrap();
    assert_eq!(rules(&folder), [Rule::Extension]);
    assert!(findings(&folder)[0].to_string().contains("returns.yml"));
}

#[test]
fn all_problems_of_a_file_are_reported_together() {
    let folder = folder("many");
    let many = ORDERS.replace("name: shop,", "name: ctid,").replace("path: a/orders", "path: a//orders");
    fs::write(folder.join("orders.yaml"), many.replace("sum: amount", "sum: amounts")).unwrap();
    let found: HashSet<_> = findings(&folder).iter().map(|finding| finding.rule).collect();
    let expected = [Rule::ColumnReserved, Rule::LakePath, Rule::Sum];
    assert!(expected.iter().all(|rule| found.contains(rule)), "{found:?}");
}
