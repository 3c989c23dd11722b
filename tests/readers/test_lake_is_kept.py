"""deltalake reads rows and positions from our checkpoints, and our writer continues after a checkpoint of deltalake."""

import pytest
from conftest import OurTable, forget_commits, keep


@pytest.mark.parametrize("rooms", [["a"], ["a b", "ü/%", None, "x=y"]])
def test_deltalake_reads_rows_and_positions_from_our_checkpoint(our_table: OurTable, rooms: list[str | None]) -> None:
    expected = our_table.append([(room, [0, 1]) for room in rooms])
    for n in range(1, 6):
        expected += our_table.append([(room, [10 * n, 10 * n + 1]) for room in rooms])
    our_table.delta().delete("n = 1")
    expected -= type(expected)({(room, 1): 1 for room in rooms})
    keep("all", our_table.uri)
    assert our_table.rows() == expected
    assert our_table.scan() == expected
    assert our_table.delta().transaction_version("headwater/readers") == 6
    expected += our_table.append([(rooms[0], [99])])
    assert our_table.delta().transaction_version("headwater/readers") == 7
    our_table.delta().optimize.compact()
    assert our_table.rows() == expected
    keep("all", our_table.uri)
    assert our_table.rows() == expected


def test_our_writer_continues_after_a_checkpoint_of_deltalake(our_table: OurTable) -> None:
    expected = our_table.append([("a", [1])])
    expected += our_table.append([("a", [2])])
    our_table.delta().create_checkpoint()
    forget_commits(our_table.uri, before=1)
    expected += our_table.append([("b", [3])])
    assert our_table.delta().transaction_version("headwater/readers") == 3
    keep("all", our_table.uri)
    expected += our_table.append([("b", [4])])
    assert our_table.rows() == our_table.scan() == expected
    assert our_table.delta().transaction_version("headwater/readers") == 4
