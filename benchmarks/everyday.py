"""What a team waits for every day, beside an earlier version of the package.

    python benchmarks/everyday.py [--old INTERPRETER] [--rounds 3] [--images N] [--site FOLDER]

- an unrelated pytest run, with the plugin installed and without it;
- `examples/site` gated again with nothing changed, its data rules alone, and its page alone;
- data rules on a large COCO file from cached tables, and from JSON beside msgspec that fills the
  same columns and does nothing else.

Each run is a process of its own, in turn; seconds of processors and wall seconds are medians. On a
machine with other work only the former say something. Python keeps its compiled modules, as it
does for users, also where this environment forbids it.

`--old` names an interpreter with an earlier version, installed from a clone, which runs the same
with the clone's `data_rules.py`; its page is left out if it has no `report.page`. `--site` is a
copy of `examples/site` with `data` and `work_dirs`, as `make demo-mmdet` leaves it; without one the
runs with a model are left out.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from data_rules import draw

QUIET = ("-q", "--tb=no", "-p", "no:xdist", "-p", "no:cov", "-p", "no:hypothesispytest")
PAGE = """
import sys, time
from pathlib import Path
from pytest_detgate.record.report_file import read_report
started = time.perf_counter()
from pytest_detgate.report.page.page import render_page
render_page(read_report(Path(sys.argv[1])), Path.cwd())
print(time.perf_counter() - started)
"""
HAS_PAGE = """
from importlib.util import find_spec
print(int(find_spec("pytest_detgate.report") is not None and
          find_spec("pytest_detgate.report.page") is not None))
"""
CLONE = "import pytest_detgate, pathlib; print(pathlib.Path(pytest_detgate.__file__).parents[1])"
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass
class Times:
    """Seconds of some runs."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{statistics.median(self.cpu):8.2f}{statistics.median(self.wall):8.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--old", type=Path, help="an interpreter with an earlier version")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--site", type=Path)
    chosen = parser.parse_args()
    # Not resolved: the link of an environment is what makes it one.
    pythons = {"new": sys.executable}
    if chosen.old is not None:
        pythons["old"] = str(chosen.old.absolute())
    print(f"{'':<44}{'CPU':>8}{'wall':>8}")
    with tempfile.TemporaryDirectory(prefix="detgate-bench-") as folder:
        unrelated(Path(folder), pythons, chosen.rounds)
        if chosen.site is not None:
            site(chosen.site, Path(folder), pythons, chosen.rounds)
        large(Path(folder), pythons, chosen.rounds, chosen.images)


def unrelated(folder: Path, pythons: dict[str, str], rounds: int) -> None:
    """A run of one empty test."""
    (folder / "test_empty.py").write_text("def test_empty(): pass\n")
    runs = {}
    for name, python in pythons.items():
        command = [python, "-m", "pytest", *QUIET, "test_empty.py"]
        runs[f"unrelated run, {name}"] = started(command, folder)
        without = [*command, "-p", "no:detgate"]
        runs[f"unrelated run, {name}, without the plugin"] = started(without, folder)
    show(runs, 3 * rounds)


def site(source: Path, folder: Path, pythons: dict[str, str], rounds: int) -> None:
    """The gate of `examples/site`, again."""
    runs: dict[str, Callable[[], float | None]] = {}
    for name, python in pythons.items():
        copy = folder / name
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("detgate-report", ".pytest*"))
        gate = [python, "-m", "pytest", *QUIET, "--detgate-config", "detgate.toml"]
        started(gate, copy, codes=(1,))()  # fills the cache
        runs[f"site again, {name}"] = started(gate, copy, codes=(1,))
        runs[f"its data rules, {name}"] = started([*gate, "-m", "detgate_data"], copy, codes=(1,))
        if answer([python, "-c", HAS_PAGE], folder) == "1":
            page = [python, "-c", PAGE, "detgate-report/report.json"]
            runs[f"its page in a fresh process, {name}"] = told(page, copy)
    show(runs, rounds)


def large(folder: Path, pythons: dict[str, str], rounds: int, images: int) -> None:
    """Data rules on a large file, beside a reader that does nothing else."""
    project = folder / "large"
    draw(project, images)
    runs: dict[str, Callable[[], float | None]] = {}
    for name, python in pythons.items():
        # Each version's own, which knows its modules.
        script = str(Path(answer([python, "-c", CLONE], folder), "benchmarks", "data_rules.py"))
        store = project / f"store-{name}"
        for contender in ("kept", "rules"):
            command = [python, script, "--contender", contender]
            options = ["--folder", str(project), "--store", str(store)]
            if contender == "kept":
                started([*command, *options], folder)()  # fills the cache
            label = {"kept": "from cached tables", "rules": "from JSON"}[contender]
            runs[f"{images:,} images {label}, {name}"] = started([*command, *options], folder)
    script = str(Path(__file__).with_name("data_rules.py"))
    command = [sys.executable, script, "--contender", "msgspec", "--folder", str(project)]
    runs["msgspec filling columns"] = started([*command, "--store", str(project)], folder)
    times = show(runs, rounds)
    peer = statistics.median(times["msgspec filling columns"].cpu)
    ours = statistics.median(times[f"{images:,} images from JSON, new"].cpu)
    print(f"from JSON / msgspec, CPU: {ours / peer:.2f}")


def show(runs: dict[str, Callable[[], float | None]], rounds: int) -> dict[str, Times]:
    """Do the runs in turn and print a line for each."""
    times = {name: Times() for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            before, cpu = time.perf_counter(), _cpu()
            seconds = run()
            times[name].wall.append(time.perf_counter() - before if seconds is None else seconds)
            times[name].cpu.append(_cpu() - cpu)
    for name, one in times.items():
        print(f"{name:<44}{one}", flush=True)
    return times


def started(
    command: list[str], folder: Path, codes: tuple[int, ...] = (0,)
) -> Callable[[], float | None]:
    """A function that runs a command, which must end with one of these exit codes."""

    def run() -> None:
        done = completed(command, folder)
        if done.returncode not in codes:
            sys.exit(f"{command} in {folder}: {done.returncode}\n{done.stdout}{done.stderr}")

    return run


def told(command: list[str], folder: Path) -> Callable[[], float | None]:
    """A function that runs a command and returns the seconds that it prints."""

    def run() -> float:
        return float(answer(command, folder))

    return run


def answer(command: list[str], folder: Path) -> str:
    """What a command prints, which must succeed."""
    done = completed(command, folder)
    if done.returncode:
        sys.exit(f"{command} in {folder}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def completed(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that has ended."""
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )


def _cpu() -> float:
    """Seconds of processors of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
