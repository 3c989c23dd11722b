//! A compaction keeps every row, bit by bit.

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int8Array, Int32Array, Int64Array, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    cast::AsArray,
    types::{
        Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int32Type, Int64Type,
        TimestampMicrosecondType,
    },
};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use proptest::{option, prelude::*};

use super::{order, rows};
use crate::{FileEncoder, TableSchema, schema::DeltaStruct};

#[derive(Debug, Clone)]
struct Row {
    at: Option<i64>,
    naive: Option<i64>,
    day: Option<i32>,
    byte: Option<i8>,
    number: i32,
    price: Option<i64>,
    wide: Option<i128>,
    float: Option<u32>,
    double: Option<u64>,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    nested: Option<(Option<i64>, Option<bool>)>,
}

fn row() -> impl Strategy<Value = Row> {
    const DOUBLES: [f64; 6] = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::MIN_POSITIVE];
    let double = prop_oneof![any::<u64>(), prop::sample::select(DOUBLES.map(f64::to_bits).to_vec())];
    let text = prop_oneof![
        Just(String::new()),
        "\\PC{0,12}",
        prop::sample::select(vec!["A".to_owned(), "B".into()])
    ];
    let decimal = -(10_i128.pow(38) - 1)..10_i128.pow(38);
    let times = (option::of(any::<i64>()), option::of(any::<i64>()), option::of(any::<i32>()));
    let numbers = (option::of(any::<i8>()), any::<i32>(), option::of(-999_999_999..=999_999_999_i64));
    let floats = (option::of(decimal), option::of(any::<u32>()), option::of(double));
    let nested = option::of((option::of(any::<i64>()), option::of(any::<bool>())));
    let others = (option::of(text), option::of(prop::collection::vec(any::<u8>(), 0..5)), nested);
    (times, numbers, floats, others).prop_map(
        |((at, naive, day), (byte, number, price), (wide, float, double), (text, bytes, nested))| Row {
            at,
            naive,
            day,
            byte,
            number,
            price,
            wide,
            float,
            double,
            text,
            bytes,
            nested,
        },
    )
}

fn inner() -> Vec<Field> {
    vec![Field::new("deep", DataType::Int64, true), Field::new("ok", DataType::Boolean, true)]
}

fn schema() -> TableSchema {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let fields = vec![
        Field::new("at", micros(Some("UTC")), true),
        Field::new("naive", micros(None), true),
        Field::new("day", DataType::Date32, true),
        Field::new("byte", DataType::Int8, true),
        Field::new("number", DataType::Int32, false),
        Field::new("price", DataType::Decimal128(9, 2), true),
        Field::new("wide", DataType::Decimal128(38, 3), true),
        Field::new("float", DataType::Float32, true),
        Field::new("double", DataType::Float64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("bytes", DataType::Binary, true),
        Field::new("nested", DataType::Struct(inner().into()), true),
    ];
    TableSchema::new(Arc::new(Schema::new(fields)), vec!["kind".to_owned()]).unwrap()
}

fn batch(rows: &[Row]) -> RecordBatch {
    fn all<'a, T, A: FromIterator<T> + Array + 'static>(
        rows: &'a [Row],
        of: impl Fn(&'a Row) -> T,
    ) -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<A>())
    }
    let micros = |of: fn(&Row) -> Option<i64>| rows.iter().map(of).collect::<TimestampMicrosecondArray>();
    let decimals = |of: fn(&Row) -> Option<i128>, precision, scale| {
        let array = rows.iter().map(of).collect::<Decimal128Array>();
        Arc::new(array.with_precision_and_scale(precision, scale).unwrap()) as ArrayRef
    };
    let deep = all::<_, Int64Array>(rows, |r| r.nested.and_then(|n| n.0));
    let ok = all::<_, BooleanArray>(rows, |r| r.nested.and_then(|n| n.1));
    let there = rows.iter().map(|r| r.nested.is_some()).collect::<Vec<_>>().into();
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(micros(|r| r.at).with_timezone("UTC")),
        Arc::new(micros(|r| r.naive)),
        all::<_, Date32Array>(rows, |r| r.day),
        all::<_, Int8Array>(rows, |r| r.byte),
        all::<_, Int32Array>(rows, |r| Some(r.number)),
        decimals(|r| r.price.map(i128::from), 9, 2),
        decimals(|r| r.wide, 38, 3),
        all::<_, Float32Array>(rows, |r| r.float.map(f32::from_bits)),
        all::<_, Float64Array>(rows, |r| r.double.map(f64::from_bits)),
        all::<_, StringArray>(rows, |r| r.text.as_deref()),
        all::<_, BinaryArray>(rows, |r| r.bytes.as_deref()),
        Arc::new(StructArray::new(inner().into(), vec![deep, ok], Some(there))),
    ];
    RecordBatch::try_new(schema().arrow().clone(), arrays).unwrap()
}

/// Each row as a text that shows every bit, with the number of times that the row occurs.
fn multiset(batches: &[RecordBatch]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|array| cell(array, row)).collect::<Vec<_>>();
            *found.entry(cells.join("|")).or_default() += 1;
        }
    }
    found
}

fn cell(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        DataType::Date32 => array.as_primitive::<Date32Type>().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value(row).to_string(),
        DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_bits().to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_bits().to_string(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Utf8 => format!("{:?}", array.as_string::<i32>().value(row)),
        DataType::Binary => format!("{:?}", array.as_binary::<i32>().value(row)),
        DataType::Struct(_) => {
            let cells = array.as_struct().columns().iter().map(|inner| cell(inner, row));
            format!("({})", cells.collect::<Vec<_>>().join(","))
        }
        other => panic!("no test has {other}"),
    }
}

fn file(schema: &TableSchema, batch: &RecordBatch) -> Bytes {
    FileEncoder::new(schema).encode(vec![None], batch).unwrap().bytes
}

proptest! {
    #[test]
    fn every_row_is_carried_over_bit_by_bit(
        files in prop::collection::vec(prop::collection::vec(row(), 0..20), 1..6),
        sorted in prop::sample::select(vec![None, Some("at"), Some("naive"), Some("day")]),
        stretch in 1_usize..8,
    ) {
        let schema = schema();
        let before: Vec<RecordBatch> = files.iter().map(|rows| batch(rows)).collect();
        // Like a compaction run: with the columns of the table's own schema.
        let delta = DeltaStruct::parse(&schema.delta().to_json()).unwrap();
        let of_table = TableSchema::of_table(&delta, schema.partition_columns()).unwrap();
        let read = before.iter().flat_map(|batch| rows::of_file(&of_table, file(&schema, batch)).unwrap()).collect();
        let ordered: Vec<_> = match sorted {
            Some(column) => order::sorted(read, column, stretch).map(Result::unwrap).collect(),
            None => read,
        };
        let mut writer = FileEncoder::new(&of_table).begin(0).unwrap();
        for batch in &ordered {
            writer.write(batch).unwrap();
        }
        let written = writer.finish(vec![None]).unwrap();
        prop_assert_eq!(written.rows, files.iter().map(Vec::len).sum::<usize>());
        let after = rows::of_file(&of_table, written.bytes).unwrap();
        prop_assert_eq!(multiset(&after), multiset(&before));
        if let Some(column) = sorted {
            let keys: Vec<_> = after
                .iter()
                .flat_map(|b| {
                    let column = b.column_by_name(column).unwrap().clone();
                    (0..b.num_rows()).map(move |row| cell(&column, row).parse::<i64>().ok())
                })
                .collect();
            let stretches: Vec<_> = keys.chunks(stretch).collect();
            let in_order = |pair: &[&[Option<i64>]]| pair[0].iter().max() <= pair[1].iter().min();
            prop_assert!(keys.is_sorted() || stretches.windows(2).all(in_order));
        }
    }
}

fn numbers(fields: Vec<Field>) -> TableSchema {
    TableSchema::new(Arc::new(Schema::new(fields)), Vec::new()).unwrap()
}

fn one(fields: Vec<Field>, array: ArrayRef) -> Bytes {
    let schema = numbers(fields);
    file_of(&schema, vec![array])
}

fn file_of(schema: &TableSchema, arrays: Vec<ArrayRef>) -> Bytes {
    let batch = RecordBatch::try_new(schema.arrow().clone(), arrays).unwrap();
    FileEncoder::new(schema).encode(Vec::new(), &batch).unwrap().bytes
}

/// In the same case, deltalake fails the whole compaction with "Non-nullable column is missing from the physical
/// schema".
#[test]
fn a_file_without_a_column_gets_nulls_unless_the_column_must_not_be_null() {
    let narrow = || one(vec![Field::new("n", DataType::Int64, true)], Arc::new(Int64Array::from(vec![1, 2])));
    let nested = DataType::Struct(inner().into());
    let wide = |nullable| {
        numbers(vec![Field::new("n", DataType::Int64, true), Field::new("more", nested.clone(), nullable)])
    };
    let read = rows::of_file(&wide(true), narrow()).unwrap();
    assert_eq!((read[0].num_rows(), read[0].column(1).null_count()), (2, 2));
    let refused = rows::of_file(&wide(false), narrow()).unwrap_err();
    assert!(refused.contains("\"more\""), "{refused}");
}

#[test]
fn a_struct_without_a_field_gets_nulls_in_it_and_stays_null_where_it_was() {
    let of = |fields: Vec<Field>| Field::new("s", DataType::Struct(fields.into()), true);
    let deep: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, None]));
    let fields = vec![Field::new("deep", DataType::Int64, true)];
    let there = Some(vec![true, true, false].into());
    let array = Arc::new(StructArray::new(fields.clone().into(), vec![deep], there));
    let read = rows::of_file(&numbers(vec![of(inner())]), one(vec![of(fields)], array)).unwrap();
    let cells: Vec<_> = (0..3).map(|row| cell(read[0].column(0), row)).collect();
    assert_eq!(cells, ["(1,null)", "(null,null)", "null"]);
}

/// If a column were lost or a value cast, the data would change silently.
#[test]
fn files_that_do_not_fit_the_table_are_refused_by_column() {
    let n = |data_type| Field::new("n", data_type, true);
    let table = numbers(vec![n(DataType::Int64)]);
    let narrower = one(vec![n(DataType::Int32)], Arc::new(Int32Array::from(vec![1])));
    let other_case = one(vec![Field::new("N", DataType::Int64, true)], Arc::new(Int64Array::from(vec![1])));
    let nulls = one(vec![n(DataType::Int64)], Arc::new(Int64Array::from(vec![None])));
    let strict = numbers(vec![Field::new("n", DataType::Int64, false)]);
    for (table, file, said) in [
        (&table, narrower, "column \"n\" is Int32 in it and Int64 in the table"),
        (&table, other_case, "column \"N\""),
        (&strict, nulls, "null"),
        (&table, Bytes::from_static(b"PAR1"), "cannot be read"),
        (&table, Bytes::new(), "cannot be read"),
    ] {
        let refused = rows::of_file(table, file).unwrap_err();
        assert!(refused.contains(said), "{refused}");
    }
}
