"""AP of every class in the draws of a bootstrap by clip, beside what else bootstraps AP.

Run with no arguments, it draws the two sets of `detection_sets`, and times, each in a process of
its own and in turn, 1,000 draws or, for the slow ones, as many as take about ten seconds, from
which it gives the time of 1,000:

- `ours`: the gate's bootstrap: matches once, then reweights; AP of every class at ten IoU
  thresholds, and AR;
- `compare`: `hotcoco.compare`, which draws images, not clips, and gives the means over classes of
  two detectors; half of its time is counted;
- `loop`: a file with the drawn images repeated, evaluated anew for each draw by hotcoco, from
  arrays.

Reading the files is not counted. Then it says how our time grows with the draws and with the
detections.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from detection_sets import safety, val2017_like

SETS = {"safety": safety, "val2017-like": val2017_like}
DRAWS = {"ours": 1000, "compare": 80, "loop": 20}
FRAMES_OF_A_CLIP = 40


def contend(contender: str, name: str, folder: Path, draws: int, share: float) -> dict[str, Any]:
    """The seconds of one contender in this process, and the memory that it adds."""
    import numpy as np

    from pytest_detgate.dataset.coco.reader import read_coco
    from pytest_detgate.dataset.coco.results import read_results
    from pytest_detgate.scoring.bounds.bootstrap import bootstrap
    from pytest_detgate.scoring.bounds.resampling import Resampling, clip_units
    from pytest_detgate.scoring.columns import columns_of
    from pytest_detgate.scoring.matching import candidates_of, match

    files = SETS[name](folder)
    dataset = read_coco(files.annotations, files.annotations.parent, "val")
    detections = read_results(files.results, dataset)
    if share < 1:
        kept = np.random.default_rng(0).random(len(detections)) < share
        detections = type(detections)(
            classes=detections.classes,
            image=detections.image[kept],
            category=detections.category[kept],
            xywh=detections.xywh[kept],
            score=detections.score[kept],
        )
    clips = np.arange(len(dataset.images)) // FRAMES_OF_A_CLIP
    resampling = Resampling(clip_units([str(clip) for clip in clips]), draws, 0)
    before = _peak()
    started = time.perf_counter()
    if contender == "ours":
        matches = match(candidates_of(columns_of(dataset, detections)))
        replicates = bootstrap(matches, resampling)
        said = f"AP {np.nanmean(replicates.values_of('AP')):.4f}"
    else:
        said = _by_hotcoco(contender, files, dataset, detections, resampling)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "MB": (_peak() - before) / 1e6, "said": said}


def _by_hotcoco(contender: str, files: Any, dataset: Any, detections: Any, resampling: Any) -> str:
    import hotcoco
    import numpy as np

    if contender == "compare":
        truth = hotcoco.COCO(str(files.annotations))
        evaluations = []
        for _ in range(2):
            evaluation = hotcoco.COCOeval(truth, truth.load_res(str(files.results)), "bbox")
            evaluation.evaluate()
            evaluations.append(evaluation)
        started = time.perf_counter()
        hotcoco.compare(*evaluations, n_bootstrap=resampling.replicates, seed=0, confidence=0.95)
        return f"{time.perf_counter() - started:.3f} s of it in compare"

    from pytest_detgate.scoring.metrics.coco_evaluation import evaluate

    values = []
    for weights in resampling.weights():
        for row in weights:
            rows = np.repeat(np.arange(len(dataset.images)), row[resampling.units.of_image])
            card = evaluate(*_repeated(dataset, detections, rows))
            values.append(card.average_precision())
    return f"AP {np.mean(values):.4f}"


def _repeated(dataset: Any, detections: Any, rows: Any) -> tuple[Any, Any]:
    """The split and its detections with image `rows[n]` as image n."""
    import dataclasses

    import numpy as np

    def taken(image: Any) -> tuple[Any, Any]:
        order = np.argsort(image, kind="stable")
        first = np.searchsorted(image[order], np.arange(len(dataset.images) + 1))
        count = np.diff(first)[rows]
        new = np.repeat(np.arange(len(rows)), count)
        within = np.arange(len(new)) - np.repeat(np.cumsum(count) - count, count)
        return order[first[rows[new]] + within], new

    gt, gt_image = taken(dataset.boxes.image)
    dt, dt_image = taken(detections.image)
    boxes = dataset.boxes
    images = dataset.images
    return (
        dataclasses.replace(
            dataset,
            images=dataclasses.replace(
                images,
                id=np.arange(len(rows)),
                file_name=images.file_name[rows],
                width=images.width[rows],
                height=images.height[rows],
            ),
            boxes=dataclasses.replace(
                boxes,
                id=np.arange(len(gt)),
                image_id=gt_image,
                category_id=boxes.category_id[gt],
                image=gt_image,
                category=boxes.category[gt],
                xywh=boxes.xywh[gt],
                area=boxes.area[gt],
                crowd=boxes.crowd[gt],
            ),
        ),
        dataclasses.replace(
            detections,
            image=dt_image,
            category=detections.category[dt],
            xywh=detections.xywh[dt],
            score=detections.score[dt],
        ),
    )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _run(contender: str, name: str, folder: Path, draws: int, share: float = 1) -> dict[str, Any]:
    command = [sys.executable, __file__, "--contender", contender, "--sets", name]
    command += ["--folder", str(folder), "--draws", str(draws), "--share", str(share)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keeps the drawn files for another run")
    parser.add_argument("--contender", choices=DRAWS, help=argparse.SUPPRESS)
    parser.add_argument("--draws", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--share", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        answer = contend(
            options.contender, options.sets[0], options.folder, options.draws, options.share
        )
        print(json.dumps(answer))
        return
    with tempfile.TemporaryDirectory(prefix="detgate-bench-") as temporary:
        folder = options.folder or Path(temporary)
        for name in options.sets:
            SETS[name](folder)
            _compare(name, folder, options.rounds)
            _growth(name, folder, options.rounds)


def _compare(name: str, folder: Path, rounds: int) -> None:
    print(f"{name}: 1,000 draws")
    ours = 0.0
    runs: dict[str, list[dict[str, Any]]] = {contender: [] for contender in DRAWS}
    for _ in range(rounds):
        for contender, draws in DRAWS.items():
            runs[contender].append(_run(contender, name, folder, draws))
    for contender, found in runs.items():
        seconds = statistics.median(run["seconds"] for run in found) * 1000 / DRAWS[contender]
        if contender == "compare":
            inside = statistics.median(float(run["said"].split()[0]) for run in found)
            seconds = inside * 1000 / DRAWS[contender] / 2
        ours = ours or seconds
        more = statistics.median(run["MB"] for run in found)
        print(
            f"  {contender:8} {seconds:7.1f} s  {seconds / ours:6.1f} ×  {more:+5.0f} MB  "
            f"{found[0]['said']}"
        )


def _growth(name: str, folder: Path, rounds: int) -> None:
    for draws, share in ((250, 1), (500, 1), (1000, 1), (1000, 0.25), (1000, 0.5)):
        runs = [_run("ours", name, folder, draws, share) for _ in range(rounds)]
        seconds = statistics.median(run["seconds"] for run in runs)
        print(f"  {draws:5} draws, {share:4.0%} of the detections: {seconds:6.2f} s")


if __name__ == "__main__":
    main()
