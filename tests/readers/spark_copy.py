"""Runs in the Python of Spark: copies one version of a Delta table to Parquet files in a local folder, for comparing.

spark_copy.py ENDPOINT TABLE FOLDER VERSION
"""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "emr" / "log_store"))

import local_spark

endpoint, table, folder, version = sys.argv[1:]
with tempfile.TemporaryDirectory() as settings:
    spark = local_spark.session(local_spark.properties_file(endpoint, pathlib.Path(settings)))
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    rows = spark.read.format("delta").option("versionAsOf", version).load(table)
    rows.coalesce(1).write.parquet(pathlib.Path(folder).as_uri())
    spark.stop()
