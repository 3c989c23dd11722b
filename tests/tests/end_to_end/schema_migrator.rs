//! schema-migrator after a change of a pipeline file. Changes that are possible in place are made before the new
//! functions serve, and the old functions keep working. All other changes are refused, and nothing is changed.

use std::time::Duration;

use arrow_array::Array;
use end_to_end::{Function, Parts, Record, Sinks, event, room};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

/// A pipeline with all three sinks. Its Postgres tables are in a schema of this test.
const CREW: &str = "
topic: { name: rooms-v1, partitions: 2 }
event_time: at
fields:
  - { name: at, type: timestamp, format: epoch_seconds }
  - { name: ship, type: string }
  - { name: size, type: int32 }
  - name: of
    type: struct
    fields:
      - { name: port, type: string, nullable: true }
lake: { consumer_group: crew-lake, path: crew, partition_by: [{ name: day, value: '%Y-%m-%d' }] }
totals: { consumer_group: crew-totals, table: room_n_total_counts.sizes, key: [ship], sum: size }
table:
  consumer_group: crew-table
  name: room_n_total_counts.crew
  key: [ship, at]
  retention_days: 30
";

/// A pipeline with the two sinks in Postgres. Its table has no partitions.
const GAUGE: &str = "
topic: { name: rooms-v1-gauge, partitions: 2 }
fields:
  - { name: id, type: int32 }
  - { name: level, type: int32, nullable: true }
  - { name: note, type: string }
totals: { consumer_group: gauge-totals, table: room_n_total_counts.levels, key: [id], sum: id }
table: { consumer_group: gauge-table, name: room_n_total_counts.gauge, key: [id], indexes: [[note]] }
";

/// The names and sinks of one test.
struct Corner {
    parts: Parts,
    sinks: Sinks,
}

impl Corner {
    async fn open() -> Self {
        let parts = Parts::of_environment();
        Self { sinks: Sinks::open(&parts).await, parts }
    }

    fn pipeline(&self, yaml: &str) -> String {
        self.parts.pipeline(yaml)
    }

    /// Runs schema-migrator in a new environment. Returns its answer, or its error as `CLASS: MESSAGE`.
    async fn migrate(&self, pipelines: &[String]) -> Result<Value, String> {
        let mut migrator = Function::start("schema-migrator", &self.parts, pipelines).await;
        match migrator.invoke(b"{}").await {
            end_to_end::Invoked::Answer(answer) => Ok(answer),
            end_to_end::Invoked::Error(class, message) => Err(format!("{class}: {message}")),
            end_to_end::Invoked::Died => panic!("the migrator died"),
        }
    }

    async fn function(&self, name: &str, pipelines: &[String]) -> Function {
        Function::start(name, &self.parts, pipelines).await
    }

    /// The results of a query for one text column. `{}` in `sql` stands for the test's schema.
    async fn rows(&self, sql: &str) -> Vec<String> {
        self.sinks.query_text(&sql.replace("{}", &self.parts.totals_table())).await
    }

    async fn execute(&self, sql: &str) {
        self.sinks.database().batch_execute(&sql.replace("{}", &self.parts.totals_table())).await.unwrap();
    }

    /// A line for each column of the test's tables, partitions and indexes: type, nullability, and the file of the
    /// relation, which changes when Postgres rewrites it.
    async fn shape(&self) -> Vec<String> {
        self.rows(
            "SELECT concat_ws(' ', c.relname, c.relkind, c.relfilenode, a.attname, format_type(a.atttypid, a.atttypmod), \
             a.attnotnull) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
             WHERE c.relnamespace = '{}'::regnamespace AND a.attnum > 0 ORDER BY c.relname, a.attnum",
        )
        .await
    }
}

fn record(offset: i64, value: &Value) -> Record {
    room(0, offset, "", 0).with(Some(value.to_string().as_bytes()))
}

/// The time of now minus `days` days, in seconds since the Unix epoch.
fn days_ago(days: i64) -> i64 {
    (chrono::Utc::now() - chrono::Duration::days(days)).timestamp()
}

/// A valid record of [`CREW`].
fn crew(offset: i64, days: i64, ship: &str) -> Record {
    record(offset, &json!({"at": days_ago(days), "ship": ship, "size": 3, "of": {"port": "Kiel"}}))
}

/// Between the migration and the switch of the alias, old functions write to the new tables.
#[tokio::test]
async fn new_nullable_fields_of_every_type_reach_all_sinks_and_old_functions_keep_working() {
    let corner = Corner::open().await;
    let old = [corner.pipeline(CREW)];
    corner.migrate(&old).await.unwrap();
    let names = ["parquet-writer", "table-writer", "totals-upserter"];
    let mut before = Vec::new();
    for name in names {
        before.push(corner.function(name, &old).await);
    }
    // One row is in the partition of its day, the other in the default partition.
    let topic = corner.parts.topic.clone();
    let first = event(&topic, &[crew(0, 0, "a"), crew(1, 100, "b")]);
    for function in &mut before {
        function.invoke(&first).await.all_handled();
    }

    let more = "
  - { name: text, type: string, nullable: true }
  - { name: small, type: int32, nullable: true }
  - { name: large, type: int64, nullable: true }
  - { name: ratio, type: float64, nullable: true }
  - { name: flag, type: boolean, nullable: true }
  - { name: price, type: 'decimal(9,2)', nullable: true }
  - { name: born, type: date, nullable: true }
  - { name: seen, type: timestamp, nullable: true }
  - { name: notes, type: json, nullable: true }
  - { name: mate, type: struct, nullable: true, fields: [{ name: rank, type: int32 }] }
lake:";
    let deeper = "      - { name: port, type: string, nullable: true }\n      - { name: dock, type: int64, nullable: true }\n";
    let new = old[0]
        .replace("\nlake:", more)
        .replace("      - { name: port, type: string, nullable: true }\n", deeper);
    let answer = corner.migrate(std::slice::from_ref(&new)).await.unwrap();
    assert_eq!(answer["changes"].as_array().unwrap().len(), 11, "{answer}");
    assert_eq!(
        corner.migrate(std::slice::from_ref(&new)).await.unwrap()["changes"],
        json!([]),
        "the second run changes nothing"
    );

    // The functions of the previous deployment still run.
    let second = event(&topic, &[crew(2, 0, "c"), crew(3, 100, "d")]);
    for function in &mut before {
        function.invoke(&second).await.all_handled();
    }
    drop(before);
    let value = json!({
        "at": days_ago(0), "ship": "e", "size": 3, "of": {"port": null, "dock": 7}, "text": "t", "small": 1,
        "large": 5_000_000_000_i64, "ratio": 0.5, "flag": true, "price": "1.25", "born": "2000-02-29",
        "seen": "2026-01-01 00:00:00", "notes": [1], "mate": {"rank": 2},
    });
    for name in names {
        let mut function = corner.function(name, std::slice::from_ref(&new)).await;
        function.invoke(&event(&topic, &[record(4, &value)])).await.all_handled();
    }
    let rows = corner
        .rows(
            "SELECT concat_ws('|', ship, size, of_port, of_dock, text, small, large, ratio, flag, price, born, \
             extract(epoch FROM seen)::int8, notes, mate_rank) FROM {}.crew ORDER BY ship",
        )
        .await;
    let filled = "e|3|7|t|1|5000000000|0.5|t|1.25|2000-02-29|1767225600|[1]|2";
    assert_eq!(rows, ["a|3|Kiel", "b|3|Kiel", "c|3|Kiel", "d|3|Kiel", filled]);
    assert_eq!(corner.rows("SELECT sum(total)::text FROM {}.sizes").await, ["15"]);

    let snapshot = corner.sinks.snapshot("crew").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut files = std::pin::pin!(snapshot.scan(&["_offset", "large"], deadline));
    let (mut all, mut with_value) = (0, 0);
    while let Some(file) = files.next().await {
        for batch in file.unwrap().1 {
            all += batch.num_rows();
            with_value += batch.num_rows() - batch.column(1).null_count();
        }
    }
    assert_eq!((all, with_value), (5, 1));
}

/// Postgres can widen a column in place. The topic has no lake, because a Delta table cannot.
#[tokio::test]
async fn int32_becomes_int64_in_keys_totals_and_plain_columns_and_old_functions_keep_working() {
    let corner = Corner::open().await;
    let old = [corner.pipeline(GAUGE)];
    corner.migrate(&old).await.unwrap();
    let topic = format!("{}-gauge", corner.parts.topic);
    let gauge = |offset, id: i64| record(offset, &json!({"id": id, "level": id, "note": "n"}));
    let names = ["table-writer", "totals-upserter"];
    let mut before = Vec::new();
    for name in names {
        let mut function = corner.function(name, &old).await;
        function.invoke(&event(&topic, &[gauge(0, 1)])).await.all_handled();
        before.push(function);
    }
    let new = [old[0].replace("type: int32", "type: int64")];
    let answer = corner.migrate(&new).await.unwrap();
    assert_eq!(answer["changes"].as_array().unwrap().len(), 3, "{answer}");
    for (function, name) in before.iter_mut().zip(names) {
        function.invoke(&event(&topic, &[gauge(0, 1), gauge(1, 1), gauge(2, 2)])).await.all_handled();
        let mut after = corner.function(name, &new).await;
        after.invoke(&event(&topic, &[gauge(3, 3_000_000_000)])).await.all_handled();
    }
    let rows = corner.rows("SELECT concat_ws(' ', id, level) FROM {}.gauge ORDER BY id").await;
    assert_eq!(rows, ["1 1", "2 2", "3000000000 3000000000"]);
    let totals = corner.rows("SELECT concat_ws(' ', id, total) FROM {}.levels ORDER BY id").await;
    assert_eq!(totals, ["1 2", "2 2", "3000000000 3000000000"]);
}

#[tokio::test]
async fn changes_that_are_impossible_in_place_are_refused_by_field_and_nothing_is_changed() {
    let corner = Corner::open().await;
    let (crew_yaml, gauge_yaml) = (corner.pipeline(CREW), corner.pipeline(GAUGE));
    corner.migrate(&[crew_yaml.clone(), gauge_yaml.clone()]).await.unwrap();
    let mut writer = corner.function("parquet-writer", std::slice::from_ref(&crew_yaml)).await;
    writer.invoke(&event(&corner.parts.topic, &[crew(0, 0, "a")])).await.all_handled();
    let before = corner.shape().await;
    // A possible change of the other topic. It must not be made if a change is refused.
    let possible = gauge_yaml.replace("name: note, type: string", "name: note, type: string, nullable: true");
    let changes: &[(&str, &str, &[&str])] = &[
        // A Delta table keeps the type of a column. Postgres alone would widen it.
        ("name: size, type: int32", "name: size, type: int64", &["field size", "Delta table", "integer"]),
        (
            "name: size, type: int32",
            "name: size, type: 'decimal(9,0)'",
            &["field size", "Delta table", "numeric(9,0)"],
        ),
        ("{ name: port, type: string,", "{ name: port, type: json,", &["field of.port", "jsonb"]),
        ("{ name: port, type: string,", "{ name: PORT, type: string,", &["field of.PORT", "case only"]),
        ("\nlake:", "\n  - { name: must, type: string }\nlake:", &["field must", "nullable: true"]),
        ("name: ship, type: string", "name: vessel, type: string", &["field ship", "the key (vessel"]),
        ("value: '%Y-%m-%d'", "value: '%Y-%m'", &[]),
        ("name: day, value", "name: date, value", &["partitioned by", "lake.path"]),
        ("key: [ship, at]", "key: [at]", &["the key (ship, at)", "the key (at)"]),
        ("  retention_days: 30\n", "", &["partitions", "retention_days"]),
        ("event_time: at", "event_time: of.at", &["of_at", "partitions by the day of (at)"]),
        ("sum: size }", "sum: size, total_column: other }", &["other"]),
        (
            "table: room_n_total_counts.sizes, key: [ship]",
            "table: room_n_total_counts.sizes, key: [ship, size]",
            &["sizes"],
        ),
    ];
    for (from, to, named) in changes {
        let mut edited = crew_yaml.replace(&corner.pipeline(from), &corner.pipeline(to));
        assert_ne!(edited, crew_yaml, "{from}");
        // Further edits, without which the pipeline file would be invalid.
        if *from == "name: ship, type: string" {
            edited = edited.replace("key: [ship", "key: [vessel");
        }
        if *from == "event_time: at" {
            edited = edited.replace("    fields:\n", "    fields:\n      - { name: at, type: timestamp }\n");
            edited = edited.replace("key: [ship, at]", "key: [ship, at, of.at]");
        }
        let said = corner.migrate(&[edited, possible.clone()]).await;
        if named.is_empty() {
            // Another value of a partition column concerns only new records, so it is possible.
            said.unwrap();
            corner.execute("ALTER TABLE {}.gauge ALTER COLUMN note SET NOT NULL").await;
            continue;
        }
        let said = said.unwrap_err();
        assert!(said.starts_with("configuration") && said.contains("nothing was changed"), "{said}");
        for part in *named {
            assert!(said.contains(part), "{from} -> {to}: {part:?} is not in {said}");
        }
        assert_eq!(corner.shape().await, before, "{from} -> {to}");
    }
    // Of two impossible changes, the error names both.
    let both = crew_yaml.replace("name: size, type: int32", "name: size, type: int64");
    let other = gauge_yaml
        .replace("name: note, type: string", "name: note, type: json")
        .replace(", indexes: [[note]]", "");
    let said = corner.migrate(&[both, other]).await.unwrap_err();
    assert!(said.contains("field size") && said.contains("field note"), "{said}");
}

/// schema-migrator never drops a column or an index. It reports what is left.
#[tokio::test]
async fn a_field_becomes_nullable_and_the_column_of_a_removed_field_is_kept_and_reported() {
    let corner = Corner::open().await;
    let old = corner.pipeline(GAUGE);
    corner.migrate(std::slice::from_ref(&old)).await.unwrap();
    let relaxed = [old.replace("name: note, type: string", "name: note, type: string, nullable: true")];
    corner.migrate(&relaxed).await.unwrap();
    let topic = format!("{}-gauge", corner.parts.topic);
    let mut writer = corner.function("table-writer", &relaxed).await;
    writer.invoke(&event(&topic, &[record(0, &json!({"id": 1}))])).await.all_handled();

    let gone = [relaxed[0]
        .replace("  - { name: level, type: int32, nullable: true }\n", "")
        .replace(", indexes: [[note]]", "")];
    let answer = corner.migrate(&gone).await.unwrap();
    let left = answer["left"].to_string();
    assert!(left.contains("column `level`") && left.contains("gauge_note_idx"), "{left}");
    let mut writer = corner.function("table-writer", &gone).await;
    writer.invoke(&event(&topic, &[record(1, &json!({"id": 2, "level": 9}))])).await.all_handled();
    let rows = corner.rows("SELECT concat_ws(' ', id, level, note) FROM {}.gauge ORDER BY id").await;
    assert_eq!(rows, ["1", "2"]);
}

#[tokio::test]
async fn indexes_follow_the_file_even_if_two_would_have_the_same_name() {
    let corner = Corner::open().await;
    let old = corner.pipeline(GAUGE);
    corner.migrate(std::slice::from_ref(&old)).await.unwrap();
    let two = [old.replace("indexes: [[note]]", "indexes: [[note], [level, note], [id, level]]")];
    let answer = corner.migrate(&two).await.unwrap();
    assert_eq!(answer["changes"].as_array().unwrap().len(), 2, "{answer}");
    // `gauge_x` + `y` and `gauge` + `x_y` give the same name, and so do long names that Postgres truncates.
    let column = |name: &str| format!("  - {{ name: {name}, type: int32, nullable: true }}\n");
    let (long, longer) = ("a".repeat(60), format!("{}b", "a".repeat(60)));
    let fields = format!("{}{}{}\ntotals:", column("x_y"), column(&long), column(&longer));
    let wide =
        two[0].replace("totals:", &fields).replace("[id, level]]", &format!("[x_y], [{long}], [{longer}]]"));
    let twin = wide
        .replace("-gauge,", "-twin,")
        .replace("group: gauge-", "group: twin-")
        .replace(".levels", ".levels_x")
        .replace(".gauge,", ".gauge_x,")
        .replace("name: x_y", "name: 'y'")
        .replace("[x_y]", "['y']");
    corner.migrate(&[wide.clone(), twin.clone()]).await.unwrap();
    let answer = corner.migrate(&[wide, twin]).await.unwrap();
    assert_eq!(answer["changes"], json!([]), "{answer}");
    let count = corner
        .rows("SELECT concat(tablename, ' ', count(*)) FROM pg_indexes WHERE schemaname = '{}' AND tablename LIKE 'gauge%' GROUP BY tablename ORDER BY 1")
        .await;
    assert_eq!(count, ["gauge 7", "gauge_x 6"]);
}

/// Postgres refuses to change the type of a column that a view uses.
#[tokio::test]
async fn a_view_that_prevents_the_widening_of_a_column_is_named() {
    let corner = Corner::open().await;
    let old = corner.pipeline(GAUGE);
    corner.migrate(std::slice::from_ref(&old)).await.unwrap();
    corner.execute("CREATE VIEW {}.report AS SELECT level FROM {}.gauge").await;
    let new = [old.replace("name: level, type: int32", "name: level, type: int64")];
    let said = corner.migrate(&new).await.unwrap_err();
    assert!(said.contains("field level") && said.contains("report"), "{said}");
    corner.execute("DROP VIEW {}.report").await;
    corner.migrate(&new).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_locks_a_table_for_long_delays_the_change_but_no_writer() {
    let corner = Corner::open().await;
    let old = [corner.pipeline(GAUGE)];
    corner.migrate(&old).await.unwrap();
    let topic = format!("{}-gauge", corner.parts.topic);
    let mut writer = corner.function("table-writer", &old).await;
    // The lock of a backup, which reads all tables in one transaction.
    corner.execute("BEGIN; LOCK TABLE {}.gauge IN ACCESS SHARE MODE").await;
    let new = [old[0].replace("name: level, type: int32", "name: level, type: int64")];
    let mut migrator = corner.function("schema-migrator", &new).await;
    let written = async {
        for offset in 0..3 {
            let started = Instant::now();
            let value = json!({"id": offset, "level": 1, "note": "n"});
            writer.invoke(&event(&topic, &[record(offset, &value)])).await.all_handled();
            assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        }
        corner.execute("COMMIT").await;
    };
    let (migrated, ()) = tokio::join!(migrator.invoke(b"{}"), written);
    assert_eq!(migrated.answer()["changes"].as_array().unwrap().len(), 1);
    assert_eq!(corner.rows("SELECT count(*)::text FROM {}.gauge").await, ["3"]);
}

#[tokio::test]
async fn a_check_reports_the_changes_and_makes_none() {
    let corner = Corner::open().await;
    let old = corner.pipeline(GAUGE);
    corner.migrate(std::slice::from_ref(&old)).await.unwrap();
    let before = corner.shape().await;
    let new = [old.replace("name: level, type: int32", "name: level, type: int64")];
    let mut migrator = corner.function("schema-migrator", &new).await;
    let answer = migrator.invoke(br#"{"check": true}"#).await.answer();
    assert!(answer["changes"][0].as_str().unwrap().contains("level"), "{answer}");
    let (class, _) = migrator.invoke(br#"{"chek": true}"#).await.error();
    assert_eq!(class, "poison", "a misspelt check changes nothing either");
    assert_eq!(corner.shape().await, before);
}
