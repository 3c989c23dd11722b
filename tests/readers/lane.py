"""A table that the real parquet-writer writes, with positions, holes, samples and parked offsets. Each run starts a new
process."""

import json
import os
import re
import subprocess
import uuid
from collections import Counter
from collections.abc import Iterable

import pyarrow.fs
from conftest import example, s3, storage_options
from deltalake import DeltaTable

PATH = "env=dv/source=rooms/subsrc=midgar"
GROUP = "coldstorage"

# Partition and offset.
Places = Counter[tuple[int, int]]


def record(partition: int, offset: int, room: str = "kitchen") -> list:
    """A good record. Even and odd offsets have different days, so the table has two partitions."""
    value = {"ts": f"2026-11-{20 + offset % 2} 21:24:22.000001", "room": room, "count": 1}
    return [partition, offset, json.dumps(value)]


def poison(partition: int, offset: int) -> list:
    """A record that cannot be stored, and is parked."""
    return [partition, offset, "not JSON"]


def records(partition: int, offsets: Iterable[int], bad: Iterable[int] = ()) -> dict:
    """One delivery with a record for each offset. The records at the offsets `bad` are poison."""
    return {"records": [(poison if offset in bad else record)(partition, offset) for offset in offsets]}


def redriven(partition: int, offsets: Iterable[int]) -> dict:
    """A redrive of records that were parked. Their values are good now."""
    return {**records(partition, offsets), "redrive": True}


class Lane:
    """One topic's table."""

    def __init__(self) -> None:
        name = uuid.uuid4()
        self.topic = f"t-{name}"
        self.root = f"{os.environ['HEADWATER_LAKE']}/readers/lane-{name}"
        self.uri = f"{self.root}/{PATH}"
        self.log = f"{self.uri.removeprefix('s3://')}/_delta_log"

    def run(self, function: str, *invocations: dict) -> list[dict]:
        """Starts the function and invokes it once for each event. Returns its answers."""
        lines = "".join(json.dumps(invocation) + "\n" for invocation in invocations)
        command = [example("deliver"), function, self.root, self.topic]
        done = subprocess.run(command, input=lines, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def deliver(self, *deliveries: dict) -> None:
        """Delivers batches to a new parquet-writer. Fails if a record was not handled."""
        for answer in self.run("parquet-writer", *deliveries):
            # The answer to a redrive also contains the reasons of records that were not stored.
            assert answer in ({"answer": {"batchItemFailures": []}}, {"answer": {"batchItemFailures": [], "reasons": []}}), answer

    def upkeep(self, *steps: str) -> dict:
        """Runs these steps of lake-keeper with `force`. Returns its report about the table."""
        (done,) = self.run("lake-keeper", {"steps": list(steps), "force": True})
        (report,) = done["answer"]["tables"]
        assert "error" not in report, report
        return report

    def delta(self) -> DeltaTable:
        """The newest version, read by deltalake."""
        return DeltaTable(self.uri, storage_options=storage_options())

    def definitions(self) -> tuple:
        """The table's metadata, schema and protocol from the log."""
        metadata, protocol = self.delta().metadata(), self.delta().protocol()
        described = (metadata.id, metadata.name, metadata.description, metadata.created_time, metadata.configuration)
        return *described, metadata.partition_columns, self.delta().schema().to_json(), protocol

    def names(self) -> list[str]:
        """The names of the files in `_delta_log`, without those in subfolders."""
        entries = s3().get_file_info(pyarrow.fs.FileSelector(self.log))
        return sorted(entry.base_name for entry in entries if entry.is_file)

    def data_files(self) -> list[str]:
        """The keys of all data files, also of those that no version uses any more."""
        folder = pyarrow.fs.FileSelector(self.uri.removeprefix("s3://"), recursive=True)
        found = (entry.path for entry in s3().get_file_info(folder) if entry.is_file)
        return [path for path in found if "/_delta_log/" not in path]

    def versions(self) -> list[int]:
        """The versions whose commits still exist."""
        return [int(name[:20]) for name in self.names() if re.fullmatch(r"\d{20}\.json", name)]

    def commit(self, version: int) -> list[dict]:
        """The actions of one commit."""
        lines = s3().open_input_file(f"{self.log}/{version:020}.json").read().splitlines()
        return [json.loads(line) for line in lines]

    def app_ids(self) -> dict[str, int]:
        """The app transactions of the existing commits, by application id. A checkpoint must contain them."""
        actions = (action for version in self.versions() for action in self.commit(version))
        return {action["txn"]["appId"]: action["txn"]["version"] for action in actions if "txn" in action}
