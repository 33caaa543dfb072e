"""The tables `[model]` and `[train]`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Count, ScoreThreshold
from pytest_detgate.config.tables.dataset_tables import ClassNames
from pytest_detgate.config.tables.onnx_table import OnnxTable


class BaselineTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A baseline that may be missing."""

    path: Annotated[
        str,
        Meta(description="Checkpoint, detgate-baseline.json, or report.json of an earlier run."),
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
        Annotated[
            str,
            Meta(description="Checkpoint, ONNX file, or folder of a model. --detgate-ckpt wins."),
        ]
        | None
    ) = None
    framework: (
        Annotated[
            str,
            Meta(
                description="What runs the model: mmdetection (or mmdet), onnx, openvino, "
                "torchvision, transformers, python, or one that an installed package registers. "
                "Omitted: onnx for a file that ends in .onnx, openvino for .xml, transformers for "
                "a folder of save_pretrained, else mmdetection."
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
        Meta(description="Arguments for the function of entry, or settings of a framework."),
    ] = {}
    onnx: OnnxTable | None = None
    baseline: (
        Annotated[
            str | BaselineTable,
            Meta(
                description="Checkpoint, detgate-baseline.json, or report.json of an earlier run, "
                "to compare with; --detgate-baseline wins. It must be there, unless it is written "
                "as "
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
    classes: (
        Annotated[
            str | ClassNames,
            Meta(
                description="Names of the detector's classes by number, or a file with them "
                "(data.yaml, or one name a line), for result files that only number their classes."
            ),
        ]
        | None
    ) = None
    first_class_number: (
        Annotated[
            Literal[0, 1],
            Meta(
                description="Number of the first class in COCO result files that number their "
                "classes in order. Omitted: the numbers in the file decide, if they can."
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
        Literal["float32", "tf32", "bfloat16", "float16"],
        Meta(
            description="Number format of the model. Less than float32 changes scores and boxes. "
            "tf32, which torch takes by itself, and float16 need a GPU."
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
