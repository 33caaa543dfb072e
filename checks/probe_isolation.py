"""The rule `probe-isolation`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from pytest_detgate.config.numbers import Count, HashDistance
from pytest_detgate.counts import part_verb
from pytest_detgate.dataset.clips.clips import Clips, near_clips
from pytest_detgate.evidence import Evidence
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.gaps import ANNOTATION_GAPS, GapKind
from pytest_detgate.image_hashes.duplicates import PAIRS_CAP, Copies, find_copies
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.formatting import counted
from pytest_detgate.rule_evidence.clips import shared_clips_evidence
from pytest_detgate.rule_evidence.findings import (
    image_findings,
    near_clip_findings,
    untold_findings,
)
from pytest_detgate.rules.example import Example
from pytest_detgate.rules.options import (
    ClipField,
    clip_key,
    require_clips,
    require_names,
    require_probe,
)
from pytest_detgate.rules.rule import Outcome, Rule, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """The images of a probe beside those of a split.

    `copied` (split images,) are the file names that `copies` refers to. `clips` are those of both
    sides, empty where clips are not compared. `shared` (probe images,) is whether the split has the
    clip, `spelt` are clips that it has in another spelling.
    """

    probe: str
    split: str
    copies: Copies
    copied: NDArray[np.object_]
    clips: tuple[Clips, ...]
    shared: NDArray[np.bool_]
    spelt: Mapping[int, str]

    @property
    def near(self) -> NDArray[np.bool_]:
        return self.copies.is_copy & ~self.copies.exact

    @property
    def leaked(self) -> NDArray[np.bool_]:
        return self.copies.is_copy | self.shared

    @property
    def unparsed(self) -> int:
        return sum(len(clip.unparsed) for clip in self.clips) + len(self.spelt)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "exact": int(self.copies.exact.sum()),
            "near": int(self.near.sum()),
            "same_clip": int(self.shared.sum()),
        }

    def message(self) -> str:
        leaked = int(self.leaked.sum())
        text = (
            f"{leaked} of {counted(len(self.leaked), 'image')} of probe {self.probe!r} also "
            f"{part_verb(leaked, len(self.leaked), 'occur')} in {self.split}"
        )
        if leaked:
            counts = self.counts
            words = {
                "exact": f"{counts['exact']} identical",
                "near": counted(counts["near"], "near duplicate"),
                "same_clip": f"{counts['same_clip']} of the same clip",
            }
            text += f": {', '.join(words[kind] for kind in counts if counts[kind])}"
        if self.unparsed:
            text += f"; the clip of {counted(self.unparsed, 'image')} is unknown"
        return text

    def findings(self, inputs: Inputs) -> Iterator[Finding]:
        probe = inputs.dataset(self.probe)
        for name, clip in zip((self.probe, self.split), self.clips, strict=bool(self.clips)):
            yield from untold_findings(inputs.dataset(name), clip.unparsed, "clip")
        if self.clips:
            clips = self.clips[0].clip.tolist()
            yield from near_clip_findings(probe, clips, self.spelt, self.split)
        rows = np.flatnonzero(self.leaked)
        worst_first = np.lexsort((rows, ~self.near[rows], ~self.copies.exact[rows]))
        yield from image_findings(probe, rows[worst_first], self._reason, self._leaked_from)

    def _reason(self, row: int) -> str:
        reasons = []
        if self.copies.is_copy[row]:
            file = str(self.copied[self.copies.row[row]])
            reasons.append(self.copies.describe(row, self.split, file))
        if self.shared[row]:
            reasons.append(f"its clip {self.clips[0].clip[row]} is in {self.split} too")
        return "; ".join(reasons)

    def _leaked_from(self, row: int) -> str:
        if self.copies.is_copy[row]:
            return str(self.copied[self.copies.row[row]])
        return f"clip {self.clips[0].clip[row]}"


class ProbeIsolation(Rule, frozen=True, kw_only=True):
    """Probe images must not be training images or come from the same clips.

    ## What it checks

    Each image of a probe is compared with those of the split `from`. `exact` counts probe images
    with exactly the bytes of one of them. `near` counts others whose 64-bit difference hash differs
    from one in at most `distance` bits. `same_clip` counts those of a clip that also occurs in the
    split. `count` is the number of probe images to which any of this applies.

    The clip is the group `clip` of `frame-pattern` in the file name, or the image field that
    `clip-field` names. `unparsed` counts the images, of probe and split, whose clip is unknown, or
    differs from one of the split only in letter case or blanks. They could hide a leak, so they
    fail the rule unless `max-unparsed` allows them, or `clips = false` says that names contain no
    clips and only images are compared.

    ## Why it matters

    A probe asks what the model does on frames that it has never seen. If it was trained on them, a
    clean result is learned by heart, and the next site gets the false alarms.

    ## How to fix

    Remove the images that are named from the training split, with the rest of their clip, or from
    the probe.
    """

    code: ClassVar[str] = "probe-isolation"
    measures: ClassVar[str] = "count unparsed exact near same_clip"
    safe_because: ClassVar[str | None] = (
        "It is on only if there are probes and a split whose name begins with `train`, and "
        "compares them as `duplicate-images` and `clip-overlap` do. A probe that is a part of "
        "that split is left out."
    )
    never_accepted: ClassVar[bool] = True
    accepts_findings: ClassVar[bool] = True
    ignored_gaps: ClassVar[frozenset[GapKind]] = ANNOTATION_GAPS

    max: Annotated[Count, Meta(description="Largest number of probe images.")] = 0
    # `from` is a word of Python's own.
    from_: Annotated[str, Meta(description="Split that the model was trained on.")] = msgspec.field(
        default="train", name="from"
    )
    probes: Annotated[tuple[str, ...], Meta(description="Omitted: every probe.")] | None = None
    by: Annotated[
        Literal["hash", "bytes"],
        Meta(description='"bytes": images are compared by content alone, and nothing is near.'),
    ] = "hash"
    distance: HashDistance = 4
    clips: Annotated[bool, Meta(description="Whether clips are compared too.")] = True
    max_unparsed: Annotated[
        Count, Meta(description="Images with an unknown clip that are allowed.")
    ] = 0
    clip_field: ClipField | None = None

    @classmethod
    def recommended_tables(cls, project: Project) -> Iterator[dict[str, Any]]:
        trained = project.training_split
        if trained is None or not trained.lower().startswith("train"):
            return
        tables = project.tables.probes
        probes = [name for name in project.probes if tables[name].split != trained]
        if probes:
            has_clips = project.frame_pattern is not None
            yield {"from": trained, "probes": probes, "clips": has_clips}

    def validate(self, project: Project) -> None:
        require_names("split", [self.from_], project.splits, "from")
        require_names("probe", self.probes or (), tuple(project.tables.probes), "probes")
        require_probe(project, self.probes)
        if self.clips:
            require_clips(project, self.clip_field, "; or clips = false to compare images only")

    def targets(self, project: Project) -> Iterator[Target]:
        for probe in project.probes if self.probes is None else self.probes:
            yield Target(label=probe, datasets=(probe, self.from_))

    def check(self, target: Target, inputs: Inputs) -> Outcome:
        compared = self._compare(target, inputs)
        measurements = [Measurement.at_most("count", int(compared.leaked.sum()), self.max)]
        if self.clips:
            measurements.append(
                Measurement.at_most("unparsed", compared.unparsed, self.max_unparsed)
            )
        counts = compared.counts
        kinds = ["exact", *(["near"] if self._hashed else []), *(["same_clip"] * self.clips)]
        return Outcome(
            message=compared.message(),
            measurements=[
                *measurements,
                *(Measurement.shown(kind, counts[kind]) for kind in kinds),
            ],
            findings=compared.findings(inputs),
            findings_total=compared.unparsed + int(compared.leaked.sum()),
            evidence=self._evidence(target, inputs, compared.copies, compared.shared),
        )

    @property
    def _hashed(self) -> bool:
        return self.by == "hash"

    def _compare(self, target: Target, inputs: Inputs) -> _Compared:
        probe, split = target.datasets
        copies = find_copies(
            inputs.pictures(probe, hashed=self._hashed),
            inputs.pictures(split, hashed=self._hashed),
            self.distance if self._hashed else None,
        )
        clips = self._clips(target, inputs)
        return _Compared(
            probe=probe,
            split=split,
            copies=copies,
            copied=inputs.dataset(split).images.file_name,
            clips=clips,
            shared=_shared(*clips) if clips else np.zeros(len(copies.row), dtype=np.bool_),
            spelt=near_clips(clips[0].clip, clips[1].clip) if clips else {},
        )

    def _evidence(
        self, target: Target, inputs: Inputs, copies: Copies, shared: NDArray[np.bool_]
    ) -> Evidence:
        """Copies side by side, then frames of one clip; a map of the clips."""
        probe, split = target.datasets
        pairs = copies.pairs(inputs.dataset(probe), inputs.dataset(split))
        total = int(copies.is_copy.sum())
        if not shared.any():
            return Evidence(pairs=pairs, pairs_total=total)
        of_clips = shared_clips_evidence(
            inputs,
            (split, probe),
            clip_key(inputs.project, self.clip_field),
            title="Clips on both sides",
            about=f"{shared.sum()} of {counted(len(shared), 'image')} of {probe} "
            f"{part_verb(int(shared.sum()), len(shared), 'come')} "
            f"from a clip that {split} has too. Take the rest of "
            f"those clips out of {split}, or these images out of {probe}.",
            rows=np.flatnonzero(shared & ~copies.is_copy),
            pairs=PAIRS_CAP - len(pairs),
        )
        return Evidence(
            charts=of_clips.charts,
            pairs=[*pairs, *of_clips.pairs],
            pairs_total=total + of_clips.pairs_total,
        )

    def _clips(self, target: Target, inputs: Inputs) -> tuple[Clips, ...]:
        """The clips of probe and split; nothing where they are not to be compared."""
        if not self.clips:
            return ()
        key = clip_key(inputs.project, self.clip_field)
        return tuple(inputs.clips(name, key) for name in target.datasets)

    passing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.probe-isolation]
            """,
        splits={"train": {"yard_1.jpg": [], "yard_2.jpg": []}},
        probes={"youtube": {"tube_1.jpg": []}},
    )
    failing: ClassVar[Example] = Example(
        config="""
            [dataset]
            frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'
            [rules.probe-isolation]
            """,
        splits={"train": {"yard_1.jpg": [], "yard_2.jpg": []}},
        probes={"youtube": {"tube_1.jpg": [], "yard_3.jpg": []}},
    )


def _shared(probe: Clips, split: Clips) -> NDArray[np.bool_]:
    """(probe images,) whether the split holds the clip."""
    known = set(split.clip.tolist()) - {None}
    return np.array([clip in known for clip in probe.clip.tolist()], dtype=np.bool_)
