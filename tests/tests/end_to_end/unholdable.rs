//! Records that decode, but that Postgres refuses, from a few to ten thousand in a batch. The lane parks exactly these,
//! in one invocation.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use end_to_end::{Function, Invoked, Parts, Record, Sinks, event, room};
use kafka_batch::event::MskEvent;
use kafka_batch::{BatchResponse, Redrive};

/// The maximum number of records in a batch.
const MOST: i64 = 10_000;

/// A table with a text and a JSON column, both nullable. The tests add constraints and triggers to it.
const KINDS: &str = "
topic: { name: rooms-v1, partitions: 4 }
fields:
  - { name: id, type: int64 }
  - { name: name, type: string, nullable: true }
  - { name: doc, type: json, nullable: true }
table:
  consumer_group: kinds
  name: room_n_total_counts
  key: [id]
  on_repeat: keep_first
";

/// One function, and the table into which it writes.
struct Lane {
    parts: Parts,
    sinks: Sinks,
    name: &'static str,
    function: Function,
}

impl Lane {
    async fn start(name: &'static str, yaml: Option<&str>) -> Self {
        let parts = Parts::of_environment();
        let pipelines = [yaml.map_or_else(|| parts.rooms_pipeline(), |yaml| parts.pipeline(yaml))];
        let mut migrator = Function::start("schema-migrator", &parts, &pipelines).await;
        let _tables = migrator.invoke(b"{}").await.answer();
        let function = Function::start(name, &parts, &pipelines).await;
        // The timeout that Terraform sets.
        function.limit(Duration::from_mins(1));
        Self { sinks: Sinks::open(&parts).await, name, function, parts }
    }

    /// Changes the database as the owner of the table. `{}` in `sql` stands for the name of the table.
    async fn alter(&self, sql: &str) {
        let sql = sql.replace("{}", &self.parts.totals_table());
        self.sinks.database().batch_execute(&sql).await.unwrap();
    }

    async fn deliver(&mut self, records: &[Record]) -> Invoked {
        self.function.invoke(&event(&self.parts.topic, records)).await
    }

    /// Offsets of the parked records.
    async fn parked(&self) -> BTreeSet<i64> {
        self.sinks.parked(self.name).await.into_iter().map(|(offset, _)| offset).collect()
    }

    /// Offsets of the rows in the table.
    async fn stored(&self) -> BTreeSet<i64> {
        let sql = format!("SELECT _offset::text FROM {}", self.parts.totals_table());
        self.sinks.query_text(&sql).await.iter().map(|offset| offset.parse().unwrap()).collect()
    }
}

/// A valid record of [`KINDS`] whose id is its offset.
fn named(offset: i64, name: &str) -> Record {
    let value = serde_json::json!({"id": offset, "name": name});
    room(0, offset, "", 0).with(Some(value.to_string().as_bytes()))
}

/// An incompressible text of `length` characters (3 bytes each). From about 1,000 characters on, it is too long for an
/// index entry.
pub(super) fn long(length: u32) -> String {
    (0..length).map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7_919) % 20_000).unwrap()).collect()
}

/// The table has constraints, triggers, foreign keys and unique indexes. One record violates each of them, some only at
/// the commit.
#[tokio::test]
async fn a_record_that_the_table_refuses_for_any_reason_is_parked_alone() {
    let mut lane = Lane::start("table-writer", Some(KINDS)).await;
    lane.alter(
        "ALTER TABLE {} ALTER COLUMN name SET NOT NULL, ADD CONSTRAINT c CHECK (name <> 'check');
         CREATE UNIQUE INDEX ON {} (name);
         CREATE TABLE {}_parents (name text PRIMARY KEY);
         INSERT INTO {}_parents VALUES ('parent');
         CREATE FUNCTION {}_early() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             CASE NEW.name WHEN 'raise' THEN RAISE EXCEPTION 'not wanted';
                 WHEN 'zero' THEN PERFORM 1 / (length(NEW.name) - 4);
                 WHEN 'cast' THEN PERFORM NEW.name::int;
                 WHEN 'date' THEN PERFORM '2026-02-30'::date;
                 WHEN 'wide' THEN PERFORM NEW.name::varchar(2), repeat('9', 200000)::numeric;
                 WHEN 'child' THEN INSERT INTO {}_children VALUES ('nobody');
                 ELSE NULL; END CASE; RETURN NEW; END $$;
         CREATE FUNCTION {}_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.name = 'late' THEN RAISE EXCEPTION 'at the commit'; END IF; RETURN NEW; END $$;
         CREATE TABLE {}_children (name text REFERENCES {}_parents DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER early BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION {}_early();
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON {} DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION {}_late();",
    )
    .await;
    let (long_key, longer_key) = (long(1_200), long(3_000));
    let bad: [&str; 11] =
        ["check", "raise", "zero", "cast", "date", "wide", "child", "late", "n\0l", &long_key, &longer_key];
    let mut records = vec![named(0, "first")];
    for (number, name) in (0..).zip(bad) {
        records.push(named(number * 2 + 1, name));
        records.push(named(number * 2 + 2, &format!("good {number}")));
    }
    let odd = i64::try_from(bad.len()).unwrap() * 2 + 1;
    // A name that another row has, a missing name, and a number in JSON with too many digits.
    records.push(named(odd, "first"));
    records.push(room(0, odd + 1, "", 0).with(Some(format!(r#"{{"id":{}}}"#, odd + 1).as_bytes())));
    let huge = format!(r#"{{"id":{},"name":"huge","doc":{{"n":1e200000}}}}"#, odd + 2);
    records.push(room(0, odd + 2, "", 0).with(Some(huge.as_bytes())));
    records.push(named(odd + 3, "last"));
    lane.deliver(&records).await.all_handled();
    let expected: BTreeSet<i64> = (0..=odd / 2).map(|n| n * 2 + 1).chain([odd + 1, odd + 2]).collect();
    let reasons = lane.sinks.parked("table-writer").await;
    assert_eq!(lane.parked().await, expected, "{reasons:#?}");
    let good: BTreeSet<i64> = (0..=odd + 3).filter(|offset| !expected.contains(offset)).collect();
    assert_eq!(lane.stored().await, good);
    assert!(
        reasons.iter().any(|(_, reason)| reason == "the table cannot hold it: not wanted"),
        "{reasons:#?}"
    );
}

/// Postgres refuses a statement as a whole. The lane finds the bad rows by storing smaller and smaller runs of rows.
#[tokio::test]
async fn ten_thousand_rows_that_the_table_cannot_hold_are_parked_in_one_invocation() {
    let mut lane = Lane::start("table-writer", Some(KINDS)).await;
    lane.alter("ALTER TABLE {} ADD CONSTRAINT c CHECK (name <> 'bad')").await;
    let records: Vec<_> = (0..MOST).map(|offset| named(offset, "bad")).collect();
    let begun = Instant::now();
    lane.deliver(&records).await.all_handled();
    println!("table-writer, {MOST} rows that cannot be held: {:.1?}", begun.elapsed());
    assert_eq!(lane.parked().await, (0..MOST).collect());
    assert!(lane.stored().await.is_empty());
}

/// One in 2, 40 or 5,000 rows is bad.
#[tokio::test]
async fn of_ten_thousand_mixed_rows_exactly_the_bad_ones_are_parked() {
    for share in [2, 40, 5_000] {
        let mut lane = Lane::start("table-writer", Some(KINDS)).await;
        lane.alter("ALTER TABLE {} ADD CONSTRAINT c CHECK (name <> 'bad')").await;
        let bad = |offset: i64| (offset * 7_919 + 13) % share == 0;
        let name = |offset| if bad(offset) { "bad" } else { "good" };
        let records: Vec<_> = (0..MOST).map(|offset| named(offset, name(offset))).collect();
        let begun = Instant::now();
        lane.deliver(&records).await.all_handled();
        println!("table-writer, one of {share} rows cannot be held: {:.1?}", begun.elapsed());
        assert_eq!(lane.parked().await, (0..MOST).filter(|offset| bad(*offset)).collect());
        assert_eq!(lane.stored().await, (0..MOST).filter(|offset| !bad(*offset)).collect());
    }
}

/// The first record already brings the total to the largest 64-bit number.
#[tokio::test]
async fn ten_thousand_amounts_that_would_overflow_a_total_are_parked_in_one_invocation() {
    let mut lane = Lane::start("totals-upserter", None).await;
    lane.deliver(&[room(0, 0, "A", i64::MAX)]).await.all_handled();
    let records: Vec<_> = (1..=MOST).map(|offset| room(0, offset, "A", 1)).collect();
    let begun = Instant::now();
    lane.deliver(&records).await.all_handled();
    println!("totals-upserter, {MOST} amounts that cannot be added: {:.1?}", begun.elapsed());
    assert_eq!(lane.parked().await, (1..=MOST).collect());
    assert_eq!(lane.sinks.totals().await["A"], i64::MAX);
}

#[tokio::test]
async fn a_total_accepts_as_many_amounts_as_it_can_hold_in_any_order() {
    let mut lane = Lane::start("totals-upserter", None).await;
    lane.deliver(&[room(0, 0, "A", i64::MAX - 3_000)]).await.all_handled();
    // Room A has more records than its total can hold. Room B has about 90, and about 90 records have a room name that
    // is too long.
    let name = |offset: i64| match offset % 53 {
        0 => "B".to_owned(),
        7 => long(1_500),
        _ => "A".to_owned(),
    };
    let records: Vec<_> = (1..=5_000).map(|offset| room(0, offset, &name(offset), 1)).collect();
    let begun = Instant::now();
    lane.deliver(&records).await.all_handled();
    println!("totals-upserter, a total that is full after 3,000 of 5,000: {:.1?}", begun.elapsed());
    let totals = lane.sinks.totals().await;
    let b = (1..=5_000).filter(|offset| offset % 53 == 0).count();
    assert_eq!((totals["A"], totals["B"]), (i64::MAX, i64::try_from(b).unwrap()));
    assert_eq!(lane.parked().await.len(), 5_000 - 3_000 - b);
    // The total overflows within the batch, but fits at its end. Only the record with the long room name is parked.
    let mut lane = Lane::start("totals-upserter", None).await;
    let amounts = [i64::MAX, 1, 1, -9, i64::MAX, -i64::MAX];
    let mut records: Vec<_> = (0..).zip(amounts).map(|(offset, n)| room(0, offset, "A", n)).collect();
    records.push(room(0, 6, &long(1_500), 1));
    lane.deliver(&records).await.all_handled();
    assert_eq!(lane.parked().await, [6].into());
    assert_eq!(lane.sinks.totals().await["A"], i64::MAX - 7);
}

/// A trigger makes each row slow, so that one invocation cannot finish.
#[tokio::test]
async fn at_a_timeout_the_rows_so_far_are_kept_and_the_next_delivery_continues() {
    const SOME: i64 = 3_000;
    let mut lane = Lane::start("table-writer", Some(KINDS)).await;
    lane.alter(
        "CREATE FUNCTION {}_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM pg_sleep(0.001); IF NEW.name = 'bad' THEN RAISE EXCEPTION 'bad'; END IF; RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION {}_slow();",
    )
    .await;
    let bad = |offset: i64| offset % 2 == 0;
    let name = |offset| if bad(offset) { "bad" } else { "good" };
    let records: Vec<_> = (0..SOME).map(|offset| named(offset, name(offset))).collect();
    lane.function.limit(Duration::from_secs(8));
    let mut tries = 0;
    loop {
        tries += 1;
        match lane.deliver(&records).await {
            Invoked::Error(class, message) => {
                assert_eq!(class, "retryable", "{message}");
                assert!(tries < 15 && !lane.stored().await.is_empty(), "no progress: {message}");
            }
            answer => break answer.all_handled(),
        }
    }
    println!("table-writer, time for a part of the batch: {tries} deliveries");
    assert!(tries > 1);
    assert_eq!(lane.parked().await, (0..SOME).filter(|offset| bad(*offset)).collect());
    assert_eq!(lane.stored().await, (0..SOME).filter(|offset| !bad(*offset)).collect());
}

/// `headwater parked redrive` deletes an object with letters if the function reports none of its records as failed.
#[tokio::test]
async fn redriven_records_that_a_timeout_left_out_are_reported_so_that_their_letters_are_kept() {
    const SOME: i64 = 1_000;
    let mut lane = Lane::start("table-writer", Some(KINDS)).await;
    let refusing = |body: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION {{}}_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
        )
    };
    lane.alter(&refusing("RAISE EXCEPTION 'not now';")).await;
    lane.alter("CREATE TRIGGER t BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION {}_f();").await;
    let records: Vec<_> = (0..SOME).map(|offset| named(offset, "x")).collect();
    lane.deliver(&records).await.all_handled();
    assert_eq!(lane.parked().await.len(), records.len());
    let redrive = Redrive { incarnation: 0, include_uncertain: false };
    let mut event = MskEvent::new("arn", "servers").of_redrive(redrive);
    for record in &records {
        let value = record.value.as_deref();
        event.push(&lane.parts.topic, 0, record.offset, record.timestamp_ms, None, value, &[]);
    }
    let event = event.to_json();
    // The table refuses half of the records, and the time does not suffice to find out which.
    let slow = "PERFORM pg_sleep(0.01); IF NEW.id % 2 = 1 THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW;";
    lane.alter(&refusing(slow)).await;
    lane.function.limit(Duration::from_secs(4));
    match lane.function.invoke(&event).await {
        Invoked::Error(class, message) => assert_eq!(class, "retryable", "{message}"),
        answered => {
            let response: BatchResponse = serde_json::from_value(answered.answer()).unwrap();
            assert!(!response.batch_item_failures.is_empty(), "not all were handled");
        }
    }
    lane.alter("DROP TRIGGER t ON {};").await;
    lane.function.limit(Duration::from_mins(1));
    lane.function.invoke(&event).await.all_handled();
    assert_eq!(lane.stored().await, (0..SOME).collect());
}
