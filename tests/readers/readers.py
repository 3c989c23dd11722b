"""Reads a table of parquet-writer with readers of other projects: deltalake, DuckDB, pyarrow and Spark."""

import os
import pathlib
import tempfile
from collections import Counter

import duckdb
import duckdb_ext
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
from conftest import Spark, s3
from deltalake import QueryBuilder
from lane import Lane, Places

COLUMNS = ["_partition", "_offset"]


def duck() -> duckdb.DuckDBPyConnection:
    """DuckDB with its own Delta reader (the extension `delta`), connected to the emulator. The extensions come from
    PyPI packages, so DuckDB downloads nothing."""
    folder = pathlib.Path(next(iter(duckdb_ext.__path__))) / "extensions"
    connection = duckdb.connect(config={"extension_directory": str(folder), "autoinstall_known_extensions": "false"})
    for extension in ("httpfs", "delta"):
        connection.execute(f"LOAD {extension}")
    connection.execute(
        "CREATE SECRET (TYPE s3, URL_STYLE 'path', USE_SSL false, "
        f"KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', "
        f"REGION '{os.environ['AWS_REGION']}', ENDPOINT '{os.environ['AWS_ENDPOINT_URL'].removeprefix('http://')}')"
    )
    return connection


def places(table: pa.Table) -> Places:
    return Counter(zip(*(table[column].to_pylist() for column in COLUMNS), strict=True))


def by_deltalake(lane: Lane) -> Places:
    """Uses deltalake's query engine, because its conversion to pyarrow refuses tables with the feature
    `v2Checkpoint`."""
    query = QueryBuilder().register("t", lane.delta())
    return places(pa.table(query.execute("SELECT _partition, _offset FROM t").read_all()))


def by_duckdb(lane: Lane) -> Places:
    return Counter(duck().execute("SELECT _partition, _offset FROM delta_scan(?)", [lane.uri]).fetchall())


def by_pyarrow(lane: Lane) -> Places:
    """pyarrow cannot read Delta logs. It reads the active files as one dataset, and deltalake supplies their names."""
    files = [uri.removeprefix("s3://") for uri in lane.delta().file_uris()]
    return places(pyarrow.dataset.dataset(files, filesystem=s3(), format="parquet").to_table(columns=COLUMNS))


def by_spark(lane: Lane, spark: Spark) -> Places:
    with tempfile.TemporaryDirectory() as folder:
        copy = f"{folder}/copy"
        spark.ask(copy=lane.uri, to=copy)
        return places(pyarrow.parquet.read_table(copy, columns=COLUMNS))


def same_for_all(lane: Lane, spark: Spark, sent: Places, after: str) -> None:
    """Fails unless every reader finds exactly these rows."""
    found = {
        "deltalake": by_deltalake(lane),
        "DuckDB": by_duckdb(lane),
        "pyarrow": by_pyarrow(lane),
        "Spark": by_spark(lane, spark),
    }
    for reader, rows in found.items():
        assert rows == sent, f"{reader} after {after}: lost {sent - rows}, doubled or made up {rows - sent}"
