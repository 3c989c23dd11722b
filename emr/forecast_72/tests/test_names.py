"""The time in names, and the objects that a run reads. Without Spark."""

from datetime import datetime, timedelta, timezone

import pytest
from answers import NOW
from forecast_names import RawObject, candidates, is_raw, time_in

AT = datetime(2023, 4, 27, 18, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "time",
    [
        "20230427T180000Z",
        "2023-04-27T18:00:00Z",
        "2023-04-27T18-00-00Z",
        "2023-04-27 18:00:00",
        "20230427180000",
        "2023-04-27T18:00:00.000",
        "20230427T180000.000000000Z",
    ],
)
def test_the_fetchers_names_and_those_of_other_tools_hold_the_same_time(time):
    assert time_in(f"forecast_72_{time}.json") == AT
    assert time_in(f"forecast_72_{time}_3477.json") == AT
    assert time_in(f"2023/forecast_72_{time}_3477_page_2.json") == AT


def test_a_fraction_is_kept_to_the_microsecond():
    assert time_in("forecast_72_2023-04-27T18:00:00.123456789Z.json") == AT.replace(microsecond=123456)


@pytest.mark.parametrize(
    "name",
    [
        "forecast_72_latest.json",
        "forecast_72_20231327T180000Z_1.json",
        "forecast_72_20230427T180000Z_1.json.tmp",
        "forecast_72_２0230427T180000Z_1.json",
        "forecast_96_20230427T180000Z_1.json",
        # Spark would interpret these as patterns.
        "forecast_72_20230427T180000Z_[1].json",
        "a*/forecast_72_20230427T180000Z_1.json",
    ],
)
def test_a_name_without_a_readable_time_has_none(name):
    assert time_in(name) is None


def test_files_that_are_no_raw_objects_are_not_looked_at():
    assert is_raw("2023/forecast_72_latest.json")
    assert not any(map(is_raw, ["_SUCCESS", "_temporary/0/a.json", ".a.json", "a.json.tmp", "a/"]))


def raw(name, modified=NOW):
    return RawObject(name, f"s3://bucket/{name}", modified, 1)


def names(objects, lookback_days):
    return [found.filename for found in candidates(objects, NOW, lookback_days)]


def test_the_lookback_goes_by_the_time_in_the_name_and_zero_means_all():
    old, new = (f"forecast_72_{NOW - timedelta(days=days):%Y%m%dT%H%M%SZ}_1.json" for days in (8, 7))
    assert names([raw(old), raw(new)], 7) == [new]
    assert names([raw(old), raw(new)], 0) == [old, new]


def test_a_name_without_a_time_goes_by_the_time_of_writing():
    name = "forecast_72_latest.json"
    assert names([raw(name)], 7) == [name]
    assert names([raw(name, NOW - timedelta(days=8))], 7) == []


def test_an_object_that_is_listed_twice_is_read_once():
    name = "forecast_72_20261126T230005Z_3477.json"
    assert names([raw(name), raw(name)], 7) == [name]
