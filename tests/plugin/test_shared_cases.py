"""Inputs as people have them, each with the exit code that a right gate gives.

A README says how each is run. Those of later work are not listed here.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.forked import run_forked

CASES = (
    "bom",
    "exif-yolo",
    "float-ids",
    "linked-images",
    "list-samename",
    "odd-names",
    "same-stem",
    "suffixes",
    "yolo-nolabels",
)
_RUN = re.compile(r"run: python -m pytest (.*)\n\s+a right gate exits with (\d)")


def runs() -> list[tuple[str, str, int]]:
    """Case, arguments and exit code of every run of these cases."""
    found = []
    for case in CASES:
        readme = SHARED / "cases" / case / "README"
        if readme.is_file():
            text = readme.read_text(encoding="utf-8")
            found += [(case, line, int(code)) for line, code in _RUN.findall(text)]
    return found


@pytest.mark.shared
@pytest.mark.parametrize(("case", "arguments", "code"), runs())
def test_case(
    pytester: pytest.Pytester, shared_data: Path, case: str, arguments: str, code: int
) -> None:
    source = shared_data / "cases" / case
    shutil.copytree(source, pytester.path, symlinks=True, dirs_exist_ok=True)
    for path in pytester.path.glob("images/*"):
        text = path.read_bytes() if path.is_file() else b""
        if text.startswith(b"../store/"):
            # Where it was copied without links, a link has become the text of its target.
            path.unlink()
            path.symlink_to(text.decode())
    pytester.makeini("[pytest]\n")

    result = run_forked(pytester, *shlex.split(arguments))

    assert result.ret == code, result.stdout.str()
    assert "Traceback" not in result.stdout.str()
