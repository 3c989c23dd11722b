"""The owner check: tables that the job refuses before it writes anything."""

import json

import pytest
from answers import answer, name
from conftest import JOB
from deltalake import write_deltalake
from forecast_faults import ConfigurationError
from forecast_schema import FORECAST, columns_of
from pyspark.sql.types import StructType


def test_the_first_commit_of_terraform_has_the_schema_of_the_job(spark, lane):
    actions = json.loads((JOB / "table.json").read_text())
    assert [list(action) for action in actions] == [["protocol"], ["metaData"]]
    schema = StructType.fromJson(json.loads(actions[1]["metaData"]["schemaString"]))
    assert columns_of(schema) == columns_of(FORECAST)
    assert [field.name for field in lane.delta().schema().fields] == FORECAST.names
    assert columns_of(spark.read.format("delta").load(lane.table).schema) == columns_of(FORECAST)


def refused(spark, lane):
    """Returns the message of the refusal, after a check that nothing was written."""
    lane.put(name(), answer())
    lane.put(name(2), b"")
    before = lane.files("lake")
    with pytest.raises(ConfigurationError) as error:
        lane.run(spark)
    assert lane.files("lake") == before
    assert lane.letters() == {}
    assert "\nfix: " in str(error.value)
    return str(error.value)


def test_a_missing_table_is_refused_and_not_created(spark, bare_lane):
    assert f"there is no Delta table at {bare_lane.table}" in refused(spark, bare_lane)


def test_the_table_of_another_writer_is_refused(spark, bare_lane, endpoint):
    import pyarrow as pa

    write_deltalake(bare_lane.table, pa.table({"n": [1]}), storage_options=bare_lane.options)
    assert "is not this job's own: its property headwater.writer is missing" in refused(spark, bare_lane)


def test_a_table_that_names_another_writer_is_refused(spark, bare_lane):
    def change(actions):
        actions[1]["metaData"]["configuration"]["headwater.writer"] = "functions/parquet-writer"

    bare_lane.create_table(change)
    assert "says 'functions/parquet-writer', not 'emr/forecast_72'" in refused(spark, bare_lane)


def test_a_table_of_other_columns_is_refused(spark, bare_lane):
    def change(actions):
        metadata = actions[1]["metaData"]
        metadata["schemaString"] = metadata["schemaString"].replace(
            '"temperature","type":"double"', '"temperature","type":"long"'
        )

    bare_lane.create_table(change)
    assert "('temperature', 'bigint'), ('temperature', 'double')" in refused(spark, bare_lane)


def test_a_table_of_other_partitions_is_refused(spark, bare_lane):
    def change(actions):
        actions[1]["metaData"]["partitionColumns"] = []

    bare_lane.create_table(change)
    assert "is not partitioned by dt alone" in refused(spark, bare_lane)
