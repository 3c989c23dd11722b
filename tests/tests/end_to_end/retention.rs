//! Rows of a table with `retention_days` are deleted that many days after the day of their event. Rows whose day has no
//! partition are in the default partition. They are deleted that many days after they were stored, independent of their
//! timestamp.

use chrono::{Days, NaiveDate, Utc};
use end_to_end::{Function, Parts, Record, Sinks, event, room};
use pipeline::Pipeline;
use warehouse::RowsTable;

/// The table of vehicles of one test, and its pipeline.
struct Lane {
    parts: Parts,
    sinks: Sinks,
    pipeline: String,
    table: RowsTable,
}

impl Lane {
    /// The lane of the vehicles with this value of `on_repeat`. Its rows are kept for 30 days.
    async fn of_vehicles(on_repeat: &str) -> Self {
        let parts = Parts::of_environment();
        let pipeline = parts.telemetry_pipeline().replace("keep_first", on_repeat);
        let parsed = Pipeline::from_yaml(&pipeline, "test").unwrap();
        let table = RowsTable::of_pipeline(&parsed, parsed.table.as_ref().unwrap()).unwrap();
        let lane = Self { sinks: Sinks::open(&parts).await, parts, pipeline, table };
        lane.migrate().await;
        lane
    }

    async fn migrate(&self) {
        let mut migrator =
            Function::start("schema-migrator", &self.parts, std::slice::from_ref(&self.pipeline)).await;
        let _tables = migrator.invoke(b"{}").await.answer();
    }

    async fn deliver(&self, records: &[Record]) {
        let mut writer =
            Function::start("table-writer", &self.parts, std::slice::from_ref(&self.pipeline)).await;
        writer.invoke(&event(&self.parts.topic, records)).await.all_handled();
    }

    /// Creates and drops partitions, as schema-migrator would on that day.
    async fn run_on(&self, day: NaiveDate) {
        let client = self.sinks.database();
        client.batch_execute("BEGIN").await.unwrap();
        self.table.keep_up(client, day).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    }

    /// The results of a query for one text column. `{}` in `sql` stands for the test's schema.
    async fn rows(&self, sql: &str) -> Vec<String> {
        self.sinks.query_text(&sql.replace("{}", &self.parts.totals_table())).await
    }

    /// The models of all rows, sorted. Each test gives its rows different models.
    async fn models(&self) -> Vec<String> {
        self.rows("SELECT model FROM {}.diag ORDER BY model").await
    }
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// A record whose event time and Kafka timestamp are both noon of that day (UTC).
fn vehicle(offset: i64, day: NaiveDate, model: &str) -> Record {
    let noon = day.and_hms_opt(12, 0, 0).unwrap().and_utc();
    let value = serde_json::json!({
        "timestamp": noon.timestamp(), "vin": "GD9KE1GANAGOCJ64E", "make": "Ford", "model": model,
        "position_x": 0.5, "position_y": 0.5, "position_z": 1.0, "speed": 2.0,
    });
    let record = room(0, offset, "", 0).with(Some(value.to_string().as_bytes()));
    Record { timestamp_ms: noon.timestamp_millis(), ..record }
}

/// Their days have no partition. If the day of the event counted, they would be deleted at once.
#[tokio::test]
async fn old_records_that_are_replayed_are_kept_for_30_days_from_the_day_they_were_stored() {
    let lane = Lane::of_vehicles("keep_first").await;
    let history: Vec<_> = (0..5)
        .map(|n| vehicle(n, today() - Days::new(100 + n.unsigned_abs()), &format!("old {n}")))
        .collect();
    lane.deliver(&history).await;
    lane.deliver(&[vehicle(5, today() + Days::new(300), "ahead"), vehicle(6, today(), "today")]).await;
    let all = ["ahead", "old 0", "old 1", "old 2", "old 3", "old 4", "today"];
    for days in [1, 2, 29, 30] {
        lane.run_on(today() + Days::new(days)).await;
        assert_eq!(lane.models().await, all, "after {days} days");
    }
    lane.run_on(today() + Days::new(31)).await;
    assert_eq!(lane.models().await, [""; 0], "all came today, so all go together");
}

/// The partition of a day is dropped as a whole.
#[tokio::test]
async fn rows_of_a_day_with_a_partition_are_deleted_with_their_day_whenever_they_were_stored() {
    let lane = Lane::of_vehicles("keep_first").await;
    // Yesterday has a partition, so the day of the event counts.
    lane.deliver(&[vehicle(0, today() - Days::new(1), "yesterday"), vehicle(1, today(), "today")]).await;
    lane.run_on(today() + Days::new(29)).await;
    assert_eq!(lane.models().await, ["today", "yesterday"]);
    lane.run_on(today() + Days::new(30)).await;
    assert_eq!(lane.models().await, ["today"]);
}

/// An older version created the table without the column `_stored_at`. Adding it must not rewrite the partitions, and
/// existing rows count as stored at the migration.
#[tokio::test]
async fn a_table_of_an_older_version_is_migrated_without_a_rewrite() {
    let lane = Lane::of_vehicles("keep_first").await;
    lane.deliver(&[vehicle(0, today() - Days::new(100), "old"), vehicle(1, today(), "today")]).await;
    // The table as the older version created it.
    let schema = lane.parts.totals_table();
    let drop = format!("ALTER TABLE {schema}.diag DROP COLUMN _stored_at");
    lane.sinks.database().batch_execute(&drop).await.unwrap();
    let files = "SELECT concat(relname, ' ', relfilenode) FROM pg_class WHERE relnamespace = '{}'::regnamespace \
                 AND relkind = 'r' ORDER BY 1";
    let before = lane.rows(files).await;
    lane.migrate().await;
    assert_eq!(lane.rows(files).await, before, "no partition was written anew");
    lane.run_on(today() + Days::new(30)).await;
    assert_eq!(lane.models().await, ["old", "today"], "what was there counts from now");
    // A row keeps its `_stored_at` when it moves to a partition that is created later.
    lane.deliver(&[vehicle(2, today() + Days::new(40), "ahead")]).await;
    lane.run_on(today() + Days::new(33)).await;
    let places = lane.rows("SELECT concat_ws(' ', tableoid::regclass::text, model) FROM {}.diag").await;
    let of_day = (today() + Days::new(40)).format("%Y%m%d");
    assert_eq!(places, [format!("{schema}.diag_d{of_day} ahead")]);
    assert_eq!(
        lane.rows("SELECT count(*)::text FROM {}.diag WHERE _stored_at > now() - interval '1 hour'").await,
        ["1"]
    );
}

/// The first record was stored 20 days ago. When the second one replaces it, the row must be kept for another 30 days.
#[tokio::test]
async fn the_age_of_a_row_is_that_of_the_record_that_it_holds() {
    let lane = Lane::of_vehicles("replace_by_newest").await;
    let day = today() - Days::new(100);
    lane.deliver(&[vehicle(0, day, "first")]).await;
    let schema = lane.parts.totals_table();
    let age = format!("UPDATE {schema}.diag SET _stored_at = _stored_at - interval '20 days'");
    lane.sinks.database().batch_execute(&age).await.unwrap();
    lane.deliver(&[vehicle(1, day, "second")]).await;
    lane.run_on(today() + Days::new(30)).await;
    assert_eq!(lane.models().await, ["second"]);
}

/// Most of the rows go to the default partition.
#[tokio::test]
async fn a_replay_of_400_days_at_once_loses_no_row() {
    let lane = Lane::of_vehicles("keep_first").await;
    let records: Vec<_> =
        (0..400_i64).map(|n| vehicle(n, today() - Days::new(n.unsigned_abs()), &format!("{n:03}"))).collect();
    lane.deliver(&records).await;
    lane.run_on(today() + Days::new(1)).await;
    assert_eq!(lane.models().await.len(), 400);
    lane.run_on(today() + Days::new(29)).await;
    assert_eq!(lane.models().await.len(), 400);
}
