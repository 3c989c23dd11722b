"""parquet-writer finds its positions in checkpoints that other tools wrote, even if no commit contains them any more.

parquet-writer stores the position, its holes, the samples and the parked offsets as Delta app transactions. Each of our
commits also repeats them in its `commitInfo`. In this test, the other tool makes the newest commit and all older
commits are deleted, so only the checkpoint contains the positions.

deltalake 1.6.6 writes checkpoints with `buoyant_kernel` 0.25, a fork of `delta_kernel` that follows each of its
releases (`Snapshot::checkpoint`). Its two cases are therefore those of `delta_kernel`: V1, and V2 without sidecars if
the table has the feature.
"""

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest
from conftest import Spark, forget_commits, keep, s3
from lane import GROUP, Lane, record, records, redriven
from readers import by_deltalake, same_for_all

V2 = {"delta.checkpointPolicy": "v2"}


def deltalake_v1(lane: Lane, spark: Spark) -> None:
    lane.delta().alter.set_table_description("changed by deltalake")
    lane.delta().create_checkpoint()


def deltalake_v2(lane: Lane, spark: Spark) -> None:
    # deltalake cannot add the feature, so the test writes the commit. The columns that are not null require the other
    # features.
    features = {"readerFeatures": ["v2Checkpoint"], "writerFeatures": ["v2Checkpoint", "invariants", "appendOnly"]}
    protocol = {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}
    with s3().open_output_stream(f"{lane.log}/{lane.versions()[-1] + 1:020}.json") as commit:
        commit.write(json.dumps(protocol).encode())
    lane.delta().create_checkpoint()


def spark_v1_in_parts(lane: Lane, spark: Spark) -> None:
    spark.ask(checkpoint=lane.uri, properties={"note": "a"}, settings={"spark.databricks.delta.checkpoint.partSize": "4"})


def spark_v2(format: str) -> Callable[[Lane, Spark], None]:
    settings = {
        "spark.databricks.delta.checkpointV2.topLevelFileFormat": format,
        "spark.databricks.delta.checkpoint.partSize": "2",
    }
    return lambda lane, spark: spark.ask(checkpoint=lane.uri, properties=V2, settings=settings)


# For each case: the function that writes the checkpoint, and a pattern of the names of its files.
TOOLS: dict[str, tuple[Callable[[Lane, Spark], None], str]] = {
    "deltalake V1": (deltalake_v1, r"\.checkpoint\.parquet"),
    "deltalake V2": (deltalake_v2, r"\.checkpoint\.parquet"),
    "Spark V1 in parts": (spark_v1_in_parts, r"\.checkpoint\.0{9}1\.0{8}\d\d\.parquet"),
    "Spark V2 json": (spark_v2("json"), r"\.checkpoint\.[0-9a-f-]{36}\.json"),
    "Spark V2 parquet": (spark_v2("parquet"), r"\.checkpoint\.[0-9a-f-]{36}\.parquet"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_positions_holes_samples_and_parked_offsets_survive(tool: str, spark: Spark) -> None:
    lane = Lane()
    # Offsets 10 to 19 are a hole, 33 and 35 are parked.
    first = [records(0, range(10)), records(0, range(20, 40), bad=[33, 35]), records(1, range(5))]
    lane.deliver(*first)
    sent = Counter((0, offset) for offset in [*range(10), *range(20, 40)] if offset not in (33, 35))
    sent.update((1, offset) for offset in range(5))
    assert by_deltalake(lane) == sent
    before = lane.app_ids()
    position = f"headwater/{GROUP}/{lane.topic}/0"
    kinds = {app_id.removeprefix(position).split("/")[1] for app_id in before if app_id.startswith(f"{position}/")}
    assert {"hole", "sample", "parked"} <= kinds, kinds

    checkpoint, name = TOOLS[tool]
    checkpoint(lane, spark)
    newest = lane.versions()[-1]
    forget_commits(lane.uri, before=newest)
    assert lane.versions() == [newest]
    assert not any("txn" in action or "headwater" in action.get("commitInfo", {}) for action in lane.commit(newest))
    assert any(re.search(name, file) for file in lane.names()), lane.names()
    assert lane.app_ids() == {}
    found = {app_id: lane.delta().transaction_version(app_id) for app_id in before}
    assert found == before

    # Deliveries: records that are stored already, records in the hole (twice), a redrive of a parked record (twice),
    # and new records.
    lane.deliver(
        *first, records(0, range(12, 15)), records(0, range(12, 15)), redriven(0, [33]), redriven(0, [33]), records(0, range(40, 50))
    )
    sent.update((0, offset) for offset in [12, 13, 14, 33, *range(40, 50)])
    assert by_deltalake(lane) == sent, f"lost {sent - by_deltalake(lane)}, doubled {by_deltalake(lane) - sent}"

    # Writes our own checkpoint, truncates the log at it, and delivers similar batches again.
    definitions = lane.definitions()
    keep("all", lane.uri)
    assert lane.definitions() == definitions
    lane.deliver(*first, records(0, range(12, 15)), redriven(0, [33, 35]), records(0, range(40, 60)))
    sent.update((0, offset) for offset in [35, *range(50, 60)])
    same_for_all(lane, spark, sent, f"a checkpoint of {tool} and one of ours")

    # A different record at an offset of a sample means that the topic was created again. None of its records may be
    # stored.
    (answer,) = lane.run("parquet-writer", {"records": [record(1, 0, room="elsewhere")]})
    assert "created again" in str(answer), answer
    assert by_deltalake(lane) == sent
