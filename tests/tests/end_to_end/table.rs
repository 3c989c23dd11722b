//! table-writer stores rows as the pipeline file says: the first record of a key, the newest record of a key, or every
//! record. It parks records that the table cannot hold. Partitions of old days are dropped.

use std::time::Duration;

use chrono::{Days, NaiveDate, Utc};
use dead_letters::{DeadLetters, Source, newest_by_source};
use end_to_end::{Function, Parts, Record, Sinks, event, room};
use pipeline::Pipeline;
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tokio::time::Instant;
use warehouse::RowsTable;

/// One table with its own topic and schema, and the function that writes it.
struct Lane {
    parts: Parts,
    sinks: Sinks,
    writer: Function,
}

impl Lane {
    async fn start(parts: Parts, pipeline: String) -> Self {
        let pipelines = [pipeline];
        let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
        let _tables = migrator.invoke(b"{}").await.answer();
        let writer = Function::start("table-writer", &parts, &pipelines).await;
        Self { sinks: Sinks::open(&parts).await, writer, parts }
    }

    /// The lane with the pipeline file of the vehicles.
    async fn of_vehicles() -> Self {
        let parts = Parts::of_environment();
        let pipeline = parts.telemetry_pipeline();
        Self::start(parts, pipeline).await
    }

    async fn deliver<'a>(&mut self, records: impl IntoIterator<Item = &'a Record>) {
        self.writer.invoke(&event(&self.parts.topic, records)).await.all_handled();
    }

    /// The results of a query for one text column. `{}` in `sql` stands for the table's schema.
    async fn rows(&self, sql: &str) -> Vec<String> {
        self.sinks.query_text(&sql.replace("{}", &self.parts.totals_table())).await
    }

    /// Offset and reason of each record that table-writer parked.
    async fn parked(&self) -> Vec<(i64, String)> {
        let all = DeadLetters::new(self.sinks.client(), self.parts.parked_root.clone());
        let deadline = Instant::now() + Duration::from_mins(1);
        let objects = all.objects(Some("table-writer"), deadline).await.unwrap();
        let letters =
            newest_by_source(objects.into_iter().flat_map(|object| object.records).map(Result::unwrap));
        let offset = |source: &Source| if let Source::Kafka { offset, .. } = source { *offset } else { -1 };
        letters.iter().map(|letter| (offset(&letter.source), letter.reason.clone())).collect()
    }
}

/// A valid record of `telemetry-v1`. The key is `vin` and `timestamp` (in seconds).
fn vehicle(offset: i64, vin: &str, timestamp: f64, model: &str) -> Record {
    let value = serde_json::json!({
        "timestamp": timestamp, "vin": vin, "make": "Ford", "model": model,
        "position_x": 0.5, "position_y": 2.456_388_815_528_530_8e-5, "position_z": 1e5, "speed": 2.1349,
    });
    room(0, offset, "", 0).with(Some(value.to_string().as_bytes()))
}

const VIN: &str = "GD9KE1GANAGOCJ64E";

/// A vehicle may send an event again if it got no answer. Repetitions are in the same batch, in a repeated batch and in
/// a later batch.
#[tokio::test]
async fn of_records_with_the_same_key_only_the_first_is_a_row() {
    let mut lane = Lane::of_vehicles().await;
    let records = [
        vehicle(0, VIN, 1_664_624_846.762_738, "O'Neil"),
        vehicle(1, VIN, 1_664_624_846.762_738, "second in the same batch"),
        vehicle(2, VIN, 1_664_624_849.0, "Explorer"),
        vehicle(3, "GD9KE1GANAGOCJ64F", 1_664_624_846.762_738, "Edge"),
    ];
    lane.deliver(&records).await;
    lane.deliver(&records[1..]).await;
    lane.deliver(&[vehicle(4, VIN, 1_664_624_846.762_738, "third in another")]).await;
    let rows = lane
        .rows(
            "SELECT concat_ws('|', _partition, _offset, vin, extract(epoch FROM timestamp), make, model, position_x, \
             position_y, position_z, speed, extract(epoch FROM received_at)) FROM {}.diag ORDER BY _offset",
        )
        .await;
    let numbers = "0.5|2.4563888155285308e-05|100000|2.1349";
    assert_eq!(
        rows,
        [
            format!("0|0|{VIN}|1664624846.762738|Ford|O'Neil|{numbers}|1795209862.000000"),
            format!("0|2|{VIN}|1664624849.000000|Ford|Explorer|{numbers}|1795209862.002000"),
            format!("0|3|GD9KE1GANAGOCJ64F|1664624846.762738|Ford|Edge|{numbers}|1795209862.003000"),
        ]
    );
    assert_eq!(lane.rows("SELECT count(DISTINCT id)::text FROM {}.diag").await, ["3"]);
}

/// Covers a record with other fields, a NUL in a text, a key that is too long for the index, and a tombstone.
#[tokio::test]
async fn records_that_do_not_decode_or_fit_the_table_are_parked_and_all_others_are_stored() {
    let mut lane = Lane::of_vehicles().await;
    // Incompressible, and therefore too long for an index entry.
    let long: String =
        (0..9_000_u32).map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7_919) % 20_000).unwrap()).collect();
    let records = [
        vehicle(0, VIN, 1.0, "a"),
        room(0, 1, "", 0),
        vehicle(2, VIN, 2.0, "nul\0"),
        vehicle(3, VIN, 3.0, "b"),
        vehicle(4, &long, 4.0, "c"),
        room(0, 5, "", 0).with(None),
        vehicle(6, VIN, 6.0, "d"),
    ];
    lane.deliver(&records).await;
    let parked = lane.parked().await;
    assert_eq!(parked.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 2, 4, 5], "{parked:?}");
    assert_eq!(lane.rows("SELECT model FROM {}.diag ORDER BY _offset").await, ["a", "b", "d"]);
}

/// A table that keeps the newest record of each shop, by event time and then offset.
const NEWEST: &str = "
topic: { name: rooms-v1, partitions: 4 }
event_time: at
fields:
  - { name: at, type: timestamp, format: epoch_seconds }
  - { name: of, type: struct, fields: [{ name: shop, type: int32 }, { name: town, type: string, nullable: true }] }
  - { name: paid, type: 'decimal(9,2)', nullable: true }
  - { name: lines, type: json, nullable: true }
table:
  consumer_group: newest
  name: room_n_total_counts
  key: [of.shop]
  on_repeat: replace_by_newest
";

/// The expected rows are computed from all records at once.
#[tokio::test]
async fn in_any_order_and_any_batches_the_newest_record_of_each_key_stays() {
    let parts = Parts::of_environment();
    let pipeline = parts.pipeline(NEWEST);
    let mut lane = Lane::start(parts, pipeline).await;
    let mut runner = TestRunner::deterministic();
    let records: Vec<Record> = (0..200)
        .map(|offset| {
            let (shop, at) = (0..7, 0..20).new_tree(&mut runner).unwrap().current();
            let town = any::<Option<bool>>().new_tree(&mut runner).unwrap().current();
            let value = serde_json::json!({
                "at": at, "of": {"shop": shop, "town": town.map(|_| format!("t{offset}"))},
                "paid": town.map(|_| f64::from(shop) / 4.0), "lines": [offset, null],
            });
            room(0, offset, "", 0).with(Some(value.to_string().as_bytes()))
        })
        .collect();
    let mut order: Vec<usize> = (0..10).collect();
    // Batches of 20 records in an order that leaves holes and fills them later. Three batches are delivered twice.
    order.sort_by_key(|batch| (batch * 7) % 10);
    for batch in order.iter().chain(&order[..3]) {
        lane.deliver(&records[batch * 20..(batch + 1) * 20]).await;
    }
    let mut expected: Vec<&Record> = Vec::new();
    for shop in 0..7 {
        let of_shop = records.iter().filter(|record| field(record, "/of/shop") == shop);
        expected.extend(of_shop.max_by_key(|record| (field(record, "/at"), record.offset)));
    }
    let expected: Vec<String> = expected
        .iter()
        .map(|record| {
            let value: serde_json::Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
            let paid = value["paid"].as_f64().map(|paid| format!("{paid:.2}"));
            let town = value["of"]["town"].as_str().map(str::to_owned);
            let lines = format!("[{}, null]", record.offset);
            [Some(field(record, "/of/shop").to_string()), town, paid, Some(lines)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let sql = format!(
        "SELECT concat_ws(' ', of_shop, of_town, paid, lines) FROM {} ORDER BY of_shop",
        lane.parts.totals_table()
    );
    assert_eq!(lane.sinks.query_text(&sql).await, expected);
}

/// The number at a JSON pointer in the record's value.
fn field(record: &Record, path: &str) -> i64 {
    let value: serde_json::Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
    value.pointer(path).unwrap().as_i64().unwrap()
}

/// All records have the same value. Only their offsets differ.
#[tokio::test]
async fn without_a_key_every_record_is_a_row_and_a_repeated_batch_adds_none() {
    let parts = Parts::of_environment();
    let pipeline = parts.pipeline(NEWEST).replace("  key: [of.shop]\n  on_repeat: replace_by_newest\n", "");
    let mut lane = Lane::start(parts, pipeline).await;
    let same = br#"{"at": 1, "of": {"shop": 1}}"#;
    let records: Vec<Record> = (0..50).map(|offset| room(0, offset, "", 0).with(Some(same))).collect();
    lane.deliver(&records[..30]).await;
    lane.deliver(&records).await;
    lane.deliver(&records[10..]).await;
    let sql =
        format!("SELECT concat(count(*), ' ', count(DISTINCT _offset)) FROM {}", lane.parts.totals_table());
    assert_eq!(lane.sinks.query_text(&sql).await, ["50 50"]);
}

/// Rows that arrived before their day had a partition are moved into it.
#[tokio::test]
async fn partitions_are_created_ahead_filled_from_the_default_partition_and_dropped_after_the_retention() {
    let mut lane = Lane::of_vehicles().await;
    let pipeline = Pipeline::from_yaml(&lane.parts.telemetry_pipeline(), "test").unwrap();
    let table = RowsTable::of_pipeline(&pipeline, pipeline.table.as_ref().unwrap()).unwrap();
    // A date in the past, for which the migration created no partitions. Rows in the default partition are kept,
    // because they were stored today.
    let today = NaiveDate::from_ymd_opt(2021, 6, 15).unwrap();
    let noon = |day: u64| {
        let noon = (today + Days::new(day)).and_hms_opt(12, 0, 0).unwrap().and_utc();
        f64::from(i32::try_from(noon.timestamp()).unwrap())
    };
    let before: Vec<_> =
        (0..4_u64).map(|day| vehicle(i64::try_from(day).unwrap(), VIN, noon(day * 3), "before")).collect();
    lane.deliver(&before).await;
    let places =
        "SELECT concat_ws(' ', tableoid::regclass::text, model) FROM {}.diag ORDER BY timestamp, _offset";
    let schema = lane.parts.totals_table();
    let of_day = |day: u64| format!("{schema}.diag_d{}", (today + Days::new(day)).format("%Y%m%d"));
    assert!(lane.rows(places).await.iter().all(|row| *row == format!("{schema}.diag_default before")));

    let client = lane.sinks.database();
    table.keep_up(client, today).await.unwrap();
    table.keep_up(client, today).await.unwrap();
    let expected = [of_day(0), of_day(3), of_day(6), format!("{schema}.diag_default")];
    assert_eq!(lane.rows(places).await, expected.each_ref().map(|place| format!("{place} before")));
    // A repeated key is still recognised after its row has moved to another partition.
    lane.deliver(&[vehicle(10, VIN, noon(3), "again")]).await;
    assert_eq!(lane.rows(places).await.len(), 4);

    let client = lane.sinks.database();
    table.keep_up(client, today + Days::new(31 + 3)).await.unwrap();
    let left = lane.rows(places).await;
    assert_eq!(left, [format!("{} before", of_day(6)), format!("{schema}.diag_default before")]);
    // Rows in the default partition are deleted 30 days after they were stored.
    let later = Utc::now().date_naive() + Days::new(31);
    table.keep_up(lane.sinks.database(), later).await.unwrap();
    assert_eq!(lane.rows(places).await, Vec::<String>::new());
}
