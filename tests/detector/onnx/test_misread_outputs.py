"""Gates on models whose outputs are not what `detgate.toml` says of them, or not even finite."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.run_options import IN_THIS_PROCESS, RunPlan
from pytest_detgate.errors import DetectorError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.detector.onnx_models import BLUE, RED, draw, write_model
from tests.judged import found_by_model, judged, measured

CONFIG = """
[dataset.splits.val]
annotations = "val.json"
images = "val"
[probes.calm]
images = "calm"
"""
PROBE = "[rules.probe-fp]\nmax-boxes = 99\n"
EVERY = f"{PROBE}[rules.mean-ap]\nmin = 0.0\n[rules.absent-class-boxes]\nmax = 99\n"

OPTIONS: dict[str, Any] = {
    "resize": "letterbox",
    "channel-order": "rgb",
    "divide-by": 255,
    "classes": ["red", "blue"],
    "score-floor": 0.0,
}
RED_BOX, BLUE_BOX = (20, 10, 40, 30), (90, 40, 20, 16)

Judge = Callable[..., dict[str, RuleResult]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images of 128 x 64 pixels with one red and one blue rectangle each in the split `val`,
    and three with a red one in the probe `calm`."""
    truth: dict[str, list[Any]] = {}
    for number in range(3):
        name, box = f"a_{number}.png", (20 + 2 * number, *RED_BOX[1:])
        draw(tmp_path / "val" / name, (128, 64), (RED, box), (BLUE, BLUE_BOX))
        draw(tmp_path / "calm" / name, (128, 64), (RED, box))
        truth[name] = [("red", *box), ("blue", *BLUE_BOX)]
    content = coco_content(truth, ["red", "blue"])
    for image in content["images"]:
        image.update(width=128, height=64)
    write_json(tmp_path / "val.json", content)
    return tmp_path


@pytest.fixture
def onnx(folder: Path) -> Judge:
    """A function that evaluates rules on an ONNX file: how it is written, and what is said of
    it."""
    for module in ("onnxruntime", "onnx", "cv2"):
        pytest.importorskip(module, reason=f"{module} is not installed")

    def evaluate(
        rules: str = EVERY, options: Mapping[str, Any] | None = None, **written: Any
    ) -> dict[str, RuleResult]:
        path = write_model(folder / "m.onnx", **written)
        model = ModelSource(path, framework="onnx", options={**OPTIONS, **(options or {})})
        return judged(folder, CONFIG + rules, found_by_model(model, folder))

    return evaluate


@pytest.fixture
def entry(folder: Path) -> Judge:
    """A function that evaluates rules on a Python entry, whose answer is an expression of the
    image's path."""

    def evaluate(
        answer: str, rules: str = EVERY, plan: RunPlan = IN_THIS_PROCESS
    ) -> dict[str, RuleResult]:
        module = f"entry_{hashlib.sha256(answer.encode()).hexdigest()[:12]}"
        (folder / f"{module}.py").write_text(
            textwrap.dedent(f"""
            import numpy as np
            class Detector:
                classes = ["red", "blue"]
                def __init__(self, checkpoint, device): pass
                def detect(self, images):
                    return [{answer} for image in images]
            """),
            encoding="utf-8",
        )
        model = ModelSource(None, framework="python", entry=f"{module}:Detector", folder=folder)
        return judged(folder, CONFIG + rules, found_by_model(model, folder, plan))

    return evaluate


def test_a_model_that_is_read_as_it_is_meant(onnx: Judge) -> None:
    results = onnx()

    assert {name: result.verdict for name, result in results.items()} == {
        "probe-fp[calm]": "passed",
        "mean-ap": "passed",
        "absent-class-boxes[val]": "passed",
    }
    assert measured(results["probe-fp[calm]"])["boxes"] == 3
    assert measured(results["mean-ap"])["ap"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("written", "options", "cause"),
    [
        # Pixels times 64 are behind the right edge, or below the lower one.
        ({}, {"normalised": True}, r"are pixels read as shares of the input\? (`normalised = f"),
        ({"layout": "rows"}, {"layout": "rows", "normalised": True}, "are pixels read as shares"),
        # Of an image of 128 x 64 the rows of the input from 16 to 48 are the image.
        ({"normalised": True}, {}, "are shares of the input read as pixels? (`normalised = true`"),
        # (20, 22.5, 20, 15) for the red one: its right edge would be left of 20.
        ({"form": "cxcywh"}, {}, 'centres or sizes read as corners? (`boxes = "cxcywh"` or "xywh"'),
        (
            {"form": "cxcywh", "layout": "raw"},
            {"layout": "raw", "boxes": "xyxy", "nms-iou": 0.5},
            "are centres or sizes read as corners?",
        ),
        ({"form": "xywh"}, {}, "are centres or sizes read as corners?"),
    ],
)
def test_boxes_that_are_misread_are_no_clean_probe(
    onnx: Judge, written: dict[str, Any], options: dict[str, Any], cause: str
) -> None:
    results = onnx(options=options, **written)

    for result in results.values():
        assert result.verdict == "not-evaluated"
        assert "have no width or height in their image, first on a_0.png" in result.message
        assert cause.replace(r"\?", "?") in result.message


@pytest.mark.parametrize("layout", ["boxes-scores-labels", "dets-labels", "rows", "raw"])
def test_log_odds_are_no_clean_probe(onnx: Judge, layout: str) -> None:
    """All below zero, as of an image without anything."""
    is_raw = layout == "raw"
    options = {"layout": layout, **({"boxes": "xyxy", "nms-iou": 0.5} if is_raw else {})}

    results = onnx(options=options, layout=layout, scores=(-2.0, -3.0))

    for result in results.values():
        assert result.verdict == "not-evaluated"
        assert "-2 in" in result.message or "-3 in" in result.message
        assert "these look like log-odds" in result.message


@pytest.mark.parametrize("kind", ["INT8", "UINT8", "INT64", "BOOL"])
def test_scores_that_are_whole_numbers_are_refused(onnx: Judge, kind: str) -> None:
    for result in onnx(score_type=kind).values():
        assert result.verdict == "not-evaluated"
        assert f"the output scores, which holds the scores, is tensor({kind.lower()})" in (
            result.message
        )


def test_rows_without_a_box_may_have_a_score_of_minus_one(onnx: Judge) -> None:
    """As padding up to a fixed number of rows."""
    results = onnx("[rules.probe-fp]\nmax-boxes = 99\n", scores=(0.9, -1.0))

    assert measured(results["probe-fp[calm]"])["boxes"] == 3


@pytest.mark.parametrize("layout", ["boxes-scores-labels", "raw"])
def test_images_with_infinite_scores_are_not_looked_at(onnx: Judge, layout: str) -> None:
    is_raw = layout == "raw"
    options = {"layout": layout, **({"boxes": "xyxy", "nms-iou": 0.5} if is_raw else {})}
    output = "output0" if is_raw else "scores"

    for _ in range(2):  # the second time with what is kept of the first
        results = onnx(options=options, layout=layout, infinite_on_blue=True)

        # There is no blue on the probe's images, and yet nothing shows that the model works.
        assert results["probe-fp[calm]"].message == (
            "the detector finds nothing, at any score, on the 3 images of val with ground truth, "
            "so it proves nothing on calm"
        )
        for name in ("mean-ap", "absent-class-boxes[val]"):
            assert results[name].verdict == "not-evaluated"
            assert results[name].message == (
                "3 of 3 images of val were not looked at (3 images make the model give NaN or "
                f"infinity: a_0.png ({output}), a_1.png ({output}), a_2.png ({output}))"
            )
            assert (results[name].looked_at, results[name].to_look_at) == (0, 3)


def test_some_images_are_not_looked_at(entry: Judge) -> None:
    box = "([[1, 1, 9, 9]], [np.nan if image.name == 'a_1.png' else 0.5], ['red'])"
    result = entry(box)["probe-fp[calm]"]

    assert result.verdict == "not-evaluated"
    assert (result.looked_at, result.to_look_at) == (2, 3)
    assert result.message.startswith(
        "1 of 3 images of calm was not looked at (1 image makes the model give NaN or infinity: "
        "a_1.png (scores)); of the rest: 2 false boxes"
    )
    # A budget that the others break is broken all the same.
    assert entry(box, "[rules.probe-fp]\nmax-boxes = 1\n")["probe-fp[calm]"].verdict == "failed"


def test_workers_tell_of_it_too(entry: Judge) -> None:
    results = entry("([[1, 1, 9, 9]], [np.inf], ['red'])", PROBE, RunPlan(workers=2))

    assert results["probe-fp[calm]"].verdict == "not-evaluated"
    assert "a_0.png (scores), a_1.png (scores)" in results["probe-fp[calm]"].message


def test_neither_do_two_inferences_agree_on_them(entry: Judge) -> None:
    (result,) = entry("([[1, 1, 9, 9]], [np.nan], ['red'])", "[rules.repeatability]\n").values()

    assert result.verdict == "not-evaluated"
    assert "val: 3 images make the model give NaN or infinity" in result.message


@pytest.mark.parametrize(
    ("box", "cause"),
    [
        ("[30, 20, 10, 8]", "are these centres or sizes? A detector gives corners x1, y1, x2, y2"),
        ("[-9, 5, -2, 9]", "a detector gives corners x1, y1, x2, y2 in pixels of the image"),
        ("[9, 9, 9, 20]", "are these pixels of an image of another size?"),
    ],
)
def test_misplaced_boxes_of_an_entry_are_refused(entry: Judge, box: str, cause: str) -> None:
    for result in entry(f"([{box}], [0.5], ['red'])").values():
        assert result.verdict == "not-evaluated"
        assert "3 of 3 boxes over 0.3 on" in result.message
        assert cause in result.message


def test_boxes_beside_an_image_of_known_size_are_refused(entry: Judge) -> None:
    """Those of val are 128 pixels wide, as its file says."""
    results = entry("([[200, 9, 230, 20]], [0.5], ['red'])")

    assert results["mean-ap"].verdict == "not-evaluated"
    assert "first on a_0.png (200, 9, 230, 20): are these pixels of" in results["mean-ap"].message


@pytest.mark.parametrize(("good", "verdict"), [(98, "not-evaluated"), (99, "passed")])
def test_one_box_of_a_hundred_may_be_misplaced(entry: Judge, good: int, verdict: str) -> None:
    """On the first of three images. It counts as a box, so that it cannot vanish from a budget."""
    boxes = f"[[1, 1, 9, 9]] * {good} + [[9, 9, 1, 1]] * 2"
    scores = f"[0.5] * {good} + [0.5, 0.25]"
    answer = f"({boxes}, {scores}, [0] * {good + 2}) if image.name == 'a_0.png' else ([], [], [])"

    result = entry(answer, "[rules.probe-fp]\nmax-boxes = 100\n")["probe-fp[calm]"]

    assert result.verdict == verdict
    if verdict == "passed":
        assert measured(result)["boxes"] == good + 1


def test_misplaced_boxes_under_the_threshold_count(entry: Judge) -> None:
    """On 3 images of the probe 1 box each at 0.2, its corners swapped, over 0.1 of the rule."""
    answer = "([[30, 30, 10, 10]] if image.parent.name == 'calm' else [[1, 1, 9, 9]], [0.2], [0])"

    result = entry(answer, f"{PROBE}score-threshold = 0.1\n")["probe-fp[calm]"]

    assert measured(result)["boxes"] == 3
    none = entry(answer, "[rules.probe-fp]\nmax-boxes = 0\nscore-threshold = 0.1\n")
    assert none["probe-fp[calm]"].verdict == "failed"
    # Of the red class 3 misplaced boxes come before the 3 right ones: a precision of 3 of 6.
    # Nothing is found of the blue class.
    guesses = "([[9, 9, 1, 1], [20, 10, 60, 40]], [0.29, 0.1], [0, 0])"
    index = '[rules.mean-ap]\nmin = 0.0\nmetric = "AP50"\n'
    assert measured(entry(guesses, index)["mean-ap"])["ap"] == pytest.approx((1 / 2 + 0) / 2)


@pytest.mark.parametrize(
    "filler",
    [
        "([[0, 0, 0, 0]] * 10, [0.0] * 10, [0] * 10)",
        "([[5, 5, 5, 5]], [0.05], [0])",
        "([[500, 500, 510, 510]], [0.05], [0])",
        "([[5, 5, 9, 9]], [0.0], [0])",
    ],
)
def test_rows_that_fill_an_output_are_nothing_found(entry: Judge, filler: str) -> None:
    answer = f"{filler} if image.parent.name == 'val' else ([], [], [])"

    result = entry(answer, PROBE)["probe-fp[calm]"]

    assert result.verdict == "not-evaluated"
    assert "finds nothing, at any score, on the 3 images of val" in result.message


def load(path: Path, **options: Any) -> None:
    source = ModelSource(path, framework="onnx", options={**OPTIONS, **options})
    framework("onnx").load(source, sha256="", device="cpu", batch_size=None)


@pytest.mark.parametrize(
    "metadata",
    [
        {"names": "['blue', 'red']"},
        {"names": '["blue", "red"]'},
        {"names": "{'0': 'blue', '1': 'red'}"},
        {"names": '{"0": "blue", "1": "red"}'},
        {"classes": '["blue", "red"]'},
        {"class_names": "('blue', 'red')"},
        {"labels": '["background", "blue", "red"]'},
        {"labels": '["background", "red", "blue"]'},  # first-label would be 1
    ],
)
def test_classes_of_other_exporters_are_compared(folder: Path, metadata: dict[str, str]) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    path = write_model(folder / "m.onnx", metadata=metadata)

    with pytest.raises(DetectorError, match="are not those of the file's metadata"):
        load(path)


@pytest.mark.parametrize(
    ("metadata", "first_label"),
    [
        ({"labels": '["background", "red", "blue"]'}, 1),
        ({"classes": '["red", "blue"]'}, 0),
        ({"classes": "2", "labels": "", "names": "a text"}, 0),
        ({"names": "{0: 'red', 7: 'blue'}"}, 0),
    ],
)
def test_metadata_that_does_not_contradict(
    folder: Path, metadata: dict[str, str], first_label: int
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    path = write_model(folder / "m.onnx", metadata=metadata, first_label=first_label)

    load(path, **{"first-label": first_label})


@pytest.mark.parametrize(
    ("options", "is_refused"),
    [
        ({"divide-by": 1}, False),
        ({"divide-by": 1, "mean": [0, 0, 0], "std": [1, 1, 1]}, False),
        ({"divide-by": 255}, True),
        ({"divide-by": 1, "mean": [0.5, 0.5, 0.5]}, True),
        ({"divide-by": 1, "std": [58, 57, 57]}, True),
    ],
)
def test_fractions_for_an_input_of_bytes(
    folder: Path, options: dict[str, Any], is_refused: bool
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    path = write_model(folder / "m.onnx", dtype="UINT8")

    if not is_refused:
        load(path, **options)
        return
    with pytest.raises(DetectorError, match=r"takes tensor\(uint8\), pixels as they are"):
        load(path, **options)


@pytest.mark.parametrize(
    ("kind", "normalised", "message"),
    [
        ("INT8", False, r"boxes, is tensor\(int8\), which ends at 127"),
        ("UINT8", False, r"boxes, is tensor\(uint8\), which ends at 255"),
        ("INT32", True, "boxes that are shares of the image become 0 or 1"),
        ("INT32", False, None),
        ("FLOAT16", True, None),
    ],
)
def test_boxes_of_narrow_numbers(
    folder: Path, kind: str, normalised: bool, message: str | None
) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    path = write_model(folder / "m.onnx", normalised=normalised, box_type=kind)

    if message is None:
        load(path, normalised=normalised)
        return
    with pytest.raises(DetectorError, match=message):
        load(path, normalised=normalised)


def test_metadata_with_other_classes_is_refused(folder: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    ultralytics = {
        "description": "Ultralytics YOLO11n model",
        "author": "Ultralytics",
        "task": "detect",
        "names": "{0: 'blue', 1: 'red'}",
    }
    for metadata, difference in (
        (ultralytics, "another order, red, blue instead of blue, red"),
        ({"detgate.classes": '["red"]'}, "2 against 1 name: it has blue in addition"),
    ):
        path = write_model(folder / "m.onnx", metadata=metadata)
        source = ModelSource(path, framework="onnx", options=OPTIONS)
        with pytest.raises(
            DetectorError,
            match=r"classes under \[model\.onnx\] are not those of the file's metadata: "
            + difference,
        ):
            framework("onnx").load(source, sha256="", device="cpu", batch_size=None)
