//! The lanes of a topic: the sections of its pipeline file with a consumer group, and the functions that
//! serve them.

use crate::spec::Pipeline;

/// A section of a pipeline file that says where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sink {
    /// `lake`.
    Lake,
    /// `totals`.
    Totals,
    /// `table`.
    Table,
}

impl Sink {
    /// All sinks, in the order of the file.
    pub const ALL: [Self; 3] = [Self::Lake, Self::Totals, Self::Table];

    /// The key of the section in a pipeline file.
    #[must_use]
    pub const fn section(self) -> &'static str {
        match self {
            Self::Lake => "lake",
            Self::Totals => "totals",
            Self::Table => "table",
        }
    }

    /// The function that stores the records. The name of its folder is the lane's name in dead letters,
    /// certificates and reports.
    #[must_use]
    pub const fn function(self) -> &'static str {
        match self {
            Self::Lake => "parquet-writer",
            Self::Totals => "totals-upserter",
            Self::Table => "table-writer",
        }
    }
}

impl Pipeline {
    /// The consumer group of a sink; `None` if the file does not have its section.
    #[must_use]
    pub fn consumer_group(&self, sink: Sink) -> Option<&str> {
        let group = match sink {
            Sink::Lake => self.lake.as_ref().map(|section| &section.consumer_group),
            Sink::Totals => self.totals.as_ref().map(|section| &section.consumer_group),
            Sink::Table => self.table.as_ref().map(|section| &section.consumer_group),
        };
        group.map(String::as_str)
    }

    /// The sinks of the file, each with its consumer group.
    pub fn lanes(&self) -> impl Iterator<Item = (Sink, &str)> {
        Sink::ALL.into_iter().filter_map(|sink| Some((sink, self.consumer_group(sink)?)))
    }
}
