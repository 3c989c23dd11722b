"""Measures an invocation of parquet-writer and of totals-upserter on the running stack: time, CPU, S3 requests, log.

    scripts/measure-lanes FILE [NOTE]

Each lane has its own bridge, with the code, settings and memory that are deployed. First it processes full batches of
10,000 records; the topic contains more records than are measured. Then it processes small batches of 60 records. S3
requests go through a proxy that counts them. The first invocations are left out, because they start the process.

The script writes the figures as JSON, with the command, the date and the machine. `headwater cost` reads them.
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
    """Forwards each request to the emulator and counts the requests by HTTP method."""

    protocol_version = "HTTP/1.1"
    counts: Counter[str] = Counter()

    def pass_on(self) -> None:
        # All other services use POST. S3 uses POST only to delete several objects.
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
        """Overrides the log of each request."""


@contextmanager
def counting_proxy() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Lane:
    """A bridge for one function, and the lines of its log."""

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
        """Waits until `number` invocations have ended. Ends the program after `seconds`, or if the bridge has ended."""
        deadline = time.monotonic() + seconds
        while len(self.reports()) < number:
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"only {len(self.reports())} of {number} invocations:\n{''.join(self.lines[-20:])}")
            time.sleep(0.02)

    def cpu_ms(self) -> float:
        """CPU time of the function's processes so far in ms. They are the children of the bridge."""
        nanoseconds = 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    threads = stat.parent.glob("task/*/schedstat")
                    nanoseconds += sum(int(thread.read_text().split()[0]) for thread in threads)
            except OSError:
                continue  # the process has ended in the meantime
        return nanoseconds / 1e6

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def figures(self, first: int, records: float, cpu_ms: float, counts: Counter[str]) -> dict[str, Any]:
        """The figures of the invocations from number `first` on."""
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
        """The number of different metrics that the function writes."""
        names: set[str] = set()
        for line in list(self.lines):
            if "CloudWatchMetrics" in line:
                (directive,) = json.loads(line[line.index("{") :])["_aws"]["CloudWatchMetrics"]
                names |= {metric["Name"] for metric in directive["Metrics"]}
        return len(names)


def measure(section: str, function: str, group: str) -> dict[str, Any]:
    """Produces the records and measures one lane, first with full and then with small batches."""
    headwater("rooms", "--count", str((FULL_BATCHES + 3) * BATCH))
    with counting_proxy() as address:
        lane = Lane(function, group, address)
        try:
            lane.wait_for(2)
            cpu, counts, began = lane.cpu_ms(), Counting.counts.copy(), len(lane.reports())
            lane.wait_for(began + FULL_BATCHES - 2)
            # Waits until no batch is in flight, so that the rest of the full batches does not count as small ones.
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
    """Waits until the consumer group has no lag."""
    deadline = time.monotonic() + 120
    while lag(group) > 0:
        if time.monotonic() > deadline:
            sys.exit(f"{group} still lags by {lag(group)}:\n{''.join(lane.lines[-20:])}")
        time.sleep(0.05)


def records_of(lane: Lane, first: int) -> float:
    """The number of records in the invocations from number `first` on, from the function's own log events."""
    requests = [found[1] for found in lane.reports()[first:]]
    events = [json.loads(line[line.index("{") :]) for line in list(lane.lines) if "CloudWatchMetrics" in line]
    received = {event["request_id"]: event["RecordsReceived"] for event in events}
    return sum(received[request] for request in requests)


def event_bytes() -> tuple[float, float]:
    """The mean size in bytes of a record's value, and of the record in Lambda's event, in the format that AWS
    documents."""
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
