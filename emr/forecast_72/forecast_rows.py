"""Reads one raw object: returns rows for the table, or the reason why it is not a forecast. Spark runs it as a UDF.

An object is stored as a whole or parked as a whole. All times have a zone: for a time without
one, Spark's Python workers would use the machine's zone.
"""

import json
import math
import re
from datetime import date, datetime, timezone

from forecast_names import time_in
from forecast_schema import FORECAST
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

# For each object: its rows, or the reason why it is parked. The other field is null.
READING = StructType(
    [
        StructField("rows", ArrayType(FORECAST)),
        StructField("reason", StringType()),
    ]
)

DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)
# Parquet writers refuse dates before the Gregorian calendar, and would fail the run for all objects.
FIRST_YEAR, LAST_YEAR = 2000, 2099
LONGEST_REASON = 500
MISSING = object()

# Column, and the path of its value in the entry of an hour. All values may be null or missing.
NUMBERS = (
    ("humidity", "humidity", "humidity"),
    ("pressure", "pressure", "pressure"),
    ("precipitation", "rain", "precipitation"),
    ("temperature", "temperature", "temperature"),
    ("wind_directiondegrees", "wind", "directiondegrees"),
    ("wind_gust", "wind", "gust"),
    ("wind_velocity", "wind", "velocity"),
)


class NotAForecast(Exception):
    """The object is not a forecast. The message has the path of the value and the problem with it."""


def read_forecast(content, filename):
    """Returns (rows, None), or (None, reason). Raises no exception for any content."""
    try:
        return rows_of(content, filename), None
    except NotAForecast as fault:
        return None, str(fault)[:LONGEST_REASON]


def rows_of(content, filename):
    """The rows in the order of the table's columns, one for each hour."""
    fetched = time_in(filename)
    if fetched is None:
        raise NotAForecast("the name holds no time: expected forecast_72_<YYYYMMDDTHHMMSSZ>_<item>.json")
    answer = an_object(parsed(content), "the answer")
    place = {
        "id": an_id(answer.get("id", MISSING)),
        "state": a_text(answer.get("state"), "state"),
        "country": a_text(answer.get("country"), "country"),
        "filename": filename,
        "dt_extract": fetched,
    }
    if place["country"] is not None:
        place["country"] = place["country"].strip()
    hours = answer.get("data", MISSING)
    if not isinstance(hours, list):
        raise NotAForecast(f"data: {shown(hours)} is not a list of hours")
    if not hours:
        raise NotAForecast("data is empty")
    rows = {}
    for number, entry in enumerate(hours):
        row = {**place, **hour_of(entry, f"data/{number}")}
        row["dt"] = row["date"].date()
        # The same hour twice with the same values is one row. With different values it is unknown which one is right.
        if rows.setdefault(row["date"], row) != row:
            raise NotAForecast(f"data/{number}: the hour {entry['date']} is there twice, with different values")
    return [tuple(row[name] for name in FORECAST.names) for row in rows.values()]


def hour_of(entry, place):
    """The columns from the entry of one hour."""
    entry = an_object(entry, place)
    columns = {"date": a_time(entry.get("date", MISSING), f"{place}/date")}
    for column, group, name in NUMBERS:
        columns[column] = a_number(member(entry, group, place).get(name), f"{place}/{group}/{name}")
    direction = member(entry, "wind", place).get("direction")
    columns["wind_direction"] = a_text(direction, f"{place}/wind/direction")
    return columns


def parsed(content):
    """Strict JSON: RFC 8259 has no NaN and no Infinity."""
    if not content:
        raise NotAForecast("the object is empty")
    try:
        text = bytes(content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotAForecast(f"not UTF-8: byte {error.start}") from None
    try:
        return json.loads(text, parse_constant=not_json)
    except (ValueError, RecursionError) as error:
        raise NotAForecast(f"not JSON: {error}") from None


def not_json(name):
    """Refuses NaN and Infinity, for which the JSON decoder calls this function."""
    raise ValueError(f"{name} is not a JSON number")


def member(entry, name, place):
    """A group of values. A missing or null group is treated as empty."""
    group = entry.get(name)
    return {} if group is None else an_object(group, f"{place}/{name}")


def an_object(value, place):
    if not isinstance(value, dict):
        raise NotAForecast(f"{place}: {shown(value)} is not a JSON object")
    return value


def an_id(value):
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise NotAForecast(f"id: {shown(value)} is not a whole number of 64 bits")
    return value


def a_number(value, place):
    """A number as a double. A number in a string has the wrong type, as in every other lane."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotAForecast(f"{place}: {shown(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise NotAForecast(f"{place}: the number is too large for a double")
    return number


def a_text(value, place):
    if value is not None and not isinstance(value, str):
        raise NotAForecast(f"{place}: {shown(value)} is not text")
    if value is not None and not value.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise NotAForecast(f"{place}: half of a surrogate pair is not text")
    return value


def a_time(value, place):
    """A time without a zone, as the source writes it. It is read as UTC."""
    found = DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        time = datetime(*map(int, found.groups()), tzinfo=timezone.utc) if found else None
    except ValueError:
        time = None
    if time is None:
        raise NotAForecast(f"{place}: {shown(value)} is not a time like 2023-04-27 18:00:00")
    if not date(FIRST_YEAR, 1, 1) <= time.date() <= date(LAST_YEAR, 12, 31):
        raise NotAForecast(f"{place}: {value} is not between {FIRST_YEAR} and {LAST_YEAR}")
    return time


def shown(value):
    """A value for a message: shortened and printable."""
    if value is MISSING:
        return "nothing"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
