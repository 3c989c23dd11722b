"""Four writers append to a table while upkeep runs in a loop. deltalake then reads every row.

With HEADWATER_APPENDS=100000 the test takes half an hour. It prints the figures of docs/benchmarks.md.
"""

import json
import os
import subprocess
from collections import Counter

import pytest
from conftest import OurTable, example

WRITERS = 4
ROWS = 10


def long_life(*arguments: str) -> dict:
    """Runs crates/lake-upkeep/examples/long_life.rs. Returns its report."""
    done = subprocess.run([example("long_life"), *arguments], text=True, stdout=subprocess.PIPE)
    assert done.returncode == 0, "an append or a round of upkeep failed; see above"
    return json.loads(done.stdout)


@pytest.fixture
def appends() -> int:
    """The number of appends of all writers together."""
    return int(os.environ.get("HEADWATER_APPENDS", "600")) // WRITERS * WRITERS


def test_every_row_is_stored_once_after_upkeep_in_a_loop(our_table: OurTable, appends: int) -> None:
    life = long_life("run", str(appends), str(WRITERS), our_table.uri)
    print(json.dumps(life, indent=1))
    assert life["appends"] == appends
    assert min(life["checkpoints"], life["compactions"], life["upkeep_rounds"]) >= 2
    table = our_table.delta().to_pyarrow_table(columns=["w", "n"])
    found = Counter(zip(table["w"].to_pylist(), table["n"].to_pylist(), strict=True))
    assert found == Counter((w, n) for w in range(WRITERS) for n in range(appends * ROWS // WRITERS))
    # Each of three partitions may have up to eight small files that wait for a compaction. In addition, there is about
    # one full file per thousand appends.
    assert life["files"] <= 3 * 8 + appends // 1000
    for writer in range(WRITERS):
        position = our_table.delta().transaction_version(f"headwater/long-life/{writer}")
        assert position == appends * ROWS // WRITERS
