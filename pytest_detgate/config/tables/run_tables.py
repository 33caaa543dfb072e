"""The tables on the run itself: `[run]`, `[scoring]`, `[cache]`, `[report]` and `[[waivers]]`."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Confidence, Count
from pytest_detgate.findings import IntervalMethod


class RunTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Where the detector runs."""

    engine: Annotated[
        Literal["local", "ray"],
        Meta(description="local: this machine, every visible GPU. ray: the machines of a cluster."),
    ] = "local"
    workers: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="Processes that run the model. Omitted: one for each GPU, and on a CPU "
                "one; with ray as many as the cluster has room for.",
            ),
        ]
        | None
    ) = None
    threads: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="Threads of a model on a CPU. Another number changes the last "
                "digits. Omitted: what torch or ONNX Runtime chooses on the machine that runs "
                "pytest.",
            ),
        ]
        | None
    ) = None
    batch: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="Images that a worker gets at a time; if it dies, they are done "
                "again. Omitted: 8 on a CPU, 512 on a GPU, 64 on a GPU with ray.",
            ),
        ]
        | None
    ) = None
    address: (
        Annotated[
            str,
            Meta(
                description="host:port of the Ray cluster, or auto. Omitted: a new Ray is "
                "started on this machine and stopped at the end."
            ),
        ]
        | None
    ) = None
    gpus_per_worker: Annotated[
        float, Meta(gt=0, description="With ray: GPUs for each worker; 0.5 lets two share one.")
    ] = 1.0
    shared_files: Annotated[
        bool,
        Meta(
            description="With ray: workers find the same files by the same paths, so files are "
            "not sent."
        ),
    ] = False


class ScoringTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The protocol and the engine of AP, and the bounds. With "both" engines, any difference fails
    the run."""

    protocol: Annotated[
        Literal["coco", "ultralytics"],
        Meta(
            description='Numbers that mean-ap and class-ap compare with their limits. "coco": AP '
            'as pycocotools computes it. "ultralytics": mAP, P, R and F1 as the validator of '
            "Ultralytics prints them, so that a limit can be copied from a training log."
        ),
    ] = "coco"
    ultralytics_version: (
        Annotated[
            str,
            Meta(
                pattern=r"^8\.\d+\.\d+$",
                description="Release of Ultralytics in the first line of its log, e.g. 8.3.40. "
                "Releases differ in mAP (8.4.37) and in true detections (8.4.176). Omitted: the "
                "newest definition.",
            ),
        ]
        | None
    ) = None
    engine: Literal["hotcoco", "pycocotools", "both"] = "hotcoco"
    max_detections: Annotated[
        int,
        Meta(
            ge=100,
            description="Number of the best detections of each image and class that AP uses. "
            "COCO says 100. Recall, false boxes and everything else use all detections.",
        ),
    ] = 100
    confidence: Annotated[
        Confidence, Meta(description="Confidence of the one-sided bounds of a value.")
    ] = 0.95
    replicates: Annotated[Count, Meta(description="Draws of the bootstrap. 0: no bootstrap.")] = (
        1000
    )
    interval: Annotated[
        IntervalMethod,
        Meta(
            description='How bounds are computed. "auto": with room for one more clip unlike all '
            "clips seen, so that bounds also hold with few clips and near 1. "
            '"percentile": the bare quantiles of a bootstrap, to compare with published values. '
            "No rule may compare such a bound with a limit."
        ),
    ] = "auto"
    seed: Annotated[
        Count, Meta(description="Seed of the bootstrap. The same seed gives the same bounds.")
    ] = 0
    clip_field: (
        Annotated[
            str,
            Meta(
                description="Image field that names the clip. Omitted: frame-pattern; without "
                "one, the bootstrap draws single images."
            ),
        ]
        | None
    ) = None


class CacheTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Limits of the cache, which is in pytest's cache folder. What was used least recently goes
    first."""

    max_megabytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Largest size of the cache, in units of 10**6 bytes. Tables of "
            "annotation files take at most half of it.",
        ),
    ] = 4096
    keep_days: Annotated[
        int, Meta(ge=1, description="Entries that were not used for so many days are deleted.")
    ] = 60


class ReportTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The size of the page, and what is hidden in all files of the report.

    Absolute paths are in none of them, with every setting.
    """

    max_megabytes: Annotated[
        float, Meta(ge=0, description="Largest size of all images in the page together.")
    ] = 8.0
    max_findings_megabytes: Annotated[
        float,
        Meta(
            ge=0,
            description="Largest size of a file in the folder findings, in units of 10**6 bytes. "
            "The most important findings come first; the page says how many are left out.",
        ),
    ] = 20.0
    pictures: Annotated[
        bool,
        Meta(description="false: no image is read for the report, and none is in it."),
    ] = True
    redact: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            description='What else to hide: "paths" leaves the last part of every path that '
            'detgate.toml or the command line names, "hosts" hides host names and addresses; '
            "anything else is a regular expression, and what it matches in any text becomes "
            "[redacted]."
        ),
    ] = ()


class HistoryTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A line for each run, from which the page draws each value over time."""

    path: Annotated[
        str,
        Meta(
            min_length=1,
            description="File that each run appends a line to: values, verdict, commit, digests.",
        ),
    ]


class WaiverTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A failure that is accepted until a day. An item that is not evaluated stays a failure."""

    item: Annotated[
        str, Meta(description="The item as the report lists it, e.g. probe-fp[youtube].")
    ]
    reason: Annotated[str, Meta(min_length=1)]
    owner: Annotated[str, Meta(min_length=1)]
    until: Annotated[
        datetime.date, Meta(description="Last day of the waiver, at most a year ahead.")
    ]
