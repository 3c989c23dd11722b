"""Reads single raw objects: stored rows, and refusals with their reasons. Without Spark."""

import json
from datetime import date, datetime, timezone

import pytest
from answers import answer, content, hour, name
from forecast_rows import read_forecast
from forecast_schema import FORECAST

START = datetime(2026, 11, 26, 20)


def read(value, filename=None):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    rows, reason = read_forecast(raw, filename or name())
    assert (rows is None) != (reason is None)
    return reason if rows is None else [dict(zip(FORECAST.names, row)) for row in rows]


def one(**changes):
    """An answer with one hour, with changes."""
    return answer(data=[hour(START, **changes)])


def test_every_column_of_the_contract_is_filled():
    (row,) = read(one())
    assert row == {
        "date": datetime(2026, 11, 26, 20, tzinfo=timezone.utc),
        "humidity": 60.9,
        "pressure": 1010.1,
        "precipitation": 0.7,
        "temperature": 23.6,
        "wind_direction": "WSW",
        "wind_directiondegrees": 262.2,
        "wind_gust": 20.2,
        "wind_velocity": 11.0,
        "id": 3477,
        "state": "SP",
        "country": "BR",
        "filename": name(),
        "dt_extract": datetime(2026, 11, 26, 23, 0, 5, tzinfo=timezone.utc),
        "dt": date(2026, 11, 26),
    }


def test_whole_and_decimal_numbers_are_both_doubles():
    rows = read(answer(data=[hour(START, temperature=23), hour(START.replace(hour=21), temperature=23.6)]))
    assert [(row["temperature"], type(row["temperature"])) for row in rows] == [(23.0, float), (23.6, float)]


def test_72_hours_cross_midnight_into_the_partitions_of_their_days():
    days = [row["dt"].day for row in read(answer())]
    assert {day: days.count(day) for day in days} == {26: 4, 27: 24, 28: 24, 29: 20}


@pytest.mark.parametrize(
    "changes",
    [{"rain": {"precipitation": None}}, {"rain": {}}, {"rain": None}],
)
def test_a_missing_optional_number_is_null(changes):
    (row,) = read(one(**changes))
    assert row["precipitation"] is None
    assert row["temperature"] == 23.6


def test_groups_and_texts_may_be_missing_altogether():
    (row,) = read({"id": 1, "data": [{"date": "2026-11-26 20:00:00"}]})
    assert [name for name, value in row.items() if value is not None] == ["date", "id", "filename", "dt_extract", "dt"]


def test_unknown_fields_and_a_byte_order_mark_are_ignored():
    rows = read(b"\xef\xbb\xbf" + json.dumps(one(uv={"index": 3}, wind={"velocity": 1, "beaufort": 2})).encode())
    assert rows[0]["wind_velocity"] == 1.0


def test_the_same_hour_twice_is_one_row_where_the_values_agree():
    assert len(read(answer(data=[hour(START), hour(START)]))) == 1


def test_the_same_hour_with_other_values_refuses_the_object():
    reason = read(answer(data=[hour(START, temperature=1), hour(START, temperature=2)]))
    assert reason == "data/1: the hour 2026-11-26 20:00:00 is there twice, with different values"


WRONG = {
    "empty": (b"", "the object is empty"),
    "truncated": (content()[:-40], "not JSON: "),
    "html": (b"<html><body>502 Bad Gateway</body></html>", "not JSON: "),
    "two documents": (content() + content(), "not JSON: "),
    "not utf-8": (content().replace(b'"WSW"', b'"\xff"'), "not UTF-8: byte "),
    "utf-16": (json.dumps(answer()).encode("utf-16"), "not UTF-8: byte 0"),
    "nan": (content(hours=1).replace(b"23.6", b"NaN"), "not JSON: NaN is not a JSON number"),
    "endless nesting": (b"[" * 200_000, "not JSON: "),
    "endless number": (content(hours=1).replace(b"3477", b"9" * 5000), ""),
    "an array": ([answer()], "the answer: [{"),
    "null": (b"null", "the answer: null is not a JSON object"),
    "no data": ({"id": 1}, "data: nothing is not a list of hours"),
    "empty data": (answer(data=[]), "data is empty"),
    "data of the wrong type": (answer(data={"0": hour(START)}), "data: {"),
    "an hour of the wrong type": (answer(data=[None]), "data/0: null is not a JSON object"),
    "id as text": (answer(id="3477"), 'id: "3477" is not a whole number of 64 bits'),
    "id as boolean": (answer(id=True), "id: true is not a whole number of 64 bits"),
    "id too large": (answer(id=2**63), "id: 9223372036854775808 is not a whole number of 64 bits"),
    "no id": ({"data": [hour(START)]}, "id: nothing is not a whole number of 64 bits"),
    "number as text": (one(temperature="23.6"), 'data/0/temperature/temperature: "23.6" is not a number'),
    "number as boolean": (one(rain={"precipitation": True}), "data/0/rain/precipitation: true is not a number"),
    "number without its group": (one(humidity=60.9), "data/0/humidity: 60.9 is not a JSON object"),
    "number too large": (one(wind={"gust": 10**400}), "data/0/wind/gust: the number is too large for a double"),
    "decimal too large": (content(hours=1).replace(b"20.2", b"1e999"), "data/0/wind/gust: the number is too large"),
    "text as number": (one(wind={"direction": 7}), "data/0/wind/direction: 7 is not text"),
    "half a surrogate pair": (answer(state="\ud800"), "state: half of a surrogate pair is not text"),
    "no date": (answer(data=[{}]), "data/0/date: nothing is not a time like 2023-04-27 18:00:00"),
    "date in another form": (one(date="27/04/2023 18:00:00"), 'data/0/date: "27/04/2023 18:00:00" is not a time'),
    "date of no calendar": (one(date="2023-02-30 18:00:00"), 'data/0/date: "2023-02-30 18:00:00" is not a time'),
    "date before parquet": (one(date="0001-01-01 00:00:00"), "data/0/date: 0001-01-01 00:00:00 is not between"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_forecast_is_refused_with_a_reason_that_names_the_place(case):
    value, start = WRONG[case]
    reason = read(value)
    assert isinstance(reason, str)
    assert reason.startswith(start)
    assert len(reason) <= 500
