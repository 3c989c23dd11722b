//! Commits that know their topic: each carries the topic's id as its metadata, and one with another id is none.

use std::fmt::Write;

/// The id that Kafka gives a topic when it is created.
pub type TopicId = [u8; 16];

const MARK: &str = "topic-id:";

/// The metadata of a commit for this topic.
#[must_use]
pub fn commit_mark(topic_id: TopicId) -> String {
    topic_id.iter().fold(String::from(MARK), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a commit with this metadata was made for another topic of the same name. One without a mark (made by
/// other tools, for example to reset a position) counts.
#[must_use]
pub fn is_of_another_topic(metadata: Option<&str>, topic_id: TopicId) -> bool {
    metadata.is_some_and(|metadata| metadata.starts_with(MARK) && metadata != commit_mark(topic_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_counts_unless_it_was_made_for_another_topic() {
        let id = [7; 16];
        assert!(!is_of_another_topic(None, id));
        assert!(!is_of_another_topic(Some(""), id));
        assert!(!is_of_another_topic(Some("set by hand"), id));
        assert!(!is_of_another_topic(Some(&commit_mark(id)), id));
        assert!(is_of_another_topic(Some(&commit_mark([8; 16])), id));
    }
}
