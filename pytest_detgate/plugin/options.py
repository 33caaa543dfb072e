"""Command-line options and ini values: declared, converted and resolved once.

They stay text on `config.option`, because pytest-xdist has to carry them to its workers.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from pytest_detgate.plugin.output.exchange_paths import CODE_QUALITY, SARIF, checked_exchange_files
from pytest_detgate.plugin.usage import usage_error
from pytest_detgate.regular_file import can_be_path, real_path

CONFIG_NAME = "detgate.toml"
_LISTING = (
    *("collectonly", "help", "version", "markers", "showfixtures", "show_fixtures_per_test"),
    *("cacheshow", "detgate_rules"),
)
Update = Literal["tighten", "accept"]
"""Which way limits may move: towards what was measured, or also from it."""
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """What the command line asks of the gate. Paths, and the pattern `sweep`, are absolute.

    `config` is the file itself, `entry` its place in its folder, where it may be a link,
    and `argument` that place as the command line names it.
    """

    config: Path
    entry: Path
    argument: Path
    asked: bool
    report: Path
    device: str
    checkpoint: Path | None
    predictions: Mapping[str, tuple[Path, ...]]
    baseline: Path | None
    sweep: str | None
    train: bool
    retrain: bool
    trust_checkpoint: bool
    cache: bool
    update: Update | None = None
    exchange: Mapping[str, Path]
    """Files for code hosts, by option: SARIF, and GitLab's Code Quality report."""


def add_options(parser: pytest.Parser) -> None:
    """Declare every option and ini value."""
    group = parser.getgroup("detgate", "detgate: gate an object-detection data set and model")
    group.addoption(
        "--detgate-ckpt",
        metavar="PATH",
        help="gate this checkpoint, ONNX or OpenVINO file, or folder of a model; wins over "
        "[model] checkpoint",
    )
    group.addoption(
        "--detgate-predictions",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="gate a result file, or a folder of them, of a split or probe in place of a model; "
        "may be repeated, also for several files of one NAME, or one file for several",
    )
    group.addoption(
        "--detgate-baseline",
        metavar="PATH",
        help="compare with this checkpoint, with the file of `approve`, or with the report.json of "
        "an earlier run; wins over [model] baseline",
    )
    group.addoption(
        "--detgate-sweep",
        metavar="GLOB",
        help="evaluate these checkpoints of the same training, too, and say which one to ship",
    )
    group.addoption(
        "--detgate-train",
        action="store_true",
        help="train as [train] says, then gate what came out",
    )
    group.addoption(
        "--detgate-retrain",
        action="store_true",
        help="with --detgate-train: train even if a finished run has the same inputs",
    )
    group.addoption(
        "--detgate-config",
        metavar="PATH",
        help=f"the gate's configuration (default: {CONFIG_NAME} in pytest's root directory)",
    )
    group.addoption(
        "--detgate-report",
        metavar="DIR",
        default="detgate-report",
        help="folder for report.json and index.html (default: %(default)s)",
    )
    group.addoption(
        SARIF,
        metavar="FILE",
        help="also write what was found as SARIF 2.1.0, for GitHub's code scanning and editors",
    )
    group.addoption(
        CODE_QUALITY,
        metavar="FILE",
        help="also write what was found as a Code Quality report of GitLab",
    )
    group.addoption(
        "--detgate-device",
        metavar="auto|cpu|cuda|cuda:N",
        default="auto",
        help="where the model runs (default: %(default)s, a GPU where there is one)",
    )
    group.addoption(
        "--detgate-trust-checkpoint",
        action="store_true",
        help="load a checkpoint that holds more than weights, and build any model that its stored "
        "configuration names; it may run code",
    )
    group.addoption(
        "--detgate-no-cache",
        action="store_true",
        help="neither use nor keep detections of other runs",
    )
    group.addoption(
        "--detgate-update",
        dest="detgate_update",
        action="store_const",
        const="tighten",
        help="move the limits of detgate.toml towards what was measured, and show the diff",
    )
    # As a separate option, so that `--detgate-update detgate.toml` keeps its argument.
    group.addoption(
        "--detgate-update=accept",
        dest="detgate_update",
        action="store_const",
        const="accept",
        help="move limits that were broken, too, to what was measured",
    )
    group.addoption(
        "--detgate-rules",
        action="store_true",
        help="list every rule with its options and exit",
    )
    parser.addini(
        "detgate", "run the gate in every pytest run of this project", type="bool", default=False
    )


def is_asked(config: pytest.Config, option: argparse.Namespace, arguments: list[str]) -> bool:
    """Whether a run is to gate, by its options, its positional arguments and its ini file."""
    return (
        any(_is_config(str(argument)) for argument in arguments)
        or option.detgate_config is not None
        or option.detgate_ckpt is not None
        or bool(option.detgate_predictions)
        or option.detgate_train
        or option.detgate_update is not None
        or option.detgate_baseline is not None
        or option.detgate_sweep is not None
        or option.detgate_sarif is not None
        or option.detgate_codequality is not None
        or bool(config.getini("detgate"))
    )


def only_lists(option: argparse.Namespace) -> bool:
    """Whether the options ask pytest to print something and to run no test."""
    return any(getattr(option, name, False) for name in _LISTING)


def resolve_options(config: pytest.Config) -> GateOptions:
    """Convert the options of a run; what makes no sense raises `pytest.UsageError`."""
    option = config.option
    _refuse_no_values(option)
    start = config.invocation_params.dir
    named = _config_argument(config)
    if option.detgate_config is not None:
        path = start / option.detgate_config
        if named is not None and real_path(named) != real_path(path):
            raise usage_error(
                f"--detgate-config names {option.detgate_config} and the arguments name {named}; "
                "one gate a run"
            )
    else:
        path = named or config.rootpath / CONFIG_NAME
    predictions = _predictions(option.detgate_predictions, start)
    _refuse_together(
        {
            "--detgate-ckpt": option.detgate_ckpt is not None,
            "--detgate-predictions": bool(predictions),
            "--detgate-train": option.detgate_train,
        }
    )
    if option.detgate_retrain and not option.detgate_train:
        raise usage_error("--detgate-retrain goes with --detgate-train")
    if option.detgate_sweep is not None and predictions:
        raise usage_error(
            "--detgate-sweep compares checkpoints of one training, and --detgate-predictions names "
            "no checkpoint; give one of them"
        )
    return GateOptions(
        config=real_path(path),
        entry=entry_of(path),
        argument=path,
        asked=is_asked(config, option, config.args),
        report=start / option.detgate_report,
        device=_device(option.detgate_device),
        checkpoint=None if option.detgate_ckpt is None else start / option.detgate_ckpt,
        predictions=predictions,
        baseline=None if option.detgate_baseline is None else start / option.detgate_baseline,
        sweep=None if option.detgate_sweep is None else _pattern(start, option.detgate_sweep),
        train=option.detgate_train,
        retrain=option.detgate_retrain,
        trust_checkpoint=option.detgate_trust_checkpoint,
        cache=not option.detgate_no_cache,
        update=option.detgate_update,
        exchange=checked_exchange_files(config),
    )


def _refuse_no_values(option: argparse.Namespace) -> None:
    """Refuse an option without a value, most often a variable of a shell that is not set: it would
    name the folder that pytest is started in; and one with a text that no path can be."""
    for name, value in vars(option).items():
        if not (name.startswith("detgate_") and isinstance(value, str)):
            continue
        if not value.strip():
            raise usage_error(f"--{name.replace('_', '-')}: expected a value, found {value!r}")
        if not can_be_path(value):
            raise usage_error(f"--{name.replace('_', '-')}: no path can be {value[:60]!r}...")


def _device(text: str) -> str:
    if not _DEVICE.fullmatch(text):
        raise usage_error(f"--detgate-device: expected auto, cpu, cuda or cuda:N, found {text!r}")
    return text


def _config_argument(config: pytest.Config) -> Path | None:
    """The gate's file where the arguments name one: `pytest detgate.toml::probe-fp[x]`."""
    named = [
        config.invocation_params.dir / name
        for name in map(_file_of, filter(_is_config, map(str, config.args)))
    ]
    files = {real_path(path) for path in named}
    if len(files) > 1:
        names = ", ".join(sorted(map(str, files)))
        raise usage_error(f"one gate a run; the arguments name {names}")
    return named[0] if named else None


def entry_of(path: Path) -> Path:
    """The place of a file in its folder, without links up to there."""
    return real_path(path.parent) / path.name


def _is_config(argument: str) -> bool:
    return Path(_file_of(argument)).name == CONFIG_NAME


def _file_of(argument: str) -> str:
    """The file of an argument, which may be a node id."""
    return argument.split("::")[0]


def _predictions(texts: list[str], start: Path) -> dict[str, tuple[Path, ...]]:
    files: dict[str, tuple[Path, ...]] = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise usage_error(f"--detgate-predictions: expected NAME=FILE, found {text!r}")
        if not can_be_path(file):
            raise usage_error(f"--detgate-predictions: no path can be {file[:60]!r}...")
        if start / file in files.get(name, ()):
            raise usage_error(f"--detgate-predictions: {text!r} is given twice")
        files[name] = (*files.get(name, ()), start / file)
    return files


def _pattern(start: Path, text: str) -> str:
    # Only a run that asks for a sweep pays for this import.
    from pytest_detgate.inputs.compared.other_models import pattern_in

    return pattern_in(start, text)


def _refuse_together(given: dict[str, bool]) -> None:
    names = [name for name, is_given in given.items() if is_given]
    if len(names) > 1:
        raise usage_error(f"{' and '.join(names)} each name what is gated; give one of them")
