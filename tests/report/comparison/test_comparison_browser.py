"""The page of two runs in a real browser: quiet, readable by all, and as wide as its window."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from msgspec.structs import replace
from playwright.sync_api import Browser

from pytest_detgate.report.comparison.changes import compare
from pytest_detgate.report.comparison.page import write_comparison
from tests.report.browser import Scheme, find_browser, visiting
from tests.report.comparison.test_comparison import NAMES, better_and_worse
from tests.report.sample import hostile_report

GRAVE = ("serious", "critical")
pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="no Chromium or Chrome on this machine"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    hostile = hostile_report()
    last = replace(hostile, score_threshold=0.9, rules=hostile.rules[1:])
    pairs = {"sample": better_and_worse(), "hostile": (hostile, last)}
    made = {name: folder / f"{name}.html" for name in pairs}
    for name, (before, after) in pairs.items():
        write_comparison(compare(before, after), NAMES, made[name])
    return made


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("kind", ["sample", "hostile"])
def test_the_page_is_quiet_and_axe_finds_nothing_serious(
    chromium: Browser, pages: dict[str, Path], kind: str, width: int, scheme: Scheme
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    with visiting(chromium, pages[kind], width=width, scheme=scheme) as visit:
        assert visit.problems == []
        assert visit.asked == [pages[kind].as_uri()]
        assert visit.value("document.documentElement.scrollWidth") == width
        violations = axe.Axe().run(visit.page).response["violations"]
    assert [
        (entry["id"], entry["impact"]) for entry in violations if entry["impact"] in GRAVE
    ] == []
