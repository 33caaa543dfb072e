"""Detections on changed images: real models, their cache, workers, and what cannot be changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_detgate.config.load import load_configuration
from pytest_detgate.detections import ImageDetections, UnreadableImage
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.changed.rendering import FOLDER_PREFIX
from pytest_detgate.detector.changed.view import ChangedImages
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.workers.run_options import IN_THIS_PROCESS, RunPlan
from pytest_detgate.image_changes.change import ImageChange
from pytest_detgate.image_changes.corruptions.corruption import Corruption
from pytest_detgate.image_changes.small import Flip, Scale, Shift
from pytest_detgate.inputs.detections.model_detections import ModelDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.progress import NoProgress
from pytest_detgate.record.report import RuleResult
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.verdicts.verdict import judge
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.judged import measured

# Pytester forgets what is imported while it is there, and onnx cannot be imported twice.
with contextlib.suppress(ModuleNotFoundError):
    import onnx  # noqa: F401

COLOURS = '''
"""Finds the red rectangle of a picture."""
import numpy as np
from PIL import Image

class Colours:
    classes = ["red", "blue"]

    def __init__(self, checkpoint, device):
        pass

    def detect(self, images):
        for image in images:
            assert Image.open(image).format
            pixels = np.asarray(Image.open(image).convert("RGB"), int)
            mask = 2 * pixels[..., 0] - pixels.sum(axis=2) > 128
            if not mask.any():
                yield [], [], []
                continue
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            yield [[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], [0.9], ["red"]
'''
BOX = (10, 12, 16, 20)


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Three pictures with a red rectangle each, the second also with a blue one."""
    paths = [tmp_path / "images" / f"a_{number}.png" for number in range(3)]
    draw(paths[0], (64, 48), (RED, BOX))
    draw(paths[1], (64, 48), (RED, (30, 8, 10, 12)), (BLUE, (4, 30, 8, 9)))
    draw(paths[2], (64, 48), (RED, (24, 20, 12, 12)))
    return paths


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., CachedDetector]:
    """A function that starts a gate of its own on a project function or an ONNX file."""
    (tmp_path / "colours.py").write_text(COLOURS, encoding="utf-8")

    def start(framework: str = "python", plan: RunPlan = IN_THIS_PROCESS) -> CachedDetector:
        return CachedDetector(
            source(framework, tmp_path),
            cache_dir=tmp_path / "cache",
            device="cpu",
            progress=NoProgress(),
            plan=plan,
        )

    return start


def source(framework: str, folder: Path) -> ModelSource:
    if framework == "python":
        return ModelSource(None, framework="python", entry="colours:Colours", folder=folder)
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    options = {
        "resize": "letterbox",
        "channel-order": "rgb",
        "divide-by": 255,
        "classes": ["red", "blue"],
        "score-floor": 0.0,
    }
    model = folder / "colours.onnx"
    if not model.exists():
        write_model(model)
    return ModelSource(model, framework="onnx", options=options, folder=folder)


def boxes(result: object) -> list[list[float]]:
    assert isinstance(result, ImageDetections)
    corners: list[list[float]] = result.xyxy[result.score > 0].tolist()
    return corners


@pytest.mark.parametrize("framework", ["python", "onnx"])
def test_boxes_are_those_on_the_original(
    framework: str, gate: Callable[..., CachedDetector], images: list[Path]
) -> None:
    detector = gate(framework)
    options = source(framework, images[0].parents[1]).image_options
    plain = detector.detect(images)
    for change in (Shift(0, 0), Shift(5, -3), Flip()):
        run = detector.detect_changed(images, change, options)
        assert run.inferred == 3
        assert {path: boxes(entry) for path, entry in run.items()} == {
            path: boxes(entry) for path, entry in plain.items()
        }
    run = detector.detect_changed(images, Scale(1.25), options)
    # 64 × 48 becomes 80 × 60, on which every edge is at a whole pixel, give or take one.
    assert boxes(run[images[0]]) == [pytest.approx([10, 12, 26, 32], abs=1.6)]


def test_the_second_run_infers_nothing(
    gate: Callable[..., CachedDetector], images: list[Path]
) -> None:
    options = source("onnx", images[0].parents[1]).image_options
    changes: list[ImageChange] = [Shift(2, 2), Corruption("fog", 1), Corruption("fog", 3)]
    first = gate("onnx")
    first.detect(images)
    ran = [first.detect_changed(images, change, options) for change in changes]
    again = [gate("onnx").detect_changed(images, change, options) for change in changes]

    assert [run.inferred for run in ran] == [3, 3, 3]
    assert [(run.inferred, run.cached) for run in again] == [(0, 3)] * 3
    for entry, two in zip(ran, again, strict=True):
        assert [boxes(entry[path]) for path in images] == [boxes(two[path]) for path in images]
    draw(images[0], (64, 48), (RED, (1, 2, 9, 9)))
    changed = gate("onnx").detect_changed(images, changes[0], options)
    assert (changed.inferred, changed.cached) == (1, 2)


def test_two_workers_detect_the_same(
    gate: Callable[..., CachedDetector], images: list[Path], tmp_path: Path
) -> None:
    options = source("onnx", tmp_path).image_options
    alone = gate("onnx").detect_changed(images, Corruption("snow", 1), options)
    detector = CachedDetector(
        source("onnx", tmp_path),
        cache_dir=tmp_path / "other-cache",
        device="cpu",
        progress=NoProgress(),
        plan=RunPlan(workers=2),
    )
    shared = detector.detect_changed(images, Corruption("snow", 1), options)

    assert shared.inferred == 3
    assert [boxes(shared[path]) for path in images] == [boxes(alone[path]) for path in images]


def test_images_of_other_kinds(gate: Callable[..., CachedDetector], tmp_path: Path) -> None:
    """Grey and transparent images are changed; one with 16 bits, and one that is none, are not."""
    Image.new("L", (64, 48), 90).save(tmp_path / "grey.png")
    Image.new("I;16", (64, 48), 900).save(tmp_path / "deep.png")
    Image.new("RGBA", (64, 48), (*RED, 40)).save(tmp_path / "clear.png")
    (tmp_path / "text.png").write_text("no image", encoding="utf-8")
    upright = Image.new("RGB", (48, 64), (90, 90, 90))
    upright.paste(Image.new("RGB", (10, 6), RED), (5, 40))
    exif = upright.getexif()
    exif[0x0112] = 6  # a quarter to the right
    upright.save(tmp_path / "turned.png", exif=exif)
    names = ("grey", "deep", "clear", "text", "turned")
    paths = [tmp_path / f"{name}.png" for name in names]
    options = source("python", tmp_path).image_options
    run = gate().detect_changed(paths, Flip(), options)
    results = dict(zip(names, run.results.values(), strict=True))

    assert boxes(results["grey"]) == []
    assert boxes(results["clear"]) == [[0, 0, 64, 48]]
    # Turned to the right, (x, y) is at (63 - y, x): 64 - 46, 5 and 64 - 40, 15.
    assert boxes(results["turned"]) == [[18, 5, 24, 15]]
    deep, text = results["deep"], results["text"]
    assert isinstance(deep, UnreadableImage)
    assert "more than 8 bits" in deep.reason
    assert isinstance(text, UnreadableImage)


def test_ray_is_sent_the_content_of_changed_images(tmp_path: Path) -> None:
    """Their folder is not on the file system that the machines share."""
    pytest.importorskip("ray")
    from pytest_detgate.detector.workers.ray_pool import RayPool

    pool = RayPool.__new__(RayPool)
    pool._shared_files = True
    folder = tmp_path / f"{FOLDER_PREFIX}x"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"pixels")

    assert pool.image_to_send(folder / "a.png").content == b"pixels"
    assert pool.image_to_send(tmp_path / "a.png").content is None


MEMORY = '''
"""Compares each window of a grid with the patches that it was trained on."""
import numpy as np
from PIL import Image

CELL, WINDOW = 8, 16

def windows(pixels):
    """(cells, window²) around each cell of a grid, and the left top of each cell."""
    padded = np.pad(pixels, (WINDOW - CELL) // 2, mode="edge")
    places = [(x, y) for y in range(0, pixels.shape[0] - 7, CELL)
              for x in range(0, pixels.shape[1] - 7, CELL)]
    return np.array([padded[y:y + WINDOW, x:x + WINDOW].ravel() for x, y in places]), places

class Nearest:
    classes = ["cross"]

    def __init__(self, checkpoint, device):
        with np.load(checkpoint) as learnt:
            self.patches, self.moves = learnt["patches"], learnt["moves"]

    def detect(self, images):
        for image in images:
            pixels = np.asarray(Image.open(image).convert("L"), float)
            found, places = windows(pixels)
            apart = ((found[:, None] - self.patches[None]) ** 2).mean(axis=2)
            best = apart.argmin(axis=1)
            score = np.exp(-apart[np.arange(len(best)), best] / 2000)
            boxes = np.array([(x + dx, y + dy, x + dx + CELL, y + dy + CELL)
                              for (x, y), (dx, dy) in zip(places, self.moves[best])])
            kept = [score.argmax()]
            yield boxes[kept], score[kept], ["cross"]
'''


def cross(x: int, y: int, seed: int) -> Image.Image:
    """A bright cross of 8 × 8 pixels at a place, on dark noise."""
    pixels = np.random.default_rng(seed).integers(0, 40, (64, 64)).astype(np.uint8)
    pixels[y + 3 : y + 5, x : x + 8] = 255
    pixels[y : y + 8, x + 3 : x + 5] = 255
    return Image.fromarray(pixels)


def train(path: Path, shifts: list[int]) -> None:
    """Store the patch around a cell for a cross that is moved by each of some shifts."""
    patches, moves = [], []
    for number, (dx, dy) in enumerate((dx, dy) for dx in shifts for dy in shifts):
        pixels = np.asarray(cross(24 + dx, 24 + dy, 1000 + number), float)
        patches.append(pixels[20:36, 20:36].ravel())
        moves.append((dx, dy))
    np.savez(path, patches=np.array(patches), moves=np.array(moves))


def result_of(folder: Path, rule: str, checkpoint: str) -> dict[str, RuleResult]:
    """Evaluate a rule on the model of a file; its result by item."""
    head = '[dataset.splits.val]\nannotations = "val.json"\nimages = "images"\n'
    model = f'[model]\nentry = "memory:Nearest"\ncheckpoint = "{checkpoint}"\n'
    path = folder / "detgate.toml"
    path.write_text(head + model + rule, encoding="utf-8")
    project = Project(load_configuration(path), folder)
    detections = ModelDetections(
        source=lambda: ModelSource(
            folder / checkpoint, framework="python", entry="memory:Nearest", folder=folder
        ),
        device="cpu",
        batch_size=None,
        plan=IN_THIS_PROCESS,
        cache_dir=folder / "cache",
        progress=NoProgress(),
        project=project,
    )
    rules = bind_rules(project)
    items = [(bound, target) for bound in rules for target in bound.targets]
    inputs = Inputs(project, detections, ["val"])
    return {bound.item_name(target): judge(bound, target, inputs) for bound, target in items}


@pytest.fixture
def crosses(tmp_path: Path) -> Path:
    """A project with twelve images, on which a cross is in a cell of a grid of 8 pixels."""
    (tmp_path / "memory.py").write_text(MEMORY, encoding="utf-8")
    (tmp_path / "images").mkdir()
    truth: dict[str, list[tuple[str, float, float, float, float]]] = {}
    for number in range(12):
        x, y = 8 * (1 + number % 5), 8 * (1 + number // 3)
        cross(x, y, number).save(tmp_path / "images" / f"a_{number}.png")
        truth[f"a_{number}.png"] = [("cross", x, y, 8, 8)]
    content = coco_content(truth, ["cross"])
    for image in content["images"]:
        image["width"] = image["height"] = 64
    write_json(tmp_path / "val.json", content)
    train(tmp_path / "aligned.npz", [0])
    train(tmp_path / "shifted.npz", [-4, 0, 4])
    return tmp_path


SHIFT = '[rules.stability]\nmax = 0.1\nchanges = ["shift"]\nshift-pixels = {}\n'


def test_a_model_trained_without_shifts_fails(crosses: Path) -> None:
    """It knows crosses in the middle of a cell alone: of 24 moved ones it finds none."""
    aligned = result_of(crosses, SHIFT.format(4), "aligned.npz")["stability[shift]"]
    shifted = result_of(crosses, SHIFT.format(4), "shifted.npz")["stability[shift]"]

    assert (aligned.verdict, shifted.verdict) == ("failed", "passed")
    assert measured(aligned)["lost"] == measured(aligned)["detections"] == 24
    assert measured(shifted)["share"] == measured(shifted)["appeared_share"] == 0


@pytest.mark.parametrize("checkpoint", ["aligned.npz", "shifted.npz"])
def test_the_identity_is_exactly_stable(crosses: Path, checkpoint: str) -> None:
    """Changes of no strength: the images are decoded, written and detected on again."""
    rule = (
        '[rules.stability]\nmax = 0.0\nchanges = ["shift", "scale", "brightness", "blur"]\n'
        "shift-pixels = 0\nscale-by = 0\nbrightness-by = 0\nblur-sigma = 0\n"
    )
    results = result_of(crosses, rule, checkpoint)

    assert len(results) == 4
    for result in results.values():
        assert result.verdict == "passed"
        values = measured(result)
        assert (values["share"], values["appeared_share"]) == (0.0, 0.0)
        assert values["detections"] in (12, 24)


def test_a_sealed_probe_leaves_nothing_in_the_cache(
    gate: Callable[..., CachedDetector], images: list[Path]
) -> None:
    options = source("onnx", images[0].parents[1]).image_options
    detector = gate("onnx")
    result = detector.infer(images, ChangedImages(Shift(2, 2), options))
    run = detector.detect_changed(images, Shift(2, 2), options)

    assert run.inferred == 3
    assert [boxes(result[path].result) for path in images] == [boxes(run[path]) for path in images]
