"""The examples of a rule: a few frames, small enough to read, on which it passes or fails.

Every rule has one of each; the tests run them, and they show how the rule is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Box = tuple[str, float, float, float, float]
"""A ground-truth box: class, x, y, width, height."""
Detection = tuple[str, float, float, float, float, float]
"""A detection: class, score, x, y, width, height."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A small project. `config` has the rule's table in `detgate.toml`, and all else that the rule
    needs there; splits and probes are added.

    `splits` and `probes` map names to images, images to boxes; `detections` likewise. `classes`
    are the categories of every file. All images are 100 × 100 pixels; each shows something
    different, except those of `copies`, which maps an image to the one it is a copy of. `levels`
    maps images to a factor of their brightness: 1 changes nothing, 0 is black.

    `baseline` are the detections of a baseline, `epochs` those of other checkpoints by name.

    `added` maps a split to further entries of the lists in its file, `gone` names images that
    are missing, and `needs` a module of an extra that the rule cannot be evaluated without.

    A model that runs a second time returns `again`, and on changed images `changed`, as boxes on
    the originals; `times_ms` are the times it takes, and
    `detector_classes` its names of the classes, where they are not those of the files.

    `files` maps the names of further text files beside `detgate.toml` to their contents.
    """

    config: str
    classes: Sequence[str] = ("helmet_off",)
    splits: Mapping[str, Mapping[str, Sequence[Box]]] = field(default_factory=dict)
    probes: Mapping[str, Mapping[str, Sequence[Box]]] = field(default_factory=dict)
    detections: Mapping[str, Mapping[str, Sequence[Detection]]] = field(default_factory=dict)
    baseline: Mapping[str, Mapping[str, Sequence[Detection]]] = field(default_factory=dict)
    epochs: Mapping[str, Mapping[str, Mapping[str, Sequence[Detection]]]] = field(
        default_factory=dict
    )
    copies: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    added: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = field(default_factory=dict)
    gone: Sequence[str] = ()
    needs: str | None = None
    again: Mapping[str, Mapping[str, Sequence[Detection]]] = field(default_factory=dict)
    changed: Mapping[str, Mapping[str, Sequence[Detection]]] = field(default_factory=dict)
    times_ms: Sequence[float] = ()
    detector_classes: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
