"""Rows and commits that runs add to the table on S3, read with deltalake."""

import base64
from datetime import date, datetime, timedelta, timezone

import forecast_table
import pyarrow.parquet
import pytest
from answers import NOW, answer, content, hour, name
from conftest import Lane


def test_a_second_run_adds_nothing_and_commits_nothing_and_removes_letters_of_what_is_stored(spark, lane):
    lane.put(name(), answer())
    first = lane.run(spark)
    assert first == {"objects": 1, "rows": 72, "skipped": 0, "parked": [], "version": 1}
    # As a run leaves it that is killed between its commit and its end.
    lane.write(f"parked/forecast_72/{name()}.jsonl", "{}")
    assert lane.run(spark) == {"objects": 0, "rows": 0, "skipped": 1, "parked": [], "version": 1}
    assert lane.names() == {name(): 72}
    assert lane.letters() == {}
    assert lane.delta().transaction_version("headwater/forecast_72") == 1


@pytest.fixture(scope="module")
def cities(spark, endpoint, s3):
    """Thirty cities, stored by one run; the tests only read."""
    lane = Lane(endpoint, s3)
    lane.create_table()
    for item in range(1, 31):
        start = datetime(2026, 11, 26, 23)
        entries = [hour(start, 23 if item % 2 else 23.6), hour(start + timedelta(hours=1))]
        lane.put(name(item), answer(item, data=entries))
    assert lane.run(spark) == {"objects": 30, "rows": 60, "skipped": 0, "parked": [], "version": 1}
    return lane


def test_thirty_cities_are_one_commit_and_one_file_a_day(cities):
    assert cities.names() == dict.fromkeys(sorted(name(item) for item in range(1, 31)), 2)
    assert len(cities.delta().file_uris()) == 2
    assert {row["country"] for row in cities.rows()} == {"BR"}


def test_whole_and_decimal_temperatures_arrive_as_doubles(cities):
    assert {row["temperature"] for row in cities.rows()} == {23.0, 23.6}


def test_times_are_utc_whatever_the_zone_of_the_machine(cities):
    first, last = (row for row in cities.rows() if row["id"] == 1)
    assert first["date"] == datetime(2026, 11, 26, 23, tzinfo=timezone.utc)
    assert first["dt_extract"] == datetime(2026, 11, 26, 23, 0, 5, tzinfo=timezone.utc)
    assert last["date"] == datetime(2026, 11, 27, 0, tzinfo=timezone.utc)
    assert (first["dt"], last["dt"]) == (date(2026, 11, 26), date(2026, 11, 27))


def test_the_files_hold_microseconds_and_not_the_old_int96(cities):
    for uri in cities.delta().file_uris():
        with cities.s3.open_input_file(uri.removeprefix("s3://")) as stream:
            schema = pyarrow.parquet.ParquetFile(stream).schema
        types = {schema.column(index).name: schema.column(index).physical_type for index in range(len(schema))}
        assert (types["date"], types["dt_extract"]) == ("INT64", "INT64")


def test_a_run_after_a_failed_one_catches_up_within_the_lookback(spark, lane):
    before, missed, today = (name(time=f"202611{day}T230005Z") for day in (18, 25, 26))
    for city in (before, missed, today):
        lane.put(city, answer(hours=2))
    assert lane.run(spark)["objects"] == 2
    assert lane.names() == {missed: 2, today: 2}
    assert lane.run(spark, lookback_days=0) == {"objects": 1, "rows": 2, "skipped": 2, "parked": [], "version": 2}


def test_a_prefix_without_objects_is_no_error_and_no_commit(spark, lane):
    assert lane.run(spark) == {"objects": 0, "rows": 0, "skipped": 0, "parked": [], "version": 0}


def test_names_with_colons_spaces_percents_and_folders_are_read_and_recognised(spark, lane):
    names = [
        name(time="2026-11-26T18:00:00Z"),
        name("São Paulo+1", time="2026-11-26 18:00:00"),
        name("100%25_a=b"),
        f"year=2026/{name()}",
    ]
    for odd in names:
        lane.put(odd, answer(hours=1))
    assert lane.run(spark)["objects"] == len(names)
    assert lane.names() == dict.fromkeys(sorted(names), 1)
    assert lane.run(spark)["skipped"] == len(names)


def test_a_stale_answer_is_still_recognised_by_its_name(spark, lane):
    """The hours are much older than the fetch, so a search in the partitions of the fetch's days would miss them."""
    lane.put(name(), answer(hours=2, start=datetime(2026, 1, 1)))
    assert lane.run(spark)["rows"] == 2
    assert lane.run(spark)["skipped"] == 1


def test_files_of_older_runs_are_not_opened(spark, lane):
    """An old data file is deleted, and the run still succeeds, because it does not open the file."""
    old = name(time="20260101T230005Z")
    lane.put(old, answer(hours=1, start=datetime(2026, 1, 1)))
    lane.run(spark, lookback_days=0)
    (file,) = [found for found in lane.files("lake/forecast_72") if found.endswith(".parquet")]
    lane.delete(f"lake/forecast_72/{file}")
    lane.put(name(), answer(hours=1))
    assert lane.run(spark)["objects"] == 1
    lane.put(name(2), answer(2, hours=1))
    assert lane.run(spark) == {"objects": 1, "rows": 1, "skipped": 1, "parked": [], "version": 3}


def test_checkpoints_keep_rows_and_transaction(spark, bare_lane):
    lane = bare_lane
    lane.create_table(lambda actions: actions[1]["metaData"]["configuration"].update({"delta.checkpointInterval": "1"}))
    lane.put(name(), answer(hours=1))
    lane.run(spark)
    assert "_last_checkpoint" in lane.files("lake/forecast_72/_delta_log")
    assert lane.run(spark) == {"objects": 0, "rows": 0, "skipped": 1, "parked": [], "version": 1}
    assert lane.delta().transaction_version("headwater/forecast_72") == 1
    assert len(lane.rows()) == 1


def test_a_bad_object_is_parked_and_stops_no_good_one(spark, lane):
    bad = {name(2): content()[:-9], name(3): b"", "forecast_72_[latest].json": content()}
    lane.put(name(), answer())
    for city, what in bad.items():
        lane.put(city, what)
    outcome = lane.run(spark)
    assert outcome == {"objects": 1, "rows": 72, "skipped": 0, "parked": sorted(bad), "version": 1}
    letters = lane.letters()
    assert set(letters) == {f"{city}.jsonl" for city in bad}
    letter = letters[f"{name(2)}.jsonl"]
    assert letter["lane"] == "forecast_72"
    key = lane.raw.removeprefix("s3://").split("/", 1)[1]
    assert letter["source"] == {"bucket": "forecasts", "key": key + name(2), "index": None}
    assert letter["reason"].startswith("not JSON: ")
    assert base64.b64decode(letter["value_base64"]) == bad[name(2)]
    assert letter["parked_at"] == NOW.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert letters["forecast_72_[latest].json.jsonl"]["value_base64"] is None


def test_a_parked_object_that_reads_well_now_is_stored_and_its_letter_removed(spark, lane):
    lane.put(name(), b"<html>")
    lane.put(name(2), b"<html>")
    parked = [name(2), name()]
    # Nothing but bad objects is no commit.
    assert lane.run(spark) == {"objects": 0, "rows": 0, "skipped": 0, "parked": parked, "version": 0}
    lane.put(name(), answer())
    assert lane.run(spark)["objects"] == 1
    assert set(lane.letters()) == {f"{name(2)}.jsonl"}


def test_a_commit_that_another_run_made_in_between_is_read_and_not_doubled(spark, lane, monkeypatch):
    """The other run commits between this run's read and its write. Delta skips the write without an error."""
    lane.put(name(), answer())
    append, others = forecast_table.append, []

    def append_late(*arguments):
        if not others:
            others.append(arguments)
            append(*arguments[:3], "another run")
        append(*arguments)

    monkeypatch.setattr(forecast_table, "append", append_late)
    assert lane.run(spark) == {"objects": 0, "rows": 0, "skipped": 1, "parked": [], "version": 1}
    assert lane.names() == {name(): 72}
