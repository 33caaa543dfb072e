"""Sound projects: a world, its files, and a `detgate.toml` with rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.detections import FORMS, detector_files, result_file
from tests.campaign.label_files import WRITERS, Files, coco, image_files
from tests.campaign.project import Entry, Project
from tests.campaign.rule_tables import MODEL, Setting, rule_tables
from tests.campaign.worlds import Found, Picture, World, worlds

PATTERN = r"(?P<clip>(?P<site>[a-z]+)-[^/_]+)_(?P<frame>\d+)\.[A-Za-z]+$"
SCALARS = "".join(
    f'{{"lr": 0.004, "loss": {2.5 - step / 2}, "epoch": {step}, "iter": {step * 10}, '
    f'"step": {step * 10}}}\n{{"coco/bbox_mAP": {0.4 + step / 10}, "step": {step}}}\n'
    for step in (1, 2, 3)
)


@dataclass
class Parts:
    """What a project is put together from."""

    files: Files = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    predictions: dict[str, str] = field(default_factory=dict)


@st.composite
def projects(draw: DrawFn) -> Project:
    """A project, with the arguments that gate it."""
    world = draw(worlds())
    labels = draw(st.sampled_from(("coco", "coco", "coco", *sorted(WRITERS))))
    source = draw(st.sampled_from(("results", "results", "results", "detector", "none")))
    setting = Setting(world, labels, detector=source == "detector", baseline=False)
    parts = Parts()
    _write_splits(draw, world, labels, parts)
    probe_labels = _write_probes(draw, world, parts)
    rules = rule_tables(draw, setting, model=source != "none")
    if "training-curve" in rules:
        parts.files["scalars.json"] = {"text": SCALARS}
    needed = _needed(rules, world)
    if source == "results":
        forms = {**dict.fromkeys(world.splits, labels), **probe_labels}
        _write_results(draw, world, forms, needed, parts)
    elif needed:
        parts.files |= detector_files(world.parts(), world.classes)
        parts.config["model"] = {"framework": "python", "entry": "detector:Detector"}
    parts.config["scoring"] = {"replicates": draw(st.sampled_from((0, 200)))}
    if not parts.config["scoring"]["replicates"]:
        for table in rules.values():
            if table.get("bound") == "lower":
                del table["bound"]
    parts.config["rules"] = rules
    files: dict[str, Entry] = {
        "pytest.ini": {"text": "[pytest]\n"},
        "detgate.toml": {"toml": parts.config},
        **parts.files,
    }
    arguments = ["detgate.toml"]
    for name, path in parts.predictions.items():
        arguments.append(f"--detgate-predictions={name}={path}")
    return Project(files, arguments)


def _needed(rules: dict[str, Any], world: World) -> list[str]:
    """The splits and probes that some rule needs detections of."""
    names: list[str] = []
    for code in MODEL:
        if code in rules:
            if code not in ("probe-fp", "fp-regression"):
                names.append("val")
            if code in ("probe-fp", "fp-regression", "operating-point"):
                names += ["val", *world.probes]
    return list(dict.fromkeys(names))


def _write_splits(draw: DrawFn, world: World, labels: str, parts: Parts) -> None:
    tables = {}
    for name, pictures in world.splits.items():
        files, tables[name] = WRITERS[labels](name, pictures, world.classes)
        parts.files |= files | image_files(f"images/{name}", pictures)
    parts.config["dataset"] = {"frame-pattern": PATTERN, "splits": tables}


def _write_probes(draw: DrawFn, world: World, parts: Parts) -> dict[str, str | None]:
    """Write the probes, as a folder or with a COCO file; the format of each."""
    formats: dict[str, str | None] = {}
    for name, pictures in world.probes.items():
        is_plain = not any(one.boxes for one in pictures)
        table = {"images": f"images/{name}"}
        formats[name] = None
        if not is_plain or draw(st.booleans()):
            files, table = coco(name, pictures, world.classes)
            parts.files |= files
            formats[name] = "coco"
        parts.files |= image_files(f"images/{name}", pictures)
        parts.config.setdefault("probes", {})[name] = table
    return formats


def _write_results(
    draw: DrawFn,
    world: World,
    formats: dict[str, str | None],
    needed: Sequence[str],
    parts: Parts,
) -> None:
    for name in needed:
        pictures, labels = world.parts()[name], formats[name]
        form = draw(st.sampled_from(FORMS))
        # Formats that have no list of classes know those that occur.
        occur = {box.name for one in pictures for box in one.boxes}
        classes = [name for name in world.classes if name in occur or labels in _LISTED]
        kept = pictures if labels in _LISTED else [_only(one, classes) for one in pictures]
        content = result_file(form, kept, classes, labels)
        parts.files[f"found/{name}.json"] = {"json": content}
        parts.predictions[name] = f"found/{name}.json"


_LISTED = ("coco", "yolo", "cvat", "openimages", None)


def _only(picture: Picture, classes: Sequence[str]) -> Picture:
    found: list[Found] = [one for one in picture.found if one.name in classes]
    return Picture(**{**vars(picture), "found": found})
