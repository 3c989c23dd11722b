//! Events that benchmarks of the functions share, so that their figures can be compared.

use kafka_batch::event::MskEvent;

/// An MSK event of `records` room counts, in the format of the source system, spread over four partitions. Returns the
/// JSON that Lambda would send; 10,000 records have about 2.4 MB. The same number of records always gives the same
/// bytes.
#[must_use]
pub fn room_counts(records: u32) -> Vec<u8> {
    let mut event = MskEvent::new("arn:aws:kafka:eu-central-1:123456789012:cluster/demo/0", "b-1.demo:9098");
    for number in 0..records {
        let room = ["A", "B", "C"][number as usize % 3];
        let (second, micros, count) =
            (number / 200 % 60, u64::from(number) * 4_999 % 1_000_000, number % 4 + 1);
        let value = format!(
            r#"{{"ts": "2026-11-20 21:24:{second:02}.{micros:06}", "room": "{room}", "count": {count}}}"#
        );
        let timestamp = 1_795_209_862_000 + i64::from(number / 10);
        // The number is below 4, so it fits.
        let partition = (number % 4).cast_signed();
        event.push(
            "rooms-v1",
            partition,
            i64::from(number / 4),
            timestamp,
            Some(room.as_bytes()),
            Some(value.as_bytes()),
            &[],
        );
    }
    event.to_json()
}
