"""A second opinion on the lake, for `headwater verify`: it shares no code with the writer, its decoder or its Delta reader.

deltalake reads the tables. With `records`, librdkafka reads Kafka and Python's own json and decimal read the values; each
row is then compared with the record that it says it is.

Standard input: {"storage": options of deltalake, "kafka": servers, "records": bool, "tables": [{"uri", "pipeline": the
pipeline file, "ends": {partition: [first, next offset]}, "letters": {partition: [parked offsets]}}]}.
Standard output: one object a table.

When a topic is deleted, created again and reset, the rows of the earlier topic stay in the table. The table's transactions
keep the watermark at which each earlier topic ended. Below it there may be one more row at each offset.
"""

import contextlib
import decimal
import json
import os
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

# Seconds without a record before Kafka is given up.
PATIENCE = 30
# Values of these types are the same in JSON and in the table. The others have several spellings.
COMPARED = ("string", "int32", "int64", "float64", "boolean", "decimal")

Offsets = dict[int, list[int]]


class Bad(Exception):
    """A value that is not what the pipeline file says."""


def is_compared(field: dict[str, Any]) -> bool:
    return field["type"].split("(")[0] in COMPARED


def leaves(fields: list[dict[str, Any]], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path and type of each field whose values are compared."""
    for field in fields:
        path = (*above, field["name"])
        if field["type"] == "struct":
            yield from leaves(field["fields"], path)
        elif is_compared(field):
            yield path, field["type"]


def column(table: pa.Table, path: tuple[str, ...]) -> list[Any]:
    if not table.num_rows:
        # A table that is not there has no types.
        return []
    values = table[path[0]]
    for name in path[1:]:
        values = pc.struct_field(values, name)
    return values.to_pylist()


def refuse(constant: str) -> None:
    raise Bad(f"{constant} is not JSON")


def parsed(value: bytes | None) -> dict[str, Any]:
    """A record's value with every digit of its numbers."""
    try:
        record = json.loads((value or b"").decode("utf-8"), parse_float=Decimal, parse_constant=refuse)
    except (ValueError, RecursionError, decimal.DecimalException) as error:
        raise Bad(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise Bad("not a JSON object")
    return record


def at(record: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def equal(stored: Any, sent: Any, kind: str) -> bool:
    if stored is None or sent is None:
        return stored is None and sent is None
    if kind.startswith("decimal"):
        # A decimal may be sent as text, so that no tool on the way makes a double of it.
        try:
            return Decimal(sent) == stored
        except (decimal.DecimalException, TypeError, ValueError):
            return False
    if kind == "float64":
        try:
            return not isinstance(sent, (bool, str)) and float(sent) == stored
        except (OverflowError, TypeError, ValueError):
            return False
    if kind in ("int32", "int64"):
        return not isinstance(sent, (bool, str)) and sent == stored
    return type(sent) is type(stored) and sent == stored


def runs(partition: int, offsets: list[int]) -> str:
    """Offsets as `headwater verify` prints them: `2:15-17,40`."""
    found: list[list[int]] = []
    for offset in sorted(offsets):
        if found and found[-1][1] + 1 == offset:
            found[-1][1] = offset
        else:
            found.append([offset, offset])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in found[:20]]
    return f"{partition}:{','.join(words)}" + (f" and {len(found) - 20} more runs" if len(found) > 20 else "")


def offsets_between(table: pa.Table, partition: int, first: int, end: int) -> pa.Table:
    offsets = table["_offset"]
    inside = pc.and_(pc.greater_equal(offsets, first), pc.less(offsets, end))
    return table.filter(pc.and_(pc.equal(table["_partition"], partition), inside))


def rows_of(table: DeltaTable | None, columns: list[str]) -> pa.Table:
    if table is None:
        return pa.table({name: pa.array([], pa.int64()) for name in columns})
    return table.to_pyarrow_table(columns=columns)


def earlier_of(table: DeltaTable | None, pipeline: dict[str, Any], partition: int) -> list[int]:
    """The watermarks at which earlier topics of this name ended."""
    found: list[int] = []
    if table is not None:
        prefix = f"headwater/{pipeline['lake']['consumer_group']}/{pipeline['topic']['name']}/{partition}/earlier"
        while (watermark := table.transaction_version(f"{prefix}/{len(found)}")) is not None:
            found.append(watermark)
    return found


def earlier_at(watermarks: list[int], offset: int) -> int:
    """How many earlier topics may have a row at this offset."""
    return sum(offset < watermark for watermark in watermarks)


def records_of(servers: str, topic: str, ends: dict[int, tuple[int, int]]) -> Iterator[tuple[int, int, bytes | None]]:
    """Every committed record between the ends: partition, offset, value."""
    from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

    settings = {
        "bootstrap.servers": servers,
        "group.id": "headwater-verify-independent",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
    consumer = Consumer(settings)
    open_partitions = {partition for partition, (first, end) in ends.items() if first < end}
    consumer.assign([TopicPartition(topic, partition, ends[partition][0]) for partition in open_partitions])
    last = time.monotonic()
    while open_partitions:
        for message in consumer.consume(10_000, timeout=0.2):
            last = time.monotonic()
            error, partition = message.error(), message.partition()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            # The end of a partition also comes behind markers, which are no records.
            if error is not None or message.offset() >= ends[partition][1] - 1:
                open_partitions.discard(partition)
            if error is None and message.offset() < ends[partition][1]:
                yield partition, message.offset(), message.value()
        if time.monotonic() - last > PATIENCE:
            raise TimeoutError(f"Kafka at {servers} sent no record of {topic} for {PATIENCE} s")
    consumer.close()


def judge(task: dict[str, Any], storage: dict[str, str], servers: str | None) -> dict[str, Any]:
    pipeline = task["pipeline"]
    topic = pipeline["topic"]["name"]
    ends = {int(partition): (first, end) for partition, (first, end) in task["ends"].items()}
    letters = {int(partition): set(offsets) for partition, offsets in task["letters"].items()}
    fields = list(leaves(pipeline["fields"])) if servers else []
    roots = list(dict.fromkeys(path[0] for path, _ in fields))
    try:
        delta = DeltaTable(task["uri"], storage_options=storage)
    except TableNotFoundError:
        delta = None
    table = rows_of(delta, ["_partition", "_offset", *roots])
    earlier = {partition: earlier_of(delta, pipeline, partition) for partition in ends}

    counted = table.select(["_partition", "_offset"]).group_by(["_partition", "_offset"]).aggregate([([], "count_all")])
    known = sum(offsets_between(counted, partition, first, end).num_rows for partition, (first, end) in ends.items())
    shared, surplus = 0, 0
    doubled: Offsets = defaultdict(list)
    # Otherwise each row is alone at its offset, and none is of an earlier topic.
    if any(earlier.values()) or table.num_rows != counted.num_rows:
        for partition, offset, count in zip(*(counted[name].to_pylist() for name in ("_partition", "_offset", "count_all")), strict=True):
            before = earlier_at(earlier.get(partition, []), offset)
            if count > 1 + before:
                doubled[partition].append(offset)
                surplus += count - 1 - before
            first, end = ends.get(partition, (0, 0))
            shared += count <= before and first <= offset < end
    result: dict[str, Any] = {
        "topic": topic,
        "rows": table.num_rows,
        "stored": known - shared,
        "shared": shared,
        "doubled": surplus,
        "problems": [f"stored twice: {runs(partition, offsets)}" for partition, offsets in sorted(doubled.items())],
    }
    if servers is None:
        return result

    places: dict[int, dict[int, list[int]]] = defaultdict(dict)
    for row, (partition, offset) in enumerate(zip(table["_partition"].to_pylist(), table["_offset"].to_pylist(), strict=True)):
        places[partition].setdefault(offset, []).append(row)
    values = {path: column(table, path) for path, _ in fields}
    summed = tuple(pipeline["totals"]["sum"].split(".")) if pipeline.get("totals") else None
    missing: Offsets = defaultdict(list)
    different: dict[tuple[int, str], list[int]] = defaultdict(list)
    total, in_lake, records = Decimal(0), Decimal(0), 0
    seen: dict[int, set[int]] = defaultdict(set)
    for partition, offset, value in records_of(servers, topic, ends):
        records += 1
        seen[partition].add(offset)
        rows = places[partition].get(offset)
        if rows is None:
            if offset not in letters.get(partition, ()):
                missing[partition].append(offset)
            continue
        try:
            record = parsed(value)
        except Bad as bad:
            different[(partition, str(bad)[:80])].append(offset)
            continue
        # The other rows at this offset are of earlier topics: the one that differs least is taken for this record's.
        unlike = [[path for path, kind in fields if not equal(values[path][row], at(record, path), kind)] for row in rows]
        closest = min(range(len(rows)), key=lambda index: len(unlike[index]))
        for path in unlike[closest]:
            different[(partition, f"{'.'.join(path)} is not what was sent")].append(offset)
        if summed:
            in_lake += Decimal(values[summed][rows[closest]] or 0)
            # A value that is no number differs from the stored one, and was reported above.
            with contextlib.suppress(decimal.DecimalException, TypeError, ValueError):
                total += Decimal(at(record, summed))
    unsent = {
        partition: [
            offset
            for offset, rows in places[partition].items()
            if first <= offset < end and offset not in seen[partition] and len(rows) > earlier_at(earlier[partition], offset)
        ]
        for partition, (first, end) in ends.items()
    }
    for what, offsets in (("neither stored nor parked", missing), ("stored, but not in Kafka", unsent)):
        result["problems"] += [f"{what}: {runs(partition, which)}" for partition, which in sorted(offsets.items()) if which]
    result["problems"] += [f"{what}: {runs(partition, which)}" for (partition, what), which in sorted(different.items())]
    result |= {"records": records, "missing": sum(map(len, missing.values())), "different": sum(map(len, different.values()))}
    if summed:
        unsent_rows = [places[partition][offset][-1] for partition, offsets in unsent.items() for offset in offsets]
        in_lake += sum((Decimal(values[summed][row] or 0) for row in unsent_rows), Decimal(0))
        result |= {"sum_in_kafka": f"{total:f}", "sum_in_lake": f"{in_lake:f}"}
        if total != in_lake:
            result["problems"].append(f"the sum of {'.'.join(summed)} is {in_lake:f} in the lake and {total:f} in Kafka")
    return result


def main() -> None:
    # No sum of counts or decimals needs more digits.
    decimal.getcontext().prec = 100
    request = json.load(sys.stdin)
    servers = request["kafka"] if request["records"] else None
    json.dump([judge(task, request["storage"], servers) for task in request["tables"]], sys.stdout)


if __name__ == "__main__":
    status = 0
    try:
        main()
    except Exception:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Exit without shutting the interpreter down: pyarrow's threads may still be closing files, which calls Python code of
    # deltalake, and during a shutdown that aborts the process (apache/arrow issues 34314 and 38352).
    os._exit(status)
