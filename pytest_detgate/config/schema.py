"""The tables of `detgate.toml`, except those of the rules, which each rule declares itself."""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Confidence, Count, ScoreThreshold
from pytest_detgate.config.onnx_table import OnnxTable
from pytest_detgate.dataset.images.options import MAX_PIXELS, Exif


class SplitTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One split of the data set."""

    annotations: Annotated[
        str, Meta(description="COCO JSON file. Other formats: the folder or file of the labels.")
    ]
    images: Annotated[str, Meta(description="Folder that each file_name is relative to.")]
    format: Annotated[
        Literal["coco", "yolo", "voc", "cvat", "openimages"],
        Meta(description="Format of the annotations."),
    ] = "coco"
    classes: (
        Annotated[
            str,
            Meta(
                description="File with the names of the classes. yolo: one name a line, or a "
                "data.yaml. openimages: class-descriptions-boxable.csv."
            ),
        ]
        | None
    ) = None
    list: (
        Annotated[
            str,
            Meta(
                description="File that names the images of the split, one a line, for yolo, voc "
                "and openimages. Omitted: all images of the folder. If several folders have a "
                "file of that name, the one that agrees in most folders is used."
            ),
        ]
        | None
    ) = None
    missing_labels: Annotated[
        Literal["unknown", "background"],
        Meta(
            description="Meaning of an image without a label file, for yolo, voc and openimages. "
            "unknown: it has not been labelled; max-unlabelled of a rule allows a number of "
            "them. background: nothing is on it, as Ultralytics assumes."
        ),
    ] = "unknown"
    allow_other_files: Annotated[
        bool,
        Meta(
            description="true: files among the images that are neither images nor labels, and "
            "folders that cannot be listed, are left out. Otherwise no rule passes. For yolo, "
            "voc and openimages without a list."
        ),
    ] = False


class DatasetTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The data set that is gated."""

    splits: dict[str, SplitTable] = {}
    frame_pattern: (
        Annotated[
            str,
            Meta(
                description="Regular expression with a group 'clip' and, for frame rules, a group "
                "'frame'; it is searched for in each file_name."
            ),
        ]
        | None
    ) = None
    exif: (
        Annotated[
            Exif,
            Meta(
                description="Meaning of an EXIF orientation. apply: labels are drawn on the "
                "upright image, and a model sees that. ignore: labels are drawn on the pixels as "
                "they are stored. Omitted: as apply, and image-files reports such images."
            ),
        ]
        | None
    ) = None
    max_pixels: Annotated[
        int, Meta(ge=1, description="An image with more pixels than this is not opened.")
    ] = MAX_PIXELS
    follow_links: Annotated[
        tuple[str, ...],
        Meta(
            description="Folders that images may be links into, such as a DVC cache. A folder "
            "inside the project that names its files by content is allowed without it."
        ),
    ] = ()


class BaselineTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A baseline that may be missing."""

    path: Annotated[
        str, Meta(description="Checkpoint, or report.json of an earlier run, to compare with.")
    ]
    may_be_missing: Annotated[
        bool,
        Meta(
            description="true: while there is no such file, the run counts as a first run, and "
            "first-run of the rule decides. Otherwise a missing baseline is an error."
        ),
    ] = False


class ModelTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The detector that is gated, and how."""

    checkpoint: (
        Annotated[str, Meta(description="Checkpoint or ONNX file. --detgate-ckpt wins.")] | None
    ) = None
    framework: (
        Annotated[
            str,
            Meta(
                description="What runs the model: mmdetection, onnx, python, or one that an "
                "installed package registers. Omitted: onnx for a file that ends in .onnx, else "
                "mmdetection."
            ),
        ]
        | None
    ) = None
    entry: (
        Annotated[
            str,
            Meta(description='"package.module:function" that makes the detector, for python.'),
        ]
        | None
    ) = None
    options: Annotated[
        dict[str, Any],
        Meta(description="Arguments for the function of entry, or for a registered framework."),
    ] = {}
    onnx: OnnxTable | None = None
    baseline: (
        Annotated[
            str | BaselineTable,
            Meta(
                description="Checkpoint, or report.json of an earlier run, to compare with; "
                "--detgate-baseline wins. It must be there, unless it is written as "
                '{ path = "...", may-be-missing = true }.'
            ),
        ]
        | None
    ) = None
    config: (
        Annotated[
            str,
            Meta(
                description="Configuration of MMDetection. Omitted: the one stored in the "
                "checkpoint is used."
            ),
        ]
        | None
    ) = None
    score_threshold: Annotated[
        ScoreThreshold,
        Meta(description="The operating point: a box counts when score > threshold."),
    ] = 0.3
    evaluate_on: Annotated[str, Meta(description="Split that AP is measured on.")] = "val"
    batch_size: (
        Annotated[
            int,
            Meta(
                ge=1,
                description="Images in one forward pass; halved if memory runs out. Omitted: 1 "
                "on a CPU; on a GPU that of the configuration's test_dataloader, at least 16.",
            ),
        ]
        | None
    ) = None
    precision: Annotated[
        Literal["float32", "bfloat16", "float16"],
        Meta(
            description="Number format of the model. Less than float32 changes scores and boxes. "
            "float16 needs a GPU."
        ),
    ] = "float32"
    compile: Annotated[
        bool,
        Meta(
            description="true: use torch.compile, which changes the last digits of scores and "
            "boxes. On a CPU it needs a C++ compiler."
        ),
    ] = False

    @property
    def named_baseline(self) -> BaselineTable | None:
        """The baseline in its long form; None where there is none."""
        return (
            BaselineTable(path=self.baseline) if isinstance(self.baseline, str) else self.baseline
        )


class TrainTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """What --detgate-train trains."""

    config: str
    work_dir: str
    seed: Count = 0
    gpus: Annotated[
        Annotated[int, Meta(ge=1)] | Literal["all"],
        Meta(
            description="GPUs to train on, or 'all' visible ones. Each has a process with the "
            "batch size of the configuration. On a CPU: the number of processes."
        ),
    ] = 1


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


class ProbeTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Images checked by hand: nothing to detect in them except the boxes of `annotations`."""

    images: Annotated[str, Meta(description="Folder of the images.")]
    annotations: (
        Annotated[
            str,
            Meta(
                description="COCO file that lists them; its boxes are allowed. Omitted: all images "
                "of the folder."
            ),
        ]
        | None
    ) = None
    allow_other_files: Annotated[
        bool,
        Meta(
            description="true: files in the folder that are no images, and folders that cannot "
            "be listed, are left out. Otherwise no rule passes on the probe. Only without "
            "annotations."
        ),
    ] = False


class ScoringTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The engine of AP, and the bounds. With "both" engines, any difference fails the run."""

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


class ConfigTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The whole of `detgate.toml`. The tables under `rules` belong to the rule classes."""

    plugins: Annotated[tuple[str, ...], Meta(description="Modules with rules of the project.")] = ()
    dataset: DatasetTable = DatasetTable()
    model: ModelTable = ModelTable()
    run: RunTable = RunTable()
    train: TrainTable | None = None
    probes: dict[str, ProbeTable] = {}
    scoring: ScoringTable = ScoringTable()
    cache: CacheTable = CacheTable()
    report: ReportTable = ReportTable()
    rules: dict[str, Any] = {}
    waivers: tuple[WaiverTable, ...] = ()
