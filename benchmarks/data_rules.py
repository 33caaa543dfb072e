"""From a COCO file to the verdicts of all rules that read only annotations.

Run with no arguments, it draws files of 100 thousand and 1 million images (8 boxes an image),
and times, each in a process of its own and in turn:

- two JSON readers that merely fill the same columns, msgspec (typed structs, piece by piece) and
  pyarrow (piece by piece, on all cores): what any gate in Python has to pay;
- our rules, with nothing kept;
- our rules again, from kept tables;
- `pycocotools.coco.COCO(file)`, which fills no columns and checks nothing;
- Datumaro's detection validator, for at most 100 thousand images.

pyarrow and Datumaro are left out where they are not installed (`pip install pyarrow datumaro`).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from coco_files import write_coco

CONFIG = """
[dataset]
frame-pattern = '(?P<site>[^/]+)/(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
[dataset.splits.train]
annotations = "train.json"
images = "images"
[dataset.splits.val]
annotations = "val.json"
images = "images"
[rules.duplicate-ids]
[rules.dangling-annotations]
[rules.degenerate-boxes]
[rules.box-bounds]
[rules.box-format]
[rules.duplicate-boxes]
[rules.empty-gt-share]
min = 0.1
[rules.class-support]
min-images = 100
[rules.class-balance]
max-ratio = 2
[rules.negative-diversity]
min-clips = 10
min-sites = 10
[rules.clip-overlap]
between = ["train", "val"]
"""
VAL_IMAGES = 5000
CONTENDERS = ("msgspec", "pyarrow", "rules", "kept", "pycocotools", "datumaro")
DATUMARO_IMAGES = 100_000


def draw(folder: Path, images: int) -> None:
    """Write a project with a training split of that many images."""
    folder.mkdir(parents=True, exist_ok=True)
    train = folder / "train.json"
    if not train.exists():
        write_coco(folder / "drawing.json", images).replace(train)
    write_coco(folder / "val.json", VAL_IMAGES, first_clip=10_000_000, seed=1)
    (folder / "detgate.toml").write_text(CONFIG, encoding="utf-8")


def gate(folder: Path, cache_dir: Path | None) -> int:
    """Read the splits and evaluate every rule; says how many items passed."""
    from pytest_detgate.cache.annotation_tables import CachedTables
    from pytest_detgate.config.load import load_configuration
    from pytest_detgate.inputs.detections.sources import NoDetections
    from pytest_detgate.inputs.inputs import Inputs
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.rules.binding import bind_rules
    from pytest_detgate.rules.verdicts.verdict import judge

    project = Project(load_configuration(folder / "detgate.toml"), folder)
    if cache_dir is not None:
        project.cached_tables = CachedTables(cache_dir)
    inputs = Inputs(project, NoDetections())
    passed = 0
    for bound in bind_rules(project):
        for target in bound.targets:
            result = judge(bound, target, inputs)
            passed += result.verdict == "passed"
            if os.environ.get("DETGATE_BENCH_RULES"):
                print(f"{result.duration_s:8.3f} {result.verdict} {result.id}", file=sys.stderr)
    return passed


def msgspec_reader(path: Path) -> int:
    """Fill the columns of a COCO file with msgspec, and do nothing else."""
    import msgspec
    import numpy as np

    class Image(msgspec.Struct, gc=False):
        id: int
        file_name: str
        width: float
        height: float

    class Annotation(msgspec.Struct, gc=False):
        id: int
        image_id: int
        category_id: int
        bbox: tuple[float, float, float, float]
        area: float
        iscrowd: int

    content = path.read_bytes()
    columns: dict[str, list[Any]] = {}
    for key, kind in (("images", Image), ("annotations", Annotation)):
        decoder = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]
        for piece in _pieces(content, key):
            rows = decoder.decode(piece)
            for field in kind.__struct_fields__:
                values = [getattr(row, field) for row in rows]
                dtype = object if field == "file_name" else None
                columns.setdefault(f"{key}.{field}", []).append(np.array(values, dtype=dtype))
    tables = {name: np.concatenate(parts) for name, parts in columns.items()}
    return len(tables["annotations.id"])


def pyarrow_reader(path: Path) -> int:
    """Fill the columns of a COCO file with pyarrow, and do nothing else."""
    import pyarrow
    import pyarrow.json

    content = path.read_bytes()
    tables = {
        key: pyarrow.concat_tables(
            pyarrow.json.read_json(pyarrow.BufferReader(piece[1:-1].replace(b"}, {", b"}\n{")))
            for piece in _pieces(content, key, 1 << 25)
        )
        for key in ("images", "annotations")
    }
    return int(tables["annotations"].num_rows)


def datumaro_validator(path: Path) -> int:
    """Validate a COCO file with Datumaro; says how many anomalies it reports."""
    from datumaro.components.dataset import Dataset
    from datumaro.plugins.validators import DetectionValidator

    # Datumaro takes a folder with COCO's own names.
    folder = path.parent / "datumaro"
    for name in ("annotations", "images/train"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    named = folder / "annotations" / "instances_train.json"
    if not named.exists():
        named.hardlink_to(path)
    dataset = Dataset.import_from(str(folder), "coco_instances")
    validator = DetectionValidator(
        few_samples_thr=1,
        imbalance_ratio_thr=50,
        far_from_mean_thr=5.0,
        dominance_ratio_thr=0.8,
        topk_bins=0.1,
    )
    statistics_found = validator.compute_statistics(dataset)
    return len(validator.generate_reports(statistics_found))


def _pieces(content: bytes, key: str, size: int = 1 << 20) -> Iterator[bytes]:
    """An array of the drawn file, cut between objects."""
    start = content.index(b"[", content.index(f'"{key}": ['.encode())) + 1
    end = content.index(b"}]", start) + 1
    # The first `}]` after an array of flat objects ends it, as the drawn files have no others.
    while start < end:
        cut = content.find(b"}, {", start + size, end)
        cut = end if cut < 0 else cut + 1
        yield b"[" + content[start:cut] + b"]"
        start = cut + 2


def contend(contender: str, folder: Path, store: Path) -> None:
    """Run one contender in this process and print its figures as JSON."""
    started = time.perf_counter()
    if contender == "msgspec":
        answer = msgspec_reader(folder / "train.json")
    elif contender == "pyarrow":
        answer = pyarrow_reader(folder / "train.json")
    elif contender == "datumaro":
        answer = datumaro_validator(folder / "train.json")
    elif contender == "rules":
        answer = gate(folder, None)
    elif contender == "kept":
        answer = gate(folder, store)
    else:
        import contextlib
        import io

        from pycocotools.coco import COCO

        with contextlib.redirect_stdout(io.StringIO()):
            answer = len(COCO(str(folder / "train.json")).anns)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "answer": answer}))


def measure(folder: Path, rounds: int, contenders: list[str]) -> dict[str, dict[str, float]]:
    """Medians of all contenders, run in turn."""
    store = folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    if "kept" in contenders:
        _run("kept", folder, store)  # the run that keeps
    found: dict[str, list[dict[str, Any]]] = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender in contenders:
            found[contender].append(_run(contender, folder, store))
    shutil.rmtree(store, ignore_errors=True)
    return {
        contender: {
            "seconds": statistics.median(run["seconds"] for run in runs),
            "GB": statistics.median(run["peak"] for run in runs) / 1e9,
            "answer": runs[0]["answer"],
        }
        for contender, runs in found.items()
    }


def _is_able(contender: str, images: int) -> bool:
    if contender == "datumaro" and images > DATUMARO_IMAGES:
        return False
    return contender not in ("pyarrow", "datumaro") or find_spec(contender) is not None


def _run(contender: str, folder: Path, store: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--contender", contender, "--folder", str(folder)]
    done = subprocess.run(
        [*command, "--store", str(store)], check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--folder", type=Path, help="keeps the drawn files for another run")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        contend(options.contender, options.folder, options.store)
        return
    with tempfile.TemporaryDirectory(prefix="detgate-bench-") as temporary:
        base = options.folder or Path(temporary)
        rules: list[tuple[int, float]] = []
        for images in options.images:
            folder = base / str(images)
            draw(folder, images)
            able = [name for name in options.only if _is_able(name, images)]
            medians = measure(folder, options.rounds, able)
            print(f"{images:,} images, {(folder / 'train.json').stat().st_size / 1e9:.2f} GB")
            for contender, median in medians.items():
                print(
                    f"  {contender:12} {median['seconds']:7.2f} s {median['GB']:6.2f} GB"
                    f"  ({median['answer']})"
                )
            for reader in ("msgspec", "pyarrow"):
                if {reader, "rules"} <= set(medians):
                    ratio = medians["rules"]["seconds"] / medians[reader]["seconds"]
                    more = medians["rules"]["GB"] - medians[reader]["GB"]
                    print(f"  rules / {reader}: {ratio:.2f} times, {more:+.2f} GB")
            if "rules" in medians:
                rules.append((images, medians["rules"]["seconds"]))
        if len(rules) > 1:
            (few, short), (many, long) = rules[0], rules[-1]
            print(f"{many / few:g} times the images take {long / short:.1f} times as long")


if __name__ == "__main__":
    main()
