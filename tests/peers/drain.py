"""Measures how fast the running stack drains a full topic, in comparison with a tuned Python consumer.

    scripts/bench-drain [ROUNDS] [RECORDS]

Each round stops the stack's bridge and takes these steps:

1. Produces room counts: RECORDS and a tenth more.
2. The Python consumer (python_consumer.py) stores RECORDS of them in its own table on the same S3 endpoint.
3. parquet-writer stores them, with a bridge for this lane alone.
4. Produces as many again. Both lanes store them, with one bridge.

The time of our lanes counts from the start of the bridge's process until the offsets of RECORDS are committed. The time
of the Python consumer counts from its first record. The additional tenth keeps the topic full until the end of the
measurement, because a last batch that is not full would wait for its window. At the end, the stack's own bridge runs
again, and `headwater verify` checks the result.
"""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

TOPIC, LAKE, TOTALS = "rooms-v1", "coldstorage", "reckoning"
DATA = pathlib.Path(os.environ["HEADWATER_DATA_DIR"])
COMMAND = os.environ["HEADWATER_BIN"]
KAFKA = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}
ADMIN = AdminClient(KAFKA)


def headwater(*arguments: str) -> None:
    done = subprocess.run([COMMAND, *arguments], text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"headwater {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def ends() -> dict[int, int]:
    partitions = ADMIN.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    asked = ADMIN.list_offsets({TopicPartition(TOPIC, partition): OffsetSpec.latest() for partition in partitions})
    return {place.partition: future.result().offset for place, future in asked.items()}


def committed(group: str) -> dict[int, int]:
    places = [TopicPartition(TOPIC, partition) for partition in ends()]
    asked = ADMIN.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])
    return {place.partition: max(place.offset, 0) for place in asked[group].result().topic_partitions}


def lag(group: str) -> int:
    at = committed(group)
    return sum(end - at[partition] for partition, end in ends().items())


def stop_the_stacks_bridge() -> None:
    pid = json.loads((DATA / "run/bridge.json").read_text())["pid"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while alive(pid):
        if time.monotonic() > deadline:
            sys.exit("the bridge does not end")
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def start_the_stacks_bridge() -> None:
    pipelines = json.loads((DATA / "stack.json").read_text())["pipelines"]
    headwater("up", "--no-build", "--pipelines", pipelines)


@contextmanager
def process(*arguments: str) -> Iterator[None]:
    running = subprocess.Popen([COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(30)


def seconds_of(groups: list[str], left: int, *bridge: str) -> float:
    """Starts a bridge with these arguments. Returns the seconds until no group lags by more than `left` records."""
    began = time.monotonic()
    with process(*bridge):
        while any(lag(group) > left for group in groups):
            if time.monotonic() - began > 300:
                sys.exit(f"not drained in 300 s: {[(group, lag(group)) for group in groups]}")
            time.sleep(0.02)
        return time.monotonic() - began


def configuration(function: str) -> dict[str, Any]:
    """The configuration of a deployed function, from the emulator's Lambda API."""
    address = f"{os.environ['AWS_ENDPOINT_URL']}/2015-03-31/functions/{function}/configuration"
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0"}
    with urllib.request.urlopen(urllib.request.Request(address, headers=signed)) as answer:
        return json.load(answer)


def lake_lane() -> list[str]:
    """The arguments of a bridge that runs only parquet-writer, with the code and settings that are deployed. Also sets
    the function's variables in this process's environment, from which the bridge takes them."""
    deployed = configuration("parquet-writer")
    variables = deployed["Environment"]["Variables"] | {
        name: os.environ[name] for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    os.environ.update(variables)
    zip_file = str(DATA / "artifacts/parquet-writer.zip")
    arguments = ["bridge", "--topic", TOPIC, "--function-zip", zip_file, "--group", LAKE, "--batch-size", "10000"]
    arguments += ["--timeout", f"{deployed['Timeout']}s", "--memory", str(deployed["MemorySize"])]
    return arguments + [argument for name in variables for argument in ("--env", name)]


def python(records: int, starts: dict[int, int]) -> float:
    program = str(pathlib.Path(__file__).with_name("python_consumer.py"))
    table = f"{os.environ['HEADWATER_LAKE']}/peers/{uuid.uuid4()}"
    places = [f"{partition}:{offset}" for partition, offset in starts.items()]
    done = subprocess.run([sys.executable, program, table, TOPIC, str(records), *places], text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"the Python consumer failed:\n{done.stderr}")
    return float(done.stdout)


def main() -> None:
    rounds, records = int(sys.argv[1]), int(sys.argv[2])
    surplus = records // 10
    headwater("drain", "--timeout", "300s")
    took: dict[str, list[float]] = {"python": [], "lake": [], "both": []}
    for number in range(1, rounds + 1):
        stop_the_stacks_bridge()
        starts = ends()
        headwater("rooms", "--count", str(records + surplus))
        took["python"].append(python(records, starts))
        took["lake"].append(seconds_of([LAKE], surplus, *lake_lane()))
        start_the_stacks_bridge()
        headwater("drain", "--timeout", "300s")
        stop_the_stacks_bridge()
        headwater("rooms", "--count", str(records + surplus))
        took["both"].append(seconds_of([LAKE, TOTALS], surplus, "bridge"))
        start_the_stacks_bridge()
        headwater("drain", "--timeout", "300s")
        last = {name: records / times[-1] for name, times in took.items()}
        print(f"round {number}: " + ", ".join(f"{name} {rate:,.0f} records/s" for name, rate in last.items()), flush=True)
    headwater("verify")
    rate = {name: records / statistics.median(times) for name, times in took.items()}
    print(
        f"median: Python, lake {rate['python']:,.0f} records/s; lake alone {rate['lake']:,.0f} ({rate['lake'] / rate['python']:.2f} ×); ",
        end="",
    )
    print(f"lake and totals together {rate['both']:,.0f} ({rate['both'] / rate['python']:.2f} ×). verify holds.")


if __name__ == "__main__":
    main()
