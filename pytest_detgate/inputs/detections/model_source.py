"""The table `[model]`: which framework runs the model, with which options."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pytest_detgate.config.convert import convert_table
from pytest_detgate.config.load import Configuration
from pytest_detgate.config.tables.model_tables import ModelTable
from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.errors import DetectorError

if TYPE_CHECKING:
    from pytest_detgate.detector.framework import Framework
    from pytest_detgate.detector.protocol import ModelSource

_ENTRY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")

# Their inputs and outputs are described in one way.
_WITH_ONNX_TABLE = ("onnx", "openvino")

# What a framework may be named besides; everything else knows it by one name.
_OTHER_NAMES = {"mmdet": "mmdetection"}


def check_model(configuration: Configuration, *, is_trained: bool) -> None:
    """Note where `[model]` cannot mean a model, or not the one that is trained; nothing heavy is
    imported."""
    with configuration.mistakes.collect():
        _check_model(configuration, is_trained=is_trained)


def _check_model(configuration: Configuration, *, is_trained: bool) -> None:
    table, mistakes = configuration.tables.model, configuration.mistakes
    location = configuration.location.table("model")
    name = _named(table)
    if name is None:
        if table.options:
            raise location.error('which framework is it for? Add framework = "NAME"', "options")
        return
    chosen = _framework(configuration, name)
    foreign, typed = _keys_of_other_frameworks(name, chosen), table.framework or name
    for key in foreign:
        with mistakes.collect():
            if getattr(table, key) != getattr(ModelTable(), key):
                raise location.error(f'means nothing with framework = "{typed}"', key)
    if is_trained and name != "mmdetection":
        mistakes.add(
            location.error(
                f"{name} cannot run what --detgate-train trains, which is a model of MMDetection",
                "framework" if table.framework else "entry",
            )
        )
    if name == "python":
        with mistakes.collect():
            _check_entry(configuration)
    if "options" in foreign:
        return
    if not _is_finite(table.options):
        # The key of cached detections has the options as JSON, which has no such numbers.
        raise location.error("nan and inf are no values of an option", "options")
    if chosen.options is not None:
        convert_table(table.options, chosen.options, location.table("options"), mistakes)


def _keys_of_other_frameworks(name: str, chosen: Framework) -> tuple[str, ...]:
    """The keys of `[model]` that mean nothing with a framework."""
    is_mmdetection = name == "mmdetection"
    means_nothing = {
        "precision": not chosen.takes_precision,
        "compile": not chosen.takes_precision,
        "entry": name != "python",
        "onnx": name not in _WITH_ONNX_TABLE,
        "config": not chosen.takes_config,
        "options": is_mmdetection or name in _WITH_ONNX_TABLE,
    }
    return tuple(key for key, is_foreign in means_nothing.items() if is_foreign)


def is_complete(table: ModelTable) -> bool:
    """Whether the table names a model, so that there is something to run."""
    name = _named(table)
    if table.checkpoint is not None or name is None:
        return table.checkpoint is not None
    from pytest_detgate.detector.registry import framework

    return not framework(name).needs_checkpoint


def model_source(
    configuration: Configuration,
    checkpoint: Path | None,
    *,
    config: str | None,
    trust: bool,
    image_options: ImageOptions,
) -> ModelSource:
    """A checkpoint with what `[model]` says of how it runs. `config` is the configuration that
    goes with it; what no framework is named for goes by its file name."""
    from pytest_detgate.detector.protocol import ModelSource
    from pytest_detgate.detector.registry import framework_of

    table = configuration.tables.model
    name = _named(table) or framework_of(checkpoint)
    chosen = _framework(configuration, name)
    if not chosen.takes_precision and (table.precision != "float32" or table.compile):
        raise DetectorError(
            f"{checkpoint}: precision and compile under [model] are for networks of torch, not for "
            f"framework {name}"
        )
    takes_config = config is not None and chosen.takes_config
    options: dict[str, Any] = dict(msgspec.to_builtins(table.options))
    if name in _WITH_ONNX_TABLE:
        given = msgspec.to_builtins(table.onnx) if table.onnx is not None else {}
        options = {key: value for key, value in given.items() if value is not None}
    if checkpoint is not None:
        checkpoint = chosen.checkpoint(checkpoint)
    return ModelSource(
        checkpoint,
        configuration.locate(config) if takes_config and config else None,
        trust,
        precision=table.precision,
        compile=table.compile,
        framework=name,
        entry=table.entry,
        options=options,
        folder=configuration.path.parent,
        image_options=image_options,
    )


def _named(table: ModelTable) -> str | None:
    if table.framework is not None:
        return _OTHER_NAMES.get(table.framework, table.framework)
    return "python" if table.entry is not None else None


def _framework(configuration: Configuration, name: str) -> Framework:
    from pytest_detgate.detector.registry import framework

    try:
        return framework(name)
    except DetectorError as error:
        raise configuration.location.table("model").error(str(error), "framework") from None


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _check_entry(configuration: Configuration) -> None:
    entry = configuration.tables.model.entry
    location = configuration.location.table("model")
    if entry is None:
        raise location.error(
            'the key \'entry\' is missing; framework = "python" takes "package.module:function"',
            "framework",
        )
    if not _ENTRY.fullmatch(entry):
        raise location.error(f'expected "package.module:function", found {entry!r}', "entry")
