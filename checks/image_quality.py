"""The rule `image-quality`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Share
from pytest_detgate.counts import part_verb
from pytest_detgate.errors import DataError, TooLittleEvidenceError
from pytest_detgate.evidence import Evidence, Frame
from pytest_detgate.findings import Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.findings import image_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.options import require_names
from pytest_detgate.rules.rule import Outcome, Target
from pytest_detgate.scoring.robust_limits import LEAST_VALUES, usual_range

KINDS: Final = ("dark", "bright", "flat", "blurred", "odd_aspect")
_FRAMES = 12
# The least that differs from 0 on a logarithmic scale: a level of 8 bits.
_LEVEL = 1 / 255


class ImageQuality(CountRule, frozen=True, kw_only=True):
    """Images must show something: not black, white, of one colour, blurred or a narrow strip.

    ## What it checks

    `count` is the number of images that are

    - `dark`: 99% of the pixels are darker than `dark`, from 0 (black) to 1 (white);
    - `bright`: 95% of the pixels are brighter than `bright`;
    - `flat`: the levels that 1% and 99% of the pixels do not exceed are less than `flat` apart;
    - `blurred`: the sharpness is below `blurred`. That is the standard deviation of the Laplacian
      divided by that of the levels, on the image reduced to a shorter side of 160 to 319 pixels;
    - `odd_aspect`: the longer side is more than `aspect` times the shorter;

    *and* unusual in that for the images of `reference`: more than `deviations` robust standard
    deviations from the median on that side (the distance of the quartile divided by 0.6745), on a
    logarithmic scale. So night frames are not dark in a data set of night frames. An image counts
    once, for the first of these kinds.

    With under 8 images in `reference` nobody can say what is usual, and the rule cannot be
    evaluated, unless `deviations = 0`. An image that cannot be read makes the rule not evaluated:
    see `image-files`.

    ## Why it matters

    A camera that failed, a lens that is dirty, a file that was converted badly: nobody can label
    what cannot be seen, so such images are trained on as empty ones, and measure nothing.

    ## How to fix

    Look at the findings, and remove the images that show nothing. If they are what the detector
    will see, raise `max-by-split`, or move the limit of that kind.
    """

    code: ClassVar[str] = "image-quality"
    measures: ClassVar[str] = "count dark bright flat blurred odd_aspect images"
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    reference: (
        Annotated[
            str, Meta(description="Split that says what is usual. Omitted: the training split.")
        ]
        | None
    ) = None
    dark: Annotated[Share, Meta(description="Level that 99% of the pixels are below.")] = 0.3
    bright: Annotated[Share, Meta(description="Level that 95% of the pixels are above.")] = 0.7
    flat: Annotated[Share, Meta(description="Distance of the darkest and brightest levels.")] = 0.06
    blurred: Annotated[float, Meta(ge=0, description="Smallest sharpness.")] = 0.15
    aspect: Annotated[float, Meta(ge=1, description="Largest ratio of the sides.")] = 2.5
    deviations: Annotated[
        float, Meta(ge=0, le=100, description="Robust deviations from which an image is unusual.")
    ] = 4

    def validate(self, project: Project) -> None:
        super().validate(project)
        if self.reference is not None:
            require_names("split", (self.reference,), project.splits, "reference")

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        name = target.datasets[0]
        reference = self.reference or inputs.project.training_split or name
        dataset = inputs.dataset(name)
        signs = self._signs(inputs, name)
        usual = self._signs(inputs, reference) if self.deviations else signs
        if self.deviations and len(inputs.dataset(reference).images) < LEAST_VALUES:
            raise TooLittleEvidenceError(
                f"{reference} has {counted(len(inputs.dataset(reference).images), 'image')}, and "
                f"it takes {LEAST_VALUES} to say what is usual; `reference` names another split, "
                f"and with "
                "deviations = 0 only the limits in the table count"
            )
        kind = np.full(len(dataset.images), "", dtype=object)
        for kind_of_flaw in reversed(KINDS):
            kind[self._is_bad(signs[kind_of_flaw], usual[kind_of_flaw].value)] = kind_of_flaw
        by_kind = Counter(kind.tolist())
        rows = [int(row) for kind_of_flaw in KINDS for row in np.flatnonzero(kind == kind_of_flaw)]
        text = ", ".join(
            f"{by_kind[kind_of_flaw]} {kind_of_flaw.replace('_', ' ')}"
            for kind_of_flaw in KINDS
            if by_kind[kind_of_flaw]
        )
        images = counted(len(dataset.images), "image")
        message = f"{name}: too little to see on {len(rows):,} of {images}"
        if text:
            message += f": {text}; what is usual comes from {reference}"

        def reason(row: int) -> str:
            sign = signs[kind[row]]
            return f"{kind[row].replace('_', ' ')}: {sign.says} {sign.value[row]:.3g}"

        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("count", len(rows), self.limit(target)),
                *(Measurement.shown(kind_of_flaw, by_kind[kind_of_flaw]) for kind_of_flaw in KINDS),
                Measurement.shown("images", len(dataset.images)),
            ],
            findings=image_findings(dataset, rows, reason),
            findings_total=len(rows),
            evidence=Evidence(
                frames=[
                    Frame(
                        dataset=name,
                        image=str(dataset.images.file_name[row]),
                        text=reason(row),
                    )
                    for row in rows[:_FRAMES]
                ],
                frames_total=len(rows),
            ),
        )

    def _is_bad(self, sign: _Sign, usual: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which images are below a limit and unusually low."""
        bad: NDArray[np.bool_] = sign.value < sign.limit
        if not self.deviations:
            return bad
        low = usual_range(np.log(np.maximum(usual, _LEVEL)), self.deviations).low
        bad &= np.log(np.maximum(sign.value, _LEVEL / 2)) < low
        return bad

    def _signs(self, inputs: Inputs, name: str) -> Mapping[str, _Sign]:
        looks = inputs.image_looks(name)
        looks.require_all()
        unknown = np.flatnonzero(np.isnan(looks.properties).any(axis=1))
        if len(unknown):
            first = inputs.dataset(name).images.file_name[unknown[0]]
            raise DataError(
                f"{len(unknown)} of {counted(len(looks), 'image')} of {name} "
                f"{part_verb(len(unknown), len(looks), 'have')} "
                f"pixels that are no numbers, first {first}"
            )
        width, height = looks.column("width"), looks.column("height")
        return {
            "dark": _Sign(looks.column("bright"), self.dark, "the brightest level is"),
            "bright": _Sign(
                1 - looks.column("dark"), 1 - self.bright, "the darkest level is below white by"
            ),
            "flat": _Sign(
                looks.column("bright") - looks.column("darkest"),
                self.flat,
                "the darkest and the brightest level differ by",
            ),
            "blurred": _Sign(looks.column("sharpness"), self.blurred, "the sharpness is"),
            "odd_aspect": _Sign(
                np.minimum(width, height) / np.maximum(width, height),
                1 / self.aspect,
                "the shorter side by the longer is",
            ),
        }

    passing: ClassVar[Example] = Example(
        config="[rules.image-quality]",
        splits={"train": {f"a_{n}.jpg": [] for n in range(10)}},
    )
    failing: ClassVar[Example] = Example(
        config="[rules.image-quality]",
        splits={"train": {f"a_{n}.jpg": [] for n in range(10)}, "val": {"night_1.jpg": []}},
        levels={"night_1.jpg": 0.04},
    )


class _Sign(NamedTuple):
    """A number that is low where an image is bad: its `value` (n,) of each image, the `limit` below
    which it is, and what it `says`."""

    value: NDArray[np.float64]
    limit: float
    says: str
