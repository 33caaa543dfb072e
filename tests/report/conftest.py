"""Fixtures of the page tests: a folder with pictures, and the sample's page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_detgate.report.page.page import render_page

from .markup import Element, read
from .sample import draw_pictures, sample_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    draw_pictures(folder)
    return folder


@pytest.fixture(scope="session")
def html(root: Path) -> str:
    return render_page(sample_report(), root)


@pytest.fixture(scope="session")
def page(html: str) -> Element:
    return read(html)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Here, so that the other tests of the page do without Playwright.
    from .browser import running_browser

    with running_browser() as browser:
        yield browser
