"""The rule `duplicate-images`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from pytest_detgate.config.numbers import Count, HashDistance
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.image_hashes.duplicates import find_copies
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import SplitPairRule
from pytest_detgate.rules.rule import Outcome, Target


class DuplicateImages(SplitPairRule, frozen=True, kw_only=True):
    """Images of the tested split must not also be in the reference split.

    ## What it checks

    `count` is the number of tested images that are also in the reference split. `exact` counts
    those with exactly the bytes of a reference image. `pairs` is the number of (tested, reference)
    pairs. With `by = "hash"` an image is also a copy if its difference hash (dHash, 64 bits)
    differs from that of a reference image in at most `distance` bits: the same photo compressed,
    scaled or slightly edited, or the next frame of a still camera. No such pair is missed. Images
    are compared as a viewer shows them, turned as their EXIF says.

    Hashes do not recognise large cuts, mirror images, and the mosaics that some tools write for
    training. File names may reveal those (see `clip-overlap`).

    ## Why it matters

    An image that was used in training measures memory. Data sets that were merged from several
    sources contain such copies under other names.

    ## How to fix

    Remove each copy from one of the two splits, from the reference unless it is needed there. If
    the pairs are different scenes of one fixed camera, lower `distance`. Images without any
    structure, such as black frames, are all alike: remove them from both splits.
    """

    code: ClassVar[str] = "duplicate-images"
    safe_because: ClassVar[str | None] = (
        "The hashes of two different photos differ in about 32 of 64 bits, and only a "
        "difference of up to 4 counts. Scenes of one fixed camera may be as close: then lower "
        "`distance`."
    )
    never_accepted: ClassVar[bool] = True
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    max: Annotated[Count, Meta(description="Largest number of tested images.")] = 0
    by: Annotated[
        Literal["hash", "bytes"],
        Meta(
            description='"bytes": only files with the same content, which needs no decoding; '
            '"hash": also images that look the same.'
        ),
    ] = "hash"
    distance: HashDistance = 4

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        hashed = self.by == "hash"
        reference_name, tested_name = target.datasets
        reference, tested = (inputs.pictures(name, hashed=hashed) for name in target.datasets)
        copies = find_copies(tested, reference, self.distance if hashed else None)
        count, exact = int(copies.is_copy.sum()), int(copies.exact.sum())
        listed, looked_at = (inputs.dataset(name).images.file_name for name in target.datasets)

        def findings() -> Iterator[Finding]:
            for row in copies.nearest_first():
                yield Finding(
                    text=copies.describe(row, reference_name, str(listed[copies.row[row]])),
                    dataset=tested_name,
                    image=str(looked_at[row]),
                    other=str(listed[copies.row[row]]),
                )

        message = f"{count} of {len(tested)} {tested_name} images are in {reference_name} too"
        if count:
            message += f", {exact} of them byte for byte"
        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("count", count, self.max),
                Measurement.shown("exact", exact),
                Measurement.shown("pairs", int(copies.count.sum())),
            ],
            findings=findings(),
            findings_total=count,
            evidence=Evidence(
                pairs=copies.pairs(*map(inputs.dataset, (tested_name, reference_name))),
                pairs_total=count,
            ),
        )

    passing: ClassVar[Example] = Example(
        config="""
            [rules.duplicate-images]
            between = ["train", "val"]
            """,
        splits={"train": {"yard_1.jpg": []}, "val": {"roof_1.jpg": []}},
    )
    failing: ClassVar[Example] = Example(
        config="""
            [rules.duplicate-images]
            between = ["train", "val"]
            """,
        splits={"train": {"yard_1.jpg": []}, "val": {"roof_1.jpg": []}},
        copies={"roof_1.jpg": "yard_1.jpg"},
    )
