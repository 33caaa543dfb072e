"""The rule `shortcut`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Final

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Confidence, Share
from pytest_detgate.dataset.clips.clips import field_values
from pytest_detgate.dataset.keys import keys
from pytest_detgate.dataset.tables import UNLISTED, Dataset
from pytest_detgate.errors import TooLittleEvidenceError
from pytest_detgate.evidence import Chart, Evidence
from pytest_detgate.findings import Measurement
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.property_shortcuts import (
    ClassByProperty,
    shortcut_chart,
    shortcut_findings,
    shortcut_measurements,
    shortcut_tables,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitRule
from pytest_detgate.rules.options import require_names
from pytest_detgate.rules.rule import OptionError, Outcome, Target, refuse
from pytest_detgate.scoring.bounds.resampling import Units
from pytest_detgate.scoring.shortcuts import find_shortcut

PIXEL_PROPERTIES: Final = ("brightness", "contrast", "sharpness", "colour")
LEAST_UNITS: Final = 8  # clips that must have a class, and that must lack it
_PARTS = 8
_SIZES = 12


class Shortcut(SplitRule, frozen=True, kw_only=True):
    """No property of the image alone may tell whether a class is on it.

    ## What it checks

    The properties are `brightness`, `contrast`, `sharpness` and `colour` (as in `image-drift`), the
    `size` of the image, and the `site`: the group `site` of `frame-pattern`, or the image field
    that `site-field` names. Numbers are divided into eighths, of more than 12 sizes the area too.

    For each class and property, each image is judged by the other clips: its part speaks for the
    class if it holds a larger share of the images with the class than of those without it. The
    value is the share of the images with the class that are named in this way, less the share of
    those without it: 1 if the property tells them apart, about 0 if it says nothing. `shortcuts`
    counts the pairs of class and property whose lower bound is over `max`, and must be 0. Bounds
    are over clips, or images where there are no clips. They hold for all pairs together with the
    `confidence`. `largest` is the largest value, `judged` the number of classes.

    A class that 8 clips have and 8 clips lack is judged; the others are named in the table. If
    there is none, the rule cannot be evaluated. A class on all images has nothing that a property
    could tell: see `empty-gt-share`. Without `splits` the training split is judged,
    since a shortcut is learnt there.

    ## Why it matters

    If all frames with a violation come from one dark site, a detector may learn the dark. It scores
    well on a split that has the same shortcut, and fails at the next site.

    ## How to fix

    Collect images with the class where the property is different, and images without it where the
    property is the same. If the class exists at that site only, raise `max`, or leave the property
    out with `properties`.
    """

    code: ClassVar[str] = "shortcut"
    measures: ClassVar[str] = (
        "shortcuts brightness[CLASS] contrast[CLASS] sharpness[CLASS] colour[CLASS] size[CLASS] "
        "site[CLASS] largest judged"
    )
    moves_limits: ClassVar[bool] = False

    max: Annotated[Share, Meta(description="Largest lower bound of any class and property.")] = 0.5
    properties: Annotated[tuple[str, ...], Meta(description="Omitted: all of them.")] | None = None
    site_field: (
        Annotated[str, Meta(description="Image field that holds the site, e.g. camera.")] | None
    ) = None
    confidence: Annotated[
        Confidence, Meta(description="1 - the risk that any of the lower bounds is too high.")
    ] = 0.95

    def validate(self, project: Project) -> None:
        super().validate(project)
        known = (*PIXEL_PROPERTIES, "size", "site")
        require_names("property", self.properties or (), known, "properties")
        if self.max == 1:
            refuse(OptionError("no value is over 1, so it could never fail", "max"))
        if self.properties and "site" in self.properties and not self._has_site(project):
            refuse(
                OptionError(
                    "cannot tell sites: give [dataset] frame-pattern with a group (?P<site>...), "
                    "or site-field in this table",
                    "properties",
                )
            )

    def targets(self, project: Project) -> Iterator[Target]:
        training = project.training_split
        for split in self.splits or (() if training is None else (training,)):
            yield Target(label=split, datasets=(split,))

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = inputs.dataset(target.datasets[0])
        units, present = inputs.units(dataset.name), _present(dataset)
        judged = _judged(present, units)
        varied = [some for some in present if some.any() and not some.all()]
        if not varied and len(dataset.classes) and units.count >= 2 * LEAST_UNITS:
            return _nothing_to_tell(dataset)
        if not judged:
            raise TooLittleEvidenceError(
                f"no class of {dataset.name} is on {LEAST_UNITS} {units.kind}s and missing on "
                f"{LEAST_UNITS}, so nothing can tell what predicts it"
            )
        properties = dict(self._properties(inputs, dataset))
        has_class = [(dataset.classes[category], present[category]) for category in judged]
        tested = self._tested(has_class, properties, units)
        shortcuts = [test for test in tested if test.power.interval.low > self.max]
        text = ", ".join(f"{test.property} tells {test.name}" for test in shortcuts[:3])
        message = (
            f"{counted(len(shortcuts), 'shortcut')} in {dataset.name}"
            f"{': ' if text else ''}{text}; {counted(len(judged), 'class')} by "
            f"{', '.join(properties)}, over {counted(units.count, units.kind)}"
        )
        not_judged = [
            (name, int(present[category].sum()))
            for category, name in enumerate(dataset.classes)
            if category not in judged
        ]
        charts: list[Chart] = [shortcut_chart(tested, dataset.name, self.max)] if tested else []
        return Outcome(
            message=message,
            measurements=shortcut_measurements(tested, shortcuts, len(judged)),
            findings=shortcut_findings(shortcuts, dataset.name),
            tables=shortcut_tables(tested, not_judged),
            evidence=Evidence(charts=charts),
        )

    def _tested(
        self,
        has_class: Sequence[tuple[str, NDArray[np.bool_]]],
        properties: Mapping[str, NDArray[np.int64]],
        units: Units,
    ) -> list[ClassByProperty]:
        """Each pair of class and property that enough units have and lack, the highest lower bound
        first; all bounds hold together."""
        pairs = max(len(has_class) * len(properties), 1)
        confidence = 1 - (1 - self.confidence) / pairs
        tested = []
        for name, present in has_class:
            for property_name, bins in properties.items():
                some = (units.of_image >= 0) & (bins >= 0)
                unit = np.unique(units.of_image[some], return_inverse=True)[1].reshape(-1)
                has = present[some]
                if min(_units_of(has, unit), _units_of(~has, unit)) >= LEAST_UNITS:
                    power = find_shortcut(bins[some], has, unit, confidence=confidence)
                    tested.append(ClassByProperty(name, property_name, power))
        return sorted(tested, key=lambda test: (-test.power.interval.low, -test.power.value))

    def _has_site(self, project: Project) -> bool:
        pattern = project.frame_pattern
        return self.site_field is not None or (pattern is not None and "site" in pattern.groupindex)

    def _properties(
        self, inputs: Inputs, dataset: Dataset
    ) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Each property with the part that each image is in, -1 where that is not known."""
        wanted = self.properties or (*PIXEL_PROPERTIES, "size", "site")
        looks = inputs.image_looks(dataset.name)
        looks.require_all()
        for name in PIXEL_PROPERTIES:
            if name in wanted:
                yield name, _parts(looks.column(name))
        width, height = looks.column("width"), looks.column("height")
        if "size" in wanted:
            sizes, of_image = np.unique(width * 1e6 + height, return_inverse=True)
            few = len(sizes) <= _SIZES
            yield "size", of_image.reshape(-1) if few else _parts(width * height)
        if "site" in wanted and self._has_site(inputs.project):
            yield "site", _numbered(self._sites(inputs, dataset))

    def _sites(self, inputs: Inputs, dataset: Dataset) -> list[str | None]:
        if self.site_field is not None:
            images = inputs.images_with(dataset.name, self.site_field)
            return keys(list(field_values(images, self.site_field, "site-field")))
        pattern = inputs.project.frame_pattern
        assert pattern is not None
        return keys(inputs.name_groups(dataset.name, pattern)["site"])

    passing: ClassVar[Example] = Example(
        config="[rules.shortcut]",
        splits={
            "train": {
                f"a_{n}.jpg": [("helmet_off", 10, 10, 30, 30)] if n % 2 else [] for n in range(60)
            }
        },
        levels={f"a_{n}.jpg": 0.3 for n in range(60) if n % 4 < 2},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.shortcut]",
        splits={
            "train": {
                f"a_{n}.jpg": [("helmet_off", 10, 10, 30, 30)] if n % 2 else [] for n in range(60)
            }
        },
        levels={f"a_{n}.jpg": 0.3 for n in range(60) if n % 2},
    )


def _nothing_to_tell(dataset: Dataset) -> Outcome:
    return Outcome(
        message=f"every class of {dataset.name} is on all images or on none: nothing to tell",
        measurements=[Measurement.at_most("shortcuts", 0, 0), Measurement.shown("judged", 0)],
    )


def _present(dataset: Dataset) -> NDArray[np.bool_]:
    """(classes, images) whether an image has a box of a class, crowds among them."""
    boxes = dataset.boxes
    listed = (boxes.image != UNLISTED) & (boxes.category != UNLISTED)
    present = np.zeros((len(dataset.classes), len(dataset.images)), dtype=np.bool_)
    present[boxes.category[listed], boxes.image[listed]] = True
    return present


def _judged(present: NDArray[np.bool_], units: Units) -> list[int]:
    """The numbers of the classes that enough units have, and enough lack."""
    inside = units.of_image >= 0
    return [
        category
        for category, some in enumerate(present)
        if min(_units_of(each & inside, units.of_image) for each in (some, ~some)) >= LEAST_UNITS
    ]


def _units_of(images: NDArray[np.bool_], unit: NDArray[np.int64]) -> int:
    return len(np.unique(unit[images]))


def _parts(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The eighth of the images that each is in, by a number; -1 where there is none."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(values), -1, dtype=np.int64)
    edges = np.unique(np.quantile(known, np.arange(1, _PARTS) / _PARTS))
    return np.where(np.isfinite(values), np.searchsorted(edges, values), -1)


def _numbered(values: Sequence[str | None]) -> NDArray[np.int64]:
    number = {value: index for index, value in enumerate(sorted(filter(None, set(values))))}
    return np.array([-1 if value is None else number[value] for value in values], dtype=np.int64)
