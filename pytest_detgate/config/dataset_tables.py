"""The tables `[dataset]` and `[probes]`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

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
