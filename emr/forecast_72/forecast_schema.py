"""The table's columns, and the properties by which writers recognise the table."""

from pyspark.sql.types import (
    DateType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

TABLE = "forecast_72"
APP_ID = "headwater/forecast_72"
WRITER_PROPERTY = "headwater.writer"
WRITER = "emr/forecast_72"
PARTITION = "dt"

FORECAST = StructType(
    [
        StructField("date", TimestampType()),
        StructField("humidity", DoubleType()),
        StructField("pressure", DoubleType()),
        StructField("precipitation", DoubleType()),
        StructField("temperature", DoubleType()),
        StructField("wind_direction", StringType()),
        StructField("wind_directiondegrees", DoubleType()),
        StructField("wind_gust", DoubleType()),
        StructField("wind_velocity", DoubleType()),
        StructField("id", LongType()),
        StructField("state", StringType()),
        StructField("country", StringType()),
        StructField("filename", StringType()),
        StructField("dt_extract", TimestampType()),
        StructField(PARTITION, DateType()),
    ]
)


def columns_of(schema):
    """Names and types of the columns in order, for a comparison that ignores nullability and comments."""
    return [(field.name, field.dataType.simpleString()) for field in schema.fields]
