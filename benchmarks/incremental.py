"""What a second gate costs: 1,000 images and a real model, nothing changed and ten changed.

    python benchmarks/incremental.py [--images 1000] [--changed 10]

Each gate is a pytest run of its own on a tiny RTMDet with random weights: wall seconds and the
images that it inferred. The peer is a bare pytest run with one empty test.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.detector import worksite

CONFIG = """
[dataset.splits.val]
annotations = "site.json"
images = "images"
[model]
checkpoint = "epoch_7.pth"
[rules.mean-ap]
min = 0.0
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--changed", type=int, default=10)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        images = worksite.draw_site(project, chosen.images)
        worksite.write_checkpoint(worksite.write_config(project), project / "epoch_7.pth")
        (project / "detgate.toml").write_text(CONFIG)
        (project / "pytest.ini").write_text("[pytest]\n")
        (project / "test_empty.py").write_text("def test_empty(): pass\n")
        print(f"{'':<28}{'seconds':>9}{'images inferred':>18}")
        print(f"{'bare pytest':<28}{timed(project, 'test_empty.py'):9.2f}")
        report("first gate", project)
        report("second gate, nothing changed", project)
        for number in range(chosen.changed):
            worksite.draw(images[number * len(images) // chosen.changed], seed=10**6 + number)
        report(f"third gate, {chosen.changed} changed", project)
        report("fourth gate, nothing changed", project)


def report(name: str, project: Path) -> None:
    """Run one gate and print its line."""
    seconds = timed(project, "detgate.toml")
    content: Any = json.loads((project / "detgate-report" / "report.json").read_text())
    inferred = content["model"]["images"] - content["model"]["kept"]
    print(f"{name:<28}{seconds:9.2f}{inferred:18}")


def timed(project: Path, argument: str) -> float:
    """Wall seconds of one pytest run, which must pass."""
    command = [sys.executable, "-m", "pytest", "-q", argument]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    run = subprocess.run(
        command, cwd=project, capture_output=True, text=True, check=False, env=environment
    )
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
