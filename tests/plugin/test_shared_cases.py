"""Inputs as people have them, each with the exit code that a right gate gives.

A README says how each is run.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.conftest import SHARED
from tests.forked import run_forked

OTHER_CODES = {
    # Its README allows two ways, that the class list is found or that the message says how to name
    # it, and gives the exit code of the second.
    "ultra-layout": 0,
}
_RUN = re.compile(r"run: python -m pytest (.*)\n\s+a right gate exits with (\d)")


def runs() -> list[tuple[str, str, int]]:
    """Case, arguments and exit code of every run of these cases."""
    collected = []
    for readme in sorted((SHARED / "cases").glob("*/README")):
        case, text = readme.parent.name, readme.read_text(encoding="utf-8")
        for line, code in _RUN.findall(text):
            collected.append((case, line, OTHER_CODES.get(case, int(code))))
    return collected


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
    for path in pytester.path.glob("*.json"):
        text = path.read_bytes()
        if b"@HERE@" in text:
            path.chmod(0o644)
            path.write_bytes(text.replace(b"@HERE@", bytes(pytester.path)))
    pytester.makeini("[pytest]\n")

    result = run_forked(pytester, *shlex.split(arguments))

    assert result.ret == code, result.stdout.str()
    assert "Traceback" not in result.stdout.str()
