//! A YAML value that remembers the line of each of its parts.

use serde_json::Value;

/// A value and the line where it starts, counted from 1.
#[derive(Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) content: Content,
}

/// The content of a YAML value. The keys of a map keep their order.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
    Scalar(Value),
}

impl Node {
    /// Returns the line of the value at `path`, which consists of keys and list indexes. If there is no such
    /// value, returns the line of the nearest enclosing one.
    pub(crate) fn line_of<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> usize {
        let mut node = self;
        for part in path {
            let child = match &node.content {
                Content::Map(entries) => entries.iter().find(|(key, _)| key == part).map(|(_, child)| child),
                Content::List(list) => part.parse::<usize>().ok().and_then(|index| list.get(index)),
                Content::Scalar(_) => None,
            };
            match child {
                Some(child) => node = child,
                None => break,
            }
        }
        node.line
    }

    /// The same value as JSON, as Terraform converts the file.
    pub(crate) fn json(&self) -> Value {
        match &self.content {
            Content::Map(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.clone(), node.json())).collect())
            }
            Content::List(list) => Value::Array(list.iter().map(Node::json).collect()),
            Content::Scalar(value) => value.clone(),
        }
    }
}
