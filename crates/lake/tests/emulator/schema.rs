//! Columns that change while a table is in use.

use std::sync::Arc;

use arrow_array::{Array, Int64Array, RecordBatch, StringArray, StructArray, cast::AsArray};
use arrow_schema::{DataType, Field};
use faults::{Classified, FaultClass};
use futures::TryStreamExt;
use lake::{AppVersions, Append, FileEncoder, LakeError, PartitionFile, Plan, Table, TableSchema};
use s3::S3Location;

use crate::support::{client, columns, location, snapshot, soon};

/// An append of one batch, which is always accepted.
pub(crate) struct Batch(pub(crate) TableSchema, pub(crate) RecordBatch);

impl Append for Batch {
    type Accepted = ();
    type Error = LakeError;

    fn plan(&mut self, _: &AppVersions) -> Result<Option<Plan<()>>, LakeError> {
        Ok(Some(Plan { accepted: (), app_versions: Vec::new() }))
    }

    fn files(&mut self, (): &()) -> impl Iterator<Item = Result<PartitionFile, LakeError>> + Send {
        std::iter::once(FileEncoder::new(&self.0).encode(vec![None], &self.1))
    }
}

async fn append(
    location: &S3Location,
    schema: TableSchema,
    arrays: Vec<Arc<dyn Array>>,
) -> Result<i64, LakeError> {
    let batch = RecordBatch::try_new(schema.arrow().clone(), arrays).unwrap();
    let mut table = Table::new(client().await, location.clone(), schema.clone());
    Ok(table.append(&mut Batch(schema, batch), soon()).await?.version.unwrap())
}

fn n() -> Field {
    Field::new("n", DataType::Int64, false)
}

fn numbers(values: [i64; 2]) -> Arc<dyn Array> {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[tokio::test]
async fn a_new_nullable_column_is_added_to_the_table_and_old_rows_have_nulls() {
    let location = location("evolves");
    append(&location, columns(vec![n()]), vec![numbers([1, 2])]).await.unwrap();
    let wider = || columns(vec![n(), Field::new("s", DataType::Utf8, true)]);
    let text = || Arc::new(StringArray::from(vec!["x", "y"])) as Arc<dyn Array>;
    append(&location, wider(), vec![numbers([3, 4]), text()]).await.unwrap();
    append(&location, wider(), vec![numbers([5, 6]), text()]).await.unwrap();
    // A writer with the earlier columns continues.
    append(&location, columns(vec![n()]), vec![numbers([7, 8])]).await.unwrap();
    let found = snapshot(&client().await, &location).await;
    assert_eq!(found.columns().collect::<Vec<_>>(), ["n", "kind", "s"]);
    let files: Vec<_> = found.scan(&["s", "kind"], soon()).try_collect().await.unwrap();
    let batches = files.into_iter().flat_map(|(_, batches)| batches);
    let nulls: usize = batches
        .map(|batch| {
            assert!(batch.column(1).as_string::<i32>().is_null(0));
            batch.column(0).null_count()
        })
        .sum();
    assert_eq!((found.rows(), nulls), (Some(8), 4));
}

#[tokio::test]
async fn columns_that_cannot_fit_are_a_configuration_fault_that_names_them() {
    let location = location("misfits");
    append(&location, columns(vec![n()]), vec![numbers([1, 2])]).await.unwrap();
    let text = || Arc::new(StringArray::from(vec!["x", "y"])) as Arc<dyn Array>;
    for (schema, arrays, column) in [
        (columns(vec![Field::new("n", DataType::Utf8, false)]), vec![text()], "\"n\""),
        (
            columns(vec![n(), Field::new("late", DataType::Utf8, false)]),
            vec![numbers([1, 2]), text()],
            "\"late\"",
        ),
        (columns(vec![Field::new("other", DataType::Utf8, true)]), vec![text()], "\"n\""),
    ] {
        let fault = append(&location, schema, arrays).await.unwrap_err();
        assert_eq!(fault.class(), FaultClass::Configuration);
        assert!(fault.to_string().contains(column), "{fault}");
    }
    let other = TableSchema::new(columns(vec![n()]).arrow().clone(), vec!["yr".to_owned()]).unwrap();
    let fault = append(&location, other, vec![numbers([1, 2])]).await.unwrap_err();
    assert!(matches!(fault, LakeError::Partitioning { .. }), "{fault}");
    assert_eq!(snapshot(&client().await, &location).await.version(), 0);
}

#[tokio::test]
async fn a_struct_that_older_files_lack_is_null_in_their_rows() {
    let location = location("struct");
    append(&location, columns(vec![n()]), vec![numbers([1, 2])]).await.unwrap();
    let inner = Field::new("deep", DataType::Int64, true);
    let nested = Field::new("nested", DataType::Struct(vec![inner.clone()].into()), true);
    let values = StructArray::from(vec![(Arc::new(inner), numbers([5, 6]))]);
    append(&location, columns(vec![n(), nested]), vec![numbers([3, 4]), Arc::new(values)]).await.unwrap();
    let found = snapshot(&client().await, &location).await;
    let files: Vec<_> = found.scan(&["nested"], soon()).try_collect().await.unwrap();
    let mut nulls: Vec<_> = files.iter().map(|(_, batches)| batches[0].column(0).null_count()).collect();
    nulls.sort_unstable();
    assert_eq!(nulls, [0, 2]);
    let types: Vec<_> = files.iter().map(|(_, batches)| batches[0].column(0).data_type().clone()).collect();
    assert_eq!(types[0], types[1]);
}
