"""The forecast on the board in Chromium. The tests supply the answers of `api/forecast` and check the chart."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from conftest import Board
from playwright.sync_api import Browser, Page, Route
from test_board import HOSTILE, until

FIRST = datetime(2026, 11, 26, tzinfo=UTC)
PLOT = "#forecast .plot"


def city(number: int, hours: list[int], state: str | None = "SP") -> dict:
    """A city of the answer. Each hour is a tenth of a degree warmer than the previous one, and every sixth hour has
    rain."""
    points = [
        {
            "at": (FIRST + timedelta(hours=hour)).isoformat().replace("+00:00", "Z"),
            "temperature": -2 + hour / 10,
            "precipitation": 0.5 if hour % 6 == 0 else 0,
        }
        for hour in hours
    ]
    return {"id": number, "state": state, "country": "BR", "extracted_at": "2026-11-25T23:00:05Z", "points": points}


def answer(*cities: dict, table: str | None = "forecast_72") -> dict:
    """An answer of `api/forecast`."""
    return {"table": table, "version": "4", "city_count": len(cities), "cities": list(cities)}


@pytest.fixture
def forecast(board: Board) -> Iterator[dict]:
    """The answer of `api/forecast` (status and JSON), which the test changes."""
    said: dict = {"status": 200, "json": answer()}

    def speak(route: Route) -> None:
        route.fulfill(status=said["status"], json=said["json"])

    board.page.route("**/api/forecast", speak)
    yield said
    # Chromium itself reports each 503 as a console error.
    board.faults[:] = [fault for fault in board.faults if "503" not in fault]


def shown(board: Board, said: dict, *cities: dict, table: str | None = "forecast_72") -> None:
    """Reloads the page with this answer, and waits until the section is fresh."""
    said["json"] = answer(*cities, table=table)
    board.page.reload()
    until(lambda: board.attribute("#forecast", "data-state") == "fresh", "the forecast is answered")


def drawn(page: Page) -> int:
    """How many pixels of the chart are not empty."""
    script = """() => {
        const canvas = document.querySelector("#forecast canvas");
        if (!canvas || canvas.width === 0) return 0;
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, index) => index % 4 === 3 && value > 0).length;
    }"""
    return page.evaluate(script)


def test_the_board_of_the_stack_shows_the_forecast_section(board: Board) -> None:
    until(lambda: board.attribute("#forecast", "data-state") == "fresh", "the forecast is answered")
    assert board.attribute("#forecast", "data-table") == "forecast_72"
    section = board.page.locator("#forecast")
    assert section.is_visible()
    assert "No forecast has been stored yet" in section.inner_text() or drawn(board.page) > 0


def test_a_forecast_is_drawn_and_its_label_has_the_figures(board: Board, forecast: dict) -> None:
    shown(board, forecast, city(3477, list(range(72))))
    until(lambda: drawn(board.page) > 0, "the chart is drawn")
    label = board.attribute(PLOT, "aria-label") or ""
    for part in ["3477 · SP, BR", "Thu 26 Nov, 00:00 to Sat 28 Nov, 23:00 UTC", "−2.0 to 5.1 °C", "6.0 mm in all"]:
        assert part in label, label
    section = board.page.locator("#forecast")
    assert "City 3477 · SP, BR" in section.inner_text()
    assert not section.locator("select").is_visible()


def test_a_selected_city_stays_selected_and_markup_is_text(board: Board, forecast: dict) -> None:
    hours = list(range(72))
    shown(board, forecast, city(1, hours), city(2, hours, HOSTILE), city(3, hours, None))
    select = board.page.locator("#forecast select")
    assert select.locator("option").all_inner_texts() == ["1 · SP, BR", f"2 · {HOSTILE}, BR", "3 · BR"]
    select.select_option("2")
    assert board.attribute("#forecast figure", "data-city") == "2"
    assert HOSTILE in (board.attribute(PLOT, "aria-label") or "")
    assert board.page.locator("img").count() == 0
    forecast["json"] = answer(city(2, hours[:48], "MG"), city(3, hours))
    until(lambda: "2 · MG" in (board.attribute(PLOT, "aria-label") or ""), "the next answer is shown")
    assert select.input_value() == "2"


@pytest.mark.parametrize("hours", [[5], [0, 1, 2, 30, 31], []], ids=["one hour", "a gap", "no hour"])
def test_few_or_missing_hours_cause_no_error(board: Board, forecast: dict, hours: list[int]) -> None:
    given = city(3477, hours)
    for point in given["points"][1:2]:
        point["temperature"] = point["precipitation"] = None
    shown(board, forecast, given)
    until(lambda: board.page.locator(f"{PLOT} canvas").count() > 0, "the chart is drawn")
    assert "NaN" not in board.page.locator("#forecast").inner_text()


def test_without_rows_the_section_says_so_and_without_a_table_it_is_hidden(board: Board, forecast: dict) -> None:
    shown(board, forecast)
    assert "No forecast has been stored yet." in board.page.locator("#forecast").inner_text()
    shown(board, forecast, table=None)
    assert not board.page.locator("#forecast").is_visible()
    assert board.page.locator("#lake").is_visible()


def test_an_error_in_the_first_answer_is_shown(board: Board, forecast: dict) -> None:
    forecast |= {"status": 503, "json": {"error": "the forecast is frozen"}}
    board.page.reload()
    until(lambda: board.attribute("#forecast", "data-state") == "failing", "the forecast fails")
    section = board.page.locator("#forecast")
    assert section.is_visible()
    assert "the forecast is frozen" in section.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_forecast_fits_a_phone_in_a_zone_far_from_utc(browser: Browser, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 800}, color_scheme=scheme, timezone_id="Pacific/Auckland")
    page = context.new_page()
    board = Board(page, "")
    cities = answer(city(3477, list(range(72))), city(9_007_199_254_740_991, [0], "A long name of a state " * 4))
    page.route("**/api/forecast", lambda route: route.fulfill(json=cities))
    page.goto(os.environ["HEADWATER_BOARD_URL"])
    until(lambda: drawn(page) > 0, "the chart is drawn")
    assert "Thu 26 Nov, 00:00 to" in (board.attribute(PLOT, "aria-label") or "")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()
