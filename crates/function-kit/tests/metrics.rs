//! Checks that the functions write exactly the metrics that Terraform's alarms and dashboard use.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder and its subfolders whose names end with `end`.
fn files(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, end, found);
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
}

/// Returns whether a name looks like a metric, such as `RecordsStored`.
fn is_metric(name: &str) -> bool {
    let letters = name.chars().all(|letter| letter.is_ascii_alphabetic());
    letters
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.contains(|letter: char| letter.is_ascii_lowercase())
}

/// The metrics in the functions' sources. A metric's name is the first argument of a call or the first part of a pair.
fn written() -> BTreeSet<String> {
    let mut sources = Vec::new();
    for folder in ["crates/function-kit/src", "crates/warehouse-lane/src"] {
        files(&repository().join(folder), ".rs", &mut sources);
    }
    for function in fs::read_dir(repository().join("functions")).unwrap() {
        files(&function.unwrap().path().join("src"), ".rs", &mut sources);
    }
    let mut names = BTreeSet::new();
    for source in sources.iter().filter(|source| !source.ends_with("tests.rs")) {
        let text = fs::read_to_string(source).unwrap();
        let code: String = text.split("#[cfg(test)]").next().unwrap().split_whitespace().collect();
        let parts = code.split("(\"").skip(1).filter_map(|rest| rest.split_once("\","));
        names.extend(parts.map(|(name, _)| name.to_owned()).filter(|name| is_metric(name)));
    }
    names
}

/// The metrics in Terraform: those of alarms on the namespace `Headwater`, and those in the dashboard's lists
/// (`"Title" = "Metric"`).
fn watched() -> BTreeSet<String> {
    let mut modules = Vec::new();
    files(&repository().join("terraform/modules"), ".tf", &mut modules);
    let mut names = BTreeSet::new();
    for module in modules {
        let text = fs::read_to_string(&module).unwrap();
        if module.ends_with("observability/main.tf") {
            let pairs = text.lines().filter_map(|line| line.trim().strip_prefix('"')?.split_once('='));
            names.extend(pairs.filter_map(|(_, metric)| quoted(metric)));
        }
        for resource in text.split("\nresource ").filter(|resource| resource.contains("\"Headwater\"")) {
            // A resource with `for_each` makes several alarms; their metrics are in its list.
            let lines = resource.lines().filter_map(|line| line.split_once('='));
            let metrics = lines.filter(|(key, _)| matches!(key.trim(), "metric_name" | "metric"));
            names.extend(metrics.filter_map(|(_, metric)| quoted(metric)));
        }
    }
    names
}

/// The metric's name in a quoted text; `None` if it does not look like one.
fn quoted(text: &str) -> Option<String> {
    let name = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    is_metric(name).then(|| name.to_owned())
}

#[test]
fn every_metric_has_a_widget_or_an_alarm_and_every_widget_has_a_metric() {
    let (written, watched) = (written(), watched());
    assert!(written.contains("Faults") && written.contains("ObjectsUnchanged"), "{written:?}");
    let unwatched: Vec<_> = written.difference(&watched).collect();
    assert!(unwatched.is_empty(), "add these to terraform/modules/observability: {unwatched:?}");
    let invented: Vec<_> = watched.difference(&written).collect();
    assert!(invented.is_empty(), "no function writes these metrics of alarms or widgets: {invented:?}");
}
