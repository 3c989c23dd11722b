//! Parses and checks the event of an invocation.

use std::collections::HashSet;

use chrono::{DateTime, Datelike, Utc};
use faults::{Classified, FaultClass};
use serde::Deserialize;

use crate::item::{BadItem, Item};
use crate::source::Source;

/// The largest number of items in one invocation. Its answer must fit into a state machine's limit of 256 KB.
const MOST_ITEMS: usize = 500;

/// The event of an invocation. All fields are optional. Unknown fields, such as those of a scheduler, are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// The source's name. If it is missing, the first source is used.
    #[serde(default)]
    pub source: Option<String>,
    /// The items to fetch. If they are missing, the items of the configuration are used. A number counts as its digits.
    #[serde(default)]
    pub items: Option<Vec<TextOrNumber>>,
    /// The start of the run; the current time if it is missing. It is part of the objects' names, so a repeated
    /// invocation writes the same objects.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
}

/// An item in an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum TextOrNumber {
    /// `"3477"`
    Text(String),
    /// `3477`
    Number(u64),
}

/// The event is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// The source does not exist.
    #[error("there is no source {name:?}; the configured sources are: {known}")]
    UnknownSource {
        /// The name in the event.
        name: String,
        /// The names of all sources.
        known: String,
    },
    /// One of the items is not valid.
    #[error(transparent)]
    Item(#[from] BadItem),
    /// The list of items is empty.
    #[error("items is empty; leave it out to fetch the items of the configuration")]
    NoItems,
    /// There are too many items for the report of one invocation.
    #[error("{0} items are too many for one invocation; send at most {MOST_ITEMS}")]
    TooManyItems(usize),
    /// The source's URL does not contain the item, so items cannot be selected.
    #[error("the source {0:?} has no {{item}} in its URL, so its items cannot be chosen; leave items out")]
    NoChoice(String),
    /// The time's year does not have four digits or is before 1970.
    #[error("at must be in the years 1970 to 9999")]
    Year,
}

impl Classified for BadRequest {
    fn class(&self) -> FaultClass {
        FaultClass::Poison
    }
}

/// The task of an invocation: a source, its items without repetitions, and the time in the objects' names.
pub(crate) struct Task<'s> {
    pub(crate) source: &'s Source,
    pub(crate) items: Vec<Item>,
    pub(crate) at: DateTime<Utc>,
}

impl Request {
    /// Checks the event against the configured sources, and fills in what it leaves out.
    ///
    /// # Errors
    /// [`BadRequest`] with the first problem.
    pub(crate) fn task(self, sources: &[Source], now: DateTime<Utc>) -> Result<Task<'_>, BadRequest> {
        let source = match &self.source {
            None => sources.first(),
            Some(name) => sources.iter().find(|source| source.name == *name),
        };
        let source = source.ok_or_else(|| BadRequest::UnknownSource {
            name: self.source.unwrap_or_default(),
            known: sources.iter().map(Source::name).collect::<Vec<_>>().join(", "),
        })?;
        let items = match self.items {
            None => source.items.clone(),
            Some(items) => chosen(&items, source)?,
        };
        if items.len() > MOST_ITEMS {
            return Err(BadRequest::TooManyItems(items.len()));
        }
        let at = self.at.unwrap_or(now);
        if !(1970..=9999).contains(&at.year()) {
            return Err(BadRequest::Year);
        }
        Ok(Task { source, items, at })
    }
}

/// Parses the items of an event and drops repeated ones. A source without `{item}` in its URL accepts only
/// its own items.
fn chosen(items: &[TextOrNumber], source: &Source) -> Result<Vec<Item>, BadRequest> {
    let mut seen = HashSet::new();
    let mut chosen = Vec::new();
    for item in items {
        let item: Item = match item {
            TextOrNumber::Text(text) => text.parse()?,
            TextOrNumber::Number(number) => number.to_string().parse()?,
        };
        if seen.insert(item.clone()) {
            chosen.push(item);
        }
    }
    if chosen.is_empty() {
        return Err(BadRequest::NoItems);
    }
    if !source.has_items() && chosen != source.items {
        return Err(BadRequest::NoChoice(source.name.clone()));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source_file::{sources, tests::weather};

    /// Source, items and time of an event, or the reason why it is rejected.
    fn task(event: &str) -> Result<(String, Vec<String>, String), String> {
        let list =
            json!({"name": "list", "url": "https://h/", "items": ["all"], "target": "s3://b/{time}{item}"});
        let sources = sources(&json!([weather(), list]).to_string()).unwrap();
        let request: Option<Request> = serde_json::from_str(event).map_err(|error| error.to_string())?;
        let task = request.unwrap_or_default().task(&sources, DateTime::UNIX_EPOCH);
        let task = task.map_err(|error| error.to_string())?;
        let items = task.items.iter().map(Item::to_string).collect();
        Ok((task.source.name.clone(), items, task.at.to_rfc3339()))
    }

    /// A scheduler may send its own event or an empty one.
    #[test]
    fn missing_fields_of_an_event_come_from_the_configuration() {
        let usual = (
            "forecast_72".to_owned(),
            vec!["3477".to_owned(), "5959".to_owned()],
            "1970-01-01T00:00:00+00:00".into(),
        );
        for event in
            ["null", "{}", r#"{"source":null,"items":null,"at":null}"#, r#"{"detail":{},"version":"0"}"#]
        {
            assert_eq!(task(event).as_ref(), Ok(&usual), "{event}");
        }
        let (source, items, at) =
            task(r#"{"source":"forecast_72","items":["9","9",3477],"at":"2026-11-26T20:00:05.123-03:00"}"#)
                .unwrap();
        assert_eq!(
            (source.as_str(), items, at.as_str()),
            ("forecast_72", vec!["9".into(), "3477".into()], "2026-11-26T23:00:05.123+00:00")
        );
        assert!(task(r#"{"source":"list","items":["all"]}"#).is_ok());
    }

    #[test]
    fn an_invalid_event_is_rejected_with_the_reason() {
        for (event, reason) in [
            (r#"{"source":"x"}"#, "the configured sources are: forecast_72, list"),
            (r#"{"items":[]}"#, "leave it out"),
            (r#"{"items":["../x"]}"#, "not an item"),
            (r#"{"items":[-1]}"#, ""),
            (r#"{"items":"3477"}"#, ""),
            (r#"{"at":"yesterday"}"#, ""),
            (r#"{"at":"+10000-01-01T00:00:00Z"}"#, "9999"),
            (r#"{"source":"list","items":["x"]}"#, "no {item}"),
            (&json!({"items": (0..501).collect::<Vec<_>>()}).to_string(), "at most 500"),
        ] {
            let refused = task(event).unwrap_err();
            assert!(refused.contains(reason), "{event}: {refused}");
        }
    }
}
