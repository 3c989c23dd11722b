"""A tuned consumer in one Python process. It stores a given number of records of a topic of rooms in a Delta table.

Its tuning: librdkafka fetches large batches in the background, one call of pyarrow's JSON reader (threads, C++) parses
a batch, no Python loop touches the rows, and a commit has up to BATCH records. The table has the columns, partitions
and compression of parquet-writer's table. Offsets are committed after the table, so delivery is at least once. The
address and credentials of S3 come from the environment.

    python_consumer.py TABLE TOPIC RECORDS PARTITION:OFFSET...

Prints the seconds from the first record to the last commit.
"""

import io
import os
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from confluent_kafka import Consumer, TopicPartition
from deltalake import WriterProperties, write_deltalake

BATCH = 100_000
SCHEMA = pa.schema([("ts", pa.string()), ("room", pa.string()), ("count", pa.int64())])


def rows(values: list[bytes]) -> pa.Table:
    """The records as a table, with the partition columns of the lake."""
    options = pa.json.ParseOptions(explicit_schema=SCHEMA)
    table = pa.json.read_json(io.BytesIO(b"\n".join(values)), parse_options=options)
    ts = pc.cast(table["ts"], pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    table = table.set_column(0, "ts", ts)
    for name, form in [("yr", "%Y"), ("mo", "%m"), ("dy", "%d")]:
        table = table.append_column(name, pc.strftime(ts, format=form))
    return table.append_column("kind", pa.repeat("raw", len(table)))


def main() -> None:
    uri, topic, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
    starts = [(int(partition), int(offset)) for partition, offset in (text.split(":") for text in sys.argv[4:])]
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": f"peer-{os.getpid()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.min.bytes": 1 << 20,
            "fetch.wait.max.ms": 50,
            "fetch.max.bytes": 64 << 20,
            "max.partition.fetch.bytes": 16 << 20,
            "queued.min.messages": 1_000_000,
            "queued.max.messages.kbytes": 512 << 10,
            "check.crcs": False,
        }
    )
    consumer.assign([TopicPartition(topic, *start) for start in starts])
    options = {"storage_options": {"aws_allow_http": "true"}, "writer_properties": WriterProperties(compression="ZSTD")}
    began, stored, values = 0.0, 0, []
    while stored < wanted:
        messages = consumer.consume(min(10_000, BATCH - len(values)), timeout=0.2)
        began = began or (time.monotonic() if messages else 0.0)
        values += [message.value() for message in messages if message.error() is None]
        if len(values) >= BATCH or stored + len(values) >= wanted:
            table = rows(values)
            write_deltalake(uri, table, mode="append", partition_by=["yr", "mo", "dy", "kind"], **options)
            consumer.commit(asynchronous=False)
            stored += len(values)
            values = []
    print(time.monotonic() - began)
    consumer.close()


if __name__ == "__main__":
    main()
