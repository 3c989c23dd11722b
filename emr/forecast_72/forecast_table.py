"""The Delta table: the check that the job owns it, its stored names, and a commit with a verification."""

import json

from forecast_faults import ConfigurationError, LostCommit
from forecast_schema import APP_ID, FORECAST, PARTITION, WRITER, WRITER_PROPERTY, columns_of
from py4j.protocol import Py4JJavaError
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

CREATE = "create it as Terraform does: its first commit is emr/forecast_72/table.json, one action a line"


class TableState:
    """A version of the table, and the last transaction of this job in it (0: none)."""

    def __init__(self, version, transaction):
        self.version = version
        self.transaction = transaction


def opened(spark, table):
    """The newest version. Refuses a table that is missing or is not this job's own, before anything is written."""
    delta_log = spark.sparkContext._jvm.org.apache.spark.sql.delta.DeltaLog
    # After a lost commit, Spark's cached log differs from the log on S3.
    delta_log.clearCache()
    snapshot = delta_log.forTableWithSnapshot(spark._jsparkSession, table)._2()
    if snapshot.version() < 0:
        raise ConfigurationError(f"there is no Delta table at {table}", CREATE)
    check_owner(table, snapshot.metadata())
    transaction = snapshot.transactions().get(APP_ID)
    return TableState(snapshot.version(), transaction.get() if transaction.isDefined() else 0)


def check_owner(table, metadata):
    """Raises unless the property, the columns and the partition are those of this job's table."""
    writer = metadata.configuration().get(WRITER_PROPERTY)
    if not writer.isDefined() or writer.get() != WRITER:
        says = f"says {writer.get()!r}" if writer.isDefined() else "is missing"
        raise ConfigurationError(
            f"the table at {table} is not this job's own: its property {WRITER_PROPERTY} {says}, not {WRITER!r}",
            "give --table the job's own table: Spark must not commit to a table of another writer. "
            f"To have a new one, {CREATE}",
        )
    columns = columns_of(StructType.fromJson(json.loads(metadata.schemaString())))
    if columns != columns_of(FORECAST):
        different = sorted(set(columns) ^ set(columns_of(FORECAST))) or "their order"
        raise ConfigurationError(
            f"the columns of {table} are not those of the job: {different}",
            "deploy the job of the version that made the table, or move the table away and " + CREATE,
        )
    if metadata.partitionColumns().mkString(",") != PARTITION:
        raise ConfigurationError(f"the table at {table} is not partitioned by {PARTITION} alone", CREATE)


def stored_names(spark, table, objects):
    """The names of those objects that have rows in the table.

    `dt_extract` comes from the name, so the filter is exact. Delta uses the files' statistics to open only the files of
    runs since the oldest of these objects.
    """
    times = [found.time for found in objects if found.time is not None]
    if not times:
        return set()
    names = spark.createDataFrame([(found.filename,) for found in objects], "filename string")
    rows = spark.read.format("delta").load(table).where(F.col("dt_extract") >= F.lit(min(times))).select("filename")
    return {row.filename for row in rows.join(F.broadcast(names), "filename", "left_semi").distinct().collect()}


def append(rows, table, state, run_id):
    """Makes one commit on top of `state`: rows, next transaction, and the mark for `committed_version`."""
    write = (
        # One file per day and run, instead of one per day and task.
        rows.repartition(PARTITION)
        .write.format("delta")
        .mode("append")
        .option("txnAppId", APP_ID)
        .option("txnVersion", state.transaction + 1)
        .option("userMetadata", run_id)
    )
    try:
        write.save(table)
    except Py4JJavaError as error:
        names = names_of(error.java_exception)
        if is_conflict(names):
            raise LostCommit(", ".join(names)) from error
        raise


def is_conflict(names):
    """Whether the error is a conflict with another run or a change of the table. Then the table must be read again."""
    return any(name.startswith("Concurrent") or name.endswith("ChangedException") for name in names)


def names_of(exception):
    """The short class names of a Java exception and its causes."""
    names = []
    while exception is not None:
        names.append(exception.getClass().getSimpleName())
        exception = exception.getCause()
    return names


def committed_version(files, table, state, run_id):
    """The version whose log file contains this run's commit, read from S3 and not from Spark's cache.

    Spark's default log store checks whether the file exists and then writes it without a condition, so it can overwrite
    a commit in between. Delta also skips a write without an error if its transaction is not newer than the table's.
    """
    version = state.version
    while True:
        version += 1
        log = files.read(f"{table}/_delta_log/{version:020d}.json")
        if log is None:
            raise LostCommit(f"no version after {state.version} holds the commit {run_id}")
        actions = (json.loads(line) for line in log.splitlines() if line)
        if any(action.get("commitInfo", {}).get("userMetadata") == run_id for action in actions):
            return version
