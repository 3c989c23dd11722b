"""The live board in Chromium: it shows changes of the database, never interprets text as markup, and sends no request
to other origins. One section's error does not affect the others, and large numbers of rows do not freeze the page."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial

import psycopg
import pytest
from conftest import Board
from playwright.sync_api import Browser, Route

HOSTILE = "<img src=x onerror=alert(1)>"
LONGEST_STILL = """async () => {
    let last = performance.now(), longest = 0;
    const end = last + 6000;
    while (last < end) {
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
    }
    return longest;
}"""
"""The longest time between two frames of 6 s, in milliseconds."""
TABLE = '[data-table="room_n_total_counts"]'


PATIENCE = 120
"""Timeout of a condition in seconds. It is long enough for a busy machine."""


def until(holds: Callable[[], bool], what: str) -> float:
    """Polls until `holds` returns True. Returns how many seconds that took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < PATIENCE, f"not within {PATIENCE} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - started


def headwater(*arguments: str) -> str:
    """Runs the headwater command. Returns its standard output."""
    command = [os.environ["HEADWATER_BIN"], *arguments]
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def totals(database: psycopg.Connection) -> dict[str, str]:
    """The ten largest totals in the database, by room."""
    rows = database.execute("SELECT room, total_count::text FROM room_n_total_counts ORDER BY total_count DESC LIMIT 10")
    return dict(rows.fetchall())


def total(board: Board, room: str) -> str | None:
    """The total of a room on the page. None if the page does not show the room."""
    return board.attribute(f"{TABLE} [data-room={json.dumps(room)}] [data-total]", "data-total")


def shows(board: Board, expected: dict[str, str]) -> bool:
    """Whether the page shows these totals."""
    return all(total(board, room) == value for room, value in expected.items())


@pytest.fixture
def fleet() -> Iterator[None]:
    """Runs a fleet of 50 vehicles during the test."""
    command = [os.environ["HEADWATER_BIN"], "fleet", "--num-vehicles", "50", "--interval", "1s"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as drive:
        yield
        drive.send_signal(subprocess.signal.SIGINT)
        assert drive.wait(PATIENCE) == 0


def test_the_totals_follow_the_database_within_five_seconds(board: Board, database: psycopg.Connection) -> None:
    seconds = []
    # Other work on the machine can only make a round slower, so the fastest of up to ten rounds counts.
    while len(seconds) < 3 or (min(seconds) > 5 and len(seconds) < 10):
        headwater("rooms", "--count", "777")
        headwater("drain", "--timeout", "240s")
        expected = totals(database)
        seconds.append(until(partial(shows, board, expected), f"the page shows {expected}"))
    assert min(seconds) <= 5, seconds


def test_a_room_whose_name_is_markup_is_text(board: Board, database: psycopg.Connection) -> None:
    database.execute("INSERT INTO room_n_total_counts (room, total_count) VALUES (%s, %s)", [HOSTILE, 2**60])
    try:
        until(lambda: total(board, HOSTILE) == str(2**60), "the room is shown")
        row = board.page.locator(f"{TABLE} [data-room={json.dumps(HOSTILE)}]")
        assert HOSTILE in row.inner_text()
        assert board.page.locator("img").count() == 0
    finally:
        database.execute("DELETE FROM room_n_total_counts WHERE room = %s", [HOSTILE])


def test_every_section_is_fresh_and_no_request_leaves_the_origin(board: Board, fleet: None) -> None:
    sections = ["totals", "fleet", "lanes", "lake", "proof", "forecast", "parked", "errors"]
    fresh = lambda: all(board.attribute(f"#{name}", "data-state") == "fresh" for name in sections)  # noqa: E731
    until(fresh, "all sections are fresh")
    until(lambda: board.attribute("[data-roster] button", "data-vin") is not None, "a vehicle is listed")
    board.page.locator("[data-roster] button").first.click()
    until(lambda: board.page.locator("[data-picked] canvas").count() > 0, "its last hour is drawn")
    counted = lambda: int(board.attribute('[data-sounding="fleet"]', "data-total") or 0)  # noqa: E731
    until(lambda: counted() >= 50, "50 vehicles are counted")
    if screenshots := os.environ.get("HEADWATER_SCREENSHOTS"):
        board.page.wait_for_timeout(15_000)
        board.page.screenshot(path=f"{screenshots}/live-board.png")


def test_a_failed_certificate_is_shown_with_the_missing_offsets_until_it_holds(board: Board, database: psycopg.Connection) -> None:
    lane = '[data-certificate="totals-upserter board-test"]'
    state = lambda: board.attribute(lane, "data-state")  # noqa: E731
    database.execute("DELETE FROM certificates WHERE topic = 'board-test'")
    database.execute(
        "INSERT INTO certificates (topic, consumer_group, number, function, topic_id, partitions, starts, ends, opened_at,"
        " state, judged_at, produced, stored, missing, problems) VALUES ('board-test', 'g', 1, 'totals-upserter', 'x', '{0}',"
        " '{0}', '{10}', now(), 'failed', now(), 10, 7, 3, '{neither stored nor parked: 0:4-6}')"
    )
    try:
        until(lambda: state() == "failed", "the failure is shown")
        text = board.page.locator(lane).inner_text()
        assert "does not hold" in text and "3 missing" in text and "0:4-6" in text
        assert board.page.locator('[href="#proof"]').is_visible()
        database.execute("UPDATE certificates SET state = 'holds', missing = 0 WHERE topic = 'board-test'")
        until(lambda: state() == "holds", "the repaired one holds")
    finally:
        database.execute("DELETE FROM certificates WHERE topic = 'board-test'")


def test_an_error_in_one_section_is_shown_and_does_not_stop_the_others(board: Board) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"error": "the lake is frozen"})

    until(lambda: board.attribute("#lake", "data-state") == "fresh", "the lake is fresh")
    board.page.route("**/api/lake", refuse)
    until(lambda: board.attribute("#lake", "data-state") == "failing", "the lake fails")
    assert "the lake is frozen" in board.page.locator("#lake").inner_text()
    until(lambda: board.attribute("#totals", "data-state") == "fresh", "the totals are fresh")
    # Chromium itself reports each 503 as a console error.
    board.faults[:] = [fault for fault in board.faults if "503" not in fault]


def test_ten_thousand_rooms_and_vehicles_do_not_freeze_the_page(board: Board, database: psycopg.Connection) -> None:
    database.execute(
        "INSERT INTO room_n_total_counts (room, total_count) SELECT 'crowd ' || n, 10 ^ 12 + n FROM generate_series(1, 10000) n"
    )
    try:
        until(lambda: total(board, "crowd 10000") is not None, "the largest room is shown")
        for _ in range(3):
            database.execute(
                """INSERT INTO av_telemetry.diag (timestamp, vin, make, model, position_x, position_y, position_z,
                       speed, received_at, _partition, _offset)
                   SELECT clock_timestamp(), 'CROWD' || lpad(n::text, 12, '0'), 'Ford', 'Edge', random() * 1000,
                       random() * 1000, n, n % 40, now(), -1, n FROM generate_series(1, 10000) n"""
            )
            board.page.wait_for_timeout(2_000)
        # Vehicles of another test may still count.
        counted = lambda: int(board.attribute('[data-sounding="fleet"]', "data-total") or 0)  # noqa: E731
        until(lambda: counted() >= 10_000, "all are counted")
        # The page's own work happens in every window of 6 s. Other work on the machine does not, so the best window
        # counts.
        stills: list[float] = []
        while not stills or (min(stills) >= 1_000 and len(stills) < 10):
            stills.append(board.page.evaluate(LONGEST_STILL))
        assert min(stills) < 1_000, f"the page stood still for at least {min(stills):.0f} ms in every 6 s"
    finally:
        database.execute("DELETE FROM av_telemetry.diag WHERE _partition = -1")
        database.execute("DELETE FROM room_n_total_counts WHERE room LIKE 'crowd %'")


@pytest.mark.parametrize(("width", "height", "scheme"), [(390, 844, "light"), (2560, 1440, "dark")])
def test_nothing_is_wider_than_the_screen(browser: Browser, width: int, height: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce")
    page.set_default_timeout(120_000)
    page.goto(os.environ["HEADWATER_BOARD_URL"])
    page.locator(f"{TABLE} [data-room]").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if screenshots := os.environ.get("HEADWATER_SCREENSHOTS"):
        page.wait_for_timeout(5_000)
        page.screenshot(path=f"{screenshots}/live-board-{width}.png")
    page.close()
