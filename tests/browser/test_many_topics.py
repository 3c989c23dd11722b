"""The board of a stack with many topics, in Chromium, from answers of the test's own: what is busy, idle, and stuck."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Board
from playwright.sync_api import Browser, Page
from test_board import HOSTILE, until

START = datetime(2026, 11, 27, tzinfo=UTC)
LANES = ["parquet-writer", "totals-upserter", "table-writer"]


class Lanes:
    """What `api/lanes` answers: each answer is two seconds after the one before."""

    def __init__(self) -> None:
        self.names = [f"topic-{number:02}-v1" for number in range(17)]
        self.growing: set[str] = set(self.names[:3])
        self.lag: dict[tuple[str, str], int] = {}
        self.waits: dict[tuple[str, str], int] = {}
        self.window = 1
        self.asked = 0
        self.ends = dict.fromkeys(self.names, 1000)

    def answer(self) -> dict:
        """The next answer."""
        self.asked += 1
        now = START + timedelta(seconds=2 * self.asked)
        for name in self.growing:
            self.ends[name] = self.ends.get(name, 1000) + 50
        mappings = []
        for topic in self.names:
            for function in LANES:
                lane = (function, topic)
                lag, waits = self.lag.get(lane, 0), self.waits.get(lane)
                since = None if waits is None else (now - timedelta(seconds=waits)).isoformat()
                mappings.append(
                    {
                        "function": function,
                        "group": f"{topic}-{function}",
                        "topic": topic,
                        "lag": str(lag),
                        "stored": str(self.ends[topic] - lag),
                        "open": "0",
                        "lost": "0",
                        "lost_offsets": [],
                        "window_seconds": self.window,
                        "waiting_since": since,
                    }
                )
        topics = [{"topic": topic, "end": str(self.ends[topic])} for topic in self.names]
        return {"at": now.isoformat(), "topics": topics, "mappings": mappings, "queues": []}


def speak(page: Page, lanes: Lanes) -> None:
    """Has the page hear these lanes."""
    page.route("**/api/lanes", lambda route: route.fulfill(json=lanes.answer()))


@pytest.fixture
def lanes(board: Board) -> Iterator[Lanes]:
    """Seventeen topics, three of them busy."""
    lanes = Lanes()
    speak(board.page, lanes)
    board.page.reload()
    yield lanes


def charts(board: Board) -> list[str]:
    """The topics that have a chart."""
    return board.page.locator("[data-charts] h3").all_inner_texts()


def attributes(board: Board, name: str) -> list[str]:
    """Every value of an attribute, in the order of the page."""
    script = "(name) => [...document.querySelectorAll(`[${name}]`)].map((node) => node.getAttribute(name))"
    return board.page.evaluate(script, name)


def test_busy_topics_have_charts_and_idle_ones_a_line_each_in_a_list_that_opens(board: Board, lanes: Lanes) -> None:
    until(lambda: charts(board) == lanes.names[:3], "the busy topics are drawn, and no others")
    assert attributes(board, "data-mapping") == [f"{function} {topic}" for topic in lanes.names[:3] for function in LANES]
    assert attributes(board, "data-idle-topic") == lanes.names[3:]
    summary = board.page.locator("[data-idle] summary")
    assert summary.inner_text().startswith("14 idle topics")
    line = board.page.locator(f'[data-idle-topic="{lanes.names[5]}"]')
    assert not line.is_visible()
    summary.focus()
    board.page.keyboard.press("Enter")
    line.wait_for()
    assert line.bounding_box()["height"] < 40, "one line"
    assert "1,000" in line.inner_text()


def test_a_topic_that_wakes_gets_its_chart_and_one_that_sleeps_loses_it_after_five_minutes(board: Board, lanes: Lanes) -> None:
    until(lambda: charts(board) == lanes.names[:3], "three are busy")
    lanes.growing = {lanes.names[9]}
    until(lambda: charts(board) == [*lanes.names[:3], lanes.names[9]], "the fourth is drawn")
    lanes.asked += 155
    until(lambda: charts(board) == [lanes.names[9]], "the others are idle")
    assert lanes.names[0] in attributes(board, "data-idle-topic")


def test_a_stuck_lane_stands_above_everything_with_its_lag_age_last_error_and_what_to_do(board: Board, lanes: Lanes) -> None:
    board.page.route("**/api/errors", lambda route: route.fulfill(json=errors(HOSTILE)))
    board.page.reload()
    stuck = board.page.locator("#stuck")
    until(lambda: charts(board) != [], "the lanes are answered")
    assert not stuck.is_visible()
    lane = (LANES[1], lanes.names[12])
    lanes.lag[lane], lanes.waits[lane] = 1234, 420
    stuck.wait_for()
    line = board.page.locator(f'[data-stuck="{lane[0]} {lane[1]}"]')
    until(lambda: HOSTILE in line.inner_text(), "its last error is told")
    text = line.inner_text()
    for part in ["totals-upserter", lanes.names[12], "1,234 records wait", "at least 7 min", "last error of totals-upserter"]:
        assert part in text, text
    advice = stuck.inner_text()
    assert "headwater status" in advice
    assert "A mapping is behind" in advice
    assert board.page.locator("img").count() == 0
    top = {name: board.page.locator(f"#{name}").bounding_box()["y"] for name in ["stuck", "totals", "fleet", "lanes"]}
    assert min(top, key=top.get) == "stuck", top
    assert lanes.names[12] in charts(board), "it is not idle"
    until(lambda: "is stuck on" in board.page.locator("[data-announcements]").inner_text(), "it is read out")
    assert board.page.title().startswith("(1 stuck)")
    del lanes.lag[lane], lanes.waits[lane]
    stuck.wait_for(state="hidden")
    assert board.page.title() == "Headwater: live board"


def errors(message: str) -> dict:
    """An answer of `api/errors`."""
    return {"errors": [{"at": START.isoformat(), "function": "totals-upserter", "message": message}]}


def test_a_lane_whose_batch_still_fills_is_not_stuck(board: Board, lanes: Lanes) -> None:
    lane = (LANES[0], lanes.names[4])
    lanes.lag[lane], lanes.waits[lane], lanes.window = 10, 200, 300
    until(lambda: lanes.names[4] in charts(board), "its records wait")
    assert not board.page.locator("#stuck").is_visible()
    lanes.window = 120
    board.page.locator("#stuck").wait_for()


def test_a_process_that_started_later_does_not_hide_that_a_lane_is_stuck(board: Board, lanes: Lanes) -> None:
    lane = (LANES[1], lanes.names[6])
    lanes.lag[lane], lanes.waits[lane] = 10, 300
    line = board.page.locator(f'[data-stuck="{lane[0]} {lane[1]}"]')
    line.wait_for()
    lanes.waits[lane] = 1
    asked = lanes.asked
    # Asking the page lets Playwright answer its requests.
    until(lambda: board.page.title() != "" and lanes.asked > asked + 2, "another process answered")
    assert "at least 5 min" in line.inner_text()
    board.page.reload()
    line.wait_for()
    assert "at least 5 min" in line.inner_text()
    lanes.growing.add(lanes.names[6])
    line.wait_for(state="detached")


def test_the_longest_stuck_lane_comes_first_and_a_hostile_topic_is_text(board: Board, lanes: Lanes) -> None:
    lanes.names.append(HOSTILE)
    lanes.ends[HOSTILE] = 50
    for waits, lane in [(100, (LANES[0], lanes.names[1])), (900, (LANES[2], HOSTILE))]:
        lanes.lag[lane], lanes.waits[lane] = 5, waits
    until(lambda: len(attributes(board, "data-stuck")) == 2, "both are told")
    assert attributes(board, "data-stuck")[0] == f"{LANES[2]} {HOSTILE}"
    assert board.page.locator("img").count() == 0


def test_totals_stand_under_the_name_of_their_table_and_tables_without_rows_are_one_line(board: Board) -> None:
    def table(name: str, rows: int) -> dict:
        given = [{"key": [f"k{row}"], "total": "5", "updated_at": None} for row in range(rows)]
        facts = {"topic": f"{name}-v1", "table": f"shop.{name}", "column": "total", "keys": ["who"], "updated_at": None}
        return {**facts, "rows": given, "row_count": rows, "sum": str(5 * rows)}

    tables = [*(table(f"full{number}", 3) for number in range(8)), *(table(f"empty{number}", 0) for number in range(9))]
    board.page.route("**/api/totals", lambda route: route.fulfill(json={"tables": tables}))
    board.page.reload()
    until(lambda: len(attributes(board, "data-table")) >= 8, "the tables are shown")
    section = board.page.locator("#totals")
    assert section.locator("h2").inner_text() == "Totals"
    assert section.locator("h3").all_inner_texts() == [f"shop.full{number}" for number in range(8)]
    assert section.locator('[data-table="shop.full0"] [data-key]').first.is_visible()
    assert not section.locator('[data-table="shop.full1"] [data-key]').first.is_visible()
    section.locator('[data-table="shop.full1"] summary').click()
    section.locator('[data-table="shop.full1"] [data-key]').first.wait_for()
    assert "9 tables have no row yet" in section.inner_text()


def test_many_lanes_that_hold_are_one_line_and_one_that_fails_is_not(board: Board) -> None:
    def lane(number: int, failing: int) -> dict:
        facts = {"topic": f"t{number}", "group": "g", "function": "table-writer", "number": "1", "certified_until": None}
        counts = dict.fromkeys(["parked", "doubled", "lost"], "0") | {"produced": "10", "stored": "10", "missing": str(failing)}
        return {**facts, **counts, "state": "failed" if failing else "holds", "failing": failing, "problems": [], "notes": []}

    answer = {"at": START.isoformat(), "lanes": [lane(number, int(number == 30)) for number in range(51)]}
    board.page.route("**/api/proof", lambda route: route.fulfill(json=answer))
    board.page.reload()
    until(lambda: len(attributes(board, "data-certificate")) == 51, "the certificates are shown")
    visible = [one for one in board.page.locator("[data-certificate]").all() if one.is_visible()]
    assert [one.get_attribute("data-certificate") for one in visible] == ["table-writer t30"]
    assert "50 lanes hold: all of 500 records" in board.page.locator("#proof").inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (320, "dark"), (1440, "light")])
def test_many_topics_and_stuck_lanes_fit_the_screen(browser: Browser, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    lanes = Lanes()
    lanes.names.append("a-" + "very-long-name-of-a-topic-" * 8)
    lanes.ends[lanes.names[-1]] = 10**15
    for topic in lanes.names[8:]:
        for function in LANES:
            lanes.lag[function, topic], lanes.waits[function, topic] = 10**9, 600
    speak(page, lanes)
    page.goto(os.environ["HEADWATER_BOARD_URL"])
    page.locator("#stuck").wait_for()
    until(lambda: page.locator("[data-charts] canvas").count() > 0, "the charts are drawn")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    totals = page.locator("#totals").bounding_box()
    assert totals["y"] < 900, f"{json.dumps(totals)}: thirty stuck lanes do not push everything away"
    page.close()
