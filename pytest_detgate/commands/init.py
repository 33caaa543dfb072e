"""`init`: a first `detgate.toml` from a data set."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_detgate.commands.shared.arguments import named_values
from pytest_detgate.errors import ConfigError, nearest_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_detgate.commands.shared.subcommands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    init = commands.add_parser(
        "init",
        help="write a first detgate.toml from a data set",
        description="Find the splits of a data set, measure them with the rules of the gate, and "
        "write detgate.toml into this folder, with limits that pass today. It overwrites nothing. "
        "Leaks and files that cannot be read do not pass.",
    )
    init.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help="a data.yaml of Ultralytics or Roboflow; a COCO file, or a folder of them; a folder "
        "of images with YOLO, VOC, LabelMe or KITTI labels; an export of CVAT, Label Studio, "
        "Scalabel or Datumaro; a configuration of MMDetection",
    )
    init.add_argument(
        "--scored-labels",
        action="store_true",
        help="labels with scores are ground truth, such as pseudo-labels that somebody checked",
    )
    what = init.add_mutually_exclusive_group()
    what.add_argument(
        "--predictions",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="add the model rules, with limits from this result file of a split or probe; may be "
        "repeated",
    )
    what.add_argument(
        "--model",
        type=Path,
        metavar="FILE",
        help="add the model rules, with limits from this checkpoint, ONNX or OpenVINO file, or "
        "folder of save_pretrained",
    )
    init.add_argument(
        "--ci", choices=("github", "gitlab"), help="also write the file that blocks a merge there"
    )
    init.add_argument(
        "--dry-run", action="store_true", help="write nothing; print the files and what was found"
    )
    init.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the files and print what was found; with --dry-run the files go to the output, and
    what was found to the error output."""
    from pytest_detgate.atomic_file import write_whole
    from pytest_detgate.commands.shared.progress import progress_of_command
    from pytest_detgate.first_config.ci_files import FILES
    from pytest_detgate.first_config.command import InitRequest, first_config
    from pytest_detgate.first_config.model_file import model_file
    from pytest_detgate.first_config.model_table import require_model

    folder = Path.cwd()
    if not chosen.dry_run:
        _refuse_existing([folder / "detgate.toml"])
        _refuse_existing([folder / FILES[chosen.ci]] if chosen.ci else [])
    if chosen.model is not None:
        require_model(chosen.model)
    cache = None if chosen.dry_run else _cache()
    progress = progress_of_command()
    with ExitStack() as stack:
        made = first_config(
            InitRequest(
                path=chosen.path,
                folder=folder,
                scored_labels=chosen.scored_labels,
                predictions=_predictions(chosen.predictions),
                model=chosen.model,
                model_source=None
                if chosen.model is None
                else model_file(chosen.model, cache, progress, stack),
                server=chosen.ci,
                cache=cache,
                progress=progress,
            )
        )
    if chosen.dry_run:
        print("\n".join(made.files.values()), end="")
        print(made.summary, file=sys.stderr)
        return
    for path, text in made.files.items():
        write_whole(path, text.encode())
        made.summary.line(f"wrote {path.relative_to(folder).as_posix()}")
    made.summary.line(f"next: {made.gate}")
    print(made.summary)


def _refuse_existing(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.exists() or path.is_symlink():
            raise ConfigError(
                f"{path.name} exists, and is not overwritten; move it away, or print the new one "
                "with --dry-run"
            )


def _predictions(texts: list[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for name, file in named_values("--predictions", texts, "NAME=FILE").items():
        if not Path(file).exists():
            raise ConfigError(f"--predictions: {file}: no such file{nearest_file(Path(file))}")
        files[name] = Path(file)
    return files


def _cache() -> Path | None:
    """The cache of the project, so that the first run of the gate infers nothing again."""
    from pytest_detgate.plugin.folders import make_cache_folder, project_paths

    try:
        cache = project_paths().cache
        make_cache_folder(cache)
    except (ConfigError, OSError):
        return None
    return cache
