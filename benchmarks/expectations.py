"""Expectations on 300,000 annotations: our gate beside Great Expectations by itself.

Run with no arguments, it draws a COCO file of 37,500 images with 8 boxes each and times, each in a
process of its own and in turn, four expectations of which two are not met on any row:

- Great Expectations: its import, the same columns read by `json` into a data frame, the suite
  validated in the format COMPLETE, and its result written as JSON;
- our gate, `pytest detgate.toml`, with its record, page, findings files and the result in `gx/`;
- our gate with `max-findings-megabytes = 1000`, so that all findings are written.

The gate should take at most 1.5 times as long as Great Expectations. Besides wall time it prints
the processor's time, which other work on the machine changes less.
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

from coco_files import write_coco

CONFIG = """
[dataset.splits.train]
annotations = "train.json"
images = "images"
[rules.expectations]
table = "annotations"
[[rules.expectations.expect]]
type = "expect_column_values_to_be_between"
column = "width"
max_value = 0.001
[[rules.expectations.expect]]
type = "expect_column_values_to_be_between"
column = "height"
max_value = 0.001
[[rules.expectations.expect]]
type = "expect_column_values_to_be_unique"
column = "id"
[[rules.expectations.expect]]
type = "expect_column_values_to_not_be_null"
column = "label"
"""
ALL = "[report]\nmax-findings-megabytes = 1000\n"
BY_ITSELF = """
import json
import great_expectations as gx
import great_expectations.expectations as gxe
import pandas

with open("train.json") as file:
    content = json.load(file)
names = {one["id"]: one["name"] for one in content["categories"]}
rows = content["annotations"]
frame = pandas.DataFrame(
    {
        "id": [one["id"] for one in rows],
        "width": [one["bbox"][2] for one in rows],
        "height": [one["bbox"][3] for one in rows],
        "label": [names[one["category_id"]] for one in rows],
    }
)
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
asset = context.data_sources.add_pandas("train").add_dataframe_asset("annotations")
batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
suite = gx.ExpectationSuite(
    name="train",
    expectations=[
        gxe.ExpectColumnValuesToBeBetween(column="width", max_value=0.001),
        gxe.ExpectColumnValuesToBeBetween(column="height", max_value=0.001),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectColumnValuesToNotBeNull(column="label"),
    ],
)
result = batch.validate(suite, result_format="COMPLETE")
with open("result.json", "w") as file:
    json.dump(result.to_json_dict(), file)
"""


def main() -> None:
    """Time each in turn and print the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=37_500)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_coco(folder / "train.json", arguments.images)
        (folder / "images").mkdir()
        (folder / "detgate.toml").write_text(CONFIG)
        (folder / "all.toml").write_text(CONFIG + ALL)
        (folder / "by_itself.py").write_text(BY_ITSELF)
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        ways = {
            "Great Expectations": [sys.executable, "by_itself.py"],
            "our gate": [*pytest, "detgate.toml"],
            "our gate, all findings": [*pytest, "--detgate-config=all.toml", "all.toml"],
        }
        seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, command in ways.items():
                seconds[way].append(_timed(command, folder))
        peer = _medians(seconds["Great Expectations"])
        for way, taken in seconds.items():
            figures = zip(("wall", "processor"), _medians(taken), peer, strict=True)
            shown = (f"{kind} {own:6.2f} s {own / other:5.2f} x" for kind, own, other in figures)
            print(f"{way:24} {'   '.join(shown)}")
        report = json.loads((folder / "detgate-report/report.json").read_text())
        (rule,) = report["rules"]
        size = sum(path.stat().st_size for path in (folder / "detgate-report").rglob("*.json"))
        print(f"{rule['findings_total']:,} findings, {size / 1e6:.1f} MB of JSON, all findings")


def _medians(taken: list[tuple[float, float]]) -> list[float]:
    return [statistics.median(one) for one in zip(*taken, strict=True)]


def _timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall time and processor's time of a process, in seconds."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    taken, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode not in (0, 1) or "Error" in done.stderr:
        raise SystemExit(f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return taken, processor


if __name__ == "__main__":
    main()
