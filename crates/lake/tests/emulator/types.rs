//! Columns of every type, in partitions with difficult names.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray, StructArray, TimestampMicrosecondArray, types::Int8Type,
};
use arrow_schema::{DataType, Field, Schema};
use futures::TryStreamExt;
use lake::{AppVersions, Append, FileEncoder, LakeError, PartitionFile, Plan, Table, TableSchema};

use crate::support::{client, location, snapshot, soon};

const ROOMS: [&str; 6] = ["A", "", "O'B", "a/b=c:d%20", "Grüße 日本", "{[^]}?#*\\\""];

pub(crate) fn batch(timestamp_ntz: bool) -> RecordBatch {
    let at = TimestampMicrosecondArray::from(vec![Some(1_628_981_750_123_456), None, Some(-1)]);
    let price =
        Decimal128Array::from(vec![Some(-5), None, Some(1234)]).with_precision_and_scale(9, 2).unwrap();
    let wide = Decimal128Array::from(vec![Some(i128::from(i64::MAX) * 1000), None, Some(-1)]);
    let room: DictionaryArray<Int8Type> = ["x", "y", "x"].into_iter().collect();
    let inner = Int64Array::from(vec![Some(1), None, Some(3)]);
    let nested = StructArray::from(vec![
        (Arc::new(Field::new("deep", DataType::Int64, true)), Arc::new(inner) as ArrayRef),
        (
            Arc::new(Field::new("ok", DataType::Boolean, true)),
            Arc::new(BooleanArray::from(vec![true; 3])) as ArrayRef,
        ),
    ]);
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("utc", Arc::new(at.clone().with_timezone("UTC"))),
        ("day", Arc::new(Date32Array::from(vec![Some(0), None, Some(20_777)]))),
        ("price", Arc::new(price)),
        ("wide", Arc::new(wide.with_precision_and_scale(38, 3).unwrap())),
        ("float", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(f64::NAN)]))),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("text", Arc::new(StringArray::from(vec![Some("long ".repeat(2000)), None, Some(String::new())]))),
        ("dictionary", Arc::new(room)),
        ("nested", Arc::new(nested)),
    ];
    if timestamp_ntz {
        columns.push(("naive", Arc::new(at)));
    }
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// The same batch for every room, and once for a null room.
pub(crate) struct Rooms(pub(crate) TableSchema, pub(crate) RecordBatch);

impl Append for Rooms {
    type Accepted = ();
    type Error = LakeError;

    fn plan(&mut self, _: &AppVersions) -> Result<Option<Plan<()>>, LakeError> {
        Ok(Some(Plan { accepted: (), app_versions: Vec::new() }))
    }

    fn files(&mut self, (): &()) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        let encoder = FileEncoder::new(&self.0);
        let rooms = ROOMS.map(Some).into_iter().chain([None]);
        rooms.map(move |room| encoder.encode(vec![room.map(ToOwned::to_owned), Some("raw".into())], &self.1))
    }
}

#[tokio::test]
async fn every_type_in_every_partition_is_read_back_as_it_was() {
    let client = client().await;
    for timestamp_ntz in [false, true] {
        let batch = batch(timestamp_ntz);
        let schema = TableSchema::new(batch.schema(), vec!["room".into(), "kind".into()]).unwrap();
        let location = location("types");
        println!("{location}");
        let mut table = Table::new(client.clone(), location.clone(), schema.clone());
        let done = table.append(&mut Rooms(schema, batch.clone()), soon()).await.unwrap();
        assert_eq!((done.files, done.rows), (7, 21));

        let found = snapshot(&client, &location).await;
        let names: Vec<&str> = batch.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
        let files: Vec<_> = found.scan(&names, soon()).try_collect().await.unwrap();
        let mut rooms = Vec::new();
        for (file, batches) in files {
            rooms.push(file.partition["room"].clone());
            for (at, name) in names.iter().enumerate().filter(|(_, name)| **name != "dictionary") {
                assert_eq!(
                    format!("{:?}", batches[0].column(at)),
                    format!("{:?}", batch.column(at)),
                    "{name}"
                );
            }
        }
        rooms.sort();
        // Delta cannot distinguish the empty string from null in a partition column.
        let mut expected: Vec<_> =
            ROOMS.iter().map(|r| (!r.is_empty()).then(|| (*r).to_owned())).chain([None]).collect();
        expected.sort();
        assert_eq!(rooms, expected);
    }
}
