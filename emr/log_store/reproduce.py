"""Shows that Spark's default log store overwrites a commit that is written between its check and its write.

    scripts/spark-log-store                 starts its own emulator
    scripts/spark-log-store --endpoint URL  uses a running stack

docs/spark-log-store.md explains the output.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import uuid

import local_spark
import pyarrow as pa
import pyarrow.fs
from commit_gate import CommitGate
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

BUCKET = "log-store"
# The app transaction has the same number as in a lane: the position in Kafka that the table has reached.
APP_ID = "headwater/log-store/events/0"
ROWS = 100
COMMITS = 6


def append(table, options, position):
    """A commit like that of a function: rows and the next position, with a conditional PUT. Raises if it fails."""
    rows = pa.table({"writer": ["lambda"] * ROWS, "n": list(range(position, position + ROWS))})
    properties = CommitProperties(app_transactions=[Transaction(APP_ID, position + ROWS)])
    write_deltalake(table, rows, mode="append", storage_options=options, commit_properties=properties)
    return position + ROWS


def counted(table, options):
    """The current rows of each writer, and the stored position."""
    found = DeltaTable(table, storage_options=options)
    writers = found.to_pyarrow_table()["writer"].to_pylist()
    return writers.count("lambda"), writers.count("other"), found.transaction_version(APP_ID)


def race(gate, table, options, other_writer):
    """Lets `other_writer` commit through the gate, and makes a function's commit just before the PUT of `other_writer`.

    Returns the Lambda's acknowledged rows, then what the table has: Lambda's rows, the other's rows, the position.
    """
    position = 0
    for _ in range(COMMITS):
        position = append(table, options, position)
    acknowledged = [position]

    def land(_version):
        # Only once: a writer that detects the conflict tries again with the next version, and calls this again.
        gate.before_commit = lambda _version: None
        acknowledged.append(append(table, options, acknowledged[-1]))

    gate.before_commit = land
    other_writer()
    return (acknowledged[-1], *counted(table, options))


def spark_writer(spark, table):
    """An append by Spark with its default log store."""

    def write():
        rows = spark.range(ROWS).selectExpr("'other' AS writer", "id AS n")
        rows.write.format("delta").mode("append").save(table)

    return write


def conditional_writer(table, options):
    """The same append by delta-rs, with a conditional PUT."""

    def write():
        rows = pa.table({"writer": ["other"] * ROWS, "n": list(range(ROWS))})
        write_deltalake(table, rows, mode="append", storage_options=options)

    return write


def report(name, figures):
    acknowledged, kept, others, position = figures
    columns = (acknowledged, kept, acknowledged - kept, position, others)
    print(f"{name:<38}" + "".join(f"{number:>14}" for number in columns))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", help="S3 of a running stack; default: starts an emulator")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if arguments.endpoint:
            return run(arguments.endpoint, folder)
        with local_spark.emulator(folder) as endpoint:
            return run(endpoint, folder)


def run(endpoint, folder):
    os.environ.update(local_spark.credentials())
    make_bucket(endpoint)
    tables = [f"s3://{BUCKET}/{uuid.uuid4()}" for _ in range(2)]
    direct = local_spark.storage_options(endpoint)
    with CommitGate(endpoint) as gate:
        spark = local_spark.session(local_spark.properties_file(gate.endpoint, folder))
        by_spark = race(gate, tables[0], direct, spark_writer(spark, tables[0]))
        spark.stop()
        gated = local_spark.storage_options(gate.endpoint)
        by_condition = race(gate, tables[1], direct, conditional_writer(tables[1], gated))
    titles = ("acknowledged", "in table", "lost", "position", "rows of other")
    print(f"{'a commit lands just before the PUT of':<38}" + "".join(f"{title:>14}" for title in titles))
    report("Spark, default log store", by_spark)
    report("a writer with If-None-Match", by_condition)
    lost = by_spark[0] - by_spark[1]
    print(
        f"\n{lost} rows are gone that S3 had acknowledged, and neither writer saw an error."
        if lost
        else "\nNothing was lost."
    )
    return 0 if lost else 1


def make_bucket(endpoint):
    options = local_spark.credentials()
    pyarrow.fs.S3FileSystem(
        endpoint_override=endpoint.split("://", 1)[1],
        scheme="http",
        region=options["AWS_REGION"],
        access_key=options["AWS_ACCESS_KEY_ID"],
        secret_key=options["AWS_SECRET_ACCESS_KEY"],
        allow_bucket_creation=True,
    ).create_dir(BUCKET)


if __name__ == "__main__":
    sys.exit(main())
