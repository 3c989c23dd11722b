"""The independent check of `headwater verify` (cli/oracle) finds every manipulation of a table, and no problem in an
intact one."""

import decimal
import json
import os
import pathlib
import subprocess
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from conftest import s3, storage_options
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

# The amounts in this test have 30 digits.
decimal.getcontext().prec = 100

ORACLE = pathlib.Path(__file__).parents[2] / "cli/oracle/oracle.py"
RECORDS = 300
GROUP = "oracle"
FIELDS = [
    {"name": "shop", "type": "string"},
    {"name": "count", "type": "int64"},
    {"name": "paid", "type": "struct", "fields": [{"name": "amount", "type": "decimal(30,10)"}, {"name": "rate", "type": "float64"}]},
    {"name": "note", "type": "string", "nullable": True},
    {"name": "at", "type": "timestamp"},
]  # fmt: skip
AMOUNT = pa.struct([("amount", pa.decimal128(30, 10)), ("rate", pa.float64())])
SCHEMA = pa.schema(
    [
        ("shop", pa.string()), ("count", pa.int64()), ("paid", AMOUNT), ("note", pa.string()), ("at", pa.timestamp("us", "UTC")),
        ("_topic", pa.string()), ("_partition", pa.int32()), ("_offset", pa.int64()),
    ]
)  # fmt: skip


def value(number: int) -> bytes:
    # The JSON is written by hand: it contains more digits than a double can hold, and amounts as text.
    amount = f"12345678901234567{number:03}.0000000001"
    amount = f'"{amount}"' if number % 2 else amount
    note = "null" if number % 3 else '"\\u00fc \\ud83d\\ude00"'
    paid = f'{{"amount": {amount}, "rate": {number}.1e-3}}'
    return f'{{"shop": "s{number % 7}", "count": {2**62 + number}, "paid": {paid}, "note": {note}, "at": "2026-11-20"}}'.encode()


def row(number: int) -> dict[str, Any]:
    return {
        "shop": f"s{number % 7}",
        "count": 2**62 + number,
        "paid": {"amount": Decimal(f"12345678901234567{number:03}.0000000001"), "rate": float(f"{number}.1e-3")},
        "note": None if number % 3 else "ü 😀",
        "at": None,
        "_partition": number % 2,
        "_offset": number // 2,
    }


class Lane:
    """A topic with records, and a table with a row for each good record."""

    def __init__(self) -> None:
        self.topic = f"oracle-{uuid.uuid4()}"
        self.uri = f"{os.environ['HEADWATER_LAKE']}/readers/{self.topic}"
        servers = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}
        admin = AdminClient(servers)
        admin.create_topics([NewTopic(self.topic, 2, 1)])[self.topic].result(30)
        producer = Producer(servers)
        for number in range(RECORDS):
            producer.produce(self.topic, value(number), partition=number % 2)
        # The last record of partition 1 is invalid; the check is told that it is parked.
        producer.produce(self.topic, b"{", partition=1)
        assert producer.flush(30) == 0
        self.append([row(number) for number in range(RECORDS)])

    def append(self, rows: list[dict[str, Any]], transactions: dict[str, int] | None = None) -> None:
        table = pa.Table.from_pylist([{**row, "_topic": self.topic} for row in rows], SCHEMA)
        commit = CommitProperties(app_transactions=[Transaction(name, version) for name, version in (transactions or {}).items()])
        write_deltalake(self.uri, table, mode="append", storage_options=storage_options(), commit_properties=commit)

    def delta(self) -> DeltaTable:
        return DeltaTable(self.uri, storage_options=storage_options())

    def opinion(self, records: bool = True) -> dict[str, Any]:
        half = RECORDS // 2
        lake = {"consumer_group": GROUP}
        pipeline = {"topic": {"name": self.topic}, "fields": FIELDS, "lake": lake, "totals": {"sum": "paid.amount"}}
        question = {
            "storage": storage_options(),
            "kafka": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "records": records,
            "tables": [{"uri": self.uri, "pipeline": pipeline, "ends": {"0": [0, half], "1": [0, half + 1]}, "letters": {"1": [half]}}],
        }
        done = subprocess.run([sys.executable, ORACLE], input=json.dumps(question), text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]


@pytest.fixture
def lane() -> Lane:
    return Lane()


def test_an_intact_table_has_no_problem(lane: Lane) -> None:
    opinion = lane.opinion()
    assert opinion["problems"] == []
    assert (opinion["rows"], opinion["stored"], opinion["records"]) == (RECORDS, RECORDS, RECORDS + 1)
    expected = sum((row(number)["paid"]["amount"] for number in range(RECORDS)), Decimal(0))
    assert opinion["sum_in_lake"] == opinion["sum_in_kafka"] == f"{expected:f}"
    counts = lane.opinion(records=False)
    assert (counts["rows"], counts["stored"], counts["problems"]) == (RECORDS, RECORDS, [])


def remove_by_rewriting_the_log(lane: Lane) -> None:
    lane.delta().delete("_partition = 1 AND _offset = 7")


def forget_a_file(lane: Lane) -> None:
    lane.append([row(RECORDS - 1)])
    files = pa.table(lane.delta().get_add_actions(flatten=True)).to_pylist()
    largest = max(files, key=lambda file: file["num_records"])
    remove = {"remove": {"path": largest["path"], "dataChange": True, "deletionTimestamp": 1}}
    log = lane.uri.removeprefix("s3://") + f"/_delta_log/{lane.delta().version() + 1:020}.json"
    with s3().open_output_stream(log) as file:
        file.write(json.dumps(remove).encode())


TAMPERED: dict[str, Callable[[Lane], None]] = {
    "neither stored nor parked: 1:7": remove_by_rewriting_the_log,
    "neither stored nor parked: ": forget_a_file,
    "stored twice: 0:21": lambda lane: lane.append([row(42)]),
    "count is not what was sent: 0:21": lambda lane: lane.delta().update(
        updates={"count": "count + 1"}, predicate="_partition = 0 AND _offset = 21"
    ),
    "shop is not what was sent: 1:0-2": lambda lane: lane.delta().update(
        updates={"shop": "'S'"}, predicate="_partition = 1 AND _offset < 3"
    ),
    "note is not what was sent: 0:0": lambda lane: lane.delta().update(
        updates={"note": "NULL"}, predicate="_partition = 0 AND _offset = 0"
    ),
    "not JSON": lambda lane: lane.append([{**row(0), "_partition": 1, "_offset": 150}]),
}


@pytest.mark.parametrize("found", TAMPERED)
def test_each_manipulation_is_found(lane: Lane, found: str) -> None:
    TAMPERED[found](lane)
    problems = lane.opinion()["problems"]
    assert any(found in problem for problem in problems), problems


def test_a_changed_amount_is_found_to_the_last_digit(lane: Lane) -> None:
    changed = row(5)
    changed["paid"]["amount"] += Decimal("0.0000000001")
    lane.delta().delete("_partition = 1 AND _offset = 2")
    lane.append([changed])
    opinion = lane.opinion()
    assert any("paid.amount is not what was sent: 1:2" in problem for problem in opinion["problems"]), opinion
    assert Decimal(opinion["sum_in_lake"]) - Decimal(opinion["sum_in_kafka"]) == Decimal("0.0000000001")


def test_rows_of_an_earlier_topic_do_not_count_for_the_current_one(lane: Lane) -> None:
    earlier = [{**row(number), "shop": "earlier"} for number in range(0, RECORDS, 2)]
    lane.append(earlier, {f"headwater/{GROUP}/{lane.topic}/0/earlier/0": RECORDS // 2})
    for opinion in (lane.opinion(), lane.opinion(records=False)):
        assert opinion["problems"] == []
        assert (opinion["rows"], opinion["stored"], opinion["shared"]) == (RECORDS + len(earlier), RECORDS, 0)
    lane.append([row(42)])
    assert "stored twice: 0:21" in lane.opinion()["problems"]
    lane.delta().delete("_partition = 0 AND _offset = 7 AND shop <> 'earlier'")
    assert "shop is not what was sent: 0:7" in lane.opinion()["problems"]
    counts = lane.opinion(records=False)
    assert (counts["stored"], counts["shared"]) == (RECORDS - 1, 1)


def test_verify_runs_the_independent_check() -> None:
    """Checks the stack's own tables, with the records of all earlier tests."""
    subprocess.run([os.environ["HEADWATER_BIN"], "drain", "--timeout", "120s"], check=True)
    command = [os.environ["HEADWATER_BIN"], "verify", "--independent", "--json"]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    by_topic = {opinion["topic"]: opinion for opinion in report["independent"]}
    assert "rooms-v1" in by_topic
    for mapping in report["mappings"]:
        if mapping["function"] == "parquet-writer":
            opinion = by_topic[mapping["topic"]]
            assert opinion["problems"] == []
            assert (opinion["stored"], opinion["missing"], opinion["different"]) == (mapping["stored"], 0, 0)
            assert opinion["sum_in_kafka"] == opinion["sum_in_lake"]
