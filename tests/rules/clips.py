"""Small projects of clips for the rules on alarms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import judged

CLASSES = ("helmet_off", "no_vest")
HEAD = """\
[dataset]
frame-pattern = '(?P<clip>[a-z]+)_(?P<frame>\\d+)\\.jpg$'
"""
Signs = Mapping[str, str]
"""For each clip a sign a frame: `x` one box of helmet_off, `v` one of no_vest, `2` two boxes of
helmet_off apart, `.` nothing, ` ` no such frame."""
_BOXES_OF_SIGN = {"x": [("helmet_off", 10.0)], "v": [("no_vest", 10.0)], ".": [], " ": []}
_BOXES_OF_SIGN["2"] = [("helmet_off", 10.0), ("helmet_off", 60.0)]


def frames(clips: Signs) -> dict[str, list[tuple[str, float]]]:
    """The images of clips: file name, and the class and place of each box."""
    return {
        f"{clip}_{number}.jpg": _BOXES_OF_SIGN[sign]
        for clip, signs in clips.items()
        for number, sign in enumerate(signs)
        if sign != " "
    }


def truth_of(clips: Signs) -> dict[str, list[tuple[str, float, float, float, float]]]:
    """The ground truth of clips, by image."""
    return {
        image: [(label, x, 10, 30, 30) for label, x in here]
        for image, here in frames(clips).items()
    }


def evaluate(
    folder: Path,
    config: str,
    *,
    split: Signs,
    signs: Signs,
    probe: Signs | None = None,
    on_probe: Signs | None = None,
    score: float = 0.9,
    images: Mapping[str, Mapping[str, object]] | None = None,
    head: str = HEAD,
    of_split: str = "",
    of_probe: str = "",
    listed: Signs | None = None,
) -> dict[str, RuleResult]:
    """Judge a project of the split `val`, and of the probe `calm` where it has frames.

    Boxes of the truth, and of what is `found`, are given by sign; all detections have one score.
    `images` are further fields of the images of both, `of_split` and `of_probe` further keys of
    their tables. The
    result file of the probe lists only the frames of `listed`, if that is given.
    """
    results = {}
    for name, truth, detections in (("val", split, signs), ("calm", probe, on_probe)):
        if truth is None:
            continue
        boxes = truth_of(truth)
        content = coco_content(boxes, CLASSES)
        for image in content["images"]:
            image.update((images or {}).get(image["file_name"], {}))
        write_json(folder / f"{name}.json", content)
        seen = frames(detections or {})
        known = boxes if listed is None or name == "val" else truth_of(listed)
        result = result_content(
            known,
            {
                image: [(label, score, x, 10, 30, 30) for label, x in seen.get(image, ())]
                for image in known
            },
            CLASSES,
        )
        results[name] = write_json(folder / f"{name}_found.json", result)
    tables = '[dataset.splits.val]\nannotations = "val.json"\nimages = "images"\n' + of_split
    if probe is not None:
        tables += '[probes.calm]\nannotations = "calm.json"\nimages = "images"\n' + of_probe
    return judged(folder, f"{head}{tables}{config}", results)
