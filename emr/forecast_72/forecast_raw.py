"""Raw objects as DataFrames: their list and their content."""

from datetime import datetime, timezone

from forecast_names import RawObject, is_raw
from forecast_rows import READING, read_forecast
from pyspark.sql import functions as F

# A forecast has about 20 kB. A much larger object is parked unread, so that it cannot exhaust the memory.
LARGEST = 16 * 1024 * 1024


def listed(files, raw):
    """All raw objects. A prefix without objects is not an error, because the first run may find none.

    Uses Hadoop's listing, because Spark's omits empty files, which would then be neither stored nor parked.
    """
    return [
        RawObject(
            filename,
            status.getPath().toString(),
            datetime.fromtimestamp(status.getModificationTime() / 1000, timezone.utc),
            status.getLen(),
        )
        for filename, status in files.below(raw)
        if is_raw(filename)
    ]


def why_unread(found):
    """The reason why an object is parked unread, or None."""
    if found.time is None:
        return "the name holds no time: expected forecast_72_<YYYYMMDDTHHMMSSZ>_<item>.json"
    if found.length == 0:
        return "the object is empty"
    if found.length > LARGEST:
        return f"the object has {found.length} bytes, more than {LARGEST}"
    return None


def readings(spark, objects):
    """A lazy DataFrame with one row per object: filename, content, rows, reason."""
    names = spark.createDataFrame([(found.path, found.filename) for found in objects], "path string, filename string")
    # Spark evaluates a non-deterministic function only once per row.
    read = F.udf(read_forecast, READING).asNondeterministic()
    return (
        # Without the lookup, a folder with "=" in its name would become a column.
        spark.read.format("binaryFile")
        .option("recursiveFileLookup", True)
        .load([found.path for found in objects])
        .join(F.broadcast(names), "path")
        .select("filename", "content", read("content", "filename").alias("reading"))
        .select("filename", "content", "reading.rows", "reading.reason")
    )


def rows_of(readings_frame):
    """The rows for the table from the result of `readings`."""
    return readings_frame.where("reason IS NULL").select(F.explode("rows").alias("row")).select("row.*")
