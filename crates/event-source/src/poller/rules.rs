//! The limits of a poller.

use crate::Mapping;

/// Lambda's limit for the payload of a synchronous invocation, in bytes.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// The number of retries if they are unlimited but a failure destination is set. AWS limits them in this case.
const RETRIES_WITH_DESTINATION: u32 = 10;

/// How a mapping batches, retries and gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The topic. Its name is part of each record's size in the event.
    pub topic: String,
    /// The largest number of records in a batch.
    pub batch_size: usize,
    /// How long a batch waits for more records after its first record arrived.
    pub window_ms: i64,
    /// The largest size of an event in bytes, including base64 and the envelope.
    pub payload_limit: usize,
    /// The size of an event without records (ARN, bootstrap servers), in bytes.
    pub envelope_bytes: usize,
    /// Whether a failed batch is split into two halves before it is retried.
    pub bisect: bool,
    /// The number of retries before a batch is given up; `None` for no limit.
    pub maximum_retries: Option<u32>,
    /// Records older than this are given up; `None` for no limit.
    pub maximum_record_age_ms: Option<i64>,
    /// The pauses before retries.
    pub backoff: Backoff,
}

/// A pause that doubles after each failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first_ms: i64,
    /// The longest pause.
    pub longest_ms: i64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first_ms: 200, longest_ms: 10_000 }
    }
}

impl Backoff {
    /// The pause after `failures` consecutive failures, in milliseconds.
    #[must_use]
    pub fn after(&self, failures: u32) -> i64 {
        let doublings = failures.saturating_sub(1).min(20);
        self.first_ms.saturating_mul(1 << doublings).min(self.longest_ms)
    }
}

impl Rules {
    /// The rules of a mapping. `envelope_bytes` is the size of an event without records.
    #[must_use]
    pub fn of(mapping: &Mapping, envelope_bytes: usize) -> Self {
        let maximum_retries = match u32::try_from(mapping.maximum_retries) {
            Ok(retries) => Some(retries),
            Err(_) => mapping.on_failure.as_ref().map(|_| RETRIES_WITH_DESTINATION),
        };
        Self {
            topic: mapping.topic.clone(),
            batch_size: mapping.batch_size.max(1) as usize,
            window_ms: i64::from(mapping.window_seconds) * 1000,
            payload_limit: PAYLOAD_LIMIT,
            envelope_bytes,
            bisect: mapping.bisect,
            maximum_retries,
            maximum_record_age_ms: u64::try_from(mapping.maximum_record_age_seconds)
                .is_ok()
                .then(|| mapping.maximum_record_age_seconds.saturating_mul(1000)),
            backoff: Backoff::default(),
        }
    }

    /// The bytes that an event needs for each partition: its key in the map of records.
    ///
    /// It is computed with the longest partition number, so that an estimate is never too small.
    pub(super) fn partition_bytes(&self) -> usize {
        self.topic.len() + r#","-2147483648":[]"#.len()
    }

    /// The bytes of an event that are available for records and partition keys.
    pub(super) fn room(&self) -> usize {
        self.payload_limit.saturating_sub(self.envelope_bytes + r#","records":{}}"#.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(retries: i32, on_failure: Option<&str>) -> Mapping {
        Mapping {
            function_name: "f".into(),
            topic: "t".into(),
            consumer_group: "g".into(),
            starting_position: crate::StartingPosition::TrimHorizon,
            starting_position_timestamp: None,
            batch_size: 100,
            window_seconds: 1,
            partial_batch_response: false,
            bisect: false,
            maximum_retries: retries,
            maximum_record_age_seconds: -1,
            on_failure: on_failure.map(Into::into),
        }
    }

    #[test]
    fn unlimited_retries_with_a_destination_are_capped_as_in_aws() {
        assert_eq!(Rules::of(&mapping(-1, None), 0).maximum_retries, None);
        assert_eq!(Rules::of(&mapping(-1, Some("s3://b/p")), 0).maximum_retries, Some(10));
        assert_eq!(Rules::of(&mapping(3, Some("s3://b/p")), 0).maximum_retries, Some(3));
    }

    #[test]
    fn the_pause_doubles_up_to_the_longest() {
        let backoff = Backoff { first_ms: 200, longest_ms: 1000 };
        assert_eq!([1, 2, 3, 4, 100].map(|n| backoff.after(n)), [200, 400, 800, 1000, 1000]);
    }
}
