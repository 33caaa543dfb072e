"""`split`: train and validation files that share no clip."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.dataset.labels.formats import FORMATS

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands
    from pytest_detgate.dataset.clips.clips import ClipKey


def add(commands: Commands) -> None:
    """Declare the command."""
    split = commands.add_parser(
        "split",
        usage="%(prog)s [options] --train OUT --val OUT PATH ...",
        help="write train and validation files that share no clip",
        description="Split a data set by clip, with similar shares of classes and empty images. "
        "The files that are written have the format of the annotations, or are lists of images.",
    )
    split.add_argument(
        "annotations",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="annotation files or folders of labels, or a data.yaml",
    )
    split.add_argument(
        "--train", type=Path, required=True, metavar="OUT", help="training file to write"
    )
    split.add_argument(
        "--val", type=Path, required=True, metavar="OUT", help="validation file to write"
    )
    split.add_argument(
        "--val-share",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="share of the images that become validation (default: %(default)s)",
    )
    split.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed writes the same bytes"
    )
    key = split.add_mutually_exclusive_group()
    key.add_argument("--frame-pattern", metavar="REGEX", help="finds the clip in a file_name")
    key.add_argument("--clip-field", metavar="NAME", help="image field that holds the clip")
    key.add_argument(
        "--config",
        type=Path,
        default=Path("detgate.toml"),
        metavar="PATH",
        help="file whose frame-pattern is used (default: %(default)s)",
    )
    split.add_argument(
        "--images",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder that file names are relative to; once for all files, or once for each",
    )
    split.add_argument(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"format of the annotations: {', '.join(FORMATS)} (default: by the suffix: YOLO for a "
        "data.yaml, CVAT for .xml, OpenImages for .csv, COCO for .json)",
    )
    split.add_argument("--to-coco", action="store_true", help="write COCO files of any format")
    split.add_argument(
        "--with-test", action="store_true", help="split the images of `test` of a data.yaml, too"
    )
    split.add_argument(
        "--classes", type=Path, metavar="FILE", help="names of the classes, for yolo and openimages"
    )
    split.add_argument(
        "--missing-labels",
        choices=("unknown", "background"),
        default="unknown",
        help="meaning of an image without a label file, as for a split (default: %(default)s)",
    )
    split.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the files and print what is in them."""
    from pytest_detgate.record.terminal import fitted
    from pytest_detgate.splitting.command import split
    from pytest_detgate.splitting.request import SplitRequest

    key, no_key = _clip_key(chosen)
    request = SplitRequest(
        annotations=chosen.annotations,
        images=chosen.images,
        format=chosen.format,
        to_coco=chosen.to_coco,
        with_test=chosen.with_test,
        classes=chosen.classes,
        background=chosen.missing_labels == "background",
        train=chosen.train,
        val=chosen.val,
        key=key,
        no_key=no_key,
        val_share=chosen.val_share,
        seed=chosen.seed,
    )
    print(fitted(split(request), sys.stdout))


def _clip_key(chosen: argparse.Namespace) -> tuple[ClipKey | None, str]:
    """What tells the clips; where nothing was named, what to say if the labels do not tell them."""
    from pytest_detgate.config.load import load_configuration
    from pytest_detgate.dataset.clips.clips import ClipKey
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.splitting.sources import clip_pattern

    if chosen.clip_field is not None:
        return ClipKey(field=chosen.clip_field), ""
    if chosen.frame_pattern is not None:
        return ClipKey(pattern=clip_pattern(chosen.frame_pattern)), ""
    if not chosen.config.exists():
        return None, (
            f"cannot tell clips: {chosen.config} does not exist. The command init writes it, with "
            "a pattern for the file names; or give --frame-pattern, --clip-field or --config"
        )
    pattern = Project(load_configuration(chosen.config), Path()).frame_pattern
    if pattern is None:
        return None, (
            f"cannot tell clips: {chosen.config} has no [dataset] frame-pattern; give "
            "--frame-pattern or --clip-field. Where no two images belong together, "
            "--frame-pattern '(?P<clip>.+)' takes each by itself"
        )
    return ClipKey(pattern=pattern), ""
