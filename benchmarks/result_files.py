"""From a COCO result file to detections, beside what else reads such files.

Run with no arguments, it draws the two sets of `detection_sets`, and times, each in a process of
its own and in turn:

- `ours`: the gate's reader, which checks every value and matches images and classes, and gives
  the file's digest;
- `json`: `json.load`, and NumPy columns of what it gives, with nothing checked;
- `pycocotools`: `COCO.loadRes(file)`, which fills no columns.

The annotation file is read before the clock starts.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from detection_sets import Files, safety, val2017_like

SETS = {"safety": safety, "val2017-like": val2017_like}
CONTENDERS = ("ours", "json", "pycocotools")


def contend(contender: str, files: Files) -> dict[str, Any]:
    """The seconds that one contender takes in this process, and the memory that it adds."""
    import numpy as np

    if contender == "ours":
        from pytest_detgate.dataset.coco.reader import read_coco
        from pytest_detgate.dataset.coco.results import read_results

        dataset = read_coco(files.annotations, files.annotations.parent, "val")
    elif contender == "pycocotools":
        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(str(files.annotations))
    before = _peak()
    started = time.perf_counter()
    if contender == "ours":
        answer = len(read_results(files.results, dataset))
    elif contender == "json":
        with files.results.open(encoding="utf-8") as file:
            rows = json.load(file)
        fields = ("image_id", "category_id", "bbox", "score")
        columns = [np.array([row[field] for row in rows]) for field in fields]
        answer = len(columns[0])
    else:
        with contextlib.redirect_stdout(io.StringIO()):
            answer = len(truth.loadRes(str(files.results)).anns)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "MB": (_peak() - before) / 1e6, "answer": answer}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _run(contender: str, name: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--contender", contender, "--sets", name]
    done = subprocess.run(
        [*command, "--folder", str(folder)], check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keeps the drawn files for another run")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        files = SETS[options.sets[0]](options.folder)
        print(json.dumps(contend(options.contender, files)))
        return
    with tempfile.TemporaryDirectory(prefix="detgate-bench-") as temporary:
        folder = options.folder or Path(temporary)
        for name in options.sets:
            size = SETS[name](folder).results.stat().st_size
            runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in CONTENDERS}
            for _ in range(options.rounds):
                for contender in CONTENDERS:
                    runs[contender].append(_run(contender, name, folder))
            print(f"{name}: {runs['ours'][0]['answer']:,} detections, {size / 1e6:.0f} MB")
            for contender, found in runs.items():
                seconds = statistics.median(run["seconds"] for run in found)
                more = statistics.median(run["MB"] for run in found)
                print(f"  {contender:12} {seconds:6.2f} s  {more:+5.0f} MB")


if __name__ == "__main__":
    main()
