"""Commits that conflict with other writers: which conflicts the job detects, and which Spark's log store does not."""

import json
import sys
import uuid

import forecast_run
import forecast_table
import job
import pytest
import reproduce
from answers import NOW, answer, name
from forecast_faults import GivenUp, LostCommit


def test_a_commit_that_is_overwritten_before_the_job_looks_is_made_again(spark, gated_lane, gate):
    lane = gated_lane
    lane.put(name(), answer(hours=5))

    def overwrite(version):
        gate.after_commit = lambda _version: None
        other = {"commitInfo": {"timestamp": 1, "operation": "WRITE", "userMetadata": "another run"}}
        lane.write(f"lake/forecast_72/_delta_log/{version:020d}.json", json.dumps(other))

    gate.after_commit = overwrite
    assert lane.run(spark) == {"objects": 1, "rows": 5, "skipped": 0, "parked": [], "version": 2}
    assert lane.names() == {name(): 5}


def test_two_runs_whose_writes_overlap_are_one_result(spark, gated_lane, gate, capsys):
    """The second run commits while the first one writes its data files. Delta refuses the first one's transaction."""
    lane = gated_lane
    lane.put(name(), answer(hours=2))
    second = []

    def run_the_second(_path):
        gate.before_data = lambda _path: None
        second.append(lane.run(spark))

    gate.before_data = run_the_second
    assert lane.run(spark) == {"objects": 0, "rows": 0, "skipped": 1, "parked": [], "version": 1}
    assert second == [{"objects": 1, "rows": 2, "skipped": 0, "parked": [], "version": 1}]
    assert "ConcurrentTransactionException" in capsys.readouterr().err
    assert lane.names() == {name(): 2}


@pytest.mark.parametrize("fault", ["ConcurrentTransactionException", "MetadataChangedException"])
def test_deltas_conflicts_are_lost_commits(spark, fault):
    exceptions = spark.sparkContext._jvm.org.apache.spark.sql.delta
    thrown = getattr(exceptions, fault)("in a test")
    assert forecast_table.is_conflict(forecast_table.names_of(thrown))
    assert not forecast_table.is_conflict(forecast_table.names_of(spark.sparkContext._jvm.java.lang.Exception("other")))


def test_a_run_whose_every_commit_is_lost_gives_up_with_an_error(spark, lane, monkeypatch):
    lane.put(name(), answer(hours=1))

    def lost(*_):
        raise LostCommit("in a test")

    monkeypatch.setattr(forecast_table, "committed_version", lost)
    monkeypatch.setattr(forecast_table, "append", lambda *_: None)
    monkeypatch.setattr(forecast_run, "ATTEMPTS", 2)
    monkeypatch.setattr(forecast_run, "PAUSE", 0)
    with pytest.raises(GivenUp, match="fix: "):
        lane.run(spark)


def test_the_program_prints_its_result_last_and_fails_with_a_fix(spark, lane, bare_lane, monkeypatch, capsys):
    monkeypatch.setattr(spark, "stop", lambda: None)
    lane.put(f"forecast_72_{NOW:%Y%m%dT%H%M%SZ}_1.json", answer(hours=1))
    monkeypatch.setattr(sys, "argv", ["job.py", *lane.arguments(0)])
    assert job.main() == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"] == 1

    lane.table += "-missing"
    monkeypatch.setattr(sys, "argv", ["job.py", *lane.arguments(0)])
    assert job.main() == 1
    assert "error: there is no Delta table at " in capsys.readouterr().err


def test_sparks_default_log_store_overwrites_a_commit_and_a_conditional_writer_does_not(spark, gate, endpoint, s3):
    """The figures of docs/spark-log-store.md. If the first assertion fails, Spark writes with a condition."""
    options = reproduce.local_spark.storage_options(endpoint)
    table = f"s3://gated/{uuid.uuid4()}"
    by_spark = reproduce.race(gate, table, options, reproduce.spark_writer(spark, table))
    assert by_spark == (700, 600, 100, 600)

    table = f"s3://gated/{uuid.uuid4()}"
    gated = reproduce.local_spark.storage_options(gate.endpoint)
    by_condition = reproduce.race(gate, table, options, reproduce.conditional_writer(table, gated))
    assert by_condition == (700, 700, 100, 700)
