"""The rule `image-files`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from pytest_detgate.counts import counted_of, with_count
from pytest_detgate.dataset.images.faults import KINDS, SEVERAL_FRAMES, picture_flaws
from pytest_detgate.dataset.images.names import FileNames, names_in
from pytest_detgate.dataset.images.near_names import near_matches
from pytest_detgate.findings import Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, NO_PIXELS, GapKind
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.rule_evidence.findings import image_findings
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.families import CountRule
from pytest_detgate.rules.rule import Outcome, Target

_SHOWN = 3
"""Images that a message names."""


class ImageFiles(CountRule, frozen=True, kw_only=True):
    """Every listed image must exist, be complete and upright, and have the stated size.

    ## What it checks

    `count` is the number of images with something wrong, by kind: `missing`; `unreadable` (empty,
    no image, no regular file, a link out of the images folder, or one with more pixels than
    `max-pixels` under `[dataset]` allows); `truncated`; `other_size` than the annotation file
    states; `rotated` by its EXIF orientation; `other_format` than its suffix says, such as a WEBP
    file named `.jpg`. An image counts once, for the first of these.

    Images are read as viewers show them, turned as their EXIF orientation says, and so are sizes.
    With `exif = "apply"` under `[dataset]` the project says that its labels are drawn on the
    upright image. Then a rotated image counts only if the stated size is that of the stored pixels.
    With `exif = "ignore"` nothing is turned, not for a model either, and each such image counts.

    An animated GIF, PNG or WEBP and a TIFF of several pages are no fault: the first frame is used.
    The message names them, and `several_frames` counts them. Overviews and masks in a TIFF are no
    pages.

    ## Why it matters

    Training stops at a missing image hours after it began, or drops it. Loaders fill the rest of a
    truncated image with grey. If the stated size is wrong, or one program turns the image and
    another does not, every box is in the wrong place.

    ## How to fix

    - `missing` found: Fetch the missing images again, or correct the `images` folder. Where a file
      has a near name, the finding says so: rename it, or write `match-names = "near"` under
      `[dataset]`.
    - `truncated` found: Fetch the truncated images again.
    - `unreadable` found: Open one in an image viewer: what is no image should not be listed. Links
      into a DVC or git-annex folder inside the project are followed; name any other folder that
      links lead into in `follow-links` under `[dataset]`. Raise `max-pixels` there for large
      images.
    - `rotated` found: Save rotated images upright without the EXIF tag, and then check whether
      their boxes fit.
    - `other_size` found: Correct the stated size if the boxes fit the image.
    - `other_format` found: Give the file the suffix of its format, or save it in the format of its
      suffix.
    """

    code: ClassVar[str] = "image-files"
    measures: ClassVar[str] = (
        "count missing unreadable truncated other_size rotated other_format several_frames images"
    )
    safe_because: ClassVar[str | None] = (
        "An image that exists, can be read to its end, is upright and has the stated size "
        "always passes."
    )
    never_accepted: ClassVar[bool] = True
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS | NO_PIXELS

    def known_today(self, values: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        unread = ("missing", "unreadable", "truncated")
        readable = {
            split: {"count": measured["count"] - sum(measured[kind] for kind in unread)}
            for split, measured in values.items()
        }
        return super().known_today(readable)

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        dataset = self.split(target, inputs)
        images = dataset.images
        stated = list(zip(images.width.tolist(), images.height.tolist(), strict=True))
        seen = dict(
            picture_flaws(
                dataset.images_dir, images.file_name.tolist(), stated, dataset.image_options
            )
        )
        flaws = {row: flaw for row, flaw in seen.items() if flaw.kind != SEVERAL_FRAMES}
        several = {row: flaw.reason for row, flaw in seen.items() if flaw.kind == SEVERAL_FRAMES}
        by_kind = Counter(flaw.kind for flaw in flaws.values())
        index = FileNames(())
        if by_kind["missing"]:
            index = names_in(dataset.images_dir, dataset.image_options)
        there = frozenset(index.names)

        def reason(row: int) -> str:
            flaw = flaws[row]
            text = f"{flaw.kind.replace('_', ' ')}: {flaw.reason}"
            name = str(images.file_name[row])
            # A link to nowhere is listed, too.
            is_gone = flaw.kind == "missing" and name not in there
            return text + index.near(name) if is_gone else text

        rows = sorted(flaws, key=lambda row: (KINDS.index(flaws[row].kind), row))
        kinds = [f"{by_kind[kind]} {kind.replace('_', ' ')}" for kind in KINDS if by_kind[kind]]
        message = f"{counted_of(len(rows), len(images), 'image', 'have')} a bad file"
        message = f"{message}: {', '.join(kinds)}" if kinds else message
        if near := near_matches(images.file_name.tolist(), index.names) if there else {}:
            message += f'; match-names = "near" under [dataset] finds {len(near)} of them'
        if several:
            shown = [f"{images.file_name[row]} ({text})" for row, text in several.items()]
            more = ", ..." if len(shown) > _SHOWN else ""
            message += f"; {with_count(len(several), 'images have several frames or pages')}, "
            message += f"of which the first is used: {', '.join(shown[:_SHOWN])}{more}"
        return Outcome(
            message=message,
            measurements=[
                Measurement.at_most("count", len(rows), self.limit(target)),
                *(Measurement.shown(kind, by_kind[kind]) for kind in KINDS),
                *([Measurement.shown(SEVERAL_FRAMES, len(several))] if several else []),
                Measurement.shown("images", len(images)),
            ],
            findings=image_findings(dataset, rows, reason, kind=lambda row: flaws[row].kind),
            findings_total=len(rows),
        )

    passing: ClassVar[Example] = Example(
        config="[rules.image-files]", splits={"train": {"a_1.jpg": [], "a_2.jpg": []}}
    )
    failing: ClassVar[Example] = Example(
        config="[rules.image-files]",
        splits={"train": {"a_1.jpg": [], "a_2.jpg": []}},
        gone=["a_2.jpg"],
    )
