"""Fixtures of the page tests: a folder with pictures, and the sample's page."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.audit.page import render_page

from .markup import Element, read
from .sample import draw_pictures, sample_report


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
