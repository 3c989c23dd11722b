//! Collects the problems of a pipeline file.

use crate::rule::Rule;

/// One broken rule in a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The place in the file: keys and list indexes from the root, such as `totals`, `key`, `0`.
    pub(crate) path: Vec<String>,
    pub(crate) rule: Rule,
    /// Replaces `{}` in the rule's text. Empty if the text has no `{}`.
    pub(crate) detail: String,
}

/// Collects the problems of one pipeline file.
#[derive(Default)]
pub(crate) struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    /// Adds a problem. `detail` replaces `{}` in the rule's text.
    pub(crate) fn problem(&mut self, path: &[&str], rule: Rule, detail: impl Into<String>) {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        self.problems.push(Problem { path, rule, detail: detail.into() });
    }

    /// Adds a problem without a detail unless `holds` is true.
    pub(crate) fn require(&mut self, holds: bool, path: &[&str], rule: Rule) {
        if !holds {
            self.problem(path, rule, "");
        }
    }

    pub(crate) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        self.problems.extend(problems);
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Whether a column of a Delta table can have this name. Names with a leading underscore are kept for Headwater's own
/// columns.
pub(crate) fn is_column(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('_')
        && name.chars().all(|c| !c.is_control() && !c.is_whitespace() && !",;{}()=.`\"".contains(c))
}
