"""deltalake deletes from, merges into, compacts and vacuums tables that our writer wrote, with any partition values.

A tool that rewrites a file removes the old one by a path that it computes. If our writer put another path into the log,
the old file stays active, and its rows are in the table twice.
"""

import os
import pathlib
import random
import string
import threading
from collections import Counter
from collections.abc import Callable

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pytest
from conftest import OurTable, Rows, s3, storage_options
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError

# Each special ASCII character, alone and between letters, and values that have a meaning in paths, URIs or Hive.
# `~` is left out: deltalake 1.6.6 cannot compact files that it wrote itself into such a partition. Our files with `~`
# have their own test.
PRINTABLE = string.printable.replace("~", "")
SPECIAL = [character for character in PRINTABLE if not character.isalnum()]
PLAIN = ["aZ09", *(text for character in SPECIAL for text in (character, f"a{character}b"))]
ODD = [
    None, "", " ", "  ", " leading", "trailing ", ".", "..", "...", "/", "//", "a//b", "/a", "a/", "../../x", "a/../b", "a/./b",
    "%", "%%", "%20", "%2F", "%252F", "%zz", "100%", "a=b", "room=x", "?a=b&c=d#e", "s3://bucket/key", "http://x/?y=z#f",
    "__HIVE_DEFAULT_PARTITION__", "null", "NULL", "_hidden", ".hidden", "_delta_log", "a+b c", "R&D (west), @home", "it's", '"x"',
    "ü", "u\u0308", "日本", "😀", "\u00a0", "\u200b", "\u202e", "\ufeff", "\ufffd", "\U0010ffff", "İ", "ß",
    "\0", "\x01", "\x1b[0m", "\x7f", "\x80",
    "\r\n", "a\tb", "2026-11-20 21:24:22.000001", "C:\\x", "x" * 250, "ü" * 80, "%" * 80,
]  # fmt: skip
# Values whose encoded form is longer than an S3 key may be.
LONG = ["y" * 1_100, "ü" * 400, "/" * 400]


def random_values(seed: int, count: int) -> list[str]:
    chosen = random.Random(seed)

    def value() -> str:
        kinds = [lambda: chosen.choice(PRINTABLE), lambda: chr(chosen.choice([*range(1, 0xD800), *range(0xE000, 0x11000)]))]
        return "".join(chosen.choice(kinds)() for _ in range(chosen.randint(1, 24)))

    return [value() for _ in range(count)]


def same(table: OurTable, expected: Rows, after: str) -> None:
    for reader, found in (("deltalake", table.rows()), ("our reader", table.scan())):
        assert found == expected, f"after {after}, {reader}: lost {expected - found}, doubled {found - expected}"


def change_in_every_way(table: OurTable, values: list[str | None]) -> None:
    """Writes two files per value, and then deletes, updates, compacts, checkpoints and vacuums with deltalake and with
    our own tools, with appends of our writer in between. After each step, both readers must find the expected rows."""
    values = list(dict.fromkeys(values))
    ids = {value: number * 100 for number, value in enumerate(values)}
    expected = table.append([(value, list(range(ids[value] + part, ids[value] + part + 5))) for value in values for part in (0, 50)])
    same(table, expected, "append")

    def instead(changes: dict[int, int | None]) -> None:
        for (room, number), count in list(expected.items()):
            if number in changes:
                del expected[(room, number)]
                if changes[number] is not None:
                    expected[(room, changes[number])] = count

    deleted = [ids[value] + 2 for value in values]
    table.delta().delete(f"n IN ({', '.join(map(str, deleted))})")
    instead(dict.fromkeys(deleted))
    same(table, expected, "delete")

    updated = [ids[value] + 53 for value in values]
    source = pa.table({"old": pa.array(updated, pa.int64())})
    table.delta().merge(source, "t.n = s.old", source_alias="s", target_alias="t").when_matched_update({"n": "s.old + 1000000"}).execute()
    instead({number: number + 1_000_000 for number in updated})
    same(table, expected, "merge")

    appended = table.append([(value, [ids[value] + 99]) for value in values])
    expected.update(appended)
    same(table, expected, "append after delete and merge")

    table.delta().optimize.compact()
    same(table, expected, "compact")

    expected.update(table.append([(value, [ids[value] + part, ids[value] + 200_000 + part]) for value in values for part in (90, 91)]))
    table.run("compact")
    same(table, expected, "our compaction of what both wrote")
    table.delta().delete(f"n IN ({', '.join(str(ids[value] + 90) for value in values)})")
    instead({ids[value] + 90: None for value in values})
    same(table, expected, "delete from our compaction")

    table.delta().create_checkpoint()
    expected.update(table.append([(value, [ids[value] + 98]) for value in values]))
    same(table, expected, "append after compact and checkpoint")

    prefix = table.uri + "/"
    live = {uri.removeprefix(prefix) for uri in table.delta().file_uris()}
    dead = set(table.delta().vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False, full=True))
    assert not live & dead, "vacuum takes live files for dead ones"
    table.delta().vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    same(table, expected, "vacuum")


@pytest.mark.parametrize("values", [PLAIN, ODD], ids=["printable ASCII", "odd values"])
def test_no_row_is_lost_or_doubled(our_table: OurTable, values: list[str | None]) -> None:
    change_in_every_way(our_table, values)


@pytest.mark.parametrize("seed", [1, 2, int(os.environ.get("HEADWATER_TEST_SEED", random.randrange(3, 1 << 32)))])
def test_no_row_is_lost_or_doubled_for_random_values(our_table: OurTable, seed: int) -> None:
    change_in_every_way(our_table, random_values(seed, 60))


def test_deltalake_can_change_our_files_with_a_tilde_in_the_partition_value(our_table: OurTable) -> None:
    expected = our_table.append([(value, [number, number + 1]) for number in (0, 10) for value in ("~", "a~b")])
    our_table.delta().optimize.compact()
    same(our_table, expected, "compact")
    expected.update(our_table.append([("~", [20, 21])]))
    our_table.delta().delete("n = 20")
    del expected[("~", 20)]
    same(our_table, expected, "delete")


def test_values_longer_than_a_key_are_stored_and_changed(our_table: OurTable) -> None:
    expected = our_table.append([(value, [number]) for number, value in enumerate(LONG)])
    same(our_table, expected, "append")
    assert all(len(add["path"]) < 1_024 for add in our_table.adds())
    our_table.delta().delete("n = 1")
    del expected[(LONG[1], 1)]
    same(our_table, expected, "delete")


def test_folders_have_the_same_names_as_those_of_deltalake(our_table: OurTable) -> None:
    # Without the empty value: Delta treats it as null, but deltalake writes it to a separate folder.
    values = [value for value in [*PLAIN, *ODD] if value and value != "__HIVE_DEFAULT_PARTITION__"]
    our_table.append([(value, [0]) for value in values])
    theirs = OurTable("theirs")
    rows = pa.table({"n": pa.array([0] * len(values), pa.int64()), "room": pa.array(values, pa.string())})
    write_deltalake(theirs.uri, rows, partition_by=["room"], storage_options=storage_options())

    def folders(table: OurTable) -> dict[str, str]:
        return {add["partitionValues"]["room"]: add["path"].rsplit("/", 1)[0] for add in table.adds()}

    assert folders(our_table) == folders(theirs)


# Problems that users of delta-rs and Delta Lake reported, tested on our tables. The numbers are those of their issues.


def test_the_same_merge_again_and_again_adds_no_row(our_table: OurTable) -> None:
    """delta-rs 4352: if a path was encoded, each merge left the file that it had rewritten in the table."""
    values = ["a b", "a/b", "100%", "R&D", "ü"]
    expected = our_table.append([(value, [number]) for number, value in enumerate(values)])
    source = pa.table({"n": pa.array(range(len(values)), pa.int64()), "room": values})
    for _ in range(3):
        merge = our_table.delta().merge(source, "t.n = s.n AND t.room = s.room", source_alias="s", target_alias="t")
        merge.when_matched_update_all().when_not_matched_insert_all().execute()
        same(our_table, expected, "merge")


def test_compaction_beside_our_writer_loses_and_doubles_nothing(our_table: OurTable) -> None:
    """delta-rs 2700: compaction during appends fails, or makes the appends fail."""
    values = ["a+b", "c d"]
    expected = our_table.append([(value, [number]) for number, value in enumerate(values)])
    compactions: list[bool] = []
    done = threading.Event()

    def compact() -> None:
        while not done.is_set():
            try:
                our_table.delta().optimize.compact()
                compactions.append(True)
            except CommitFailedError:
                compactions.append(False)

    compacting = threading.Thread(target=compact)
    compacting.start()
    for number in range(100, 140):
        expected.update(our_table.append([(values[number % 2], [number])]))
    done.set()
    compacting.join()
    assert any(compactions)
    same(our_table, expected, "compaction beside appends")
    assert our_table.delta().transaction_version("headwater/readers") == 41


def test_our_compaction_beside_our_writer_loses_and_doubles_nothing(our_table: OurTable) -> None:
    values = ["a+b", "c d"]
    expected = our_table.append([(value, [number]) for number, value in enumerate(values)])
    done = threading.Event()
    outcomes: list[str] = []

    def compact() -> None:
        while not done.is_set():
            outcomes.append(our_table.run("compact"))

    compacting = threading.Thread(target=compact)
    compacting.start()
    for number in range(100, 140):
        expected.update(our_table.append([(values[number % 2], [number])]))
    done.set()
    compacting.join()
    our_table.run("compact")
    assert any("versions: [" in outcome and "versions: []" not in outcome for outcome in outcomes)
    assert len(our_table.delta().file_uris()) <= 4
    same(our_table, expected, "our compaction beside appends")
    assert our_table.delta().transaction_version("headwater/readers") == 41
    history = our_table.delta().history()
    assert {"OPTIMIZE", "WRITE"} == {entry["operation"] for entry in history}


def test_our_compaction_and_a_delete_of_deltalake_in_the_same_files_do_not_overlap(our_table: OurTable) -> None:
    """delta 228: if a compaction and a delete run at the same time, one of them fails, and no deleted row comes
    back."""
    expected = our_table.append([("a b", [number, number + 1_000]) for number in range(20)])
    done = threading.Event()

    def compact() -> None:
        while not done.is_set():
            our_table.run("compact")

    compacting = threading.Thread(target=compact)
    compacting.start()
    for number in range(20):
        try:
            our_table.delta().delete(f"n = {number}")
            del expected[("a b", number)]
        except CommitFailedError:
            # The compaction committed first, so the delete failed and the row still exists.
            pass
        expected.update(our_table.append([("a b", [number + 2_000])]))
    done.set()
    compacting.join()
    same(our_table, expected, "deletes beside our compaction")


def test_a_full_vacuum_spares_files_that_are_not_committed_yet(our_table: OurTable) -> None:
    """delta-rs 3645: a full vacuum deleted files that a writer had uploaded but not yet committed."""
    expected = our_table.append([("a b", [1])])
    uncommitted = f"{our_table.uri.removeprefix('s3://')}/room=a%20b/data-in-flight.parquet"
    with s3().open_output_stream(uncommitted) as file:
        file.write(b"PAR1")
    our_table.delta().vacuum(dry_run=False, full=True)
    assert s3().get_file_info(uncommitted).is_file
    same(our_table, expected, "vacuum")


def test_commits_that_were_deleted_after_a_checkpoint_are_not_needed(our_table: OurTable) -> None:
    """delta 606, delta-rs 2174: after a clean-up of the log, the newest version or its positions could not be read."""
    expected: Rows = Rows()
    for number in range(12):
        expected.update(our_table.append([("a&b", [number])]))
    our_table.delta().create_checkpoint()
    log = our_table.uri.removeprefix("s3://") + "/_delta_log"
    for version in range(12):
        s3().delete_file(f"{log}/{version:020}.json")
    expected.update(our_table.append([("a&b", [12])]))
    same(our_table, expected, "clean-up of the log")
    assert our_table.delta().transaction_version("headwater/readers") == 13


@pytest.mark.parametrize("value", ["Australian Capital Territory", "product 1 (beta)", "[x]", "x=1/y=2", "é"])
def test_partition_filters_find_and_delete_exactly_their_partition(our_table: OurTable, value: str) -> None:
    """delta 943 and 2280: partitions whose values contain spaces or brackets were skipped, or not deleted."""
    expected = our_table.append([(value, [1, 2]), ("other", [3]), (None, [4])])
    rows = our_table.delta().to_pyarrow_table(partitions=[("room", "=", value)])
    assert sorted(rows["n"].to_pylist()) == [1, 2]
    our_table.delta().delete(f"room = '{value}'")
    del expected[(value, 1)], expected[(value, 2)]
    same(our_table, expected, "delete")


REFUSED: dict[str, Callable[[OurTable], None]] = {
    "delta.setTransactionRetentionDuration": lambda table: table.delta().alter.set_table_properties(
        {"delta.setTransactionRetentionDuration": "interval 7 days"}
    ),
    "delta.logRetentionDuration": lambda table: table.delta().alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"}),
    "delta.deletedFileRetentionDuration": lambda table: table.delta().alter.set_table_properties(
        {"delta.deletedFileRetentionDuration": "interval 0 hours"}
    ),
    "delta.constraints.small": lambda table: table.delta().alter.add_constraint({"small": "n < 100"}),
}


@pytest.mark.parametrize("named", REFUSED)
def test_tables_whose_properties_endanger_appends_are_refused(our_table: OurTable, named: str) -> None:
    expected = our_table.append([("a", [1])])
    REFUSED[named](our_table)
    with pytest.raises(AssertionError, match=named):
        our_table.append([("a", [2])])
    assert our_table.rows() == expected


def test_pyarrow_and_duckdb_read_the_values_from_the_folders(our_table: OurTable, tmp_path: pathlib.Path) -> None:
    values = [value for value in [*PLAIN, *ODD, "~", None] if value not in ("", "__HIVE_DEFAULT_PARTITION__", "ü" * 80)]
    values = list(dict.fromkeys(values))
    our_table.append([(value, [number]) for number, value in enumerate(values)])
    for uri in our_table.delta().file_uris():
        copy = tmp_path / uri.removeprefix(our_table.uri + "/")
        copy.parent.mkdir(parents=True)
        copy.write_bytes(s3().open_input_file(uri.removeprefix("s3://")).read())
    expected = Counter((value, number) for number, value in enumerate(values))
    partitioning = pyarrow.dataset.partitioning(pa.schema([("room", pa.string())]), flavor="hive")
    rows = pyarrow.dataset.dataset(tmp_path, format="parquet", partitioning=partitioning).to_table()
    assert Counter(zip(rows["room"].to_pylist(), rows["n"].to_pylist(), strict=True)) == expected
    # In names of folders, DuckDB 1.4 reads the texts "null" and "NULL" as no value. Its delta extension does not.
    sql = """SELECT room, n FROM read_parquet(?, hive_partitioning = true, hive_types = {'room': VARCHAR})
             WHERE upper(coalesce(room, 'NULL')) NOT IN ('NULL', '__HIVE_DEFAULT_PARTITION__')"""
    by_duckdb = Counter(duckdb.execute(sql, [f"{tmp_path}/**/*.parquet"]).fetchall())
    assert by_duckdb == Counter({row: 1 for row in expected if row[0] not in (None, "null", "NULL")})
