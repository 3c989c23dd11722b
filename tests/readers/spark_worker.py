"""Runs in the Python of Spark. Reads requests from standard input, one JSON object per line, and answers each with a
line.

spark_worker.py ENDPOINT

{"copy": TABLE, "to": FOLDER}, optionally with "version": writes the rows as Parquet files into a local folder
{"checkpoint": TABLE, "settings": {…}, "properties": {…}}: sets Spark's settings and the table's properties, then writes
a checkpoint

An answer is MARK and JSON: null, or the text of an error.
"""

import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "emr" / "log_store"))

import local_spark
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

MARK = "answer: "


def copy(spark, asked):
    reader = spark.read.format("delta")
    if "version" in asked:
        reader = reader.option("versionAsOf", asked["version"])
    reader.load(asked["copy"]).coalesce(1).write.parquet(pathlib.Path(asked["to"]).as_uri())


def checkpoint(spark, asked):
    table = asked["checkpoint"]
    for name, value in asked.get("settings", {}).items():
        spark.conf.set(name, value)
    properties = ", ".join(f"'{name}' = '{value}'" for name, value in asked["properties"].items())
    spark.sql(f"ALTER TABLE delta.`{table}` SET TBLPROPERTIES ({properties})")
    log = spark._jvm.org.apache.spark.sql.delta.DeltaLog.forTable(spark._jsparkSession, table)
    log.checkpoint()
    for name in asked.get("settings", {}):
        spark.conf.unset(name)


def main():
    with tempfile.TemporaryDirectory() as folder:
        spark = local_spark.session(local_spark.properties_file(sys.argv[1], pathlib.Path(folder)))
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                (copy if "copy" in asked else checkpoint)(spark, asked)
                answer = None
            except (Py4JError, PySparkException) as fault:
                answer = str(fault)
            print(MARK + json.dumps(answer), flush=True)
        spark.stop()


main()
