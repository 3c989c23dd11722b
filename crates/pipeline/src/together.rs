//! Checks pipeline files against each other: no two may use the same topic, consumer group, folder or table.

use crate::check_lake::overlap;
use crate::checker::Problem;
use crate::postgres::Relation;
use crate::rule::Rule;
use crate::spec::Pipeline;

/// A pipeline and its name in messages: the file, or the topic.
pub(crate) struct Member<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) name: &'a str,
}

/// Returns the problems of `pipeline` that `others` cause, such as two files for one topic.
pub(crate) fn check_beside(pipeline: &Pipeline, others: &[Member<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for other in others {
        let mut problem = |path: [&str; 2], rule, detail: String| {
            problems.push(Problem { path: path.map(str::to_owned).to_vec(), rule, detail });
        };
        if !topics(pipeline, other, &mut problem) {
            // The files describe the same topic, so every other name clashes too. One message is enough.
            continue;
        }
        for (sink, group) in pipeline.lanes() {
            for (theirs, _) in other.pipeline.lanes().filter(|(_, taken)| *taken == group) {
                let detail = format!("{}.consumer_group in {}", theirs.section(), other.name);
                problem([sink.section(), "consumer_group"], Rule::GroupOfOther, detail);
            }
        }
        if let (Some(ours), Some(theirs)) = (&pipeline.lake, &other.pipeline.lake)
            && overlap(&ours.path, &theirs.path)
        {
            let detail = format!("lake.path `{}` in {}", theirs.path, other.name);
            problem(["lake", "path"], Rule::LakeInside, detail);
        }
        for ([section, key], ours) in relations(pipeline) {
            for (theirs_at, theirs) in relations(other.pipeline) {
                let detail = format!("{} in {}", theirs_at.join("."), other.name);
                if ours.is_same_table(&theirs) {
                    problem([section, key], Rule::TableOfOther, detail);
                } else if ours.clashes_with(&theirs) {
                    problem([section, key], Rule::TableOfParts, detail);
                }
            }
        }
    }
    problems
}

/// Checks the names of the topics. Returns `false` if they are the same.
fn topics(
    pipeline: &Pipeline,
    other: &Member<'_>,
    problem: &mut impl FnMut([&str; 2], Rule, String),
) -> bool {
    let (ours, theirs) = (&pipeline.topic.name, &other.pipeline.topic.name);
    let at = ["topic", "name"];
    if ours == theirs {
        problem(at, Rule::SameTopic, other.name.to_owned());
        return false;
    }
    let detail = format!("`{theirs}` in {}", other.name);
    if ours.replace('.', "_") == theirs.replace('.', "_") {
        problem(at, Rule::TopicMetrics, detail);
    } else if pipeline.lake.is_some()
        && other.pipeline.lake.is_some()
        && catalog_name(ours) == catalog_name(theirs)
    {
        problem(at, Rule::CatalogName, detail);
    }
    true
}

/// The name of the topic's table in Glue. Must match `terraform/modules/lake`.
fn catalog_name(topic: &str) -> String {
    topic.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// The Postgres tables that a pipeline fills, each with the section and key that name it.
fn relations(pipeline: &Pipeline) -> impl Iterator<Item = ([&'static str; 2], Relation<'_>)> {
    let totals = pipeline.totals.as_ref().map(|totals| (["totals", "table"], Relation::of_totals(totals)));
    let table = pipeline.table.as_ref().map(|table| (["table", "name"], Relation::of_table(table)));
    totals.into_iter().chain(table)
}

/// Checks whether the names of the two tables of one pipeline clash.
pub(crate) fn own_tables(pipeline: &Pipeline) -> Option<Problem> {
    let (Some(totals), Some(table)) = (&pipeline.totals, &pipeline.table) else { return None };
    let (totals, table) = (Relation::of_totals(totals), Relation::of_table(table));
    totals.clashes_with(&table).then(|| Problem {
        path: vec!["table".to_owned(), "name".to_owned()],
        rule: Rule::TableOfParts,
        detail: "totals.table".to_owned(),
    })
}
