"""One emulator and one Spark session for all tests; each test has a raw prefix, a table and dead letters of its own.

The tests run in the time zone of São Paulo, because stored values must not depend on the machine's zone.
"""

import json
import os
import pathlib
import sys
import time
import uuid

import pyarrow.fs
import pytest
from deltalake import DeltaTable

JOB = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(JOB), str(JOB.parent / "log_store")]
os.environ["TZ"] = "America/Sao_Paulo"
time.tzset()

import job  # noqa: E402
import local_spark  # noqa: E402
from answers import NOW  # noqa: E402
from commit_gate import CommitGate  # noqa: E402
from forecast_run import Settings, run  # noqa: E402

BUCKET = "forecasts"
# Spark reaches this bucket through the gate.
GATED = "gated"


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    with local_spark.emulator(tmp_path_factory.mktemp("emulator")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def s3(endpoint):
    options = local_spark.credentials()
    files = pyarrow.fs.S3FileSystem(
        endpoint_override=endpoint.removeprefix("http://"),
        scheme="http",
        region=options["AWS_REGION"],
        access_key=options["AWS_ACCESS_KEY_ID"],
        secret_key=options["AWS_SECRET_ACCESS_KEY"],
        allow_bucket_creation=True,
    )
    files.create_dir(BUCKET)
    files.create_dir(GATED)
    return files


@pytest.fixture(scope="session")
def session_gate(endpoint):
    with CommitGate(endpoint) as gate:
        yield gate


@pytest.fixture
def gate(session_gate):
    """The gate in front of the bucket of `gated_lane`. The functions that a test sets are removed after the test."""
    yield session_gate
    session_gate.before_commit = session_gate.after_commit = session_gate.before_data = lambda _: None


@pytest.fixture(scope="session")
def spark(endpoint, s3, session_gate, tmp_path_factory):
    gated = f"spark.hadoop.fs.s3a.bucket.{GATED}.endpoint {session_gate.endpoint}\n"
    properties = local_spark.properties_file(endpoint, tmp_path_factory.mktemp("spark"), gated)
    os.environ.update(local_spark.credentials())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {properties} pyspark-shell"
    # Spark's Python workers import the job's modules, as --py-files makes them do in a real run.
    os.environ["PYTHONPATH"] = str(JOB)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = job.session()
    yield session
    session.stop()


class Lane:
    """Raw objects, table and dead letters of one test."""

    def __init__(self, endpoint, s3, bucket=BUCKET):
        self.s3 = s3
        self.options = local_spark.storage_options(endpoint)
        self.root = f"{bucket}/{uuid.uuid4()}"
        self.raw = f"s3://{self.root}/raw/clima_tempo/forecast_72/"
        self.table = f"s3://{self.root}/lake/forecast_72"
        self.parked = f"s3://{self.root}/parked/forecast_72"

    def arguments(self, lookback_days=7):
        return [
            "--raw",
            self.raw,
            "--table",
            self.table,
            "--parked",
            self.parked,
            "--lookback-days",
            str(lookback_days),
        ]

    def run(self, spark, lookback_days=7, now=NOW):
        return run(spark, Settings(self.raw, self.table, self.parked, lookback_days), now)

    def write(self, path, content):
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content)).encode()
        with self.s3.open_output_stream(f"{self.root}/{path}") as stream:
            stream.write(content)

    def put(self, name, content):
        """A raw object."""
        self.write(f"raw/clima_tempo/forecast_72/{name}", content)

    def create_table(self, change=lambda actions: None):
        """As Terraform does it."""
        actions = json.loads((JOB / "table.json").read_text())
        change(actions)
        log = "\n".join(json.dumps(action, separators=(",", ":")) for action in actions)
        self.write(f"lake/forecast_72/_delta_log/{0:020d}.json", log)

    def delta(self):
        return DeltaTable(self.table, storage_options=self.options)

    def rows(self):
        """All rows, read by deltalake, as dictionaries in the order of name and hour."""
        rows = self.delta().to_pyarrow_table().to_pylist()
        return sorted(rows, key=lambda row: (row["filename"], row["date"]))

    def names(self):
        """How many rows each raw object has in the table."""
        counts = {}
        for row in self.rows():
            counts[row["filename"]] = counts.get(row["filename"], 0) + 1
        return counts

    def files(self, folder):
        """The names of all objects below a folder."""
        selector = pyarrow.fs.FileSelector(f"{self.root}/{folder}", recursive=True, allow_not_found=True)
        found = [entry.path for entry in self.s3.get_file_info(selector) if entry.is_file]
        return sorted(path.removeprefix(f"{self.root}/{folder}/") for path in found)

    def read(self, path):
        with self.s3.open_input_file(f"{self.root}/{path}") as stream:
            return stream.read()

    def letters(self):
        """The dead letters, by name."""
        folder = "parked/forecast_72"
        return {name: json.loads(self.read(f"{folder}/{name}")) for name in self.files(folder)}

    def delete(self, path):
        self.s3.delete_file(f"{self.root}/{path}")


@pytest.fixture
def bare_lane(endpoint, s3):
    """A lane whose table does not exist."""
    return Lane(endpoint, s3)


@pytest.fixture
def lane(bare_lane):
    bare_lane.create_table()
    return bare_lane


@pytest.fixture
def gated_lane(endpoint, s3):
    lane = Lane(endpoint, s3, GATED)
    lane.create_table()
    return lane
