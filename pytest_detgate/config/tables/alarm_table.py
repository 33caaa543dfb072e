"""The table `[alarms]`, and the keys that say when a frame was taken."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

MOST_FRAMES = 1000
"""Frames that `of` and `gap` may span."""

Fps = Annotated[
    float,
    Meta(
        ge=1e-6,
        le=1e6,
        description="Frames a second of the clips, by frame number; 0.0167 is one each minute.",
    ),
]
FrameStep = Annotated[
    int,
    Meta(
        ge=1,
        le=1_000_000,
        description="Step between the numbers of frames that follow each other: 5 if every fifth "
        "frame of a video was saved with its number. With fps or time-field. Omitted: 1.",
    ),
]
TimeField = Annotated[
    str,
    Meta(
        min_length=1,
        description="Group of frame-pattern, or image field, with the time stamp of a frame: a "
        "number, or text such as 2026-03-01T12:00:00.040Z. Not together with fps.",
    ),
]
TimeUnit = Annotated[
    Literal["s", "ms", "us", "ns"],
    Meta(description="Unit of time stamps that are numbers. Omitted: s."),
]
EventsFile = Annotated[
    str,
    Meta(
        description="CSV file with the intervals in which there is something to alarm on: columns "
        "clip, class, start_s, end_s. Omitted: they are the boxes of the annotations."
    ),
]


class Timed(Protocol):
    """A table that may say when the frames of its clips were taken."""

    @property
    def fps(self) -> float | None: ...
    @property
    def frame_step(self) -> int | None: ...
    @property
    def time_field(self) -> str | None: ...
    @property
    def time_unit(self) -> Literal["s", "ms", "us", "ns"] | None: ...


class AlarmTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """When detections of the frames of a clip become an alarm."""

    hits: Annotated[
        int, Meta(ge=1, le=MOST_FRAMES, description="Frames that must fire for an alarm.")
    ] = 3
    of: Annotated[
        int,
        Meta(ge=1, le=MOST_FRAMES, description="The last so many frames are those that count."),
    ] = 5
    gap: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=MOST_FRAMES,
                description="Frames without a detection after which a detection is still linked "
                "with the one before. Omitted: of - hits.",
            ),
        ]
        | None
    ) = None
    link_iou: Annotated[
        float, Meta(gt=0, le=1, description="Smallest IoU of two detections that are linked.")
    ] = 0.3
    cooldown_s: Annotated[
        float,
        Meta(
            ge=0,
            description="Alarms of a class that begin less than so many seconds after the end of "
            "one before them, in the same clip, are one alarm.",
        ),
    ] = 5.0
    before_s: Annotated[
        float,
        Meta(ge=0, description="Seconds before an event from which on an alarm counts for it."),
    ] = 2.0
    after_s: Annotated[
        float, Meta(ge=0, description="Seconds after an event until which an alarm counts for it.")
    ] = 10.0
    pause_s: Annotated[
        float,
        Meta(
            gt=0,
            description="With time stamps: a longer time between two frames is a pause, which "
            "nobody looked at and nothing is linked over.",
        ),
    ] = 1.0
    frame_field: (
        Annotated[
            str,
            Meta(
                min_length=1,
                description="Image field with the frame number. Omitted: the group frame of "
                "frame-pattern.",
            ),
        ]
        | None
    ) = None
    split: (
        Annotated[
            str,
            Meta(
                description="Split of clips whose events must raise alarms. Omitted: evaluate-on "
                "of [model]."
            ),
        ]
        | None
    ) = None

    @property
    def longest_gap(self) -> int:
        """Frames without a detection that a track may have."""
        return self.gap_of(self.hits, self.of)

    def gap_of(self, hits: int, of: int) -> int:
        """The gap where another `hits` of `of` is tried: as it is written, else what those
        allow."""
        return of - hits if self.gap is None else self.gap
