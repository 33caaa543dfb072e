"""Configuration files of the project, and the files that they are made of."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pytest_detgate.detector.dependencies.gathering import gather_dependencies
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.dependencies.state import NO_FILE, file_signature
from pytest_detgate.detector.dependencies.switches import noted_by_value, unnoted
from pytest_detgate.detector.mmdet.config import config_digest, custom_imports
from pytest_detgate.detector.mmdet.plain_config import has_plain_values, plain_files
from pytest_detgate.detector.packages import import_yapf, quiet
from pytest_detgate.detector.python.code import code_of
from pytest_detgate.errors import DetectorError


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A resolved configuration and what it was made of.

    `config` is an MMEngine `Config`. `files` are the project files that were read for it,
    `environment` the environment variables that it uses, with their values.
    """

    config: Any
    files: tuple[Path, ...]
    environment: dict[str, str | None]


def load_config(path: Path) -> LoadedConfig:
    """Load a configuration file as MMEngine does: it is code of the project and is run."""
    with Recorder(path.absolute().parent, own=config_code()) as recorder:
        config = _run(path, import_custom_modules=True)
    with unnoted():
        code = map(str, project_files(custom_imports(config)))
        dependencies = gather_dependencies({**recorder.by_value, **recorder.notes}, code)
    existing = (Path(name) for name, state in dependencies.files.items() if state not in NO_FILE)
    files = {path.absolute(), *existing}
    names = getattr(config, "env_variables", None) or {}
    return LoadedConfig(
        config, tuple(sorted(files)), {name: os.environ.get(name) for name in names}
    )


def project_files(modules: Iterable[str]) -> set[Path]:
    """Return the project files of modules, and of the packages that they belong to."""
    return set(code_of(*modules).files)


def resolved_config(path: Path) -> Any:
    """Run a configuration file and return its values as plain ones.

    Neither MMDetection nor modules that it only names are imported.
    """
    return _run(path, import_custom_modules=False).to_dict()


def plain_digest(path: Path) -> str | None:
    """Return a digest of the resolved values of a configuration file; None if it is more than
    values, or names modules to import.

    A sweep asks for every checkpoint. The values are those of the files, of variables, and of the
    current folder.
    """
    known = _digests.get(path.absolute())
    if known is not None and known.state == _state_of(known.files):
        return known.digest
    files = plain_files(path)
    if files is None:
        return None
    state = _state_of(files)
    values = resolved_config(path)
    digest = None if custom_imports(values) else config_digest(values)
    # Files that one of another format is based on are not known.
    if all(file.suffix == ".py" for file in files) and plain_files(path) == files:
        _digests[path.absolute()] = _Digest(files, state, digest)
    return digest


class _Digest(NamedTuple):
    """The digest of a configuration, and the state of all that decides its values."""

    files: frozenset[Path]
    state: object
    digest: str | None


_digests: dict[Path, _Digest] = {}
"""By configuration file, one for each: another state of its files replaces the one before."""


def _state_of(files: frozenset[Path]) -> object:
    signatures = tuple((str(file), file_signature(str(file))) for file in sorted(files))
    with unnoted():
        # pytest names the item that runs, which no configuration asks for.
        variables = {n: v for n, v in os.environ.items() if n != "PYTEST_CURRENT_TEST"}
        return signatures, os.getcwd(), variables  # noqa: PTH109


def config_code() -> tuple[str, ...]:
    """Return the folder of MMEngine's code that reads files and variables for configurations."""
    import_yapf()
    with quiet():
        import mmengine.config

    return (str(Path(mmengine.config.__file__).parent) + os.sep,)


def _run(path: Path, *, import_custom_modules: bool) -> Any:
    if not path.is_file():
        raise DetectorError(f"{path}: there is no such configuration file")
    import_yapf()
    with unnoted():
        is_plain = has_plain_values(path)
    # A configuration that is more than its values is known by all that it accesses.
    by_value = noted_by_value() if is_plain else contextlib.nullcontext()
    with quiet(), by_value:
        from mmengine.config import Config

        try:
            return Config.fromfile(str(path), import_custom_modules=import_custom_modules)
        except Exception as error:
            _close_copies(error)
            raise DetectorError(
                f"{path}: the configuration cannot be loaded: {type(error).__name__}: {error}"
            ) from error


def _close_copies(error: Exception) -> None:
    """Close the temporary copies that MMEngine makes of a configuration and of those that it is
    based on: where one fails, it leaves them open, and Python warns when it closes them."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        copy = frame.f_locals.get("temp_config_file")
        if copy is not None and frame.f_globals.get("__name__") == "mmengine.config.config":
            copy.close()
