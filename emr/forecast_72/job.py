"""Raw forecasts on S3 → the Delta table forecast_72. Its guarantees are in README.md."""

import argparse
import json
import sys

from forecast_faults import ConfigurationError, GivenUp, NotRead
from forecast_run import Settings, run
from pyspark.sql import SparkSession


def settings():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--raw", required=True, help="prefix of the raw objects, e.g. s3://RAW/raw/clima_tempo/forecast_72/"
    )
    parser.add_argument("--table", required=True, help="root of the Delta table, e.g. s3://LAKE/forecast_72")
    parser.add_argument(
        "--parked", required=True, help="prefix of the dead letters, e.g. s3://PARKED/parked/forecast_72"
    )
    parser.add_argument("--lookback-days", type=days, default=7, help="how old the time in a name may be; 0: any age")
    arguments = parser.parse_args()
    return Settings(arguments.raw, arguments.table, arguments.parked, arguments.lookback_days)


def days(text):
    number = int(text)
    if not 0 <= number <= 36_500:
        raise argparse.ArgumentTypeError("a number of days from 1 to 36500, or 0 for any age")
    return number


def session():
    return (
        SparkSession.builder.appName("forecast_72")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.session.timeZone", "UTC")
        # Some readers interpret Spark's default, INT96, as nanoseconds.
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .getOrCreate()
    )


def main():
    chosen = settings()
    spark = session()
    try:
        outcome = run(spark, chosen)
    except (ConfigurationError, GivenUp, NotRead) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        spark.stop()
    print(json.dumps(outcome), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
