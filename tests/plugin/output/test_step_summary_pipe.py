"""A step summary that is a pipe: nothing may wait for somebody who reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_detgate.plugin.output.github import append_step_summary


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_that_nobody_reads_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "summary")

    text = append_step_summary("text", tmp_path / "summary")

    assert text is not None
    assert text.startswith("$GITHUB_STEP_SUMMARY could not be written: ")


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    (tmp_path / "summary").write_bytes(b"before\n")

    assert append_step_summary("text", tmp_path / "summary") is None

    assert (tmp_path / "summary").read_bytes() == b"before\n\ntext"
