"""What a gate costs besides the model: 40 images, first run and run with everything kept.

    python benchmarks/gate_overhead.py [CHECKPOINT] [IMAGES] [--rounds 3]

IMAGES is a folder with at least 40 pictures. Both default to what `make demo` leaves. The peer
is a bare pytest run with one empty test, in the same rounds. Wall seconds of whole processes,
medians.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SITE = Path(__file__).resolve().parents[1] / "examples" / "site"
IMAGES = 40
CONFIG = """
[probes.frames]
images = "frames"
[rules.probe-fp]
max-boxes = 100000
"""
# Adds up the time inside the model, as the whole process sees it.
TIME_FORWARD = """
import json, time
spent = [0.0]
def pytest_configure(config):
    if not config.getoption("detgate_ckpt") or config.getoption("detgate_trust_checkpoint"):
        return
    from mmdet.models.detectors.base import BaseDetector
    forward = BaseDetector.forward
    def timed(self, *args, **kwargs):
        started = time.perf_counter()
        try:
            return forward(self, *args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - started
    BaseDetector.forward = timed
def pytest_sessionfinish():
    with open("forward.json", "w") as file:
        json.dump(spent[0], file)
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    checkpoint = SITE / "work_dirs" / "with_compliant" / "epoch_14.pth"
    parser.add_argument("checkpoint", type=Path, nargs="?", default=checkpoint)
    parser.add_argument("images", type=Path, nargs="?", default=SITE / "data" / "images")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    for path in (chosen.checkpoint, chosen.images):
        if not path.exists():
            parser.error(f"{path} does not exist; `make demo-mmdet` makes the default")
    times: dict[str, list[float]] = {"bare pytest": [], "first run": [], "forward": [], "kept": []}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        prepare(project, chosen.images)
        gate = [f"--detgate-ckpt={chosen.checkpoint.resolve()}", "detgate.toml"]
        for _ in range(chosen.rounds):
            times["bare pytest"].append(timed(project, ["test_empty.py"]))
            shutil.rmtree(project / ".pytest_cache", ignore_errors=True)
            (project / "conftest.py").write_text(TIME_FORWARD)
            times["first run"].append(timed(project, gate))
            times["forward"].append(json.loads((project / "forward.json").read_text()))
            (project / "conftest.py").unlink()
            times["kept"].append(timed(project, gate))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        print(f"{name:<14}{seconds:8.2f} s")
    overhead = medians["first run"] - medians["forward"]
    print(f"{'overhead':<14}{overhead:8.2f} s on {IMAGES} images, importing MMDetection included")


def prepare(project: Path, images: Path) -> None:
    """Write a project with one probe of 40 frames."""
    pictures = sorted(path for path in images.rglob("*.jpg"))[:IMAGES]
    (project / "frames").mkdir()
    for number, path in enumerate(pictures):
        shutil.copy(path, project / "frames" / f"{number:04d}.jpg")
    (project / "detgate.toml").write_text(CONFIG)
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "test_empty.py").write_text("def test_empty(): pass\n")


def timed(project: Path, arguments: list[str]) -> float:
    """Wall seconds of one pytest run, which must pass."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    run = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
