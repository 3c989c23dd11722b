//! A record of the mapping's topic, and its size in an event.

use bytes::Bytes;

/// One Kafka record of the mapping's topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The partition's number.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// Kafka's timestamp in milliseconds since the Unix epoch; negative if there is none.
    pub timestamp_ms: i64,
    /// The key, if there is one.
    pub key: Option<Bytes>,
    /// The value; `None` for a tombstone.
    pub value: Option<Bytes>,
    /// The headers in their original order.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// The bytes of a record's JSON without topic, numbers, key, value and headers, but with the comma before it.
const FRAME: usize =
    r#",{"topic":"","partition":,"offset":,"timestamp":,"timestampType":"CREATE_TIME","headers":[]}"#.len();

impl Record {
    /// An upper bound for the bytes that this record adds to an event's JSON. It is at most a few bytes too high.
    #[must_use]
    pub fn event_bytes(&self, topic: &str) -> usize {
        let payload = [(&self.key, r#","key":"""#), (&self.value, r#","value":"""#)]
            .into_iter()
            .filter_map(|(bytes, frame)| Some(frame.len() + bytes.as_ref()?.len().div_ceil(3) * 4))
            .sum::<usize>();
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| {
                r#",{"":[]}"#.len()
                    + escaped_bytes(name)
                    + value.iter().map(|byte| byte_digits(*byte)).sum::<usize>()
            })
            .sum::<usize>();
        let numbers = digits(i64::from(self.partition)) + digits(self.offset) + digits(self.timestamp_ms);
        FRAME + topic.len() + numbers + payload + headers
    }
}

/// An upper bound for the size of `text` after JSON escaping.
fn escaped_bytes(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            0..0x20 => 6,
            b'"' | b'\\' => 2,
            _ => 1,
        })
        .sum()
}

/// The size of a signed byte as a decimal number, with its comma.
fn byte_digits(byte: u8) -> usize {
    digits(i64::from(byte.cast_signed())) + 1
}

/// The length of a number in decimal, with its sign.
fn digits(number: i64) -> usize {
    let magnitude = number.unsigned_abs();
    usize::from(number < 0) + magnitude.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use kafka_batch::event::MskEvent;
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn any_record()(
            partition in 0..100_000_i32,
            offset in 0..i64::MAX,
            timestamp_ms in any::<i64>(),
            key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
            value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..400)),
            headers in proptest::collection::vec((".{0,12}", proptest::collection::vec(any::<u8>(), 0..20)), 0..4),
        ) -> Record {
            Record { partition, offset, timestamp_ms, key: key.map(Bytes::from), value: value.map(Bytes::from), headers }
        }
    }

    proptest! {
        #[test]
        fn a_record_never_takes_more_room_than_was_counted(record in any_record()) {
            let mut event = MskEvent::new("arn", "b");
            let before = event.payload_bytes();
            event.push("some-topic", record.partition, record.offset, record.timestamp_ms,
                record.key.as_deref(), record.value.as_deref(), &record.headers);
            let taken = event.payload_bytes() - before;
            let counted = record.event_bytes("some-topic");
            prop_assert!(counted >= taken, "{counted} < {taken}");
            prop_assert!(counted <= taken + 16 + 8 * record.headers.len(), "{counted} for {taken}");
        }
    }
}
