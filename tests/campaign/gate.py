"""Running the gate on a case, in a child of the fork server or in a fresh process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tests.campaign.fork_server import OUTPUT
from tests.campaign.project import Case

REPOSITORY = Path(__file__).resolve().parents[2]
REPORT = "detgate-report"
SECONDS, PATIENCE = 10.0, 90.0
"""A case takes a tenth of a second, and a few at the worst. What takes longer is given more time,
as the machine may be busy, and then hangs."""
APPROVE = ["-m", "pytest_detgate", "approve", "--failed"]
STALE = {
    "report.json": '{"format": 1, "verdict": "passed", "rules": [], "started": "1999"}',
    "index.html": "<html>passed 1999</html>",
    "summary.md": "passed 1999",
    "badge.svg": "<svg>passed 1999</svg>",
}
"""What an earlier run left in the report folder."""


@dataclass(frozen=True)
class Ran:
    """How a run ended. `report` is the text of the record, None where there is none; `stale` are
    the files of the earlier run that are still there."""

    code: int | None
    hung: bool
    seconds: float
    processor: float
    output: str
    report: str | None
    page: str | None
    stale: tuple[str, ...]


class Gate:
    """Runs cases, each in an empty folder; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the fork server."""
        if self._server is not None:
            # Which closes its pipes and waits for it; without input it ends.
            with self._server:
                _pipe(self._server.stdin).close()
            self._server = None

    def run(
        self, case: Case, *, page: bool = False, fresh: bool = False, seconds: float = SECONDS
    ) -> Ran:
        """Write a case and gate it; `fresh` in a process of its own, as a user does. It is killed
        after so many seconds."""
        folder = self._folder / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        report = folder / REPORT
        earlier = approved = b""
        if case.first is not None:
            case.first.write(folder)
            self._pytest(folder, case.first.arguments, seconds)
            if (report / "report.json").exists():
                earlier = (report / "report.json").read_bytes()
            if any("approved" in entry for entry in case.project.files.values()):
                approved = self._approve(folder, seconds)
            for name in case.first.files.keys() - case.project.files.keys():
                (folder / name).unlink(missing_ok=True)
        case.project.write(folder, earlier, approved)
        shutil.rmtree(report, ignore_errors=True)
        report.mkdir()
        for name, text in STALE.items():
            (report / name).write_text(text)
        answer = self._pytest(folder, case.project.arguments, seconds, page=page, fresh=fresh)
        return Ran(
            code=answer["code"],
            hung=answer["hung"],
            seconds=answer["seconds"],
            processor=answer.get("processor", 0.0),
            output=(folder / OUTPUT).read_text("utf-8", "backslashreplace"),
            report=_text(report / "report.json"),
            page=_text(report / "index.html"),
            stale=tuple(name for name, text in STALE.items() if _text(report / name) == text),
        )

    def _approve(self, folder: Path, seconds: float) -> bytes:
        """The baseline that the run before becomes."""
        self._pytest(folder, APPROVE, seconds, is_command=True)
        path = folder / "detgate-baseline.json"
        if not path.exists():
            return b""
        content = path.read_bytes()
        path.unlink()
        return content

    def _pytest(
        self,
        folder: Path,
        arguments: list[str],
        seconds: float,
        *,
        page: bool = False,
        fresh: bool = False,
        is_command: bool = False,
    ) -> dict[str, Any]:
        if fresh:
            return _in_fresh_process(folder, arguments)
        if self._server is None or self._server.poll() is not None:
            self._server = _start_server()
        wanted = {
            "folder": str(folder),
            "arguments": arguments,
            "seconds": seconds,
            "page": page,
            "is_command": is_command,
        }
        _pipe(self._server.stdin).write(json.dumps(wanted) + "\n")
        _pipe(self._server.stdin).flush()
        answer: dict[str, Any] = json.loads(_pipe(self._server.stdout).readline())
        return answer


def _start_server() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.campaign.fork_server"],
        cwd=REPOSITORY,
        env=_environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _in_fresh_process(folder: Path, arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *arguments]
    started = time.perf_counter()
    with (folder / OUTPUT).open("wb") as output:
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"code": None, "hung": True, "seconds": PATIENCE}
    code = None if done.returncode < 0 else done.returncode
    return {"code": code, "hung": False, "seconds": time.perf_counter() - started}


def _environment() -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "GITHUB_", "COV_"))
    }
    return inherited | {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "NO_COLOR": "1"}


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        return f"not UTF-8: {error}"
