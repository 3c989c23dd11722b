//! Rows go so many days after the day of their event; those whose day has no partition, so many days after we stored them,
//! whatever timestamp a producer gave them.

use chrono::{Days, NaiveDate, Utc};
use end_to_end::{Function, Parts, Record, Sinks, event, room};
use pipeline::Pipeline;
use warehouse::RowsTable;

struct Lane {
    parts: Parts,
    sinks: Sinks,
    pipeline: String,
    table: RowsTable,
}

impl Lane {
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

    /// What schema-migrator does with the table on that day.
    async fn run_on(&self, day: NaiveDate) {
        let client = self.sinks.database();
        client.batch_execute("BEGIN").await.unwrap();
        self.table.keep_up(client, day).await.unwrap();
        client.batch_execute("COMMIT").await.unwrap();
    }

    async fn rows(&self, sql: &str) -> Vec<String> {
        self.sinks.query_text(&sql.replace("{}", &self.parts.totals_table())).await
    }

    async fn models(&self) -> Vec<String> {
        self.rows("SELECT model FROM {}.diag ORDER BY model").await
    }
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// An event of that day, with a timestamp that the producer set to the same day.
fn vehicle(offset: i64, day: NaiveDate, model: &str) -> Record {
    let noon = day.and_hms_opt(12, 0, 0).unwrap().and_utc();
    let value = serde_json::json!({
        "timestamp": noon.timestamp(), "vin": "GD9KE1GANAGOCJ64E", "make": "Ford", "model": model,
        "position_x": 0.5, "position_y": 0.5, "position_z": 1.0, "speed": 2.0,
    });
    let record = room(0, offset, "", 0).with(Some(value.to_string().as_bytes()));
    Record { timestamp_ms: noon.timestamp_millis(), ..record }
}

#[tokio::test]
async fn a_history_that_is_replayed_with_its_own_timestamps_stays_from_the_day_it_came() {
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

#[tokio::test]
async fn a_day_that_is_over_takes_its_rows_with_it_whenever_they_came() {
    let lane = Lane::of_vehicles("keep_first").await;
    // Replayed into a day that has a partition: the day counts.
    lane.deliver(&[vehicle(0, today() - Days::new(1), "yesterday"), vehicle(1, today(), "today")]).await;
    lane.run_on(today() + Days::new(29)).await;
    assert_eq!(lane.models().await, ["today", "yesterday"]);
    lane.run_on(today() + Days::new(30)).await;
    assert_eq!(lane.models().await, ["today"]);
}

#[tokio::test]
async fn a_table_from_before_is_brought_along_without_being_written_anew() {
    let lane = Lane::of_vehicles("keep_first").await;
    lane.deliver(&[vehicle(0, today() - Days::new(100), "old"), vehicle(1, today(), "today")]).await;
    // The table as the version before made it.
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
    // Rows move with that time to a partition that is made later.
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

#[tokio::test]
async fn a_row_is_as_old_as_the_record_that_it_holds() {
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

#[tokio::test]
async fn a_replay_of_many_days_at_once_is_kept_whole() {
    let lane = Lane::of_vehicles("keep_first").await;
    let records: Vec<_> =
        (0..400_i64).map(|n| vehicle(n, today() - Days::new(n.unsigned_abs()), &format!("{n:03}"))).collect();
    lane.deliver(&records).await;
    lane.run_on(today() + Days::new(1)).await;
    assert_eq!(lane.models().await.len(), 400);
    lane.run_on(today() + Days::new(29)).await;
    assert_eq!(lane.models().await.len(), 400);
}
