//! A second topic needs only its own pipeline file to reach the lake and a totals table.

use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, TimestampMicrosecondType};
use end_to_end::{Function, Parts, Sinks, event, room};
use futures::StreamExt;
use tokio::time::Instant;

/// A pipeline with nested, nullable, decimal, boolean, timestamp and JSON fields, and a totals key of two fields.
const ORDERS: &str = "
topic: { name: rooms-v1, partitions: 2 }
event_time: placed.at
fields:
  - name: placed
    type: struct
    fields:
      - { name: at, type: timestamp, format: epoch_millis }
      - { name: by, type: string, nullable: true }
  - { name: shop, type: int32 }
  - { name: online, type: boolean }
  - { name: amount, type: 'decimal(12,2)' }
  - { name: note, type: string, nullable: true }
  - { name: lines, type: json, nullable: true }
lake:
  consumer_group: orders-lake
  path: orders
  partition_by: [{ name: day, value: '%Y-%m-%d' }]
totals:
  consumer_group: orders-totals
  table: room_n_total_counts
  key: [shop, online]
  sum: amount
  total_column: turnover
";

/// The last of the four records has null in place of a required struct, so it is parked.
#[tokio::test]
async fn nested_nullable_decimal_boolean_and_timestamp_fields_reach_both_sinks() {
    let parts = Parts::of_environment();
    let pipelines = [parts.pipeline(ORDERS)];
    let values = [
        r#"{"placed":{"at":1795209862123,"by":"Ann"},"shop":7,"online":true,"amount":12.5,"note":null,"lines":[1,{"a":2}]}"#,
        r#"{"placed":{"at":1795209862124},"shop":7,"online":true,"amount":"0.05"}"#,
        r#"{"placed":{"at":1795123462000,"by":null},"shop":7,"online":false,"amount":-3,"note":"x"}"#,
        r#"{"placed":null,"shop":7,"online":false,"amount":1}"#,
    ];
    let records: Vec<_> =
        (0..).zip(values).map(|(n, v)| room(0, n, "", 0).with(Some(v.as_bytes()))).collect();
    let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
    let _tables = migrator.invoke(b"{}").await.answer();
    for name in ["parquet-writer", "totals-upserter"] {
        let mut function = Function::start(name, &parts, &pipelines).await;
        function.invoke(&event(&parts.topic, &records)).await.all_handled();
    }
    let sinks = Sinks::open(&parts).await;
    let sql =
        format!("SELECT concat_ws(' ', shop, online, turnover) FROM {} ORDER BY 1", parts.totals_table());
    assert_eq!(sinks.query_text(&sql).await, ["7 f -3.00", "7 t 12.55"]);

    let snapshot = sinks.snapshot("orders").await.unwrap();
    let mut files = std::pin::pin!(
        snapshot.scan(&["placed", "amount", "day", "_offset"], Instant::now() + Duration::from_mins(1))
    );
    let mut seen = Vec::new();
    while let Some(file) = files.next().await {
        for batch in file.unwrap().1 {
            let at = batch.column(0).as_struct().column(0).as_primitive::<TimestampMicrosecondType>().clone();
            let amount = batch.column(1).as_primitive::<Decimal128Type>();
            let day = batch.column(2).as_string::<i32>();
            seen.extend(
                (0..batch.num_rows())
                    .map(|row| (at.value(row), amount.value(row), day.value(row).to_owned())),
            );
        }
    }
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            (1_795_123_462_000_000, -300, "2026-11-19".to_owned()),
            (1_795_209_862_123_000, 1_250, "2026-11-20".to_owned()),
            (1_795_209_862_124_000, 5, "2026-11-20".to_owned()),
        ]
    );
}
