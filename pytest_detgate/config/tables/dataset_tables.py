"""The tables `[dataset]` and `[probes]`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from pytest_detgate.config.numbers import Count
from pytest_detgate.config.tables.alarm_table import EventsFile, Fps, FrameStep, TimeField, TimeUnit
from pytest_detgate.dataset.images.options import MAX_PIXELS, Exif
from pytest_detgate.dataset.labels.formats import LabelFormat

Format = Annotated[LabelFormat, Meta(description="Format of the annotations.")]
ClassNames = Annotated[tuple[str, ...], Meta(min_length=1)]
"""Without any class nothing is looked at."""


class SplitTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """One split of the data set."""

    annotations: (
        Annotated[
            str,
            Meta(description="COCO JSON file. Other formats: the folder or file of the labels."),
        ]
        | None
    ) = None
    images: (
        Annotated[str, Meta(description="Folder that each file_name is relative to.")] | None
    ) = None
    data: (
        Annotated[
            str,
            Meta(
                description="data.yaml of Ultralytics or Roboflow, in place of annotations, "
                "images, format, classes and list."
            ),
        ]
        | None
    ) = None
    split: (
        Annotated[
            str,
            Meta(
                description="Name of the split in the data.yaml. Omitted: the name of this split."
            ),
        ]
        | None
    ) = None
    format: Format = "coco"
    classes: (
        Annotated[
            str | ClassNames,
            Meta(
                description="A list of names: the classes that count; boxes of others are left "
                "out. A file with the names of the classes: for yolo one name a line, or a "
                "data.yaml; for openimages class-descriptions-boxable.csv."
            ),
        ]
        | None
    ) = None
    list: (
        Annotated[
            str,
            Meta(
                description="File that names the images of the split, one a line, for yolo, voc, "
                "openimages, labelme and kitti. Omitted: all images of the folder. If several "
                "folders have a file of that name, the one that agrees in most folders is used."
            ),
        ]
        | None
    ) = None
    subset: (
        Annotated[
            str,
            Meta(
                description="For cvat: the subset of the project whose images are the split. "
                "Omitted: all images of the file."
            ),
        ]
        | None
    ) = None
    missing_labels: Annotated[
        Literal["unknown", "background"],
        Meta(
            description="Meaning of an image without labels, for yolo, voc, openimages, labelme, "
            "labelstudio, kitti and scalabel. unknown: it has not been labelled; max-unlabelled of "
            "a rule allows a number of them. background: nothing is on it, as Ultralytics assumes."
        ),
    ] = "unknown"
    max_polygons: (
        Annotated[
            Count,
            Meta(
                description="Largest number of polygons and turned boxes whose frames are used, "
                "for all formats but coco, openimages and kitti. Omitted: any number."
            ),
        ]
        | None
    ) = None
    allow_other_files: Annotated[
        bool,
        Meta(
            description="true: files among the images that are neither images nor labels, and "
            "folders that cannot be listed, are left out. Otherwise no rule passes. For yolo, "
            "voc, openimages, labelme and kitti without a list."
        ),
    ] = False
    scored_labels: Annotated[
        bool,
        Meta(
            description="true: labels with scores are ground truth, such as pseudo-labels that "
            "somebody checked. Otherwise labels that all have a score are taken for detections and "
            "not read. For all formats but voc, cvat and labelstudio, which have no scores."
        ),
    ] = False
    fps: Fps | None = None
    frame_step: FrameStep | None = None
    time_field: TimeField | None = None
    time_unit: TimeUnit | None = None
    events: EventsFile | None = None


class DatasetTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """The data set that is gated."""

    splits: dict[str, SplitTable] = {}
    classes: (
        Annotated[
            ClassNames,
            Meta(
                description="The classes that count in all splits and probes; boxes and detections "
                "of others are left out. A list of a split wins."
            ),
        ]
        | None
    ) = None
    match_names: Annotated[
        Literal["exact", "near"],
        Meta(
            description="near: a file name that is not there means the one file whose name "
            "differs only in letter case, blanks, accents, slashes, %20, folders in front, or "
            "suffix."
        ),
    ] = "exact"
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
    fps: Fps | None = None
    frame_step: FrameStep | None = None
    time_field: TimeField | None = None
    time_unit: TimeUnit | None = None


class ProbeTable(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Images checked by hand: nothing to detect in them except the boxes of `annotations`.

    A probe has separate images, or is a query over a split.
    """

    split: (
        Annotated[
            str,
            Meta(
                description="Split that the probe is a part of: the images to which all of empty, "
                "where and list apply that are given. Their boxes are allowed."
            ),
        ]
        | None
    ) = None
    empty: Annotated[
        bool,
        Meta(description="true: the images of the split that are labelled and have no annotation."),
    ] = False
    where: (
        Annotated[
            str,
            Meta(
                description="Condition on the images of the split, such as site == 'north'. It "
                "names file_name, width, height, boxes, groups of frame-pattern, and image "
                "fields of the annotation file."
            ),
        ]
        | None
    ) = None
    list: (
        Annotated[
            str,
            Meta(description="File that names the images of the probe, one a line."),
        ]
        | None
    ) = None
    images: (
        Annotated[str, Meta(description="Folder of the images. Not for a part of a split.")] | None
    ) = None
    annotations: (
        Annotated[
            str,
            Meta(
                description="COCO file that lists them, or the labels of another format; its boxes "
                "are allowed. Omitted: all images of the folder."
            ),
        ]
        | None
    ) = None
    format: Format = "coco"
    classes: (
        Annotated[str, Meta(description="File with the names of the classes, as for a split.")]
        | None
    ) = None
    missing_labels: Annotated[
        Literal["unknown", "background"],
        Meta(description="Meaning of an image without a label file, as for a split."),
    ] = "unknown"
    unlabelled: Annotated[
        bool,
        Meta(
            description="true: nobody has looked at these images. Only rules that need no labels "
            "look at them: stability and flicker, and prediction-drift and probe-isolation if they "
            "name them. With images, and without annotations."
        ),
    ] = False
    allow_other_files: Annotated[
        bool,
        Meta(
            description="true: files in the folder that are no images, and folders that cannot "
            "be listed, are left out. Otherwise no rule passes on the probe. Not with a COCO file."
        ),
    ] = False
    scored_labels: Annotated[
        bool,
        Meta(description="true: labels with scores are ground truth, as for a split."),
    ] = False
    sealed: Annotated[
        bool,
        Meta(
            description="true: of items that look at this probe, only the verdict is shown: no "
            "value, no image, no finding, in no file. Detections on it are not cached."
        ),
    ] = False
    fps: Fps | None = None
    frame_step: FrameStep | None = None
    time_field: TimeField | None = None
    time_unit: TimeUnit | None = None
    events: EventsFile | None = None
