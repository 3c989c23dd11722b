"""Readers of other projects find the same rows after each step of upkeep: Python deltalake with its own engine, DuckDB
with its extension `delta`, pyarrow on the active files, and Spark. This is one long test, because starting a reader
takes longer than reading.
"""

from collections import Counter

from conftest import Spark, keep, s3
from lane import GROUP, Lane, records
from readers import same_for_all

BATCHES = 6
ROWS = 20


def test_rows_are_the_same_after_checkpoint_compaction_clean_up_and_vacuum(spark: Spark) -> None:
    lane = Lane()
    sent = Counter((0, offset) for offset in range(BATCHES * ROWS))
    lane.deliver(*(records(0, range(batch * ROWS, (batch + 1) * ROWS)) for batch in range(BATCHES)))
    orphan = lane.uri.removeprefix("s3://") + "/yr=2026/mo=11/dy=20/kind=raw/data-of-a-lost-commit.parquet"
    with s3().open_output_stream(orphan) as file:
        file.write(b"PAR1")
    same_for_all(lane, spark, sent, "appends")

    assert lane.upkeep("checkpoint")["checkpoint_made"]
    assert f"{BATCHES - 1:020}.checkpoint.parquet" in lane.names()
    same_for_all(lane, spark, sent, "a checkpoint")

    compacted = lane.upkeep("compact")
    assert (compacted["files_joined"], compacted["files_written"]) == (BATCHES * 2, 2)
    same_for_all(lane, spark, sent, "compaction")

    # The log is truncated at a checkpoint after the compaction, so only this checkpoint names the removed files.
    lane.upkeep("checkpoint")
    keep("clean-log", lane.uri)
    newest = lane.versions()[-1]
    left = [f"{newest:020}.{ending}" for ending in ("checkpoint.parquet", "crc", "json")]
    assert lane.names() == [*left, "_last_checkpoint"]
    same_for_all(lane, spark, sent, "clean-up of the log")

    before = lane.data_files()
    keep("vacuum", lane.uri)
    assert (len(before), len(lane.data_files())) == (BATCHES * 2 + 2 + 1, 2)
    same_for_all(lane, spark, sent, "vacuum")

    # The writer still knows its position: of a batch that overlaps stored records, it stores only the new ones.
    lane.deliver(records(0, range(BATCHES * ROWS - 5, BATCHES * ROWS + 5)))
    sent.update((0, offset) for offset in range(BATCHES * ROWS, BATCHES * ROWS + 5))
    same_for_all(lane, spark, sent, "an append behind all of it")
    assert lane.delta().transaction_version(f"headwater/{GROUP}/{lane.topic}/0") == BATCHES * ROWS + 5
