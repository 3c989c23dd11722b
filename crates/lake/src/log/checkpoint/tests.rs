use std::path::Path;

use super::*;

fn fixture(path: &str) -> Bytes {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(root.join(path)).unwrap().into()
}

const SPARK: &str = "forecast/_delta_log/00000000000000000002.checkpoint.parquet";
const DELTALAKE: &str = "v1/_delta_log/00000000000000000002.checkpoint.parquet";

#[test]
fn the_state_in_a_checkpoint_by_spark_is_read() {
    let lines = state(Source::whole(fixture(SPARK))).unwrap();
    let metadata = lines.iter().find_map(|line| line.meta_data.as_ref()).unwrap();
    assert_eq!(
        (metadata.format.provider.as_str(), metadata.partition_columns.as_slice()),
        ("parquet", ["dt".to_owned()].as_slice())
    );
    assert_eq!(metadata.configuration["delta.checkpointInterval"].as_deref(), Some("2"));
    assert!(metadata.schema_string.contains("dt_extract"));
    let protocol = lines.iter().find_map(|line| line.protocol.as_ref()).unwrap();
    assert_eq!((protocol.min_reader_version, protocol.min_writer_version), (1, 2));
}

#[test]
fn state_and_files_in_a_checkpoint_by_deltalake_are_read() {
    let mut found = FileActions::default();
    files(DELTALAKE, fixture(DELTALAKE), Detail::Whole, |mut more| {
        found.txns.append(&mut more.txns);
        found.adds.append(&mut more.adds);
        found.protocol = more.protocol.take().or(found.protocol.take());
    })
    .unwrap();
    assert_eq!(found.txns.iter().map(|txn| txn.version).collect::<Vec<_>>(), [30]);
    assert_eq!(found.adds.len(), 3);
    for add in found.adds {
        assert_eq!(add.partition_values["kind"].as_deref(), Some("raw"));
        assert!(add.size > 0 && add.modification_time > 0 && add.deletion_vector.is_none());
        assert!(add.stats.unwrap().contains("numRecords"));
    }
}

#[test]
fn a_checkpoint_cut_short_anywhere_is_an_error_and_no_panic() {
    let whole = fixture(DELTALAKE);
    for length in (0..whole.len()).step_by(97) {
        assert!(state(Source::whole(whole.slice(..length))).is_err(), "{length}");
    }
}
