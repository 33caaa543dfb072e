"""Sound projects: a world, its files, and a `detgate.toml` with rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.detections import DETECTOR, FORMS, answers_of, result_file
from tests.campaign.drawn_tables import (
    ALWAYS_NEEDS_PROBES,
    NEEDS_PROBES,
    ON_DETECTIONS,
    are_on_alarms,
    rule_tables,
)
from tests.campaign.field_tables import alarm_settings
from tests.campaign.label_files import IDS, Files, coco, image_files
from tests.campaign.label_writers import LISTING, WRITERS, fitting
from tests.campaign.project import Entry, Project
from tests.campaign.rule_tables import Setting
from tests.campaign.tool_results import FOLDERS, result_folder
from tests.campaign.worlds import DetectedBox, Picture, World, worlds

PATTERN = r"(?P<clip>(?P<site>[a-z]+)-[^/_]+)_(?P<frame>\d+)\.[A-Za-z]+$"
SCALARS = "".join(
    f'{{"lr": 0.004, "loss": {2.5 - step / 2}, "epoch": {step}, "iter": {step * 10}, '
    f'"step": {step * 10}}}\n{{"coco/bbox_mAP": {0.4 + step / 10}, "step": {step}}}\n'
    for step in (1, 2, 3)
)


@dataclass
class Parts:
    """What a project is put together from."""

    ids: str
    files: Files = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    predictions: dict[str, str] = field(default_factory=dict)


@st.composite
def projects(draw: DrawFn) -> Project:
    """A project, with the arguments that gate it."""
    world = draw(worlds())
    labels = fitting(draw(st.sampled_from((*("coco",) * 5, *sorted(WRITERS)))), world)
    source = draw(st.sampled_from((*("results",) * 4, "detector", "checkpoints", "none")))
    has_baseline = source == "results" and draw(st.sampled_from((False, False, False, True)))
    runs = source in ("detector", "checkpoints")
    has_before = source == "checkpoints" and draw(st.booleans())
    setting = Setting(
        world,
        labels,
        detector=runs,
        epochs=source == "checkpoints",
        has_checkpoint_before=has_before,
    )
    parts = Parts(ids=draw(st.sampled_from(("from one", "from one", *sorted(IDS)))))
    _write_splits(draw, world, labels, parts)
    probe_labels = _write_probes(draw, world, parts)
    _write_query(draw, world, labels, parts)
    rules = rule_tables(draw, setting, model=source != "none", baseline=has_baseline)
    if are_on_alarms(rules):
        timing, parts.config["alarms"] = alarm_settings(draw)
        parts.config["dataset"] |= timing
    if "training-curve" in rules:
        parts.files["scalars.json"] = {"text": SCALARS}
    if "training-seed" in rules:
        parts.config["train"] = {"config": "train.py", "work-dir": "work", "seed": 3}
    needed = _needed(rules, world)
    if source == "results":
        forms = {**dict.fromkeys(world.splits, labels), **probe_labels}
        _write_results(draw, world, forms, needed, parts)
    elif needed:
        _write_detector(source, world, parts)
    parts.config["scoring"] = {"replicates": draw(st.sampled_from((0, 200)))}
    if not parts.config["scoring"]["replicates"]:
        for table in rules.values():
            if table.get("bound") == "lower" or "max" in table:
                table.pop("bound", None)
    parts.config["rules"] = {code: _named(draw, table) for code, table in rules.items()}
    arguments = ["detgate.toml"]
    for name, path in parts.predictions.items():
        arguments.append(f"--detgate-predictions={name}={path}")
    if has_baseline:
        # The record of the earlier run, or what was approved of it.
        parts.files["baseline.json"] = {draw(st.sampled_from(("report", "approved"))): 1.0}
        arguments.append("--detgate-baseline=baseline.json")
    if has_before:
        arguments.append("--detgate-baseline=epoch_1.pth")
    files: dict[str, Entry] = {
        "pytest.ini": {"text": "[pytest]\n"},
        "detgate.toml": {"toml": parts.config},
        **parts.files,
    }
    return Project(files, arguments)


def earlier_project(project: Project) -> Project | None:
    """The project that gave the baseline, whose detector was a little less sure; None where a
    project has no baseline."""
    if "baseline.json" not in project.files:
        return None
    earlier = project.copy()
    del earlier.files["baseline.json"]
    earlier.arguments = [argument for argument in earlier.arguments if "baseline" not in argument]
    for name, entry in earlier.files.items():
        if name.startswith("found/") and "json" in entry and "scores" not in entry["json"]:
            content = entry["json"]
            for row in content if isinstance(content, list) else content["annotations"]:
                row["score"] = round(row["score"] - 0.0005, 5)
    return earlier


def _named(draw: DrawFn, table: dict[str, Any]) -> Any:
    """A table, or now and then two of them with names."""
    if draw(st.sampled_from((False,) * 11 + (True,))):
        return [table | {"name": "one"}, table | {"name": "two"}]
    return table


def _needed(rules: dict[str, Any], world: World) -> list[str]:
    """The splits and probes that some rule needs detections of."""
    names: list[str] = []
    for code in ON_DETECTIONS & rules.keys():
        if code not in ALWAYS_NEEDS_PROBES:
            names.append("val")
        if code in NEEDS_PROBES:
            names += ["val", *world.probes]
    return sorted(set(names))


def _write_detector(source: str, world: World, parts: Parts) -> None:
    """A detector that looks its answers up, without a checkpoint or with those of two epochs."""
    parts.files["detector.py"] = {"text": DETECTOR}
    parts.config["model"] = {"framework": "python", "entry": "detector:Detector"}
    content = answers_of(world.parts(), world.classes)
    if source == "detector":
        parts.files["answers.json"] = {"json": content}
        return
    parts.files["epoch_2.pth"] = {"json": [content]}
    parts.config["model"]["checkpoint"] = "epoch_2.pth"
    # The first epoch found only the best of each image, and was less sure of it.
    answers = {
        name: [[*row[:4], round(row[4] - 0.05, 4), row[5]] for row in rows[:1]]
        for name, rows in content["answers"].items()
    }
    parts.files["epoch_1.pth"] = {"json": [content | {"answers": answers}]}


def _write_splits(draw: DrawFn, world: World, labels: str, parts: Parts) -> None:
    tables = {}
    for name, pictures in world.splits.items():
        write = partial(coco, ids=parts.ids) if labels == "coco" else WRITERS[labels]
        files, tables[name] = write(name, pictures, world.classes)
        parts.files |= files | image_files(f"images/{name}", pictures)
    parts.config["dataset"] = {"frame-pattern": PATTERN, "splits": tables}


def _write_probes(draw: DrawFn, world: World, parts: Parts) -> dict[str, str | None]:
    """Write the probes, as a folder or with a COCO file; the format of each."""
    formats: dict[str, str | None] = {}
    for name, pictures in world.probes.items():
        is_plain = not any(picture.boxes for picture in pictures)
        table = {"images": f"images/{name}"}
        formats[name] = None
        if not is_plain or draw(st.booleans()):
            files, table = coco(name, pictures, world.classes, parts.ids)
            parts.files |= files
            formats[name] = "coco"
        parts.files |= image_files(f"images/{name}", pictures)
        parts.config.setdefault("probes", {})[name] = table
    return formats


def _write_query(draw: DrawFn, world: World, labels: str, parts: Parts) -> None:
    """Now and then a probe that is a part of the evaluated split."""
    pictures = world.splits["val"]
    # A split that takes its images from a folder for all, by a list, calls them by more.
    names = "".join(f"{picture.name}\n" for picture in pictures[:2])
    queries: list[dict[str, Any]] = [
        {"where": f"site == '{pictures[0].site}'"},
        {"where": "boxes > 0"},
        {"list": "data/part.txt"},
    ]
    if not all(picture.boxes for picture in pictures):
        queries += [{"empty": True}, {"where": "boxes == 0"}]
    if world.probes and draw(st.sampled_from((False, False, True))):
        query = draw(st.sampled_from(queries))
        if "list" in query:
            parts.files["data/part.txt"] = {"text": names}
        parts.config["probes"]["part"] = {"split": "val", **query}


def _write_results(
    draw: DrawFn,
    world: World,
    formats: dict[str, str | None],
    needed: Sequence[str],
    parts: Parts,
) -> None:
    for name in needed:
        pictures, labels = world.parts()[name], formats[name]
        form = draw(st.sampled_from((*FORMS, *FOLDERS)))
        # Formats that have no list of classes know those that occur.
        occur = {box.name for picture in pictures for box in picture.boxes}
        classes = [name for name in world.classes if name in occur or labels in _LISTED]
        remaining = (
            pictures if labels in _LISTED else [_only(picture, classes) for picture in pictures]
        )
        stems = {PurePosixPath(picture.name).stem for picture in remaining}
        if (
            form in FOLDERS
            and len(stems) == len(remaining)
            and any(picture.detected for picture in remaining)
        ):
            parts.predictions[name], files = result_folder(form, name, remaining, classes)
            parts.files |= files
            continue
        form = FORMS[0] if form in FOLDERS else form
        content = result_file(form, remaining, classes, labels, parts.ids)
        parts.files[f"found/{name}.json"] = {"json": content}
        parts.predictions[name] = f"found/{name}.json"


_LISTED = (*LISTING, None)


def _only(picture: Picture, classes: Sequence[str]) -> Picture:
    listed: list[DetectedBox] = [entry for entry in picture.detected if entry.name in classes]
    return Picture(**{**vars(picture), "detected": listed})
