"""Fixtures of the tests of `init`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.first_config.projects import Init


@pytest.fixture
def init(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Init:
    """Runs `init` in an empty folder."""
    return Init(tmp_path, capsys, monkeypatch)
