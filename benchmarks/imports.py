"""What a run of one data rule imports, and how long a bare pytest and that run take.

    python benchmarks/imports.py [--python INTERPRETER] [--rounds 5]

`--python` names an interpreter with another version of the package, to compare with. Each run is
a process of its own; wall seconds are medians, taken in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

CONFIG = """
[dataset.splits.val]
annotations = "val.json"
images = "."
[rules.box-bounds]
"""
CONTENT = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
    ],
    "categories": [{"id": 1, "name": "person"}],
}
WRITES_MODULES = """
import json, sys
def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, default=Path(sys.executable))
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    # Not resolved: the link of an environment is what makes it one.
    python = str(chosen.python.absolute())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "detgate.toml").write_text(CONFIG, encoding="utf-8")
        (folder / "val.json").write_text(json.dumps(CONTENT), encoding="utf-8")
        (folder / "writes_modules.py").write_text(WRITES_MODULES, encoding="utf-8")
        (folder / "test_nothing.py").write_text("def test_nothing(): pass\n", encoding="utf-8")
        run(python, folder, "-p", "writes_modules", "detgate.toml")
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        times: dict[str, list[float]] = {"test_nothing.py": [], "detgate.toml": []}
        for _ in range(chosen.rounds):
            for argument, seconds in times.items():
                seconds.append(run(python, folder, argument))
    print(f"modules imported: {len(modules):,}")
    for package, count in Counter(map(group, modules)).most_common(25):
        print(f"  {package:<40} {count:>5,}")
    for argument, seconds in times.items():
        print(f"pytest {argument:<20} {statistics.median(seconds):.2f} s")


def run(python: str, folder: Path, *arguments: str) -> float:
    """The wall seconds of a pytest run in a folder."""
    started = time.perf_counter()
    subprocess.run(
        [python, "-m", "pytest", "-q", *arguments],
        cwd=folder,
        env=environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def environment() -> dict[str, str]:
    """The environment without plugins of the machine's own, which import packages, too."""
    return {**os.environ, "PYTEST_ADDOPTS": "-p no:xdist -p no:cov -p no:hypothesispytest"}


def group(module: str) -> str:
    """What a module counts for: a layer of ours, or a package."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "pytest_detgate" else parts[0]


if __name__ == "__main__":
    main()
