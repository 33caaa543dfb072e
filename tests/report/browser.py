"""A real browser for the tests: Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from playwright.sync_api import Browser, Page, sync_playwright

from tests.processes import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HEIGHTS = {390: 844, 320: 700}
Scheme = Literal["light", "dark"]


def find_browser() -> str | None:
    """Give the path of an installed Chromium or Chrome."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox"], timeout=PATIENCE_S * 1000
        )
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open; `problems` and `requests` are what it says and asks for."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def value(self, expression: str) -> Any:
        """Evaluate an expression in the page; the page's own policy does not apply to it."""
        return self.page.evaluate(expression)

    def settle(self) -> None:
        """Wait until what was changed is painted."""
        self.value("new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))")

    @property
    def asked(self) -> list[str]:
        return [url for url in self.requests if not url.startswith("data:")]


@contextmanager
def visiting(
    browser: Browser, path: Path, *, width: int = 1440, scheme: Scheme = "light",
    script: bool = True,
) -> Iterator[Visit]:  # fmt: skip
    """Open a file in a window of its own."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHTS.get(width, 900)},
        color_scheme=scheme,
        java_script_enabled=script,
    )
    context.set_default_timeout(PATIENCE_S * 1000)
    visit = Visit(context.new_page())
    visit.page.on("console", lambda message: visit.problems.append(message.text))
    visit.page.on("pageerror", lambda error: visit.problems.append(str(error)))
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.goto(path.as_uri(), wait_until="load")
    # What a page logs while it is painted comes after its load event.
    visit.page.wait_for_timeout(60)
    try:
        yield visit
    finally:
        context.close()
