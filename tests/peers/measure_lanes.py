"""What an invocation of parquet-writer and of totals-upserter takes on the running stack: time, CPU, S3 requests, log.

    scripts/measure-lanes FILE [NOTE]

Each lane is fed by a bridge of its own, with the function, the settings and the memory that are deployed. First full batches
of 10,000 records, from a topic that holds more than is measured; then small ones, a few records at a time. S3 requests pass
through a proxy that counts them. The first invocation of a process is left out: it starts the process.

The figures are written as JSON, with the command, the date and the machine. `headwater cost` reads them.
"""

import base64
import datetime
import json
import os
import pathlib
import platform
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from confluent_kafka import Consumer, TopicPartition

from drain import COMMAND, DATA, KAFKA, TOPIC, configuration, ends, headwater, lag, start_the_stacks_bridge, stop_the_stacks_bridge

LANES = [("lake", "parquet-writer", "coldstorage"), ("totals", "totals-upserter", "reckoning")]
BATCH, FULL_BATCHES, SMALL_BATCHES, SMALL = 10_000, 20, 20, 60
REPORT = re.compile(r"REPORT RequestId: (\S+)\tDuration: ([\d.]+) ms\tBilled Duration: (\d+) ms\tMemory Size: (\d+) MB")
ENDPOINT = urlsplit(os.environ["AWS_ENDPOINT_URL"])


class Counting(BaseHTTPRequestHandler):
    """Passes each request on to the emulator, and counts those to S3 by method."""

    protocol_version = "HTTP/1.1"
    counts: Counter[str] = Counter()

    def pass_on(self) -> None:
        # Other services are called with POST, but for S3's list of objects to delete.
        Counting.counts[self.command] += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = HTTPConnection(ENDPOINT.hostname or "127.0.0.1", ENDPOINT.port)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if self.command != "HEAD" else answer.getheader("Content-Length") or 0))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def counting_proxy() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Lane:
    """A bridge for one function, and what its log says."""

    def __init__(self, function: str, group: str, address: str) -> None:
        deployed = configuration(function)
        self.memory_mb = deployed["MemorySize"]
        variables = deployed["Environment"]["Variables"] | {
            name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        }
        variables["AWS_ENDPOINT_URL"] = address
        arguments = [COMMAND, "bridge", "--topic", TOPIC, "--function-zip", str(DATA / f"artifacts/{function}.zip"), "--group", group]
        arguments += ["--batch-size", str(BATCH), "--timeout", f"{deployed['Timeout']}s", "--memory", str(self.memory_mb)]
        arguments += [argument for name in variables for argument in ("--env", name)]
        environment = os.environ | variables
        self.process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)

    def reports(self) -> list[re.Match[str]]:
        return [found for found in map(REPORT.search, list(self.lines)) if found]

    def wait_for(self, number: int, seconds: float = 300) -> None:
        """Until so many invocations have ended."""
        deadline = time.monotonic() + seconds
        while len(self.reports()) < number:
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"only {len(self.reports())} of {number} invocations:\n{''.join(self.lines[-20:])}")
            time.sleep(0.02)

    def cpu_ms(self) -> float:
        """CPU time of the function's processes so far; they are the bridge's children."""
        nanoseconds = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    threads = stat.parent.glob("task/*/schedstat")
                    nanoseconds += sum(int(thread.read_text().split()[0]) for thread in threads)
            except OSError:
                continue  # it ended meanwhile
        return nanoseconds / 1e6

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def figures(self, first: int, records: float, cpu_ms: float, counts: Counter[str]) -> dict[str, Any]:
        """Of the invocations from the one with this number on."""
        reports = self.reports()[first:]
        requests = {found[1] for found in reports}
        mine = [line for line in list(self.lines) if any(request in line for request in requests)]
        number = len(reports)
        return {
            "invocations": number,
            "records_per_batch": records / number,
            "duration_ms": round(statistics.fmean(float(found[2]) for found in reports), 2),
            "cpu_ms": round(cpu_ms / number, 2),
            "s3_put": counts["PUT"] / number,
            "s3_get": (counts["GET"] + counts["HEAD"]) / number,
            "log_bytes": round(sum(len(line.encode()) for line in mine) / number),
        }

    def metrics(self) -> int:
        """How many metrics the function writes."""
        names: set[str] = set()
        for line in list(self.lines):
            if "CloudWatchMetrics" in line:
                (directive,) = json.loads(line[line.index("{") :])["_aws"]["CloudWatchMetrics"]
                names |= {metric["Name"] for metric in directive["Metrics"]}
        return len(names)


def measure(section: str, function: str, group: str) -> dict[str, Any]:
    """Produces what it needs, and feeds the lane."""
    headwater("rooms", "--count", str((FULL_BATCHES + 3) * BATCH))
    with counting_proxy() as address:
        lane = Lane(function, group, address)
        try:
            lane.wait_for(2)
            cpu, counts, began = lane.cpu_ms(), Counting.counts.copy(), len(lane.reports())
            lane.wait_for(began + FULL_BATCHES - 2)
            # What is between two batches counts to neither: the bridge is waited for until nothing is on its way.
            settle(group, lane)
            full = lane.figures(began, records_of(lane, began), lane.cpu_ms() - cpu, Counting.counts - counts)
            cpu, counts, began = lane.cpu_ms(), Counting.counts.copy(), len(lane.reports())
            for _ in range(SMALL_BATCHES):
                headwater("rooms", "--count", str(SMALL))
                settle(group, lane)
            small = lane.figures(began, records_of(lane, began), lane.cpu_ms() - cpu, Counting.counts - counts)
            return {
                "section": section,
                "function": function,
                "memory_mb": lane.memory_mb,
                "metrics": lane.metrics(),
                "full": full,
                "small": small,
            }
        finally:
            lane.stop()


def settle(group: str, lane: Lane) -> None:
    """Waits until the group has read the topic to its end."""
    deadline = time.monotonic() + 120
    while lag(group) > 0:
        if time.monotonic() > deadline:
            sys.exit(f"{group} still lags by {lag(group)}:\n{''.join(lane.lines[-20:])}")
        time.sleep(0.05)


def records_of(lane: Lane, first: int) -> float:
    """The records of the invocations from this one on, by the function's own count."""
    requests = [found[1] for found in lane.reports()[first:]]
    events = [json.loads(line[line.index("{") :]) for line in list(lane.lines) if "CloudWatchMetrics" in line]
    received = {event["request_id"]: event["RecordsReceived"] for event in events}
    return sum(received[request] for request in requests)


def event_bytes() -> tuple[float, float]:
    """Bytes of a record's value, and of the record in the event, as AWS documents the event."""
    consumer = Consumer(KAFKA | {"group.id": "measure-lanes", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, partition, max(0, end - 2500)) for partition, end in ends().items()])
    values, whole = [], []
    deadline = time.monotonic() + 30
    while len(values) < BATCH and time.monotonic() < deadline:
        for message in consumer.consume(1000, 1):
            kind, timestamp = message.timestamp()
            record = {
                "topic": message.topic(),
                "partition": message.partition(),
                "offset": message.offset(),
                "timestamp": timestamp,
                "timestampType": "CREATE_TIME" if kind == 1 else "LOG_APPEND_TIME",
                "key": base64.b64encode(message.key() or b"").decode(),
                "value": base64.b64encode(message.value() or b"").decode(),
                "headers": [],
            }
            values.append(len(message.value() or b""))
            whole.append(len(json.dumps(record, separators=(",", ":"))) + 1)
    consumer.close()
    return statistics.fmean(values), statistics.fmean(whole)


def machine() -> str:
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    cores = f"{os.cpu_count()} cores of {model[1] if model else 'an unknown kind'}"
    return ", ".join([platform.machine(), cores, f"load {os.getloadavg()[1]:.1f}", *sys.argv[2:]])


def main() -> None:
    file = pathlib.Path(sys.argv[1])
    headwater("drain", "--timeout", "300s")
    stop_the_stacks_bridge()
    try:
        lanes = [measure(*lane) for lane in LANES]
        value_bytes, whole = event_bytes()
    finally:
        start_the_stacks_bridge()
    headwater("drain", "--timeout", "300s")
    headwater("verify")
    measured = {
        "command": "scripts/measure-lanes docs/measurements/lanes.json",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "topic": TOPIC,
        "record_bytes": round(value_bytes),
        "event_bytes_per_record": round(whole, 1),
        "lanes": lanes,
    }
    file.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
