"""The command `tables` and the fixture `detgate_tables`: the wide tables as files and frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.__main__ import main
from tests.content import write_json
from tests.judged import judged
from tests.needs import import_or_skip
from tests.plugin.conftest import GateProject
from tests.rules.expecting import COCO, DETECTIONS, HEAD

pandas = import_or_skip("pandas")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "train.json", COCO)
    write_json(tmp_path / "found.json", DETECTIONS)
    (tmp_path / "detgate.toml").write_text(HEAD + "[rules.duplicate-ids]\n")
    return tmp_path


def test_columns_are_listed_with_their_types(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tables", "--table", "images"]) == 0

    assert capsys.readouterr().out.splitlines()[:6] == [
        "train: images, 3 rows",
        "  split: text",
        "  id: whole number",
        "  file_name: text",
        "  width: number",
        "  height: number",
    ]
    assert not (folder / "detgate-tables").exists()


def test_csv_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["tables", "train", "--to", "csv", "--predictions", "train=found.json"]
    assert main([*arguments, "--columns", "file_name,site"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"detgate-tables/train-{name}.csv: {rows} rows, 2 columns"
        for name, rows in (("images", 3), ("annotations", 4), ("detections", 2))
    ]
    assert (folder / "detgate-tables/train-images.csv").read_text() == (
        "file_name,site\nyard_1.jpg,north\nyard_2.jpg,south\nroof_10.jpg,\n"
    )
    assert (folder / "detgate-tables/train-detections.csv").read_text() == (
        "file_name,site\nyard_1.jpg,north\nroof_10.jpg,\n"
    )


def test_splits_with_like_names_have_their_own_files(folder: Path) -> None:
    two = "".join(
        f'[dataset.splits."{name}"]\nannotations = "train.json"\nimages = "images"\n'
        for name in ("a b", "a-b")
    )
    (folder / "detgate.toml").write_text(two + "[rules.duplicate-ids]\n")

    assert main(["tables", "--to", "csv", "--table", "images", "--columns", "split"]) == 0
    files = sorted((folder / "detgate-tables").iterdir())
    assert [path.read_text().split("\n")[1] for path in files] == ["a-b", "a b"]


def test_a_folder_that_is_none_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "file").write_text("")

    assert main(["tables", "--to", "csv", "--out", "file/x"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be written" in line


def test_names_from_the_data_give_no_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    categories = [{"id": 1, "name": "helmet\x1b[2J"}, {"id": 2, "name": "vest"}]
    write_json(folder / "train.json", {**COCO, "categories": categories})

    assert main(["tables", "--table", "images"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "boxes_helmet" in out


def test_parquet_files_keep_types(folder: Path) -> None:
    import_or_skip("pyarrow")
    images = [
        {**entry, "odd": value} for entry, value in zip(COCO["images"], (1, "a", None), strict=True)
    ]
    write_json(folder / "train.json", {**COCO, "images": images})

    assert main(["tables", "--to", "parquet", "--out", "out"]) == 0
    frame = pandas.read_parquet("out/train-images.parquet")
    assert frame["frame"].tolist() == [1, 2, 10]
    assert frame["empty"].tolist() == [False, True, False]
    assert frame["odd"].tolist()[:2] == ["1", "a"]
    assert len(pandas.read_parquet("out/train-annotations.parquet")) == 4


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["trian"], "no split or probe 'trian'; did you mean 'train'?"),
        (["--columns", "wdth"], "have no column 'wdth'; did you mean 'width'?"),
        (["--to", "csv", "--columns", "wdth"], "have no column 'wdth'; did you mean 'width'?"),
        (["--table", "detections"], "needs --predictions NAME=FILE"),
        (["--predictions", "val=x.json"], "--predictions: no split or probe 'val'"),
        (["--predictions", "x.json"], "expected NAME=FILE"),
        (["--predictions", "val=x.json", "--predictions", "val=y.json"], "'val' is given twice"),
        (["--config", "none.toml"], "none.toml"),
    ],
)
def test_a_mistake_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["tables", *arguments]) == 4

    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


RULES = """
[rules.duplicate-ids]
[rules.dangling-annotations]
[rules.degenerate-boxes]
[rules.box-bounds]
[rules.empty-gt-share]
min = 0.25
max = 0.5
severity = "warning"
[rules.class-support]
min-images = 1
min-boxes = 1
[rules.negative-diversity]
min-clips = 1
[rules.class-balance]
max-ratio = 9
[rules.expectations]
table = "images"
parameters = {least = 50}
[[rules.expectations.expect]]
type = "expect_column_values_to_be_between"
column = "width"
min_value = {"$PARAMETER" = "least"}
description = "no thumbnails"
"""
SOUND = {
    "images": [
        {"id": n, "file_name": f"yard_{n}.jpg", "width": 100, "height": 80} for n in range(3)
    ],
    "categories": [{"id": 1, "name": "vest"}],
    "annotations": [
        {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 1, 9, 9]} for n in range(2)
    ],
}


def suite_results(folder: Path) -> dict[str, bool]:
    """What Great Expectations says of each rule, from the suites and tables that were written."""
    import great_expectations
    from great_expectations import ExpectationSuite
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
    )

    config = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults())
    context = great_expectations.get_context(mode="ephemeral", project_config=config)
    context.variables.progress_bars = {"globally": False}
    met: dict[str, bool] = {}
    for path in sorted(folder.glob("*.suite.json")):
        table = path.name.removesuffix(".suite.json")
        suite = ExpectationSuite(**json.loads(path.read_text()))
        asset = context.data_sources.add_pandas(table).add_dataframe_asset(table)
        frame = pandas.read_csv(folder / f"{table}.csv")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        for result in batch.validate(suite).results:
            item = result.expectation_config.meta["pytest-detgate"].partition("[")[0]
            met[item] = met.get(item, True) and bool(result.success)
    return met


def damaged(**changes: Any) -> dict[str, Any]:
    """The sound data set with its first annotation or image changed."""
    content: dict[str, Any] = json.loads(json.dumps(SOUND))
    for key, value in changes.items():
        entries = "images" if key in ("file_name", "width") else "annotations"
        content[entries][0][key] = value
    return content


@pytest.mark.parametrize(
    ("content", "broken"),
    [
        (SOUND, set()),
        (damaged(id=1), {"duplicate-ids"}),
        (damaged(file_name="yard_1.jpg"), {"duplicate-ids"}),
        (damaged(category_id=7), {"dangling-annotations"}),
        (damaged(bbox=[1, 1, 0, 9]), {"degenerate-boxes"}),
        (damaged(bbox=[95, 1, 9, 9]), {"box-bounds"}),
        (damaged(width=40), {"expectations"}),
        ({**SOUND, "annotations": []}, {"empty-gt-share", "class-support"}),
        ({**SOUND, "images": SOUND["images"][:2]}, {"empty-gt-share", "negative-diversity"}),
    ],
)
def test_a_suite_says_what_the_rules_say(
    folder: Path, content: dict[str, Any], broken: set[str]
) -> None:
    import_or_skip("great_expectations")
    write_json(folder / "train.json", content)
    ours = judged(folder, HEAD + RULES)

    assert main(["tables", "--suite", "--to", "csv"]) == 0
    theirs = suite_results(folder / "detgate-tables")
    assert {item for item, met in theirs.items() if not met} == broken
    failed = {
        item.partition("[")[0]
        for item, result in ours.items()
        if result.verdict in ("failed", "warned") and item.partition("[")[0] in theirs
    }
    assert failed == broken


def test_a_class_may_have_a_name_of_two_words(folder: Path) -> None:
    great_expectations = import_or_skip("great_expectations")
    if great_expectations.__version__.startswith("1.8."):
        pytest.skip("Great Expectations 1.8 reads no condition on such a column")
    content = {**SOUND, "categories": [{"id": 1, "name": "safety vest"}]}
    write_json(folder / "train.json", content)
    (folder / "detgate.toml").write_text(HEAD + RULES)

    assert main(["tables", "--suite", "--to", "csv"]) == 0
    assert suite_results(folder / "detgate-tables")["class-support"] is True


def test_what_a_suite_lacks_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(folder / "train.json", SOUND)
    rules = RULES.replace("[rules.box-bounds]", "[rules.box-bounds]\nmax = 3")
    (folder / "detgate.toml").write_text(HEAD + rules)

    assert main(["tables", "--suite"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "detgate-tables/train-images.suite.json: 8 expectations",
        "detgate-tables/train-annotations.suite.json: 11 expectations",
        "duplicate-ids[train]: in part, without classes that are listed twice, and names that "
        "differ only in spelling",
        "negative-diversity[train]: in part, without names that differ only in letter case as one",
        "left out: box-bounds[train] (a number of boxes that are allowed), class-balance[train]",
    ]
    suite = json.loads((folder / "detgate-tables/train-images.suite.json").read_text())
    assert suite["name"] == "train images"
    severities = {
        expectation["meta"]["pytest-detgate"]: expectation["severity"]
        for expectation in suite["expectations"]
    }
    assert severities["empty-gt-share[train]"] == "warning"
    assert severities["class-support[train]"] == "critical"
    (own,) = (expectation for expectation in suite["expectations"] if "description" in expectation)
    assert own["kwargs"] == {"column": "width", "min_value": 50}


def test_a_number_that_is_allowed_is_in_no_suite(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = ("class-support", "dangling-annotations", "degenerate-boxes", "duplicate-ids")
    rules = "".join(f"[rules.{code}]\nmax = 1\n" for code in codes)
    rules = rules.replace("[rules.class-support]", "[rules.class-support]\nmin-boxes = 1")
    (folder / "detgate.toml").write_text(HEAD + rules)

    assert main(["tables", "--suite"]) == 0

    things = ("classes", "annotations", "boxes", "ids")
    left_out = [
        f"{code}[train] (a number of {what} that are allowed)"
        for code, what in zip(codes, things, strict=True)
    ]
    assert " ".join(capsys.readouterr().out.split()).endswith(f"left out: {', '.join(left_out)}")


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        ("min-boxes", "expect_column_sum_to_be_between"),
        ("min-images", "expect_table_row_count_to_be_between"),
    ],
)
def test_the_support_of_classes_by_one_number(folder: Path, option: str, kind: str) -> None:
    """Of the two classes of the file each has its expectation."""
    (folder / "detgate.toml").write_text(f"{HEAD}[rules.class-support]\n{option} = 3\n")

    assert main(["tables", "--suite"]) == 0

    suite = json.loads((folder / "detgate-tables/train-images.suite.json").read_text())
    listed = [
        (expectation["type"], expectation["kwargs"]["min_value"])
        for expectation in suite["expectations"]
    ]
    assert listed == [(kind, 3)] * len(COCO["categories"])


def test_a_suite_is_read_again(folder: Path) -> None:
    import_or_skip("great_expectations")
    write_json(folder / "train.json", SOUND)
    (folder / "detgate.toml").write_text(HEAD + RULES)
    assert main(["tables", "--suite"]) == 0
    rule = '[rules.expectations]\ntable = "{0}"\nsuite = "detgate-tables/train-{0}.suite.json"\n'

    for table in ("images", "annotations"):
        (result,) = judged(folder, HEAD + rule.format(table)).values()
        assert result.verdict == "passed", result.message


TEST = """
def test_frames(detgate_tables, detgate_record):
    images = detgate_tables("train")
    assert list(images["file_name"]) == ["yard_1.jpg", "yard_2.jpg"]
    assert list(images["clip"]) == ["yard", "yard"]
    images["boxes"] += 1  # a frame is the test's own
    assert list(detgate_tables("train")["boxes"]) == [1, 0]
    boxes = detgate_tables("val", "annotations", ["label", "relative_area"])
    assert list(boxes.columns) == ["label", "relative_area"]
    found = detgate_tables("youtube", "detections")
    assert list(found["score"]) == [0.8]
    detgate_record.at_most("boxes", len(boxes), 2)
"""


def test_a_test_gets_data_frames(project: GateProject) -> None:
    project.write("test_own.py", TEST)
    project.gate_here("detgate.toml", "test_own.py", "-k", "frames")

    assert project.verdicts()["test_own.py::test_frames"] == "passed"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("detgate_tables('trian')", "no split or probe 'trian'; did you mean 'train'?"),
        ("detgate_tables('train', 'image')", "no table 'image'; did you mean 'images'?"),
        ("detgate_tables('train', 'images', ['wdth'])", "no column 'wdth'; did you mean 'width'?"),
        ("detgate_tables('train', 'images', 'width')", "a list of names: columns=['width']"),
        ("detgate_tables('train', 'images', [3])", "columns are names; found 3"),
        ("detgate_tables(['train'])", "expected the name of a split or probe, found ['train']"),
        ("detgate_tables('train', ['images'])", "no table ['images']; did you mean 'images'?"),
    ],
)
def test_a_wrong_name_is_not_evaluated(project: GateProject, call: str, reason: str) -> None:
    project.write("test_own.py", f"def test_it(detgate_tables):\n    {call}\n")
    project.gate_here("test_own.py", "detgate.toml", "-k", "it")

    (rule,) = (rule for rule in project.report["rules"] if rule["id"] == "test_own.py::test_it")
    assert rule["verdict"] == "not-evaluated"
    assert reason in rule["message"]
