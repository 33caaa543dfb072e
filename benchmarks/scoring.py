"""Every figure of a split, beside what pycocotools alone needs for its twelve numbers.

Run with no arguments, it draws the two sets of `detection_sets`, and times, each in a process of
its own and in turn, from the two files on disk:

- `ours`: the twelve numbers, AP, AP50 and AP75 of every class, matches at ten IoU thresholds in
  four area ranges, TIDE's error kinds by class and the confusion matrix;
- `hotcoco` and `pycocotools`: the twelve numbers.

It also says whether precision and recall are equal bit by bit.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
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
CONTENDERS = ("ours", "hotcoco", "pycocotools")
SCORE_THRESHOLD = 0.3


def contend(contender: str, files: Files) -> dict[str, Any]:
    """The seconds that one contender takes in this process, and its peak memory."""
    started = time.perf_counter()
    parts: dict[str, float] = {}
    if contender == "ours":
        precision, recall = _ours(files, parts)
    else:
        if contender == "hotcoco":
            from hotcoco import COCO, COCOeval
        else:
            from pycocotools.coco import COCO
            from pycocotools.cocoeval import COCOeval
        with contextlib.redirect_stdout(io.StringIO()):
            truth = COCO(str(files.annotations))
            evaluation = COCOeval(truth, truth.loadRes(str(files.results)), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]
    return {
        "seconds": time.perf_counter() - started,
        "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "digest": hashlib.sha256(precision.tobytes() + recall.tobytes()).hexdigest(),
        "parts": parts,
    }


def _ours(files: Files, parts: dict[str, float]) -> tuple[Any, Any]:
    from pytest_detgate.dataset.coco.reader import read_coco
    from pytest_detgate.dataset.coco.results import read_results
    from pytest_detgate.scoring.columns import columns_of
    from pytest_detgate.scoring.matching import AREAS, candidates_of, match
    from pytest_detgate.scoring.metrics.coco_evaluation import evaluate
    from pytest_detgate.scoring.metrics.confusion import confusion
    from pytest_detgate.scoring.metrics.error_kinds import KINDS, errors_of

    clock = time.perf_counter()

    def done(part: str) -> None:
        nonlocal clock
        parts[part] = time.perf_counter() - clock
        clock = time.perf_counter()

    dataset = read_coco(files.annotations, files.annotations.parent, "val")
    detections = read_results(files.results, dataset)
    done("reading")
    card = evaluate(dataset, detections)
    done("AP and AR")
    candidates = candidates_of(columns_of(dataset, detections))
    matches = {area: match(candidates, area) for area in AREAS}
    done("matches")
    errors = errors_of(matches["all"])
    for kind in KINDS:
        errors.dap(kind)
        errors.class_dap(kind)
    done("error kinds")
    confusion(dataset, detections, SCORE_THRESHOLD)
    done("confusion")
    return card.precision, card.recall


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
    parser.add_argument("--rounds", type=int, default=3)
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
            SETS[name](folder)
            _compare(name, folder, options.rounds)


def _compare(name: str, folder: Path, rounds: int) -> None:
    runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender in CONTENDERS:
            runs[contender].append(_run(contender, name, folder))
    seconds = {
        contender: statistics.median(run["seconds"] for run in found)
        for contender, found in runs.items()
    }
    digests = {run["digest"] for found in runs.values() for run in found}
    print(f"{name}: precision and recall {'equal' if len(digests) == 1 else 'DIFFER'}")
    for contender, found in runs.items():
        more = statistics.median(run["MB"] for run in found)
        times = seconds[contender] / seconds["ours"]
        print(f"  {contender:12} {seconds[contender]:6.2f} s  {times:6.2f} ×  {more:5.0f} MB")
    for part in runs["ours"][0]["parts"]:
        median = statistics.median(run["parts"][part] for run in runs["ours"])
        print(f"    {part:12} {median:6.2f} s")


if __name__ == "__main__":
    main()
