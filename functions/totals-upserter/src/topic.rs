//! A topic and its totals.

use kafka_batch::PartitionRecords;
use pipeline::{Pipeline, Sink};
use warehouse::{Client, TotalsTable};
use warehouse_lane::{DecodedRecords, LaneError, RecordIndex, WarehouseTopic};

use crate::counted::{Counted, RecordResult, TopicSums};

/// A topic whose records are summed.
pub struct TotalsTopic {
    /// The Kafka consumer group, by which positions are stored.
    consumer_group: String,
    /// The Postgres table and its upsert statement.
    table: TotalsTable,
    /// Decodes the records to keys and amounts.
    sums: TopicSums,
}

impl WarehouseTopic for TotalsTopic {
    type Decoded<'a> = DecodedAmounts<'a>;
    const LANE: &'static str = Sink::Totals.function();
    const SINK: &'static str = "a totals table";

    fn of_pipeline(pipeline: &Pipeline) -> Option<Self> {
        let spec = pipeline.totals.as_ref()?;
        Some(Self {
            consumer_group: spec.consumer_group.clone(),
            table: TotalsTable::of_pipeline(pipeline, spec)?,
            sums: TopicSums::new(pipeline, spec)?,
        })
    }

    fn consumer_group(&self) -> &str {
        &self.consumer_group
    }

    fn decode<'a>(&'a self, partitions: &'a [PartitionRecords<'a>]) -> DecodedAmounts<'a> {
        DecodedAmounts { topic: self, counted: self.sums.count(partitions) }
    }
}

/// A topic's part of a batch: each record's key and amount.
pub struct DecodedAmounts<'a> {
    topic: &'a TotalsTopic,
    counted: Counted,
}

impl DecodedRecords for DecodedAmounts<'_> {
    fn poison(&self, (number, index): RecordIndex) -> Option<&str> {
        match &self.counted.results[number][index] {
            RecordResult::Poison(poison) => Some(&poison.0),
            RecordResult::Amount { .. } => None,
        }
    }

    async fn store(&self, client: &Client, records: &[RecordIndex]) -> Result<u64, LaneError> {
        self.topic.table.add(client, &self.rows(records)?).await?;
        Ok(0)
    }

    fn extra_fields(&self) -> u64 {
        self.counted.extra_fields
    }
}

impl DecodedAmounts<'_> {
    /// The keys of these records, each with the sum of its records as text. Sorted by key, so that two
    /// writers cannot deadlock.
    ///
    /// # Errors
    /// [`LaneError::TooMuch`] if a sum overflows 128 bits. The caller then stores the records in smaller
    /// groups.
    fn rows(&self, records: &[RecordIndex]) -> Result<Vec<(Vec<String>, String)>, LaneError> {
        let mut sums = vec![(0_i128, false); self.counted.keys.len()];
        for &(number, index) in records {
            if let RecordResult::Amount { key, amount } = self.counted.results[number][index] {
                let sum = &mut sums[key as usize];
                let too_much = LaneError::TooMuch("the sums of the batch are too large to be added at once");
                *sum = (sum.0.checked_add(amount).ok_or(too_much)?, true);
            }
        }
        let keys = self.counted.keys.iter().zip(sums).filter(|(_, (_, met))| *met);
        let mut rows: Vec<_> =
            keys.map(|(key, (sum, _))| (key.clone(), self.topic.sums.amount_text(sum))).collect();
        rows.sort_unstable();
        Ok(rows)
    }
}
