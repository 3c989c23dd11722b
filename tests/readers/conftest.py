"""How the tests reach the stack that the environment names, as `headwater env` prints it."""

import json
import os
import pathlib
import subprocess
import uuid
from collections import Counter

import pyarrow.fs
import pytest
from deltalake import DeltaTable

Rows = Counter[tuple[str | None, int]]


def storage_options() -> dict[str, str]:
    """deltalake's way to the emulator."""
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


class OurTable:
    """A table that our writer writes and our reader reads (crates/lake/examples/partitioned.rs)."""

    def __init__(self, name: str) -> None:
        self.uri = f"{os.environ['HEADWATER_LAKE']}/readers/{name}-{uuid.uuid4()}"

    def run(self, verb: str, text: str = "") -> str:
        """Runs the example; its standard output."""
        example = pathlib.Path(os.environ["HEADWATER_BIN"]).parent / "examples" / "partitioned"
        assert example.is_file(), f"{example} is not built: cargo build --release --workspace --examples"
        done = subprocess.run([example, verb, self.uri], input=text, text=True, capture_output=True)
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
        return Counter(zip(table["room"].to_pylist(), table["n"].to_pylist()))

    def adds(self) -> list[dict]:
        """The `add` actions of all commits."""
        folder = pyarrow.fs.FileSelector(self.uri.removeprefix("s3://") + "/_delta_log")
        commits = sorted(entry.path for entry in s3().get_file_info(folder) if entry.path.endswith(".json"))
        lines = (line for path in commits for line in s3().open_input_file(path).read().splitlines())
        return [action["add"] for action in map(json.loads, lines) if "add" in action]


@pytest.fixture
def our_table(request: pytest.FixtureRequest) -> OurTable:
    """A table of this test alone."""
    return OurTable(request.node.name.split("[")[0])
