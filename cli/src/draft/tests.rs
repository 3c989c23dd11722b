//! Tests for problems that users of other tools for schema inference reported. The comment above a test names the
//! report.

use pipeline::{Field, FieldType, Pipeline, RecordDecoder, TimestampFormat};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;
use crate::failure::describe;

fn wanted(event_time: Option<&str>) -> Wanted<'_> {
    Wanted { topic: "coffee-v1", partitions: 4, event_time }
}

fn drafted(sample: &str) -> (Pipeline, Drafted) {
    let drafted = draft(wanted(None), &from_text(sample.as_bytes()).unwrap()).unwrap();
    (Pipeline::from_yaml(&drafted.yaml, "drafted").unwrap(), drafted)
}

fn refused(sample: &[u8]) -> String {
    let drafted = from_text(sample).and_then(|sample| draft(wanted(None), &sample));
    describe(&drafted.unwrap_err())
}

/// The only field of records with these values.
fn field(values: &[&str]) -> Field {
    named("v", values)
}

fn named(name: &str, values: &[&str]) -> Field {
    let records: Vec<String> = values.iter().map(|value| format!("{{\"{name}\":{value}}}")).collect();
    drafted(&records.join("\n")).0.fields.remove(0)
}

fn kind(values: &[&str]) -> String {
    field(values).field_type.to_string()
}

// duckdb#25786, frictionlessdata/tableschema-js#111: integers that become floats later.
#[test]
fn integers_and_fractions_are_floats_in_any_order() {
    assert_eq!(kind(&["1", "2.5"]), "float64");
    assert_eq!(kind(&["2.5", "1"]), "float64");
    assert_eq!(kind(&["1", "2"]), "int64");
    assert_eq!(kind(&["1", "true"]), "json");
}

// birdiecare/connect-smts#31: integers beyond 64 bits.
#[test]
fn integers_beyond_64_bits_keep_their_digits() {
    assert_eq!(kind(&["1", "9223372036854775808"]), "decimal(38,0)");
    assert_eq!(kind(&["9007199254740993", "0.5"]), "json");
    assert_eq!(kind(&["1e400"]), "json");
}

// apache/spark#55884, frictionlessdata/frictionless-py#1285: postal codes lose their zeros.
#[test]
fn text_of_digits_stays_text() {
    assert_eq!(kind(&["\"02134\"", "\"10115\""]), "string");
    assert_eq!(kind(&["\"10115\""]), "string");
    assert_eq!(kind(&["\"007.10\""]), "string");
    assert_eq!(kind(&["\"1.2\"", "\"1.3\""]), "string");
    assert_eq!(kind(&["\"12.50\"", "\"7.05\""]), "decimal(18,2)");
    assert_eq!(kind(&["\"12.50\"", "\"7.5\""]), "string");
    assert_eq!(named("app_version", &["\"1.10\""]).field_type, FieldType::String);
}

// SPARK-40474: dates and timestamps in one column. smartcitiesdata#976: timestamps taken for dates.
#[test]
fn days_are_dates_and_mixed_with_times_they_are_text() {
    assert_eq!(kind(&["\"2021-08-14\""]), "date");
    assert_eq!(kind(&["\"2021-08-14T22:55:50Z\""]), "timestamp");
    assert_eq!(kind(&["\"2021-08-14\"", "\"2021-08-14T22:55:50Z\""]), "string");
    assert_eq!(kind(&["\"2021-08-14\"", "\"\""]), "string");
    assert_eq!(kind(&["\"2021-08-14T22:55:50.123456789Z\""]), "string");
}

// SPARK-8093, SPARK-23772: empty objects, empty lists and nulls have no type.
#[test]
fn nulls_empty_objects_and_empty_lists_are_json_that_may_be_null() {
    for values in [["null", "null"], ["{}", "null"], ["[]", "null"]] {
        let field = field(&values);
        assert_eq!((field.field_type, field.nullable), (FieldType::Json, true), "{values:?}");
    }
}

// duckdb#6722: `id` and `Id` in one record. duckdb#15601: in different ones.
#[test]
fn of_names_that_differ_only_in_case_the_most_frequent_is_kept() {
    let (pipeline, drafted) = drafted("{\"Id\":1}\n{\"id\":2,\"Id\":3}");
    assert_eq!(pipeline.fields.len(), 1);
    assert_eq!(pipeline.fields[0].name, "Id");
    assert!(drafted.notes.iter().any(|note| note.starts_with("left out `id`")), "{:?}", drafted.notes);
    let nested = field(&["{\"a\":1,\"A\":2}"]);
    assert_eq!(nested.field_type, FieldType::Json);
}

#[test]
fn keys_that_cannot_be_columns_are_left_out_and_named() {
    let (pipeline, drafted) = drafted(r#"{"ok":1,"a.b":1,"_id":1,"":1,"two words":1,"e\u0301":1,"tab\t":1}"#);
    assert_eq!(pipeline.fields.len(), 1);
    assert_eq!(drafted.notes.iter().filter(|note| note.starts_with("left out")).count(), 6);
    assert_eq!(field(&["{\"a.b\":1}"]).field_type, FieldType::Json);
    let message = refused(b"{\"_id\":1}");
    assert!(message.contains("`_id`") && message.contains("fix: rename"), "{message}");
}

#[test]
fn names_with_a_meaning_in_yaml_are_quoted() {
    let (pipeline, _) = drafted(
        r#"{"no":1,"on":2,"1e3":3,"2026-11-27":4,"null":5,"a#b":6,"it's":7,"a\\b":8,"größe":9,"?":0}"#,
    );
    assert_eq!(pipeline.fields.len(), 10);
}

#[test]
fn values_of_several_types_are_json_with_a_note() {
    let (pipeline, drafted) = drafted("{\"v\":1}\n{\"v\":\"x\"}");
    assert_eq!(pipeline.fields[0].field_type, FieldType::Json);
    assert!(drafted.yaml.contains("values of several types: text in 1, a number in 1"), "{}", drafted.yaml);
    assert_eq!(kind(&["{\"a\":1}", "3"]), "json");
}

#[test]
fn a_number_is_a_time_only_by_its_name_and_range() {
    let format = |name, value| {
        let field = named(name, &[value]);
        (field.field_type, field.format)
    };
    assert_eq!(format("ts", "1628981750"), (FieldType::Timestamp, TimestampFormat::EpochSeconds));
    assert_eq!(format("createdAt", "1628981750123"), (FieldType::Timestamp, TimestampFormat::EpochMillis));
    assert_eq!(format("ts", "1628981750.5"), (FieldType::Timestamp, TimestampFormat::EpochSeconds));
    for (name, value) in [("ts", "1628981750123456"), ("ts", "0"), ("user", "1628981750")] {
        assert_eq!(format(name, value).0, FieldType::Int64, "{name} {value}");
    }
    assert_eq!(named("ts", &["1628981750", "1628981750123"]).field_type, FieldType::Int64);
}

#[test]
fn an_object_whose_keys_are_data_is_json() {
    let values: Vec<String> = (0..40).map(|user| format!("{{\"user-{user}\":1}}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    assert_eq!(kind(&values), "json");
}

#[test]
fn a_key_that_occurs_twice_is_left_out_and_its_record_decodes() {
    let (pipeline, _) = drafted("{\"a\":1,\"b\":2,\"b\":3}");
    assert_eq!(pipeline.fields.len(), 1);
    assert_eq!(kind(&["{\"b\":2,\"b\":3}"]), "json");
}

#[test]
fn fields_with_values_that_jsonb_cannot_hold_are_left_out() {
    let (pipeline, drafted) = drafted(r#"{"a":"\u0000","b":["\u0000"],"c":1e400000}"#);
    assert_eq!(pipeline.fields.len(), 1, "{}", drafted.yaml);
}

#[test]
fn the_event_time_is_the_best_name_that_is_never_null() {
    let chosen = |record: &str| drafted(record).0.event_time;
    let at = "\"2021-08-14T22:55:50Z\"";
    assert_eq!(
        chosen(&format!("{{\"updated_at\":{at},\"eventTime\":{at},\"ts\":{at}}}")).unwrap(),
        "eventTime"
    );
    assert_eq!(chosen(&format!("{{\"expires\":{at},\"placed\":{{\"at\":{at}}}}}")).unwrap(), "placed.at");
    assert_eq!(chosen(&format!("{{\"ts\":{at},\"x\":1}}\n{{\"x\":1}}")), None);
    assert_eq!(chosen("{\"x\":1}"), None);
}

#[test]
fn a_chosen_event_time_is_used_or_refused_with_the_possible_fields() {
    let sample = from_text(b"{\"begin\":1628981750,\"name\":\"x\",\"ts\":\"2021-08-14T22:55:50Z\"}").unwrap();
    let yaml = draft(wanted(Some("begin")), &sample).unwrap().yaml;
    assert_eq!(Pipeline::from_yaml(&yaml, "drafted").unwrap().event_time.unwrap(), "begin");
    let message = describe(&draft(wanted(Some("name")), &sample).unwrap_err());
    assert!(message.contains("fix: choose one of ts"), "{message}");
}

#[test]
fn a_partition_column_has_a_name_that_no_field_has() {
    let (pipeline, _) = drafted("{\"ts\":\"2021-08-14T22:55:50Z\",\"Day\":1,\"event_day\":1,\"yr\":1}");
    assert_eq!(pipeline.lake.unwrap().partition_by[0].name, "event_day_1");
}

#[test]
fn records_other_than_objects_are_counted_by_reason() {
    let sample = Sample {
        records: [&b"{\"a\":1}"[..], b"[1]", b"\0\0\0\0\x01x", b"\xef\xbb\xbf{\"a\":1}", b"[2]"]
            .map(<[u8]>::to_vec)
            .into(),
        notes: Vec::new(),
    };
    let notes = draft(wanted(None), &sample).unwrap().notes.join("\n");
    assert!(notes.contains("2 of 5 records would be parked: the record is a list"), "{notes}");
    assert!(notes.contains("schema registry") && notes.contains("byte order mark"), "{notes}");
}

#[test]
fn an_unusable_sample_is_refused_with_a_fix() {
    for (sample, said) in [
        (&b""[..], "it is empty"),
        (b"[]", "it is empty"),
        (b"1\n2", "the record is a number"),
        (b"\xff\xfe{\0", "iconv"),
        (b"\x1f\x8b\x08", "gunzip"),
        (b"PAR1", "DuckDB"),
        (b"{}", "no field of the records"),
    ] {
        let message = refused(sample);
        assert!(message.contains(said) && message.contains("fix: "), "{message}");
    }
}

#[test]
fn lines_arrays_and_objects_over_several_lines_are_read() {
    for sample in [
        "{\"a\":1}\r\n\n{\"a\":2}\n",
        "[{\"a\":1},{\"a\":2}]",
        "{\n \"a\": 1\n}\n{\n \"a\": 2\n}",
        "\u{feff}{\"a\":1}\n{\"a\":2}",
    ] {
        assert_eq!(drafted(sample).1.records, 2, "{sample}");
    }
    assert_eq!(drafted("{\"a\":1}\n{\"a\":\n{\"a\":2}").1.records, 2, "a line that breaks off");
}

#[test]
fn no_value_is_copied_into_the_file() {
    let (_, drafted) = drafted("{\"mail\":\"ann@example.org\",\"n\":424242,\"x\":{\"y\":[\"secret\"]}}");
    let said = drafted.yaml + &drafted.notes.join("\n");
    assert!(!["ann@", "424242", "secret"].iter().any(|value| said.contains(value)), "{said}");
}

#[test]
fn the_sections_in_comments_are_valid_without_the_comment_signs() {
    let (_, drafted) =
        drafted("{\"order_id\":\"a\",\"shop\":\"b\",\"cups\":2,\"ts\":\"2021-08-14T22:55:50Z\"}");
    let (before, after) = drafted.yaml.split_once("# totals:").unwrap();
    let sections = format!("# totals:{after}").replace("\n# ", "\n");
    let sections = sections.trim_start_matches("# ").replace("Every record", "# Every record");
    let pipeline = Pipeline::from_yaml(&format!("{before}{sections}"), "uncommented").unwrap();
    let (totals, table) = (pipeline.totals.unwrap(), pipeline.table.unwrap());
    assert_eq!((totals.sum.as_str(), totals.key), ("cups", vec!["shop".to_owned()]));
    assert_eq!(table.key, ["order_id"]);
}

fn json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,8}",
        "0?[0-9]{1,4}(\\.[0-9]{1,3})?",
        "20[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:00:00(\\.[0-9]{1,8})?Z?)?",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..3_000_000_000_u32).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..3).prop_map(Value::from), object(inner).prop_map(Value::from)]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let key = prop_oneof![8 => "[abAts]", 2 => "(ts|day|no|xmin|created_at|a_b)", 1 => ".{0,3}"];
    vec((key, value), 0..6).prop_map(|entries| entries.into_iter().collect())
}

proptest! {
    #[test]
    fn the_file_is_valid_and_every_object_decodes_with_it(objects in vec(object(json()), 1..8)) {
        let records: Vec<Vec<u8>> = objects.iter().map(|object| serde_json::to_vec(object).unwrap()).collect();
        let sample = Sample { records: records.clone(), notes: Vec::new() };
        match draft(wanted(None), &sample) {
            Ok(drafted) => {
                let pipeline = Pipeline::from_yaml(&drafted.yaml, "drafted").unwrap();
                let decoder = RecordDecoder::new(&pipeline.fields);
                for record in &records {
                    decoder.decode(record, &mut Vec::new()).unwrap();
                }
            }
            Err(error) => {
                let message = describe(&error);
                prop_assert!(message.contains("no field of the records"), "{message}");
            }
        }
    }

    #[test]
    fn random_bytes_cause_no_panic(text in vec(any::<u8>(), 0..200)) {
        let _ = from_text(&text).and_then(|sample| draft(wanted(None), &sample));
    }
}
