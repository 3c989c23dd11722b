"""How the tests reach the stack that the environment names, as `headwater env` prints it."""

import json
import os
import pathlib
import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterator

import pyarrow.fs
import pytest
from deltalake import DeltaTable

Rows = Counter[tuple[str | None, int]]


def storage_options() -> dict[str, str]:
    """The storage options of deltalake for the emulator."""
    return {
        "aws_endpoint": os.environ["AWS_ENDPOINT_URL"],
        "aws_region": os.environ["AWS_REGION"],
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "aws_allow_http": "true",
    }


def s3() -> pyarrow.fs.S3FileSystem:
    """pyarrow's way to the emulator."""
    return pyarrow.fs.S3FileSystem(
        endpoint_override=os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"),
        scheme="http",
        region=os.environ["AWS_REGION"],
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    )


def headwater(*arguments: str) -> str:
    """The headwater command's standard output."""
    command = [os.environ["HEADWATER_BIN"], *arguments]
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def example(name: str) -> pathlib.Path:
    """A command that is there for these tests."""
    path = pathlib.Path(os.environ["HEADWATER_BIN"]).parent / "examples" / name
    assert path.is_file(), f"{path} is not built: cargo build --release --workspace --examples"
    return path


def keep(verb: str, uri: str) -> None:
    """Upkeep of a table without any retention (crates/lake-upkeep/examples/keep.rs)."""
    done = subprocess.run([example("keep"), verb, uri], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def forget_commits(uri: str, before: int) -> None:
    """Deletes the commits before a version: only a checkpoint has what they held."""
    entries = s3().get_file_info(pyarrow.fs.FileSelector(f"{uri.removeprefix('s3://')}/_delta_log"))
    for entry in entries:
        if re.fullmatch(r"\d{20}\.json", entry.base_name) and int(entry.base_name[:20]) < before:
            s3().delete_file(entry.path)


class OurTable:
    """A table that our writer writes and our reader reads (crates/lake/examples/partitioned.rs)."""

    def __init__(self, name: str) -> None:
        self.uri = f"{os.environ['HEADWATER_LAKE']}/readers/{name}-{uuid.uuid4()}"

    def run(self, verb: str, text: str = "") -> str:
        """Runs the example; its standard output."""
        done = subprocess.run([example("partitioned"), verb, self.uri], input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def append(self, files: list[tuple[str | None, list[int]]]) -> Rows:
        """One commit with these files; the rows that it adds, as a reader sees them."""
        self.run("append", json.dumps([{"room": room, "numbers": numbers} for room, numbers in files]))
        # Delta has no empty partition value, and Hive's name of a null is a null to every tool that writes.
        nulls = (None, "", "__HIVE_DEFAULT_PARTITION__")
        rows = [(None if room in nulls else room, number) for room, numbers in files for number in numbers]
        return Counter(rows)

    def scan(self) -> Rows:
        """All rows, read by our own reader."""
        return Counter((room, number) for room, number in json.loads(self.run("scan")))

    def delta(self) -> DeltaTable:
        """The newest version, read by deltalake."""
        return DeltaTable(self.uri, storage_options=storage_options())

    def rows(self) -> Rows:
        """All rows, read by deltalake."""
        table = self.delta().to_pyarrow_table()
        return Counter(zip(table["room"].to_pylist(), table["n"].to_pylist(), strict=True))

    def adds(self) -> list[dict]:
        """The `add` actions of all commits."""
        folder = pyarrow.fs.FileSelector(self.uri.removeprefix("s3://") + "/_delta_log")
        commits = sorted(entry.path for entry in s3().get_file_info(folder) if entry.path.endswith(".json"))
        lines = (line for path in commits for line in s3().open_input_file(path).read().splitlines())
        return [action["add"] for action in map(json.loads, lines) if "add" in action]


class Spark:
    """One Spark for all tests: to start it takes longer than what it does for them (spark_worker.py)."""

    MARK = "answer: "

    def __init__(self, log: pathlib.Path) -> None:
        python = os.environ.get("HEADWATER_SPARK_PYTHON")
        assert python, "HEADWATER_SPARK_PYTHON names no Python with pyspark: run this by scripts/test --only readers"
        worker = pathlib.Path(__file__).with_name("spark_worker.py")
        self.log = log
        command = [python, worker, os.environ["AWS_ENDPOINT_URL"]]
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("w"))

    def ask(self, **asked: object) -> None:
        """Has it do something, and waits until it is done."""
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answers = (line for line in self.process.stdout if line.startswith(self.MARK))
        answer = next(answers, None)
        assert answer is not None, f"Spark ended: {self.log.read_text()[-2000:]}"
        fault = json.loads(answer.removeprefix(self.MARK))
        assert fault is None, fault


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    spark = Spark(tmp_path_factory.mktemp("spark") / "log")
    yield spark
    spark.process.stdin.close()
    spark.process.wait(60)


@pytest.fixture
def our_table(request: pytest.FixtureRequest) -> OurTable:
    """A table of this test alone."""
    return OurTable(request.node.name.split("[")[0])
