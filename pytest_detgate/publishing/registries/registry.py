"""What a registry is, and how it is found: ours and those that installed packages register."""

from __future__ import annotations

import importlib
import importlib.metadata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pytest_detgate.errors import ConfigError, nearest
from pytest_detgate.record.folder import BADGE, PAGE, SUMMARY
from pytest_detgate.record.report import Report

ENTRY_POINTS = "detgate.registries"
_BUILT_IN = {
    "mlflow": "pytest_detgate.publishing.registries.mlflow:MLflow",
    "wandb": "pytest_detgate.publishing.registries.wandb:WeightsAndBiases",
    "huggingface": "pytest_detgate.publishing.registries.model_card:ModelCard",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is published: a record, its file, and what the user asks for.

    `options` are those of the registry, by name. Without `online` a registry sends nothing over the
    network.
    """

    report: Report
    record: Path
    options: Mapping[str, str]
    online: bool = False

    def files(self) -> list[Path]:
        """Return the record and the files beside it that are there."""
        beside = [self.record.with_name(name) for name in (PAGE, SUMMARY, BADGE)]
        return [self.record, *(path for path in beside if path.is_file())]

    def option(self, name: str, default: str = "") -> str:
        """Return the value of an option."""
        return self.options.get(name, default)


class Registry(ABC):
    """A place that a record is published to. `options` says in a sentence what each option means.

    A registry is made without arguments.
    """

    options: ClassVar[Mapping[str, str]]

    @abstractmethod
    def publish(self, publication: Publication) -> list[str]:
        """Publish a record and return sentences on what was done, an address among them.

        Raises `DetgateError` where it cannot be done, and `ApprovalError` where everything was
        published except an approval that the verdict forbids.
        """


def registry_names() -> tuple[str, ...]:
    """Return the names of all registries."""
    others = {point.name for point in _registered()} - _BUILT_IN.keys()
    return (*_BUILT_IN, *sorted(others))


def registry(name: str) -> Registry:
    """Return the registry of a name; `ConfigError` if there is none, or if it cannot be made."""
    if name in _BUILT_IN:
        module, _, kind = _BUILT_IN[name].partition(":")
        made = getattr(importlib.import_module(module), kind)()
        assert isinstance(made, Registry)
        return made
    points = {point.name: point for point in _registered()}
    if name not in points:
        names = registry_names()
        raise ConfigError(
            f"no registry {name!r}{nearest(name, names)} (there is: {', '.join(names)})"
        )
    try:
        made = points[name].load()()
    except Exception as error:
        raise ConfigError(
            f"the registry {name!r} of {points[name].value} cannot be made: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, Registry):
        raise ConfigError(f"the registry {name!r} of {points[name].value} is no Registry")
    return made


def _registered() -> tuple[importlib.metadata.EntryPoint, ...]:
    return tuple(importlib.metadata.entry_points(group=ENTRY_POINTS))
