"""Opens the live board of a local stack in a real browser. The environment names the stack, as `headwater env` prints
it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium: the program in CHROMIUM, or the first of the usual names in PATH."""
    names = ["chromium", "chromium-browser", "google-chrome"]
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    assert path, "Chromium is missing: apt-get install chromium, or name it in CHROMIUM"
    # Chromium's sandbox does not work as root. The only page is our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def database() -> Iterator[psycopg.Connection]:
    """A connection to the stack's Postgres, in autocommit mode."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@dataclass
class Board:
    """The page, and the faults that it caused: console messages, uncaught errors, dialogs, requests to other
    origins."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def note_message(self, message: ConsoleMessage) -> None:
        """Records errors and warnings of the console as faults."""
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text}")

    def note_request(self, request: Request) -> None:
        """Records requests to other origins as faults."""
        if not request.url.startswith((self.url, "data:")):
            self.faults.append(f"a request to {request.url}")

    def attribute(self, selector: str, name: str) -> str | None:
        """An attribute of the first element that matches. None if no element matches now."""
        script = "([selector, name]) => document.querySelector(selector)?.getAttribute(name) ?? null"
        return self.page.evaluate(script, [selector, name])


@pytest.fixture
def board(browser: Browser) -> Iterator[Board]:
    """The board in a window of desktop size. After the test, it fails if there are faults that the test did not
    remove."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000}, color_scheme="dark")
    page.set_default_timeout(120_000)
    board = Board(page, os.environ["HEADWATER_BOARD_URL"])
    page.on("console", board.note_message)
    page.on("pageerror", lambda error: board.faults.append(f"uncaught: {error}"))
    page.on("dialog", lambda dialog: (board.faults.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", board.note_request)
    page.goto(board.url)
    yield board
    page.close()
    assert board.faults == []
