"""Whole gates on models that are not MMDetection's: an ONNX file, a function, a registered one."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.errors import DetectorError
from tests.detector import worksite
from tests.detector.exported import export_rtmdet, give_every_box_a_size
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.forked import run_forked
from tests.plugin.records import reasons_in, report_in, values_in
from tests.processes import assert_all_end

# Pytester forgets what is imported while it is there, and onnx cannot be imported twice.
with contextlib.suppress(ModuleNotFoundError):
    import onnx  # noqa: F401

HEAD = """
[dataset.splits.val]
annotations = "val.json"
images = "images"
[probes.calm]
images = "probe"
"""
ONNX = """
[model]
checkpoint = "colours.onnx"
[model.onnx]
resize = "letterbox"
channel-order = "rgb"
divide-by = 255
classes = ["red", "blue"]
score-floor = 0.0
"""
PYTHON = """
[model]
framework = "python"
entry = "site_detector:Colours"
options = { score = 0.9 }
"""
RULES = """
[rules.mean-ap]
min = 0.5
[rules.probe-fp]
max-boxes = 1
"""
DETECTOR = """
import numpy as np
from PIL import Image

class Colours:
    classes = ["red", "blue"]

    def __init__(self, checkpoint, device, score=None):
        self.score = score or float(checkpoint.read_text())

    def detect(self, images):
        for image in images:
            pixels = np.asarray(Image.open(image).convert("RGB"), int)
            boxes, names = [], []
            for name, channel in (("red", 0), ("blue", 2)):
                mask = 2 * pixels[..., channel] - pixels.sum(axis=2) > 128
                if mask.any():
                    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                    boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
                    names.append(name)
            yield boxes, [self.score] * len(boxes), names
"""
FRAMEWORK = """
from site_detector import Colours
import numpy as np, hashlib
from msgspec import Struct
from pytest_detgate import (
    Detected, Framework, ImageDetections, LoadedModel, ModelInfo, ModelSource)

class Options(Struct, forbid_unknown_fields=True, rename="kebab"):
    score_scale: float = 1.0

class Adapter:
    device = "cpu"
    def __init__(self, info, colours, scale):
        self.info, self.colours, self.scale = info, colours, scale
    def detect(self, images):
        for image in images:
            ((boxes, scores, names),) = self.colours.detect([image])
            yield Detected(image, hashlib.sha256(image.read_bytes()).hexdigest(), ImageDetections(
                np.array(boxes, np.float32).reshape(-1, 4),
                np.array(scores, np.float32) * self.scale,
                np.array([self.info.classes.index(name) for name in names], np.int32)))

class Coloured(Framework):
    options = Options
    def load(self, source, *, sha256, device, batch_size):
        info = ModelInfo(key=sha256, checkpoint=source.name, sha256=sha256,
                         classes=("red", "blue"), score_floor=0.0)
        colours = Colours(source.checkpoint, device)
        scale = source.options.get("score-scale", 1.0)
        return LoadedModel(detector=Adapter(info, colours, scale))
"""
MISTAKES = """
import dataclasses
from coloured import Adapter, Coloured
from pytest_detgate import Framework

class Abstract(Framework):
    pass
class Unmade(Coloured):
    def __init__(self):
        raise RuntimeError("no licence")
class Untyped(Coloured):
    options = dict
class Unloaded(Coloured):
    def load(self, source, **more):
        raise KeyError("weights")
class Nothing(Coloured):
    def load(self, source, **more):
        return None

class OneDigest(Adapter):
    def detect(self, images):
        for answer in super().detect(images):
            yield answer._replace(sha256=self.info.sha256)
class Elsewhere(Coloured):
    def load(self, source, **more):
        made = super().load(source, **more).detector
        made.__class__ = OneDigest
        return dataclasses.replace(super().load(source, **more), detector=made)
"""
TELL_IMPORTS = """
import json, sys
def pytest_sessionfinish(session):
    names = {"torch", "mmdet", "cv2", "onnxruntime", "site_detector", "ray"}
    with open("imports.json", "w") as file:
        json.dump(sorted(names & set(sys.modules)), file)
"""
AP = 1.0
"""Of the finder on `val`: every box is found where it is, and nothing else is."""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Four pictures with a red or a blue rectangle, and a probe on which one is not calm."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    boxes: list[tuple[tuple[int, int, int], tuple[int, int, int, int]]] = [
        (RED, (20, 10, 40, 30)),
        (BLUE, (90, 40, 20, 16)),
        (RED, (2, 2, 60, 50)),
        (BLUE, (0, 0, 128, 64)),
    ]
    images, annotations = [], []
    for number, (colour, box) in enumerate(boxes, start=1):
        name = f"yard_{number}.png"
        draw(pytester.path / "images" / name, (128, 64), (colour, box))
        images.append({"id": number, "file_name": name, "width": 128, "height": 64})
        annotations.append(
            {
                **{"id": number, "image_id": number, "category_id": 1 if colour == RED else 2},
                **{"bbox": box, "area": box[2] * box[3], "iscrowd": 0},
            }
        )
    categories = [{"id": 1, "name": "red"}, {"id": 2, "name": "blue"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (pytester.path / "val.json").write_text(json.dumps(content))
    draw(pytester.path / "probe" / "calm_1.png", (128, 64))
    draw(pytester.path / "probe" / "calm_2.png", (128, 64), (BLUE, (40, 40, 20, 10)))
    (pytester.path / "site_detector.py").write_text(DETECTOR)
    (pytester.path / "conftest.py").write_text(TELL_IMPORTS)
    pytester.makeini("[pytest]\n")
    return pytester


@pytest.fixture
def onnx_project(project: pytest.Pytester) -> pytest.Pytester:
    """The project with an ONNX file that finds the rectangles."""
    for name in ("onnx", "onnxruntime", "cv2"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    write_model(project.path / "colours.onnx")
    (project.path / "detgate.toml").write_text(HEAD + ONNX + RULES)
    return project


@pytest.fixture
def registered(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """The project, and a package installed that registers a framework."""
    site = project.path / "site"
    info = site / "coloured-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "coloured.py").write_text(FRAMEWORK)
    (site / "mistakes.py").write_text(MISTAKES)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coloured\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[detgate.detectors]\ncoloured = coloured:Coloured\nbroken = coloured:Gone\n"
        "abstract = mistakes:Abstract\nunmade = mistakes:Unmade\nuntyped = mistakes:Untyped\n"
        "unloaded = mistakes:Unloaded\nnothing = mistakes:Nothing\nelsewhere = mistakes:Elsewhere\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{site}:{project.path}")
    (project.path / "weights.txt").write_text("0.75")
    return project


def imported(project: pytest.Pytester) -> list[str]:
    names: list[str] = json.loads((project.path / "imports.json").read_text())
    return names


def test_onnx_file_is_gated_then_kept(onnx_project: pytest.Pytester) -> None:
    first = run_forked(onnx_project, "detgate.toml")

    assert first.ret == 0
    assert values_in(onnx_project.path)["mean-ap"]["ap"] == AP
    assert values_in(onnx_project.path)["probe-fp[calm]"]["boxes"] == 1
    model = report_in(onnx_project.path)["model"]
    assert (model["framework"], model["checkpoint"]) == ("onnx", "colours.onnx")
    assert (model["classes"], model["images"], model["kept"]) == (["red", "blue"], 6, 0)
    assert imported(onnx_project) == ["cv2", "onnxruntime"]  # and no torch

    second = run_forked(onnx_project, "detgate.toml")

    assert second.ret == 0
    assert report_in(onnx_project.path)["model"]["kept"] == 6
    assert imported(onnx_project) == []
    assert values_in(onnx_project.path)["mean-ap"]["ap"] == AP


def test_onnx_sweep_and_baseline_take_the_same_way(onnx_project: pytest.Pytester) -> None:
    """Both others score blue at 0.2, so that it is under the operating point of 0.3."""
    for epoch in (1, 2):
        write_model(
            onnx_project.path / f"epoch_{epoch}.onnx",
            scores=(0.9, 0.1 * epoch),
            metadata={"detgate.epoch": str(epoch)},
        )
    (onnx_project.path / "detgate.toml").write_text(
        HEAD
        + ONNX
        + "[rules.fp-regression]\nmax-growth-boxes = 0\n[rules.ap-regression]\nmax-drop = 0.1\n"
    )

    run_forked(
        onnx_project,
        "detgate.toml",
        "--detgate-baseline=epoch_2.onnx",
        "--detgate-sweep=epoch_*.onnx",
    )

    assert reasons_in(onnx_project.path) == set()
    growth = values_in(onnx_project.path)["fp-regression[calm]"]
    assert (growth["baseline"], growth["boxes"]) == (0, 1)
    (sweep,) = [rule for rule in report_in(onnx_project.path)["rules"] if "choice" in rule["id"]]
    (table,) = sweep["tables"].values()
    assert [row[0] for row in table["rows"]] == ["colours.onnx", "epoch_1.onnx", "epoch_2.onnx"]


def test_onnx_rules_that_run_the_model(onnx_project: pytest.Pytester) -> None:
    (onnx_project.path / "detgate.toml").write_text(
        HEAD
        + ONNX
        + "[rules.latency]\nmax-ms = 600_000\nimages = 3\n"
        + "[rules.repeatability]\nimages = 3\nmax-score-difference = 0.0\n"
    )

    assert run_forked(onnx_project, "detgate.toml").ret == 0


def test_the_whole_gate_on_ray(
    onnx_project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    tables = HEAD + ONNX + RULES + "[rules.repeatability]\nimages = 3\nmax-score-difference = 0.0\n"
    run = '[run]\nengine = "ray"\nworkers = 2\nthreads = 1\nbatch = 1\n'
    (onnx_project.path / "detgate.toml").write_text(tables + run)
    mark = f"DETGATE_TEST_{os.getpid()}"
    monkeypatch.setenv(mark, "1")

    assert run_forked(onnx_project, "detgate.toml").ret == 0

    assert_all_end(mark)
    result = values_in(onnx_project.path)
    assert result["mean-ap"]["ap"] == AP
    assert result["probe-fp[calm]"]["boxes"] == 1
    model = report_in(onnx_project.path)["model"]
    assert (model["framework"], model["checkpoint"]) == ("onnx", "colours.onnx")
    assert (model["device"], model["images"], model["kept"]) == ("cpu", 6, 0)
    assert imported(onnx_project) == []  # neither Ray nor what runs the model is in this process

    (onnx_project.path / "detgate.toml").write_text(tables)
    run_forked(onnx_project, "detgate.toml", "-k", "not repeatability")

    # What Ray found answers the local engine.
    assert report_in(onnx_project.path)["model"]["kept"] == 6
    assert imported(onnx_project) == []


def test_baseline_and_sweep_take_the_engine_of_the_gated_file(
    onnx_project: pytest.Pytester,
) -> None:
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    for epoch in (1, 2):
        write_model(onnx_project.path / f"epoch_{epoch}.onnx", scores=(0.9, 0.1 * epoch))
    assert run_forked(onnx_project, "detgate.toml").ret == 0
    # What the gated file finds is kept; of the others nothing can be known without Ray.
    (onnx_project.path / "detgate.toml").write_text(
        HEAD
        + ONNX
        + '[run]\nengine = "ray"\naddress = "127.0.0.1:1"\n'
        + "[rules.fp-regression]\nmax-growth-boxes = 0\n[rules.checkpoint-choice]\n"
    )

    run_forked(
        onnx_project,
        "detgate.toml",
        "--detgate-baseline=epoch_2.onnx",
        "--detgate-sweep=epoch_*.onnx",
    )

    rules = report_in(onnx_project.path)["rules"]
    assert [rule["verdict"] for rule in rules] == ["not-evaluated", "not-evaluated"]
    (reason,) = reasons_in(onnx_project.path)
    assert reason.startswith("address = '127.0.0.1:1' under [run]: nothing listens there")


def test_onnx_file_without_the_package(onnx_project: pytest.Pytester) -> None:
    with (onnx_project.path / "conftest.py").open("a") as file:
        file.write("sys.modules['onnxruntime'] = None\n")

    result = run_forked(onnx_project, "detgate.toml")

    assert result.ret == 1
    (reason,) = reasons_in(onnx_project.path)
    assert "onnxruntime is not installed" in reason
    assert "pip install 'pytest-detgate[onnx]'" in reason


def test_trust_does_not_let_foreign_operators_in(onnx_project: pytest.Pytester) -> None:
    write_model(onnx_project.path / "epoch_1.onnx", domain="theirs")
    write_model(onnx_project.path / "colours.onnx", domain="theirs")

    result = run_forked(onnx_project, "detgate.toml", "--detgate-trust-checkpoint")

    assert result.ret == 1
    (reason,) = reasons_in(onnx_project.path)
    assert reason.startswith("colours.onnx: refused, because it needs operators")


def test_a_baseline_and_a_sweep_are_refused_as_the_gated_file_is(
    onnx_project: pytest.Pytester,
) -> None:
    write_model(onnx_project.path / "epoch_1.onnx", domain="theirs")
    (onnx_project.path / "detgate.toml").write_text(
        HEAD + ONNX + "[rules.fp-regression]\nmax-growth-boxes = 0\n[rules.checkpoint-choice]\n"
    )

    result = run_forked(
        onnx_project,
        "detgate.toml",
        "--detgate-baseline=epoch_1.onnx",
        "--detgate-sweep=epoch_*.onnx",
        "--detgate-trust-checkpoint",
    )

    assert result.ret == 1
    rules = report_in(onnx_project.path)["rules"]
    assert [rule["verdict"] for rule in rules] == ["not-evaluated", "not-evaluated"]
    (reason,) = reasons_in(onnx_project.path)
    assert reason.startswith("epoch_1.onnx: refused, because it needs operators")


@pytest.mark.skipif(
    "coverage" in sys.modules,
    reason="coverage looks at files while the detector runs, so its detections are not cached",
)
def test_function_of_the_project_is_gated_then_kept(project: pytest.Pytester) -> None:
    (project.path / "detgate.toml").write_text(HEAD + PYTHON + RULES)

    assert run_forked(project, "detgate.toml").ret == 0
    assert values_in(project.path)["mean-ap"]["ap"] == AP
    assert values_in(project.path)["probe-fp[calm]"]["boxes"] == 1
    model = report_in(project.path)["model"]
    assert (model["framework"], model["checkpoint"]) == ("python", "site_detector:Colours")
    assert imported(project) == ["site_detector"]

    assert run_forked(project, "detgate.toml").ret == 0
    assert report_in(project.path)["model"]["kept"] == 6
    assert imported(project) == ["site_detector"]  # it is made in every run

    text = DETECTOR.replace("> 128", "> 255")  # so that nothing is
    (project.path / "site_detector.py").write_text(text)
    assert run_forked(project, "detgate.toml").ret == 1
    assert report_in(project.path)["model"]["kept"] == 0


def test_function_with_a_checkpoint_baseline_and_workers(project: pytest.Pytester) -> None:
    (project.path / "detgate.toml").write_text(
        HEAD
        + PYTHON.replace("options = { score = 0.9 }", "")
        + "[rules.fp-regression]\nmax-growth-boxes = 0\n"
    )
    for name, score in {"old": 0.25, "new": 0.5}.items():
        (project.path / f"{name}.txt").write_text(str(score))

    result = run_forked(project, "--detgate-ckpt=new.txt", "--detgate-baseline=old.txt", "-n", "2")

    assert result.ret == 1
    growth = values_in(project.path)["fp-regression[calm]"]
    assert (growth["baseline"], growth["boxes"]) == (0, 1)
    assert report_in(project.path)["model"]["checkpoint"] == "new.txt"


def test_registered_framework_is_gated(registered: pytest.Pytester) -> None:
    model = '[model]\nframework = "coloured"\ncheckpoint = "weights.txt"\n'
    (registered.path / "detgate.toml").write_text(HEAD + model + RULES)

    result = run_forked(registered, "detgate.toml")

    assert result.ret == 0, result.stdout.str()
    assert values_in(registered.path)["mean-ap"]["ap"] == AP
    assert report_in(registered.path)["model"]["framework"] == "coloured"
    run_forked(registered, "detgate.toml")
    assert report_in(registered.path)["model"]["kept"] == 6
    assert imported(registered) == ["site_detector"]  # which the framework's module imports

    # Its own code decides, too.
    path = registered.path / "site" / "coloured.py"
    path.write_text(path.read_text().replace("* self.scale", "* self.scale * 2"))
    run_forked(registered, "detgate.toml")
    assert reasons_in(registered.path)
    assert all(
        "a score is from 0 to 1, found 1.5" in reason for reason in reasons_in(registered.path)
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ('framework = "onyx"', r"detgate.toml:8: [model] framework: no framework 'onyx'; did you "
         "mean 'onnx'? (available: mmdetection, onnx, openvino, torchvision, transformers, python, "
         "abstract, broken, coloured, "),
        ('framework = "broken"', "the framework 'broken' (coloured:Gone) cannot be imported"),
        ('framework = "abstract"', "(mistakes:Abstract) cannot be made: TypeError: Can't inst"),
        ('framework = "unmade"', "cannot be made: RuntimeError: no licence"),
        ('framework = "untyped"', "its options are <class 'dict'>; expected a subclass of msgspec"),
        ('framework = "python"', "[model] framework: the key 'entry' is missing"),
        ('entry = "site_detector"', "[model] entry: expected \"package.module:function\", found"),
        ('framework = "onnx"\nentry = "a:b"', 'entry: means nothing with framework = "onnx"'),
        ('framework = "mmdet"\nentry = "a:b"', 'entry: means nothing with framework = "mmdet"'),
        ('framework = "onnx"\nconfig = "a.py"', 'config: means nothing with framework = "onnx"'),
        ('framework = "onnx"\noptions = { a = 1 }', "options: means nothing with framework"),
        ('entry = "a:b"\noptions = { a = [{ b = inf }] }', "options: nan and inf are no values"),
        ('options = { a = 1 }', "options: which framework is it for?"),
        ('framework = "coloured"\noptions = { score-scales = 1 }',
         "options] score-scales: no such key; did you mean 'score-scale'?"),
        ('[model.onnx]\nresise = "none"', "[model.onnx] resise: no such key; did you mean"),
        ('[model.onnx]\nresize = "letter-box"', "did you mean 'letterbox'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_before_anything_runs(
    registered: pytest.Pytester, model: str, message: str
) -> None:
    (registered.path / "detgate.toml").write_text(f"{HEAD}[model]\n{model}\n{RULES}")

    result = run_forked(registered, "detgate.toml")

    assert result.ret == 4
    assert message in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unloaded", "the framework 'unloaded' cannot load weights.txt: KeyError: 'weights'"),
        ("nothing", "the framework 'nothing': load returned a NoneType, expected a LoadedModel"),
        # One digest for all would give every image the answer to the last one.
        ("elsewhere", "images/yard_1.png: the sha256 of the detector is not that of the file"),
    ],
)
def test_what_a_registered_framework_does_wrong_is_its_own_fault(
    registered: pytest.Pytester, name: str, message: str
) -> None:
    model = f'[model]\nframework = "{name}"\ncheckpoint = "weights.txt"\n'
    (registered.path / "detgate.toml").write_text(HEAD + model + RULES)

    assert run_forked(registered, "detgate.toml").ret == 1

    assert len(reasons_in(registered.path)) == 1, reasons_in(registered.path)
    assert next(iter(reasons_in(registered.path))).startswith(message)


def test_what_is_trained_is_not_run_by_another_framework(project: pytest.Pytester) -> None:
    train = '[train]\nconfig = "a.py"\nwork-dir = "w"\n'
    (project.path / "detgate.toml").write_text(HEAD + PYTHON + train + RULES)

    result = run_forked(project, "--detgate-train")

    assert result.ret == 4
    assert "[model] framework: python cannot run what --detgate-train trains" in result.stderr.str()
    assert run_forked(project, "detgate.toml").ret == 0  # which trains nothing


def test_nothing_to_run_is_said(project: pytest.Pytester) -> None:
    (project.path / "detgate.toml").write_text(f'{HEAD}[model]\nframework = "onnx"\n{RULES}')

    assert run_forked(project, "detgate.toml").ret == 1
    assert all("name a checkpoint (--detgate-ckpt" in reason for reason in reasons_in(project.path))


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a checkpoint of MMDetection and what was exported from it."""
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("onnx") is None:
        pytest.skip("onnxruntime or onnx is not installed")
    try:
        require_mmdetection()
    except DetectorError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("exported")
    worksite.draw_site(root, 3)
    for seed in range(3):
        worksite.draw(root / "probe" / f"calm_{seed}.png", 100 + seed, (96, 96))
    config = worksite.write_config(root)
    text = config.read_text().replace("size_divisor=32", "size=(96, 96)")
    config.write_text(text.replace("max_per_img=50", "max_per_img=1000"))
    checkpoint = worksite.write_checkpoint(config, root / "epoch_7.pth")
    import torch

    content = torch.load(checkpoint, weights_only=False)
    give_every_box_a_size(content)
    torch.save(content, checkpoint)
    export_rtmdet(config, checkpoint, root / "deployed.onnx", 96)
    return root


@pytest.mark.mmdet
def test_an_export_is_compared_with_its_checkpoint(
    exported: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    shutil.copytree(exported, pytester.path, dirs_exist_ok=True)
    pytester.makeini("[pytest]\n")
    (pytester.path / "detgate.toml").write_text(
        """
[dataset.splits.val]
annotations = "site.json"
images = "images"
[probes.calm]
images = "probe"
[model]
config = "model.py"
[model.onnx]
resize = "pad-end"
channel-order = "bgr"
divide-by = 1
mean = [103.53, 116.28, 123.675]
std = [57.375, 57.12, 58.395]
layout = "raw"
boxes = "xyxy"
nms-iou = 0.65
score-floor = 0.05
classes = ["person", "helmet"]
[rules.fp-regression]
max-growth-boxes = 0
"""
    )

    result = run_forked(pytester, "--detgate-ckpt=deployed.onnx", "--detgate-baseline=epoch_7.pth")

    assert result.ret == 0, result.stdout.str()
    growth = values_in(pytester.path)["fp-regression[calm]"]
    assert growth["baseline"] == growth["boxes"] > 0
    assert report_in(pytester.path)["model"]["framework"] == "onnx"
    assert report_in(pytester.path)["model"]["config"] is None
