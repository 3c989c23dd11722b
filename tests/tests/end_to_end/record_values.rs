//! Postgres accepts every value that the decoder accepts, and both sinks store the same value. The first tests compare
//! the decoder with Postgres on random texts; the others deliver records.

#[path = "../../../crates/pipeline/tests/texts/mod.rs"]
mod texts;

use std::collections::BTreeMap;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use dead_letters::{DeadLetters, Source, newest_by_source};
use end_to_end::{Function, Parts, Record, Sinks, event, room};
use futures::StreamExt;
use pipeline::{Field, FieldType, RecordDecoder, TimestampFormat, Value, parse_epoch};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::time::Instant;

/// Number of random texts per test.
const CASES: usize = 3_000;

/// Decodes `{"n": value}` for a field `n` of this type. Returns the value (a text or a decimal), or the reason why the
/// record is poison.
fn decode(field_type: FieldType, value: &str) -> Result<Value<'static>, String> {
    let decoder = RecordDecoder::new(&[Field::new("n", field_type, false)]);
    let (record, mut row) = (format!("{{\"n\":{value}}}"), Vec::new());
    decoder.decode(record.as_bytes(), &mut row).map_err(|poison| poison.to_string())?;
    Ok(match row.remove(0) {
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Decimal(unscaled) => Value::Decimal(unscaled),
        other => panic!("{other:?}"),
    })
}

/// [`CASES`] random values.
fn samples<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::default();
    (0..CASES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// For each text, whether Postgres casts it to `target` without an error.
async fn castable(database: &tokio_postgres::Client, texts: &[String], target: &str) -> Vec<bool> {
    let function = format!(
        "CREATE OR REPLACE FUNCTION pg_temp.castable(t text) RETURNS boolean LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM t::{target}; RETURN true; EXCEPTION WHEN data_exception OR program_limit_exceeded THEN RETURN false; END $$"
    );
    database.batch_execute(&function).await.unwrap();
    let sql = "SELECT pg_temp.castable(t) FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n";
    database.query(sql, &[&texts]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Compares the decoder with a cast to `jsonb` on random texts, valid and invalid.
#[tokio::test]
async fn a_json_field_is_accepted_exactly_if_jsonb_accepts_it() {
    let sinks = Sinks::open(&Parts::of_environment()).await;
    // The text is in a list, so that white space around it is not at the ends of the field. Texts in Postgres cannot
    // contain NUL.
    let text =
        prop_oneof![texts::json(), texts::perhaps_json()].prop_filter("NUL", |text| !text.contains('\0'));
    let lists = samples(text.prop_map(|text| format!("[{text}]")));
    let castable = castable(sinks.database(), &lists, "jsonb").await;
    assert!(castable.contains(&true) && castable.contains(&false));
    for (list, castable) in lists.iter().zip(castable) {
        let decoded = decode(FieldType::Json, list);
        // If the text closes the list early, the decoder may accept the record with another value.
        let taken = decoded == Ok(Value::Text(list.into()));
        assert_eq!(taken, castable, "jsonb takes it: {castable}; decoded: {decoded:?}; {list}");
    }
}

/// Compares the decoder with `numeric(18,8)` on random numbers, as JSON numbers and as JSON strings.
#[tokio::test]
async fn a_decimal_is_accepted_exactly_if_numeric_can_hold_it_and_has_the_same_value() {
    let sinks = Sinks::open(&Parts::of_environment()).await;
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,12})?",
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,8})?[eE][-+]?[0-9]{1,2}",
        "-?0(\\.0{0,9}[0-9]{1,9})?[eE]-?[0-9]",
    ];
    let texts = samples(number);
    let sql = "SELECT CASE WHEN t::numeric = round(t::numeric, 8) AND abs(t::numeric) < 1e10 \
                           THEN (t::numeric * 1e8)::numeric(38,0)::text END \
               FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n";
    let rows = sinks.database().query(sql, &[&texts]).await.unwrap();
    for (text, row) in texts.iter().zip(rows) {
        let expected: Option<String> = row.get(0);
        let expected = expected.map(|unscaled| Value::Decimal(unscaled.parse().unwrap()));
        let decimal = FieldType::Decimal { precision: 18, scale: 8 };
        assert_eq!(decode(decimal, text).ok(), expected, "{text}");
        assert_eq!(decode(decimal, &format!("\"{text}\"")).ok(), expected, "{text} in a string");
    }
}

/// Timestamps have microseconds. Texts with more digits must be rounded, not truncated.
#[tokio::test]
async fn an_epoch_is_rounded_as_postgres_rounds_numeric() {
    let sinks = Sinks::open(&Parts::of_environment()).await;
    let texts = samples(prop_oneof![
        "-?1[0-9]{9}\\.[0-9]{5}[0-9]{1,12}",
        "-?1\\.[0-9]{13,20}[eE]\\+?9",
        "-?0\\.0{5}[0-9]{1,3}"
    ]);
    let sql = "SELECT round(t::numeric * 1000000)::bigint FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n";
    let rows = sinks.database().query(sql, &[&texts]).await.unwrap();
    for (text, row) in texts.iter().zip(rows) {
        assert_eq!(parse_epoch(text, TimestampFormat::EpochSeconds), Some(row.get::<_, i64>(0)), "{text}");
    }
}

/// A pipeline with all three sinks and a field of each type that numbers and JSON can have.
const MEASURES: &str = "
topic: { name: rooms-v1, partitions: 1 }
fields:
  - { name: at, type: timestamp, format: epoch_seconds }
  - { name: amount, type: 'decimal(18,8)' }
  - { name: count, type: int64 }
  - { name: level, type: float64 }
  - { name: more, type: json, nullable: true }
lake: { consumer_group: measures-lake, path: measures }
totals: { consumer_group: measures-totals, table: room_n_total_counts, key: [count], sum: amount }
table: { consumer_group: measures-table, name: room_n_total_counts.measures }
";

/// The value of a record of [`MEASURES`], from JSON texts.
fn measure(at: &str, amount: &str, count: &str, level: &str, more: &str) -> String {
    format!(r#"{{"at":{at},"amount":{amount},"count":{count},"level":{level},"more":{more}}}"#)
}

const LANES: [&str; 3] = ["parquet-writer", "totals-upserter", "table-writer"];

struct Lanes {
    parts: Parts,
    sinks: Sinks,
}

impl Lanes {
    /// Creates the tables and delivers the records to each lane once. Panics if a function reports a failed record.
    async fn deliver(yaml: &str, records: &[Record]) -> Self {
        let parts = Parts::of_environment();
        let pipelines = [parts.pipeline(yaml)];
        let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
        let _tables = migrator.invoke(b"{}").await.answer();
        for lane in LANES {
            let mut function = Function::start(lane, &parts, &pipelines).await;
            function.invoke(&event(&parts.topic, records)).await.all_handled();
        }
        Self { sinks: Sinks::open(&parts).await, parts }
    }

    /// The reason of each record that a lane parked, by offset.
    async fn parked(&self, lane: &str) -> BTreeMap<i64, String> {
        let letters = DeadLetters::new(self.sinks.client(), self.parts.parked_root.clone());
        let objects = letters.objects(Some(lane), Instant::now() + Duration::from_secs(20)).await.unwrap();
        let letters =
            newest_by_source(objects.into_iter().flat_map(|object| object.records).map(Result::unwrap));
        let offset = |source: &Source| if let Source::Kafka { offset, .. } = source { *offset } else { -1 };
        letters.iter().map(|letter| (offset(&letter.source), letter.reason.clone())).collect()
    }

    /// The results of a query for one text column. `{}` in `sql` stands for the test's schema.
    async fn rows(&self, sql: &str) -> Vec<String> {
        self.sinks.query_text(&sql.replace("{}", &self.parts.totals_table())).await
    }
}

/// One record per value, with the offsets 0, 1, 2 and so on.
fn records(values: &[String]) -> Vec<Record> {
    (0..).zip(values).map(|(offset, value)| room(0, offset, "", 0).with(Some(value.as_bytes()))).collect()
}

/// The lake could store such texts. It parks them too, so that all lanes have the same records.
#[tokio::test]
async fn json_that_is_invalid_or_that_jsonb_cannot_hold_is_parked_by_every_lane() {
    let bad = [
        r#"{"t":"\ud83d"}"#,
        r#"{"t":"\uZZZZ"}"#,
        r#"{"t":"\u0000"}"#,
        r#"{"\u0000":1}"#,
        r#"["\ude00\ud83d"]"#,
        "[1e400000]",
        "1e-20000",
        "0e1073741823",
        "[\"a\tb\"]",
        "[01]",
        "[NaN]",
        "[1,]",
    ];
    let good = [
        "null",
        r#"{"t":"\ud83d\ude00"}"#,
        r#"{"a":1,"a":2}"#,
        r#"["\\u0000","\u00e9"]"#,
        "[1e131071,1e-16383]",
    ];
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let mut values = Vec::new();
    for bad in bad {
        values.push(measure("1", "1", "1", "1", bad));
    }
    for good in good.into_iter().chain([deep.as_str()]) {
        values.push(measure("1", "1", "1", "1", good));
    }
    let lanes = Lanes::deliver(MEASURES, &records(&values)).await;
    let offsets: Vec<i64> = (0..).take(bad.len()).collect();
    let first = lanes.parked(LANES[0]).await;
    for lane in LANES {
        let parked = lanes.parked(lane).await;
        assert_eq!(parked, first, "{lane}");
        assert_eq!(parked.keys().copied().collect::<Vec<_>>(), offsets, "{lane}");
        assert!(parked.values().all(|reason| reason.contains("`more`")), "{parked:?}");
    }
    assert_eq!(lanes.rows("SELECT count(*)::text FROM {}.measures").await, [(good.len() + 1).to_string()]);
    let null = "SELECT count(*)::text FROM {}.measures WHERE more IS NULL";
    assert_eq!(lanes.rows(null).await, ["1"]);
}

/// Covers exponents, signs, zeros, numbers in strings, and numbers that are out of range.
#[tokio::test]
async fn both_sinks_store_the_same_numbers_in_any_notation() {
    let lanes = Lanes::deliver(
        MEASURES,
        &records(&[
            measure("1795209862.1234564", "1e2", "-0", "-0.0", "null"),
            measure("1795209862.1234565", "1E-7", "2.0", "-0", "null"),
            measure("1.7952098621234565e9", "\"0E-8\"", "2e0", "1e300", "null"),
            measure("1795209862", "\"+1.50\"", "1e3", "5e-324", "null"),
            measure("1795209862.5", "100e-2", "9223372036854775807.0", "0", "null"),
            measure("1", "1e-9", "1", "1", "null"),
            measure("1", "1", "1.5", "1", "null"),
            measure("1", "1", "1", "1e400", "null"),
            measure("1e400", "1", "1", "1", "null"),
        ]),
    )
    .await;
    for lane in LANES {
        assert_eq!(lanes.parked(lane).await.into_keys().collect::<Vec<_>>(), [5, 6, 7, 8], "{lane}");
    }
    let table = lanes
        .rows(
            "SELECT concat_ws(' ', (extract(epoch FROM at) * 1000000)::bigint, (amount * 100000000)::bigint, count, level) \
             FROM {}.measures ORDER BY _offset",
        )
        .await;
    let expected = [
        "1795209862123456 10000000000 0 -0",
        "1795209862123457 10 2 -0",
        "1795209862123457 0 2 1e+300",
        "1795209862000000 150000000 1000 5e-324",
        "1795209862500000 100000000 9223372036854775807 0",
    ];
    assert_eq!(table, expected);

    let snapshot = lanes.sinks.snapshot("measures").await.unwrap();
    let columns = ["at", "amount", "count", "level", "_offset"];
    let mut files = std::pin::pin!(snapshot.scan(&columns, Instant::now() + Duration::from_secs(20)));
    let mut seen = BTreeMap::new();
    while let Some(file) = files.next().await {
        for batch in file.unwrap().1 {
            let at = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            let amount = batch.column(1).as_primitive::<Decimal128Type>();
            let count = batch.column(2).as_primitive::<Int64Type>();
            let level = batch.column(3).as_primitive::<Float64Type>();
            for row in 0..batch.num_rows() {
                // Postgres writes the sign of an exponent, Rust does not.
                let level = format!("{:?}", level.value(row)).replace("1e300", "1e+300").replace(".0", "");
                let values = format!("{} {} {} {level}", at.value(row), amount.value(row), count.value(row));
                seen.insert(batch.column(4).as_primitive::<Int64Type>().value(row), values);
            }
        }
    }
    assert_eq!(seen.into_values().collect::<Vec<_>>(), expected);
}

/// A producer may set any 64-bit number as a record's timestamp, for example microseconds. Only a key or value that is
/// not a string makes a record poison.
#[tokio::test]
async fn records_with_unusual_headers_and_timestamps_are_stored() {
    let parts = Parts::of_environment();
    let pipelines = [parts.pipeline(MEASURES)];
    let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
    let _tables = migrator.invoke(b"{}").await.answer();
    let odd = [
        r#""timestamp":1,"headers":null"#,
        r#""timestamp":1,"headers":[{"trace":null},{"b":[300,"x"]}]"#,
        r#""timestamp":null"#,
        r#""headers":[]"#,
        r#""timestamp":1795209862987123"#,
        r#""timestamp":9223372036854775807"#,
        r#""timestamp":-9223372036854775808,"timestampType":7,"more":{"a":[]}"#,
        r#""timestamp":"1795209862987","key":null"#,
        r#""timestamp":1,"key":{"a":1}"#,
    ];
    let value = base64_simd::STANDARD.encode_to_string(measure("1", "1", "1", "1", "null"));
    let records: Vec<_> = (0..)
        .zip(odd)
        .map(|(offset, odd): (i64, _)| format!(r#"{{"offset":{offset},"value":"{value}",{odd}}}"#))
        .chain([r#"{"offset":9,"timestamp":1,"value":{"at":1}}"#.to_owned()])
        .collect();
    let event =
        format!(r#"{{"eventSource":"aws:kafka","records":{{"{}-0":[{}]}}}}"#, parts.topic, records.join(","));
    for lane in LANES {
        let mut function = Function::start(lane, &parts, &pipelines).await;
        function.invoke(event.as_bytes()).await.all_handled();
    }
    let lanes = Lanes { sinks: Sinks::open(&parts).await, parts };
    for lane in LANES {
        let parked: Vec<_> = lanes.parked(lane).await.into_iter().collect();
        let expected = [
            (8, "the event's key is not a string".to_owned()),
            (9, "the event's value is not a string".to_owned()),
        ];
        assert_eq!(parked, expected, "{lane}");
    }
    assert_eq!(lanes.rows("SELECT count(*)::text FROM {}.measures").await, ["8"]);
    let untimed = "SELECT count(*)::text FROM {}.measures WHERE received_at = to_timestamp(0)";
    assert_eq!(lanes.rows(untimed).await, ["5"]);
    assert_eq!(
        lanes
            .sinks
            .snapshot("measures")
            .await
            .unwrap()
            .files()
            .iter()
            .filter_map(|file| file.rows)
            .sum::<u64>(),
        8
    );
}
