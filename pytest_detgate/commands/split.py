"""`split`: train and validation files that share no clip."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.errors import ConfigError

if TYPE_CHECKING:
    from pytest_detgate.commands.shared.subcommands import Commands
    from pytest_detgate.dataset.clips.clips import ClipKey


def add(commands: Commands) -> None:
    """Declare the command."""
    split = commands.add_parser(
        "split",
        help="write train and validation files that share no clip",
        description="Split a data set by clip, with classes and empty images in like shares. The "
        "files that are written have the format of the annotations: COCO and CVAT files, or lists "
        "of images.",
    )
    split.add_argument("annotations", type=Path, nargs="+", metavar="PATH")
    split.add_argument("--train", type=Path, required=True, metavar="OUT")
    split.add_argument("--val", type=Path, required=True, metavar="OUT")
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
        choices=("coco", "yolo", "voc", "cvat", "openimages"),
        default="coco",
        help="format of the annotations (default: %(default)s)",
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
    from pytest_detgate.splitting.command import SplitRequest, split

    request = SplitRequest(
        annotations=chosen.annotations,
        images=chosen.images,
        format=chosen.format,
        classes=chosen.classes,
        background=chosen.missing_labels == "background",
        train=chosen.train,
        val=chosen.val,
        key=_clip_key(chosen),
        val_share=chosen.val_share,
        seed=chosen.seed,
    )
    print(split(request))


def _clip_key(chosen: argparse.Namespace) -> ClipKey:
    from pytest_detgate.config.load import load_configuration
    from pytest_detgate.dataset.clips.clips import ClipKey
    from pytest_detgate.inputs.project import Project
    from pytest_detgate.splitting.sources import clip_pattern

    if chosen.clip_field is not None:
        return ClipKey(field=chosen.clip_field)
    if chosen.frame_pattern is not None:
        return ClipKey(pattern=clip_pattern(chosen.frame_pattern))
    if not chosen.config.exists():
        raise ConfigError(
            f"cannot tell clips: {chosen.config} does not exist; give --frame-pattern, "
            "--clip-field or --config"
        )
    pattern = Project(load_configuration(chosen.config), Path()).frame_pattern
    if pattern is None:
        raise ConfigError(
            f"cannot tell clips: {chosen.config} has no [dataset] frame-pattern; give "
            "--frame-pattern or --clip-field"
        )
    return ClipKey(pattern=pattern)
