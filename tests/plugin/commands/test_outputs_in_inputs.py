"""What a command or a run writes never lies over or in between what it reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.testing import coco_content
from tests.forked import run_forked
from tests.unit.label_files import draw, write
from tests.unit.label_writers import WRITERS

PATTERN = ("--frame-pattern", r"(?P<clip>[a-z]+)_\d+\.jpg")
NAMES = [f"{clip}_{number}.jpg" for clip in ("gate", "roof", "yard") for number in range(3)]
YOLO = ("labels", "--format", "yolo", "--images", "images", *PATTERN)
BOX = ("helmet_off", 10.0, 10.0, 20.0, 20.0)


def make(folder: Path) -> None:
    """A YOLO set, the same as a COCO file, and a folder of a probe."""
    draw(folder / "images", *NAMES)
    draw(folder / "calm", "calm_1.jpg")
    lines = {name.replace(".jpg", ".txt"): "0 0.5 0.5 0.2 0.2\n" for name in NAMES}
    write(folder / "labels", {"classes.txt": "helmet\n", **lines})
    text = json.dumps(coco_content({name: [BOX] for name in NAMES}))
    write(folder, {"all.json": text.replace("helmet_off", "helmet")})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(
            (*YOLO, "--train", "train.txt", "--val", "labels/val.txt"),
            "--val: labels/val.txt is in labels, whose files are all read as labels; name a "
            "file elsewhere",
            id="a list among the labels",
        ),
        pytest.param(
            (*YOLO, "--train", "labels/sub/train.txt", "--val", "val.txt"),
            "--train: labels/sub/train.txt is in labels, whose files are all read as labels",
            id="in a new folder below them",
        ),
        pytest.param(
            (*YOLO, "--train", "train.lst", "--val", "images/val.lst"),
            "--val: images/val.lst is in images, whose files are all read as images",
            id="a list among the images",
        ),
        pytest.param(
            (*YOLO, "--train", "train.json", "--val", "val.txt"),
            "--train: train.json: a list of images is written, one a line; name a file that ends "
            "in .txt, or add --to-coco for COCO files",
            id="a list that ends in json",
        ),
        pytest.param(
            ("all.json", *PATTERN, "--train", "train.json", "--val", "val.txt"),
            "--val: val.txt: a JSON file is written; name a file that ends in .json",
            id="a COCO file that ends in txt",
        ),
        pytest.param(
            (*YOLO, "--to-coco", "--train", "train.xml", "--val", "val.json"),
            "--train: train.xml: a JSON file is written; name a file that ends in .json",
            id="a COCO file that ends in xml",
        ),
    ],
)
def test_split_refuses_an_output(
    folder: Path, arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.rglob("*"))

    assert main(["split", *arguments]) == 4

    assert text in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(
            ("all.json", *PATTERN, "--images", ".", "--train", "t.json", "--val", "images/v.json"),
            id="a COCO file names its images",
        ),
        pytest.param(
            (*YOLO, "--train", "images/t.txt", "--val", "v"), id="a text beside images of YOLO"
        ),
        pytest.param((*YOLO, "--train", "labels.txt", "--val", "v.txt"), id="beside the folder"),
    ],
)
def test_split_writes_where_nothing_reads(folder: Path, arguments: tuple[str, ...]) -> None:
    assert main(["split", *arguments]) == 0


def test_split_of_a_data_yaml_into_its_labels(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"data.yaml": "train: images\nnames: [helmet]\n"})
    out = ("--train", "t.txt", "--val", "labels/v.txt")

    assert main(["split", "data.yaml", *PATTERN, *out]) == 4

    assert "--val: labels/v.txt is in labels" in capsys.readouterr().err


TABLES = """
[dataset.splits.val]
format = "yolo"
annotations = "labels"
images = "images"
[dataset.splits.train]
annotations = "all.json"
images = "images"
[probes.calm]
images = "calm"
[rules.duplicate-ids]
"""


@pytest.mark.parametrize(
    ("out", "text"),
    [
        ("labels", "--out: labels/val-images.csv is in labels"),
        ("images/tables", "--out: images/tables/val-images.csv is in images"),
        ("calm", "--out: calm/val-images.csv is in calm"),
    ],
)
def test_tables_among_inputs(
    folder: Path, out: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, {"detgate.toml": TABLES})
    before = sorted(folder.rglob("*"))

    assert main(["tables", "val", "--to", "csv", "--table", "images", "--out", out]) == 4

    assert text in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before


def test_tables_over_the_annotations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Open Images calls its file `train-annotations.csv`, too."""
    csv = "ImageID,LabelName,XMin,XMax,YMin,YMax\ngate_0,helmet,0.1,0.3,0.1,0.3\n"
    table = '[dataset.splits.val]\nformat = "openimages"\nannotations = "val-annotations.csv"\n'
    write(
        folder,
        {
            "val-annotations.csv": csv,
            "detgate.toml": f'{table}images = "images"\n[rules.duplicate-ids]\n',
        },
    )

    assert main(["tables", "--to", "csv", "--out", "."]) == 4

    assert (
        "--out: val-annotations.csv is read, as the annotations of val; name another folder"
    ) in capsys.readouterr().err
    assert (folder / "val-annotations.csv").read_text() == csv
    assert not (folder / "val-images.csv").exists()


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--detgate-report=calm/a", "--detgate-report: calm/a/report.json is in calm, whose files"),
        ("--detgate-report=images", "--detgate-report: images/index.html is in images, whose"),
        ("--detgate-sarif=labels/run.sarif", "--detgate-sarif: labels/run.sarif is in labels"),
    ],
)
def test_a_run_writes_no_report_among_its_inputs(
    pytester: pytest.Pytester, option: str, text: str
) -> None:
    make(pytester.path)
    write(pytester.path, {"detgate.toml": TABLES, "pytest.ini": "[pytest]\n"})

    result = run_forked(pytester, "detgate.toml", option)

    assert result.ret == 4
    assert text in " ".join(result.outlines + result.errlines)


@pytest.mark.parametrize("is_earlier", [False, True])
def test_a_report_over_the_annotations_leaves_them(
    pytester: pytest.Pytester, is_earlier: bool
) -> None:
    make(pytester.path)
    content = (pytester.path / "all.json").read_text()
    write(pytester.path, {"out/report.json": content, "pytest.ini": "[pytest]\n"})
    write(pytester.path, {"detgate.toml": TABLES.replace("all.json", "out/report.json")})
    if is_earlier:
        write(pytester.path, {"out/index.html": "an earlier page"})

    result = run_forked(pytester, "detgate.toml", "--detgate-report=out")

    assert result.ret == 4
    text = " ".join(result.outlines + result.errlines)
    assert "--detgate-report: out/report.json is read, as the annotations of train" in text
    assert (pytester.path / "out/report.json").read_text() == content


def test_a_report_over_the_detections_leaves_them(pytester: pytest.Pytester) -> None:
    make(pytester.path)
    write(pytester.path, {"out/report.json": "[]", "pytest.ini": "[pytest]\n"})
    rule = "[model]\nevaluate-on = 'train'\n[rules.mean-ap]\nmin = 0.5\n"
    write(pytester.path, {"detgate.toml": TABLES + rule})

    result = run_forked(
        pytester,
        "detgate.toml",
        "--detgate-predictions=train=out/report.json",
        "--detgate-report=out",
    )

    assert result.ret == 4
    text = " ".join(result.outlines + result.errlines)
    assert "--detgate-report: out/report.json is read, as the detections of train" in text
    assert (pytester.path / "out/report.json").read_text() == "[]"


@pytest.mark.parametrize("name", ["report.json", "index.html", "summary.md", "badge.svg"])
def test_findings_for_a_code_host_over_the_report(pytester: pytest.Pytester, name: str) -> None:
    make(pytester.path)
    write(pytester.path, {"detgate.toml": TABLES, "pytest.ini": "[pytest]\n"})

    result = run_forked(
        pytester, "detgate.toml", "--detgate-report=out", f"--detgate-sarif=out/{name}"
    )

    assert result.ret == 4
    assert f"{name} is a file of the report itself" in " ".join(result.errlines)


FLAT = """
[dataset.splits.val]
format = "{kind}"
annotations = "{labels}"
images = "images"
allow-other-files = true
[rules.duplicate-ids]
"""


def test_other_files_may_lie_among_inputs_that_allow_them(pytester: pytest.Pytester) -> None:
    """As in a folder that holds images, labels and configuration."""
    make(pytester.path)
    config = FLAT.format(kind="yolo", labels="labels")
    write(pytester.path, {"detgate.toml": config, "pytest.ini": "[pytest]\n"})

    for _ in range(2):
        assert run_forked(pytester, "detgate.toml", "--detgate-report=labels/report").ret == 0


def test_a_record_would_be_a_label_of_labelme(pytester: pytest.Pytester) -> None:
    make(pytester.path)
    box = ("helmet", 10.0, 10.0, 20.0, 20.0)
    WRITERS["labelme"]({name: (100.0, 50.0, [box]) for name in NAMES}, pytester.path)
    config = FLAT.format(kind="labelme", labels="labelme")
    write(pytester.path, {"detgate.toml": config, "pytest.ini": "[pytest]\n"})

    result = run_forked(pytester, "detgate.toml", "--detgate-report=labelme/report")

    assert result.ret == 4
    assert "labelme/report/report.json is in labelme, whose files are all read as labels" in (
        " ".join(result.outlines + result.errlines)
    )


HISTORY = '[history]\npath = "out/one.file"\n'


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--detgate-sarif=out/one.file", "--detgate-sarif and [history] path name one file"),
        ("--detgate-codequality=./out/../out/one.file", "--detgate-codequality and [history] path"),
        ("--junitxml=out/one.file", "[history] path and --junit-xml name one file"),
        ("--log-file=out/one.file", "[history] path and --log-file name one file"),
    ],
)
def test_two_outputs_into_one_file(pytester: pytest.Pytester, option: str, text: str) -> None:
    """The line of the history would be lost; the file does not exist yet."""
    make(pytester.path)
    write(pytester.path, {"detgate.toml": HISTORY + TABLES, "pytest.ini": "[pytest]\n"})

    result = run_forked(pytester, "detgate.toml", option)

    assert result.ret == 4
    printed = " ".join(result.outlines + result.errlines)
    assert text in printed
    assert "give each its own" in printed
    assert not (pytester.path / "detgate-report/report.json").exists()


@pytest.mark.parametrize("baseline", ['"base.json"', '{ path = "base.json" }'])
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("rep/report.json", "[history] path and report.json of --detgate-report name one file"),
        ("rep/summary.md", "[history] path and summary.md of --detgate-report name one file"),
        ("rep/findings/h.jsonl", "[history] path: rep/findings/h.jsonl is in the folder of"),
        ("link/h.jsonl", "--detgate-sarif and [history] path name one file"),
        ("detgate-ledger.jsonl", "[history] path and the ledger name one file"),
        ("all.json", "[history] path: all.json is read, as the annotations of train"),
        ("images/h.jsonl", "[history] path: images/h.jsonl is in images, whose files are all"),
        ("base.json", "[history] path: base.json is read, as the baseline"),
        ("detgate.toml", "[history] path: detgate.toml is read, as the configuration"),
    ],
)
def test_a_history_over_another_file(
    pytester: pytest.Pytester, path: str, text: str, baseline: str
) -> None:
    make(pytester.path)
    (pytester.path / "there").mkdir()
    (pytester.path / "link").symlink_to("there")
    config = f'[history]\npath = "{path}"\n[model]\nbaseline = {baseline}\n{TABLES}'
    config += "[rules.ap-regression]\nmax-drop = 0.1\n"
    write(pytester.path, {"detgate.toml": config, "pytest.ini": "[pytest]\n"})

    result = run_forked(
        pytester, "detgate.toml", "--detgate-report=rep", "--detgate-sarif=there/h.jsonl"
    )

    assert result.ret == 4
    printed = " ".join(" ".join(result.outlines + result.errlines).split())
    assert text in printed.replace(f"{pytester.path}/", "")


def test_outputs_that_differ_are_all_written(pytester: pytest.Pytester) -> None:
    make(pytester.path)
    config = '[history]\npath = "rep/h.jsonl"\n' + TABLES
    write(pytester.path, {"detgate.toml": config, "pytest.ini": "[pytest]\n"})
    options = (
        "--detgate-report=rep",
        "--detgate-sarif=rep/s.json",
        "--detgate-codequality=rep/c.json",
        "--junitxml=rep/j.xml",
    )

    for runs in (1, 2):
        assert run_forked(pytester, "detgate.toml", *options).ret == 0
        assert len((pytester.path / "rep/h.jsonl").read_text().splitlines()) == runs
    for name in ("s.json", "c.json", "j.xml", "report.json"):
        assert (pytester.path / "rep" / name).stat().st_size
