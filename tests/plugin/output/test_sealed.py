"""`sealed = true`: nothing but the verdict on a probe leaves the process, by any way."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.publishing.registries.values import metrics_of
from pytest_detgate.record.report_file import read_report
from pytest_detgate.testing import coco_content, result_content
from tests.detector.onnx_models import BLUE, draw
from tests.forked import run_forked
from tests.plugin.conftest import CONFIG, GateProject
from tests.plugin.records import report_in

HEAD = CONFIG.partition("[rules.")[0]
TABLE = '[probes.youtube]\nannotations = "data/youtube.json"\n'
RULES = """
[history]
path = "runs.jsonl"
[rules.probe-fp]
max-boxes = 3
[rules.alarm-rate]
max-alarms = 0
[rules.fp-regression]
max-growth-boxes = 0
allow-missing-baseline = true
[rules.operating-point]
max-boxes = 3
min-recall = 0.5
[rules.mean-ap]
min = 0.5
[rules.recall]
min = 0.5
[rules.probe-isolation]
"""
IMAGES: dict[str, Any] = {f"hush{clip}_{n}.jpg": [] for clip in range(4) for n in range(5)}
TELLING = re.compile(rb"0\.8137|hush\d_\d|31\.25|false box(es)? on \d|detections_sha256\": ?\"none")
"""A score, images and a box of the sealed probe, and words on what was found."""
SARIF = ("--detgate-sarif=out/gate.sarif", "--detgate-codequality=out/quality.json")


def find(project: GateProject, images: int) -> None:
    """The result file: one false box on each of the first images."""
    rows = {name: [("helmet_off", 0.8137, 31.25, 31.25, 40, 40)] for name in list(IMAGES)[:images]}
    content = result_content(IMAGES, rows, ["helmet_off"])
    project.write("found/youtube.json", content)


@pytest.fixture
def sealed(project: GateProject) -> GateProject:
    """A project with a sealed probe on which every rule that looks at it would find much."""
    rules = RULES.replace("allow-missing-baseline = true\n", "")
    clips = "fps = 5\n"
    head = HEAD.replace("[dataset.splits.train]", f"{clips}[dataset.splits.train]")
    head = head.replace(TABLE, f"{TABLE}sealed = true\n") + "[alarms]\nhits = 2\nof = 3\n"
    project.write("detgate.toml", head + rules)
    project.write("data/youtube.json", coco_content(IMAGES))
    # One image of the probe is in training, too.
    positions = [f"probes/youtube/{name}" for name in IMAGES]
    for number, name in enumerate([*positions, *(f"data/images/yard_{n}.jpg" for n in (1, 2))]):
        draw(project.pytester.path / name, (128, 64), (BLUE, (3 * number, 5, 40, 40)))
    shutil.copy(
        project.pytester.path / positions[0], project.pytester.path / "data/images/yard_1.jpg"
    )
    find(project, 20)
    return project


def outputs(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files that a run leaves, apart from its own inputs and what the cache has of these."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        is_input = name.startswith(("data/", "found/", "probes/"))
        if path.is_file() and not is_input and not name.startswith(".pytest_cache/d/detgate/"):
            yield name, path.read_bytes()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=" ".join)
def test_nothing_telling_is_anywhere(
    sealed: GateProject,
    workers: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = sealed.pytester.path
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "step.md"))
    for images in (20, 19):
        find(sealed, images)
        run = sealed.gate("detgate.toml", "-v", "-rA", "--junitxml=junit.xml", *SARIF, *workers)
        assert run.ret == 1
        text = "\n".join([*run.outlines, *run.errlines]).encode()
        assert not TELLING.search(text), text[:2000]
    verdicts = sealed.verdicts()
    assert verdicts["probe-fp[youtube]"] == "failed"
    assert verdicts["alarm-rate[youtube]"] == "failed"
    assert verdicts["operating-point"] == "failed"
    assert verdicts["mean-ap"] == "passed"
    (folder / "old.json").write_bytes((folder / "detgate-report/report.json").read_bytes())
    commands = (
        ["compare", "old.json", "detgate-report/report.json", "-o", "compared.html"],
        ["compare", "old.json", "detgate-report/report.json", "--markdown"],
        ["report", "detgate-report/report.json", "-o", "again.html"],
        ["approve", "--config", "detgate.toml", "--failed"],
        ["dossier", "detgate-report/report.json", "-o", "dossier.html"],
    )
    monkeypatch.chdir(folder)
    for command in commands:
        capfd.readouterr()
        main(command)
        shown = capfd.readouterr()
        assert not TELLING.search((shown.out + shown.err).encode()), command

    left = dict(outputs(folder))

    for name in ("index.html", "report.json", "summary.md", "badge.svg"):
        assert f"detgate-report/{name}" in left
    assert {"runs.jsonl", "junit.xml", "out/gate.sarif", "step.md"} <= set(left)
    telling = {name for name, content in left.items() if TELLING.search(content)}
    assert telling == set()
    assert not any("findings/" in name for name in left)


def test_record_has_the_verdict_alone(sealed: GateProject) -> None:
    assert sealed.gate_here("detgate.toml").ret == 1

    report = sealed.report
    results = {rule["id"]: rule for rule in report["rules"]}
    for name in ("probe-fp[youtube]", "alarm-rate[youtube]", "operating-point"):
        result = results[name]
        assert result["message"] == "sealed: a limit is broken"
        assert result["is_sealed"]
        for part in ("measurements", "findings", "tables", "fingerprints", "findings_files"):
            assert not result[part], (name, part)
        assert not any(result.get("evidence", {}).values())
        assert (result["findings_total"], result["needs"], result["advice"]) == (0, None, "")
    assert results["probe-fp[youtube]"]["looked_at"] == 20
    assert results["fp-regression[youtube]"]["message"].startswith("sealed: not evaluated; ")
    isolated = results["probe-isolation[youtube]"]
    assert (isolated["verdict"], isolated["message"]) == ("failed", "sealed: a limit is broken")
    assert not isolated.get("evidence", {}).get("pairs")
    probe = report["dataset"]["probes"]["youtube"]
    assert (probe["detections_sha256"], probe["false_boxes"], probe["notes"]) == (None, [], [])
    assert set(report["predictions"]) == {"val"}
    assert report["ledger"]["datasets"]["youtube"]["is_sealed"]
    measured = metrics_of(read_report(sealed.pytester.path / "detgate-report/report.json"))
    assert not [name for name in measured if "youtube" in name or "operating" in name]
    line = json.loads((sealed.pytester.path / "runs.jsonl").read_text())
    assert line["rules"]["probe-fp[youtube]"] == {"verdict": "failed", "values": {}}


def test_junit_has_no_values(sealed: GateProject) -> None:
    sealed.gate_here("detgate.toml", "--junitxml=junit.xml")

    tree = ElementTree.parse(sealed.pytester.path / "junit.xml")
    cases = {str(case.get("name")): case for case in tree.iter("testcase")}
    names = [element.get("name") for element in cases["probe-fp[youtube]"].iter("property")]
    assert not [name for name in names if "boxes" in str(name)]
    assert [element.get("name") for element in cases["mean-ap"].iter("property")], (
        "others have them"
    )


def test_pass_is_a_pass(sealed: GateProject) -> None:
    find(sealed, 1)

    sealed.gate_here("detgate.toml", "-k", "probe-fp")

    (rule,) = [rule for rule in sealed.report["rules"] if rule["code"] == "probe-fp"]
    assert (rule["verdict"], rule["message"]) == ("passed", "sealed: every limit holds")


def test_missing_images_are_still_named(sealed: GateProject) -> None:
    """What is wrong with the data or the result file is no value of the model."""
    rows = result_content({name: [] for name in list(IMAGES)[:19]}, {}, ["helmet_off"])
    sealed.write("found/youtube.json", rows)

    sealed.gate_here("detgate.toml", "-k", "probe-fp")

    (rule,) = [rule for rule in sealed.report["rules"] if rule["code"] == "probe-fp"]
    assert rule["verdict"] == "not-evaluated"
    assert "1 of 20 images of youtube was not looked at" in rule["message"]
    assert "of the rest" not in rule["message"]


def test_crash_of_a_rule_tells_nothing(sealed: GateProject) -> None:
    sealed.write(
        "own_rules.py",
        "from pytest_detgate import Outcome, ProbeRule\n"
        "class Leaks(ProbeRule, frozen=True, kw_only=True):\n"
        '    """Leaks what it sees."""\n'
        "    code = 'leaks'\n"
        "    def check(self, target, inputs):\n"
        "        table = inputs.detections('youtube')\n"
        "        raise ValueError(f'0.8137 on {len(table)} boxes')\n",
    )
    text = (sealed.pytester.path / "detgate.toml").read_text()
    sealed.write("detgate.toml", f'plugins = ["own_rules"]\n{text}[rules.leaks]\n')

    sealed.gate_here("detgate.toml", "-k", "leaks")

    (rule,) = [rule for rule in sealed.report["rules"] if rule["code"] == "leaks"]
    assert rule["verdict"] == "not-evaluated"
    assert rule["message"].startswith("sealed: not evaluated; ")


@pytest.mark.parametrize("ask", ["detections", "false_boxes", "clip_alarms"])
def test_other_items_do_not_see_it(sealed: GateProject, ask: str) -> None:
    """Not even what an item of the probe has computed before."""
    arguments = {"detections": "", "false_boxes": ", 0.3", "clip_alarms": ", 0.3"}[ask]
    sealed.write(
        "own_rules.py",
        "from pytest_detgate import Measurement, Outcome, ScoreRule\n"
        "class Peeks(ScoreRule, frozen=True, kw_only=True):\n"
        '    """Peeks at a probe that it does not name."""\n'
        "    code = 'peeks'\n"
        "    def check(self, target, inputs):\n"
        f"        inputs.{ask}('youtube'{arguments})\n"
        "        return Outcome(message='', measurements=[Measurement.at_most('n', 0, 1)])\n",
    )
    text = (sealed.pytester.path / "detgate.toml").read_text()
    sealed.write("detgate.toml", f'plugins = ["own_rules"]\n{text}[rules.peeks]\n')

    sealed.gate_here("detgate.toml")

    (rule,) = [rule for rule in sealed.report["rules"] if rule["code"] == "peeks"]
    assert rule["verdict"] == "not-evaluated"
    assert rule["message"].startswith("youtube is sealed: only items that are about it look at it")


def test_tests_by_hand_do_not_see_it(sealed: GateProject) -> None:
    sealed.write(
        "test_hand.py",
        "def test_peek(detgate_detections):\n    detgate_detections('youtube')\n",
    )

    assert sealed.gate_here("detgate.toml", "test_hand.py").ret == 1

    assert sealed.verdicts()["test_hand.py::test_peek"] == "not-evaluated"


def test_what_was_accepted_before_is_not_told(sealed: GateProject) -> None:
    text = (sealed.pytester.path / "detgate.toml").read_text()
    sealed.write("detgate.toml", text.replace("sealed = true\n", ""))
    sealed.gate_here("detgate.toml")
    options = ["--owner", "ada", "--until", "2026-12-30", "--why", "old", "--config"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(sealed.pytester.path)
        assert main(["accept", "probe-fp[youtube]", *options, "detgate.toml"]) in (0, 4)
        sealed.write("detgate.toml", text)
        sealed.gate_here("detgate.toml")
        assert main(["accept", "probe-fp[youtube]", *options, "detgate.toml"]) == 4

    (rule,) = [rule for rule in sealed.report["rules"] if rule["code"] == "probe-fp"]
    assert (rule["verdict"], rule["waiver"]) == ("failed", None)


def test_part_of_a_split_cannot_be_sealed(sealed: GateProject) -> None:
    query = '[probes.calm]\nsplit = "val"\nempty = true\nsealed = true\n[rules.probe-fp]'
    text = (sealed.pytester.path / "detgate.toml").read_text()
    sealed.write("detgate.toml", text.replace("[rules.probe-fp]", query))

    result = sealed.gate_here("detgate.toml")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*sealed*needs separate images*"])


DETECTOR = """
class Everywhere:
    classes = ["red", "blue"]
    def __init__(self, checkpoint, device):
        pass
    def detect(self, images):
        for image in images:
            yield [[31.25, 10, 60, 40]], [0.8137], ["red"]
"""
MODEL = """
[dataset.splits.val]
annotations = "val.json"
images = "images"
[probes.vault]
images = "probe"
sealed = true
[model]
framework = "python"
entry = "site_detector:Everywhere"
[rules.probe-fp]
max-boxes = 0
[rules.mean-ap]
min = 0.0
max-unlabelled = 0
"""


def test_detections_on_it_are_not_cached(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("a_1", "a_2", "a_3"):
        draw(pytester.path / "images" / f"{name}.png", (128, 64), (BLUE, (int(name[-1]), 5, 9, 9)))
    for number in range(5):
        location = (BLUE, (40 + number, 40, 20, 10))
        draw(pytester.path / "probe" / f"hush_{number}.png", (128, 64), location)
    boxes = {f"a_{number}.png": [("red", 31.25, 10, 28.75, 30)] for number in (1, 2, 3)}
    content = coco_content(boxes, ["red", "blue"])
    for image in content["images"]:
        image.update(width=128, height=64)
    (pytester.path / "val.json").write_text(json.dumps(content))
    (pytester.path / "site_detector.py").write_text(DETECTOR)
    pytester.makeini("[pytest]\n")

    def cached() -> int:
        (file,) = (pytester.path / ".pytest_cache" / "d" / "detgate").glob("*.sqlite")
        with sqlite3.connect(file) as connection:
            ((count,),) = connection.execute("SELECT count(*) FROM detections_2")
        connection.close()
        return int(count)

    (pytester.path / "detgate.toml").write_text(MODEL)
    run = run_forked(pytester, "detgate.toml")
    results = {rule["id"]: rule for rule in report_in(pytester.path)["rules"]}
    assert results["probe-fp[vault]"]["verdict"] == "failed", run.outlines
    assert cached() == 3
    (line, *_) = [
        json.loads(row)
        for row in (pytester.path / "detgate-ledger.jsonl").read_text().splitlines()
        if '"vault"' in row
    ]
    assert line["detections"] is None
    assert len(line["model"]) == 64

    (pytester.path / "detgate.toml").write_text(MODEL.replace("sealed = true\n", ""))
    run_forked(pytester, "detgate.toml")
    assert cached() == 8, "an open probe is cached"


def unseen_project(pytester: pytest.Pytester, rules: str) -> None:
    """A sealed folder of images that nobody looked at, and a detector with a box on each."""
    for name in ("images/a_1", "probe/hush0_0", "probe/hush0_1", "probe/hush0_2", "probe/hush1_0"):
        top = 20 if name == "images/a_1" else 5  # no image of the probe
        draw(pytester.path / f"{name}.png", (128, 64), (BLUE, (int(name[-1]), top, 9, 9)))
    content = coco_content({"a_1.png": [("red", 31.25, 10, 28.75, 30)]}, ["red", "blue"])
    content["images"][0].update(width=128, height=64)
    (pytester.path / "val.json").write_text(json.dumps(content))
    (pytester.path / "site_detector.py").write_text(DETECTOR)
    pytester.makeini("[pytest]\n")
    head = MODEL.partition("[rules.")[0].replace(
        "sealed = true\n", "sealed = true\nunlabelled = true\n"
    )
    clips = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.png$'\nfps = 1\n"
    (pytester.path / "detgate.toml").write_text(f"{clips}{head}{rules}")


def test_images_that_nobody_looked_at_can_be_sealed(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    unseen_project(
        pytester, '[rules.flicker]\non = ["vault"]\nmax = 5\n[rules.mean-ap]\nmin = 0.0\n'
    )

    run_forked(pytester, "detgate.toml")

    report = report_in(pytester.path)
    (flicker,) = [rule for rule in report["rules"] if rule["code"] == "flicker"]
    assert (flicker["verdict"], flicker["message"]) == ("passed", "sealed: every limit holds")
    assert report["ledger"]["datasets"]["vault"]["models"] == 1


@pytest.mark.parametrize("effect", ["fail", "warn"])
def test_too_little_of_what_is_detected_is_not_told(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, effect: str
) -> None:
    """On how many clips something is detected is a value of the model."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    table = f'[rules.flicker]\non = ["vault"]\nmax = 5\nbound = "upper"\ntoo-little = "{effect}"\n'
    unseen_project(pytester, table)

    run_forked(pytester, "detgate.toml")

    (flicker,) = report_in(pytester.path)["rules"]
    assert flicker["verdict"] == {"fail": "not-evaluated", "warn": "warned"}[effect]
    assert flicker["message"].startswith("sealed: too little evidence; the reason may hold values")


def test_other_options_are_another_model_where_there_is_no_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights may be an option of the function."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    unseen_project(pytester, '[rules.flicker]\non = ["vault"]\nmax = 5\n')
    detector = DETECTOR.replace("device):", "device, weights):")
    (pytester.path / "site_detector.py").write_text(detector)
    text = (pytester.path / "detgate.toml").read_text()

    for weights in ("first", "second", "first"):
        options = f'[model]\noptions = {{ weights = "{weights}" }}\n'
        (pytester.path / "detgate.toml").write_text(text.replace("[model]\n", options))
        run_forked(pytester, "detgate.toml")

    assert report_in(pytester.path)["ledger"]["datasets"]["vault"]["models"] == 2


def test_hours_that_are_missing_are_still_named(sealed: GateProject) -> None:
    text = (sealed.pytester.path / "detgate.toml").read_text()
    sealed.write("detgate.toml", text.replace("max-alarms = 0", "max-alarms = 0\nmin-hours = 9"))

    sealed.gate_here("detgate.toml", "-k", "alarm-rate")

    (rule,) = [rule for rule in sealed.report["rules"] if rule["code"] == "alarm-rate"]
    assert rule["message"].startswith("too little evidence: youtube has ")


def test_tables_of_its_images_and_labels_are_no_secret(
    sealed: GateProject, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sealed.pytester.path)
    command = ["tables", "youtube", "--predictions", "youtube=found/youtube.json", "--table"]

    assert main([*command, "images"]) in (0, None)
    assert capfd.readouterr().out.startswith("youtube: images, 20 rows")
    assert main([*command, "detections"]) == 4
    assert "youtube is sealed" in capfd.readouterr().err


def youtube(project: GateProject) -> dict[str, Any]:
    """The one result of the sealed probe."""
    (rule,) = [rule for rule in project.report["rules"] if rule["id"].endswith("[youtube]")]
    return dict(rule)


@pytest.mark.parametrize("lists_images", [True, False])
def test_file_without_detections_tells_nothing(sealed: GateProject, lists_images: bool) -> None:
    """That a model finds nothing at all is a value of it."""
    content = result_content(IMAGES, {}, ["helmet_off"]) if lists_images else "[]"
    sealed.write("found/youtube.json", content)

    of_probe = sealed.arguments[1]
    run = sealed.gate_here(of_probe, "detgate.toml", "-k", "probe-fp", with_predictions=False)

    assert run.ret == 1
    assert youtube(sealed)["verdict"] == "not-evaluated"
    assert youtube(sealed)["message"].startswith("sealed: not evaluated; the reason may hold")
    assert youtube(sealed)["looked_at"] in ((20, None) if lists_images else (None,))
    assert not re.search("no detection|finds nothing", "\n".join(run.outlines))
    lines = (sealed.pytester.path / "detgate-ledger.jsonl").read_text().splitlines()
    assert len(lines) == 1, "and it is a look"


def test_detections_in_another_form_tell_nothing(sealed: GateProject) -> None:
    """The message would say how well they fit the labels in another form."""
    boxes = {name: [("helmet_off", 10 * n, 5, 40, 40)] for n, name in enumerate(IMAGES, start=1)}
    corners = {
        name: [("helmet_off", 0.9, x, y, x + w, y + h)]
        for name, ((_, x, y, w, h),) in boxes.items()
    }
    sealed.write("data/youtube.json", coco_content(boxes))
    sealed.write("found/youtube.json", result_content(IMAGES, corners, ["helmet_off"]))

    sealed.gate_here("detgate.toml", "-k", "probe-fp")

    assert youtube(sealed)["message"].startswith("sealed: not evaluated; ")
    sealed.write("detgate.toml", unsealed(sealed))
    sealed.gate_here("detgate.toml", "-k", "probe-fp")
    assert "are not usable" in youtube(sealed)["message"], "the reason that was hidden"


def unsealed(project: GateProject) -> str:
    text = (project.pytester.path / "detgate.toml").read_text()
    return text.replace("sealed = true\n", "")


def test_clips_too_short_are_still_named(sealed: GateProject) -> None:
    text = (sealed.pytester.path / "detgate.toml").read_text()
    sealed.write("detgate.toml", text.replace("hits = 2\nof = 3\n", "hits = 9\nof = 9\n"))

    sealed.gate_here("detgate.toml", "-k", "alarm-rate")

    assert youtube(sealed)["message"].startswith("no clip of youtube is long enough for an alarm")
    assert not (sealed.pytester.path / "detgate-ledger.jsonl").exists(), "and it is no look"


def copied(project: GateProject, how: str) -> str:
    """Show the images of the sealed probe in another way; return the table of the other probe."""
    folder = project.pytester.path
    probe = folder / "probes/youtube"
    if how == "folder":
        return '[probes.other]\nimages = "probes/youtube"\n'
    if how == "parent":
        return '[probes.other]\nimages = "probes"\n'
    if how == "split":
        project.write("data/other.json", coco_content({name: [] for name in list(IMAGES)[:1]}))
        table = "[dataset.splits.other]"
        return f'{table}\nannotations = "data/other.json"\nimages = "probes/youtube"\n'
    (folder / "other").mkdir()
    for number, name in enumerate(IMAGES):
        target = folder / f"other/new_{number}.jpg"
        if how == "links":
            target.symlink_to(probe / name)
        elif how == "hard links":
            target.hardlink_to(probe / name)
        else:
            shutil.copy(probe / name, target)
        if how == "one copy":
            break
    return '[probes.other]\nimages = "other"\n'


@pytest.mark.parametrize(
    "how", ["folder", "parent", "split", "links", "hard links", "copies", "one copy"]
)
def test_its_images_under_another_name_are_refused(sealed: GateProject, how: str) -> None:
    text = (sealed.pytester.path / "detgate.toml").read_text()
    table = copied(sealed, how)
    if how == "split":
        table += '[model]\nevaluate-on = "other"\n'
    sealed.write("detgate.toml", text.replace("[rules.probe-fp]", f"{table}[rules.probe-fp]", 1))

    result = sealed.gate_here("detgate.toml")

    assert result.ret == 4
    count = {"one copy": "1 image", "split": "1 image"}.get(how, "20 images")
    expected = rf"detgate.toml:\d+: \[.*other\]: has {count} of the sealed probe youtube \(first '"
    assert re.search(expected, "\n".join(result.errlines))


def test_most_of_its_images_in_a_split_are_refused(sealed: GateProject) -> None:
    """Rules on the data of a split show its images."""
    sealed.write("data/train.json", coco_content(IMAGES))
    text = (sealed.pytester.path / "detgate.toml").read_text()
    images = 'annotations = "data/train.json"\nimages = "data/images"'
    sealed.write(
        "detgate.toml",
        text.replace(images, images.replace("data/im", "probes/youtube/../../data/im")),
    )
    shutil.copytree(
        sealed.pytester.path / "probes/youtube",
        sealed.pytester.path / "data/images",
        dirs_exist_ok=True,
    )

    result = sealed.gate_here("detgate.toml")

    assert result.ret == 4
    assert "[dataset.splits.train]: has 20 images of the sealed" in "\n".join(result.errlines)


def test_images_that_are_not_there_are_known_by_name(sealed: GateProject) -> None:
    shutil.rmtree(sealed.pytester.path / "probes")
    sealed.write("data/other.json", coco_content(IMAGES))
    text = (sealed.pytester.path / "detgate.toml").read_text()
    table = '[probes.other]\nannotations = "data/other.json"\nimages = "elsewhere"\n'
    sealed.write("detgate.toml", text.replace("[rules.probe-fp]", f"{table}[rules.probe-fp]", 1))

    result = sealed.gate_here("detgate.toml")

    assert result.ret == 4
    result.stderr.fnmatch_lines(["*known by name, because no image file is there*"])


def test_probe_whose_labels_are_damaged_is_still_sealed(sealed: GateProject) -> None:
    text = (sealed.pytester.path / "detgate.toml").read_text()
    table = copied(sealed, "copies")
    sealed.write("detgate.toml", text.replace("[rules.probe-fp]", f"{table}[rules.probe-fp]", 1))
    sealed.write("data/youtube.json", "{")

    assert sealed.gate_here("detgate.toml").ret == 4


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=" ".join)
def test_tests_by_hand_do_not_see_its_images_elsewhere(
    sealed: GateProject, workers: tuple[str, ...]
) -> None:
    """One image of train is of the probe; no rule looks at detections there."""
    sealed.write(
        "test_hand.py",
        "def test_peek(detgate_detections):\n    detgate_detections('train')\n"
        "def test_other(detgate_detections):\n    detgate_detections('val')\n",
    )
    train = "--detgate-predictions=train=found/train.json"
    sealed.write("found/train.json", "[]")

    run = sealed.gate(train, "test_hand.py", "-k", "peek or other", *workers)

    run.assert_outcomes(passed=1, failed=1)
    text = "\n".join(run.outlines)
    assert "train has 1 image of the sealed probe youtube (first 'yard_1.jpg')" in text
