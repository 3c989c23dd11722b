//! Problems of a pipeline file as they are collected, and what several checks ask.

use crate::rule::Rule;

/// Something wrong in a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where: keys and list indices from the file's root, such as `totals`, `key`, `0`.
    pub(crate) path: Vec<String>,
    /// The rule that is broken.
    pub(crate) rule: Rule,
    /// What the rule's text speaks of.
    pub(crate) detail: String,
}

/// Collects problems.
#[derive(Default)]
pub(crate) struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    pub(crate) fn problem(&mut self, path: &[&str], rule: Rule, detail: impl Into<String>) {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        self.problems.push(Problem { path, rule, detail: detail.into() });
    }

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

/// Whether a column of a Delta table can have this name. The lake's own columns begin with an underscore.
pub(crate) fn is_column(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('_')
        && name.chars().all(|c| !c.is_control() && !c.is_whitespace() && !",;{}()=.`\"".contains(c))
}
