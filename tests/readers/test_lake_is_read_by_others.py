"""Readers of other projects read the lake of a local stack: Python deltalake, pyarrow, DuckDB and Spark.

The environment names the stack, as `headwater env` prints it.
"""

import json
import os
import pathlib

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from conftest import Spark, headwater, s3, storage_options
from deltalake import DeltaTable

TABLE = "env=dv/source=rooms/subsrc=midgar"
RECORDS = 1_000


@pytest.fixture(scope="module")
def table() -> DeltaTable:
    headwater("rooms", "--count", str(RECORDS))
    headwater("drain", "--timeout", "240s")
    return DeltaTable(f"{os.environ['HEADWATER_LAKE']}/{TABLE}", storage_options=storage_options())


@pytest.fixture(scope="module")
def files(table: DeltaTable, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Local copies of the table's active files, in folders with the same names."""
    folder = tmp_path_factory.mktemp("lake")
    copies = []
    for uri in table.file_uris():
        key = uri.removeprefix("s3://")
        copy = folder / key.split(TABLE, 1)[1].lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(s3().open_input_file(key).read())
        copies.append(str(copy))
    return copies


def test_deltalake_reads_every_record_once(table: DeltaTable) -> None:
    rows = table.to_pyarrow_table()
    assert rows.num_rows >= RECORDS
    places = rows.select(["_topic", "_partition", "_offset"]).group_by(["_topic", "_partition", "_offset"]).aggregate([])
    assert places.num_rows == rows.num_rows
    letters = [json.loads(line) for line in headwater("parked", "list", "--json", "--lane", "parquet-writer").splitlines()]
    parked = {(letter["source"]["topic"], letter["source"]["partition"], letter["source"]["offset"]) for letter in letters}
    for partition in pc.unique(rows["_partition"]).to_pylist():
        offsets = set(rows.filter(pc.equal(rows["_partition"], partition))["_offset"].to_pylist())
        offsets |= {offset for topic, number, offset in parked if (topic, number) == ("rooms-v1", partition)}
        assert offsets == set(range(max(offsets) + 1)), "every offset from 0 on is stored or parked"


def test_the_columns_have_the_types_of_the_contract(table: DeltaTable) -> None:
    schema = pa.schema(table.schema().to_arrow())
    assert pa.types.is_timestamp(schema.field("ts").type)
    assert schema.field("ts").type.tz == "UTC"
    assert pa.types.is_int64(schema.field("count").type)
    assert [table.metadata().partition_columns] == [["yr", "mo", "dy", "kind"]]


def test_the_log_contains_the_positions(table: DeltaTable) -> None:
    rows = table.to_pyarrow_table()
    for partition in pc.unique(rows["_partition"]).to_pylist():
        next_offset = table.transaction_version(f"headwater/coldstorage/rooms-v1/{partition}")
        offsets = rows.filter(pc.equal(rows["_partition"], partition))["_offset"]
        # The position may be higher, because it is also above a parked record at the end.
        assert next_offset is not None
        assert next_offset >= pc.max(offsets).as_py() + 1


def test_pyarrow_and_duckdb_read_the_files_as_deltalake_does(table: DeltaTable, files: list[str]) -> None:
    rows = table.to_pyarrow_table()
    expected = (rows.num_rows, pc.sum(rows["count"]).as_py())
    parts = [pyarrow.parquet.ParquetFile(file).read() for file in files]
    assert (sum(part.num_rows for part in parts), sum(pc.sum(part["count"]).as_py() for part in parts)) == expected
    found = duckdb.execute(
        "SELECT count(*), sum(count)::BIGINT, count(DISTINCT kind), min(yr) FROM read_parquet(?, hive_partitioning = true)",
        [files],
    ).fetchone()
    assert found is not None
    assert found[:3] == (*expected, 1)
    assert int(found[3]) >= 2026


def test_spark_reads_the_same_rows_as_deltalake(table: DeltaTable, spark: Spark, tmp_path: pathlib.Path) -> None:
    table.update_incremental()
    copy = tmp_path / "copy"
    spark.ask(copy=table.table_uri, to=str(copy), version=table.version())
    order = [(name, "ascending") for name in ("_topic", "_partition", "_offset")]
    expected = table.to_pyarrow_table().sort_by(order)
    found = pyarrow.parquet.read_table(copy).select(expected.column_names).sort_by(order)
    assert found.num_rows == expected.num_rows
    assert found.cast(expected.schema).equals(expected)
