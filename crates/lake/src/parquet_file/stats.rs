//! Delta's statistics of a file, made from the statistics that the Parquet writer has computed.

use std::fmt::Write;

use super::groups::{self, Bound, big_endian};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta};
use parquet::{
    basic::{ConvertedType, DecimalType, LogicalType, TimeUnit, TimestampType},
    data_type::ByteArray,
    file::{metadata::ParquetMetaData, statistics::Statistics},
    schema::types::{ColumnDescriptor, Type},
};

/// Strings are truncated to this many bytes: minimums are rounded down, maximums up. A string that cannot be rounded
/// stays whole.
pub(super) const LONGEST: usize = 32;

/// Returns `{"numRecords":…,"minValues":{…},"maxValues":{…},"nullCount":{…}}` (Delta protocol, per-file statistics).
pub(super) fn json(metadata: &ParquetMetaData) -> String {
    let mut json = format!(r#"{{"numRecords":{}"#, metadata.file_metadata().num_rows());
    let fields = metadata.file_metadata().schema().get_fields();
    let groups = metadata.row_groups();
    if let Some(first) = groups.first() {
        for (name, bound) in
            [("minValues", Bound::Min), ("maxValues", Bound::Max), ("nullCount", Bound::Nulls)]
        {
            let mut leaf = 0;
            let values = object(fields, &mut leaf, &|leaf| match bound {
                Bound::Nulls => groups::nulls(groups, leaf).map(|nulls| nulls.to_string()),
                // Parquet's bounds ignore NaN, but Spark treats NaN as larger than every number. So a column with a NaN
                // has no maximum.
                Bound::Max if groups::any_nan(groups, leaf) => None,
                _ => value(first.column(leaf).column_descr(), groups::outermost(groups, leaf, bound)?, bound),
            });
            let _ = write!(json, r#","{name}":{}"#, values.as_deref().unwrap_or("{}"));
        }
    }
    json.push('}');
    json
}

/// The values of `fields` as a JSON object, with nested objects for structs. `None` if no field has a value.
fn object(
    fields: &[parquet::schema::types::TypePtr],
    leaf: &mut usize,
    of_leaf: &dyn Fn(usize) -> Option<String>,
) -> Option<String> {
    let mut json = String::new();
    for field in fields {
        let value = match field.as_ref() {
            Type::GroupType { fields, .. } => object(fields, leaf, of_leaf),
            Type::PrimitiveType { .. } => {
                *leaf += 1;
                of_leaf(*leaf - 1)
            }
        };
        if let Some(value) = value {
            json.push(if json.is_empty() { '{' } else { ',' });
            let _ = write!(json, "{}:{value}", quoted(field.name()));
        }
    }
    (!json.is_empty()).then(|| json + "}")
}

/// One bound of a column as JSON. `None` if it cannot be expressed.
fn value(column: &ColumnDescriptor, stats: &Statistics, bound: Bound) -> Option<String> {
    let min = bound == Bound::Min;
    // Give every bound that exists: in a filtered read, delta-rs skips a file that has no bound for the column.
    match stats {
        Statistics::Boolean(s) => (if min { s.min_opt() } else { s.max_opt() }).map(ToString::to_string),
        Statistics::Int32(s) => integer(column, i64::from(*(if min { s.min_opt() } else { s.max_opt() })?)),
        Statistics::Int64(s) => integer(column, *(if min { s.min_opt() } else { s.max_opt() })?),
        Statistics::Float(s) => {
            let value = *(if min { s.min_opt() } else { s.max_opt() })?;
            value.is_finite().then(|| format!("{value:?}"))
        }
        Statistics::Double(s) => {
            let value = *(if min { s.min_opt() } else { s.max_opt() })?;
            value.is_finite().then(|| format!("{value:?}"))
        }
        Statistics::ByteArray(s) if is_text(column) => text(if min { s.min_opt() } else { s.max_opt() }?),
        Statistics::FixedLenByteArray(s) => {
            let bytes = if min { s.min_bytes_opt() } else { s.max_bytes_opt() }?;
            decimal(scale(column)?, big_endian(bytes)?)
        }
        // Binary values have no JSON form.
        _ => None,
    }
}

/// The JSON form of an integer, date, timestamp or decimal, by the column's logical type.
fn integer(column: &ColumnDescriptor, value: i64) -> Option<String> {
    match column.logical_type_ref() {
        None | Some(LogicalType::Integer { .. }) => Some(value.to_string()),
        Some(LogicalType::Date) => date(value),
        Some(LogicalType::Timestamp(TimestampType { is_adjusted_to_u_t_c, unit: TimeUnit::MICROS })) => {
            let at = DateTime::from_timestamp_micros(value).filter(|at| plain_year(at.year()))?;
            let zone = if *is_adjusted_to_u_t_c { "Z" } else { "" };
            Some(format!("\"{}{zone}\"", at.format("%Y-%m-%dT%H:%M:%S%.6f")))
        }
        Some(LogicalType::Decimal(DecimalType { scale, .. })) => decimal(*scale, i128::from(value)),
        Some(_) => None,
    }
}

/// A date as JSON. `None` outside the years 1 to 9999.
fn date(days: i64) -> Option<String> {
    let day = NaiveDate::default().checked_add_signed(TimeDelta::try_days(days)?)?;
    plain_year(day.year()).then(|| format!("\"{}\"", day.format("%Y-%m-%d")))
}

/// Other years need a sign, which readers parse differently. Without a bound, no reader skips the file by mistake.
fn plain_year(year: i32) -> bool {
    (1..=9999).contains(&year)
}

/// Whether the column is a string and not binary.
fn is_text(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::String))
        || column.converted_type() == ConvertedType::UTF8
}

fn text(bytes: &ByteArray) -> Option<String> {
    std::str::from_utf8(bytes.data()).ok().map(quoted)
}

/// The number of digits after the point. `None` if the column is not a decimal.
fn scale(column: &ColumnDescriptor) -> Option<i32> {
    match column.logical_type_ref() {
        Some(LogicalType::Decimal(DecimalType { scale, .. })) => Some(*scale),
        _ => None,
    }
}

/// A decimal as a JSON number with all its digits.
fn decimal(scale: i32, unscaled: i128) -> Option<String> {
    let scale = usize::try_from(scale).ok()?;
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// A JSON string with its quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
        StringArray, StructArray, TimestampMicrosecondArray,
    };
    use arrow_schema::{DataType, Field, Schema};
    use parquet::{
        arrow::ArrowWriter,
        file::properties::{EnabledStatistics, WriterProperties},
    };
    use proptest::prelude::*;
    use serde_json::Value;

    use crate::{FileEncoder, TableSchema};

    fn stats(columns: Vec<(&str, ArrayRef)>) -> Value {
        let fields: Vec<Field> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let batch =
            RecordBatch::try_new(schema.clone(), columns.into_iter().map(|(_, array)| array).collect());
        let encoder = FileEncoder::new(&TableSchema::new(schema, Vec::new()).unwrap());
        let stats = encoder.encode(Vec::new(), &batch.unwrap()).unwrap().stats;
        serde_json::from_str(&stats).unwrap()
    }

    /// A text as a JSON string. `None` if a truncated bound is not UTF-8.
    fn text(stats: &Value) -> String {
        stats.to_string()
    }

    #[test]
    fn times_dates_and_decimals_are_written_as_delta_wants_them() {
        let at = TimestampMicrosecondArray::from(vec![Some(1_628_981_750_123_456), None]);
        let found = stats(vec![
            ("utc", Arc::new(at.clone().with_timezone("UTC"))),
            ("naive", Arc::new(at)),
            ("day", Arc::new(Date32Array::from(vec![-1, 20_777]))),
            (
                "price",
                Arc::new(Decimal128Array::from(vec![-5, 1234]).with_precision_and_scale(9, 2).unwrap()),
            ),
            (
                "wide",
                Arc::new(
                    Decimal128Array::from(vec![-12_345_678_901_234_567_890_123_456_789_i128, 7])
                        .with_precision_and_scale(38, 3)
                        .unwrap(),
                ),
            ),
        ]);
        assert_eq!(found["minValues"]["utc"], "2021-08-14T22:55:50.123456Z");
        assert_eq!(found["maxValues"]["naive"], "2021-08-14T22:55:50.123456");
        assert_eq!(
            (&found["minValues"]["day"], &found["maxValues"]["day"]),
            (&"1969-12-31".into(), &"2026-11-20".into())
        );
        assert_eq!(found["nullCount"]["utc"], 1);
        assert_eq!(found["numRecords"], 2);
        assert!(text(&found["maxValues"]).contains(r#""price":12.34"#), "{found}");
        assert!(text(&found["minValues"]).contains(r#""price":-0.05"#), "{found}");
    }

    #[test]
    fn wide_decimals_keep_all_their_digits() {
        assert_eq!(
            super::decimal(3, -12_345_678_901_234_567_890_123_456_789).unwrap(),
            "-12345678901234567890123456.789"
        );
        assert_eq!(super::decimal(0, 7).unwrap(), "7");
        assert_eq!(super::big_endian(&[0xff, 0xfe]), Some(-2));
        assert_eq!(super::big_endian(&[0x01, 0x00]), Some(256));
        assert_eq!(super::big_endian(&[0; 17]), None);
    }

    #[test]
    fn nested_columns_have_statistics_of_their_leaves() {
        let inner = StructArray::from(vec![
            (
                Arc::new(Field::new("x", DataType::Int64, true)),
                Arc::new(Int64Array::from(vec![Some(3), None])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("ok", DataType::Boolean, true)),
                Arc::new(BooleanArray::from(vec![true, false])) as ArrayRef,
            ),
        ]);
        let found = stats(vec![
            ("before", Arc::new(Int64Array::from(vec![8, 9]))),
            ("n", Arc::new(inner)),
            ("after", Arc::new(Int64Array::from(vec![1, 2]))),
        ]);
        assert_eq!(text(&found["minValues"]), r#"{"after":1,"before":8,"n":{"ok":false,"x":3}}"#);
        assert_eq!(text(&found["nullCount"]), r#"{"after":0,"before":0,"n":{"ok":0,"x":1}}"#);
    }

    #[test]
    fn a_column_with_nan_or_infinity_has_no_false_bounds() {
        let found = stats(vec![
            ("nan", Arc::new(Float64Array::from(vec![1.0, f64::NAN]))),
            ("inf", Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]))),
            ("fine", Arc::new(Float64Array::from(vec![-0.5, 1e300]))),
        ]);
        assert_eq!(text(&found["minValues"]), r#"{"fine":-0.5,"inf":1.0,"nan":1.0}"#);
        assert_eq!(text(&found["maxValues"]), r#"{"fine":1e+300}"#);
    }

    #[test]
    fn a_column_of_nulls_has_a_count_only() {
        let found = stats(vec![("s", Arc::new(StringArray::from(vec![None::<&str>, None])))]);
        assert_eq!((&found["minValues"], &found["nullCount"]["s"]), (&serde_json::json!({}), &2.into()));
    }

    /// A file with two rows per group has the same bounds as a file with all rows in one group.
    #[test]
    fn bounds_of_many_row_groups_are_those_of_one() {
        let wide = |v: Vec<Option<i128>>| {
            Arc::new(Decimal128Array::from(v).with_precision_and_scale(38, 2).unwrap()) as ArrayRef
        };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("i", Arc::new(Int64Array::from(vec![None, None, Some(5), Some(-7), Some(9), None]))),
            ("f", Arc::new(Float64Array::from(vec![1.0, 2.0, -0.0, 0.0, 3.0, f64::NAN]))),
            ("s", Arc::new(StringArray::from(vec![Some("m"), Some("z"), None, None, Some("a"), Some("ü")]))),
            ("d", wide(vec![Some(1), Some(-1), Some(-(1 << 90)), None, None, None])),
            ("b", Arc::new(BooleanArray::from(vec![true, true, true, true, true, false]))),
            ("day", Arc::new(Date32Array::from(vec![5, 6, -1, 2, 3, 4]))),
            ("none", Arc::new(Int64Array::from(vec![None; 6]))),
        ];
        let fields: Vec<Field> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
        let written = |rows| {
            let properties = WriterProperties::builder()
                .set_statistics_enabled(EnabledStatistics::Chunk)
                .set_max_row_group_row_count(Some(rows));
            let mut writer =
                ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties.build())).unwrap();
            writer.write(&batch).unwrap();
            let metadata = writer.close().unwrap();
            (metadata.num_row_groups(), super::json(&metadata))
        };
        let ((one, expected), (three, found)) = (written(6), written(2));
        assert_eq!((one, three), (1, 3));
        assert_eq!(found, expected);
        assert!(found.contains(r#""nullCount":{"i":3,"#), "{found}");
    }

    proptest! {
        #[test]
        fn bounds_enclose_every_string_of_any_length(values in prop::collection::vec("\\PC{0,60}|[\u{10fff0}-\u{10ffff}]{5,20}", 1..20)) {
            let found = stats(vec![("s", Arc::new(StringArray::from(values.clone())))]);
            for value in &values {
                prop_assert!(found["minValues"]["s"].as_str().unwrap() <= value.as_str());
                prop_assert!(found["maxValues"]["s"].as_str().unwrap() >= value.as_str());
            }
        }

        #[test]
        fn integers_are_exact(values in prop::collection::vec(any::<i64>(), 1..20)) {
            let found = stats(vec![("n", Arc::new(Int64Array::from(values.clone())))]);
            prop_assert_eq!(found["minValues"]["n"].as_i64(), values.iter().min().copied());
            prop_assert_eq!(found["maxValues"]["n"].as_i64(), values.iter().max().copied());
        }
    }
}
