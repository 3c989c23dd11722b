"""Killed runs and two concurrent runs, with a real spark-submit. The gate stops them at their commit."""

import contextlib
import json
import os
import signal
import subprocess
import threading

import local_spark
import pytest
from answers import answer, name
from commit_gate import CommitGate
from conftest import JOB

# Seconds: enough for a busy machine, and a limit for a hanging run.
PATIENCE = 400


@contextlib.contextmanager
def submitted(lane, endpoint, folder):
    """A spark-submit of the job, in a process group of its own."""
    modules = [module for module in JOB.glob("*.py") if module.name != "job.py"]
    properties = local_spark.properties_file(endpoint, folder)
    command, environment = local_spark.spark_submit(properties, JOB / "job.py", lane.arguments(0), modules)
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            kill(process)


def kill(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def data_files(lane):
    return [file for file in lane.files("lake/forecast_72") if file.endswith(".parquet")]


@pytest.mark.parametrize("moment", ["before_commit", "after_commit"])
def test_a_run_that_is_killed_at_its_commit_and_run_again_doubles_nothing(spark, lane, endpoint, tmp_path, moment):
    lane.put(name(), answer(hours=4))
    reached = threading.Event()
    with CommitGate(endpoint) as gate:
        with submitted(lane, gate.endpoint, tmp_path) as process:

            def stop(_version):
                kill(process)
                reached.set()
                raise ConnectionAbortedError

            setattr(gate, moment, stop)
            assert process.wait(PATIENCE) == -signal.SIGKILL
        assert reached.is_set()
    committed = moment == "after_commit"
    assert len(data_files(lane)) == 1
    assert lane.delta().version() == int(committed)

    again = lane.run(spark, lookback_days=0)
    assert (again["objects"], again["skipped"], again["version"]) == (int(not committed), int(committed), 1)
    assert lane.names() == {name(): 4}


def test_two_runs_at_once_store_each_object_once_and_the_next_run_what_was_overwritten(spark, lane, endpoint, tmp_path):
    """The worst moment: a whole second run between the first one's check for its log file and the writing of it."""
    lane.put(name(1), answer(1, hours=3))
    second = []

    def run_the_second(_version):
        gate.before_commit = lambda _version: None
        lane.put(name(2), answer(2, hours=3))
        second.append(lane.run(spark, lookback_days=0))

    with (
        CommitGate(endpoint, before_commit=run_the_second) as gate,
        submitted(lane, gate.endpoint, tmp_path) as process,
    ):
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output + errors
    first = json.loads(output.splitlines()[-1])
    assert first == {"objects": 1, "rows": 3, "skipped": 0, "parked": [], "version": 1}
    assert second == [{"objects": 2, "rows": 6, "skipped": 0, "parked": [], "version": 1}]
    # Spark's log store let the first run overwrite the second one's commit, which neither run can detect.
    assert lane.names() == {name(1): 3}

    assert lane.run(spark, lookback_days=0) == {"objects": 1, "rows": 3, "skipped": 1, "parked": [], "version": 2}
    assert lane.names() == {name(1): 3, name(2): 3}
