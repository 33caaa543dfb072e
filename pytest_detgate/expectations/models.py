"""The expectations that Great Expectations knows, and their arguments, without importing it.

`models.json` is made from its own models (`tools/expectation_models.py`). Classes of the project
are looked up in Great Expectations itself, which a module with such a class has imported.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import warnings
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import msgspec

from pytest_detgate.errors import DataError, nearest

COLUMN_KEYS = ("column", "column_A", "column_B", "column_list")
BOOKKEEPING = frozenset(
    {
        *("batch_id", "catch_exceptions", "id", "rendered_content", "result_format", "windows"),
        "library_metadata",
    }
)
"""Arguments on how to run and show an expectation, not on what it expects."""
Schema = Mapping[str, Any]


class ExpectationModel(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of expectation.

    `arguments` are JSON Schemas by name, `columns` the arguments that name columns whose values are
    looked at, `limits` those that decide whether it is met. `pandas` says whether it can be
    evaluated on a data frame, `defaults` are the values that a class of the project sets.
    """

    name: str = ""
    cls: str = msgspec.field(name="class")
    about: str = ""
    columns: list[str]
    limits: list[str]
    required: list[str]
    pandas: bool = True
    arguments: dict[str, dict[str, Any]]
    defaults: dict[str, Any] = {}
    is_own: bool = False

    def default(self, argument: str) -> Any:
        """The value of an argument that is not given."""
        if self.is_own:
            return self.defaults.get(argument)
        return self.arguments.get(argument, {}).get("default")


class _Models(msgspec.Struct):
    version: str
    common: dict[str, dict[str, Any]]
    expectations: dict[str, ExpectationModel]


def version() -> str:
    """The version of Great Expectations that `models.json` was made from."""
    return _models().version


def common_arguments() -> dict[str, dict[str, Any]]:
    """The arguments that every expectation takes, as JSON Schemas."""
    return _models().common


def core_models() -> dict[str, ExpectationModel]:
    """All expectations of Great Expectations, by name."""
    return _models().expectations


def find_model(name: str) -> ExpectationModel:
    """Look up an expectation under both spellings of its name; an unknown one raises `DataError`
    with the nearest name."""
    known = _spellings()
    if name in known:
        return known[name]
    own = _live_models()
    if name in own:
        return own[name]
    # The other spelling of a name is always near, and would only repeat it.
    snake = "_" in name
    names = [field_name for field_name in {**known, **own} if ("_" in field_name) == snake]
    raise DataError(f"there is no expectation {name!r}{nearest(name, names)}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore the warnings of Great Expectations: a project may turn warnings into errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@functools.cache
def _models() -> _Models:
    data = files("pytest_detgate.expectations").joinpath("models.json").read_bytes()
    models = msgspec.json.decode(data, type=_Models)
    models.expectations = {
        name: msgspec.structs.replace(model, name=name)
        for name, model in models.expectations.items()
    }
    return models


@functools.cache
def _spellings() -> dict[str, ExpectationModel]:
    by_name = core_models()
    return {**by_name, **{model.cls: model for model in by_name.values()}}


def _live_models() -> dict[str, ExpectationModel]:
    """Classes of the project, and what a later Great Expectations knows besides. It is imported
    for this, so only where a name is not known otherwise."""
    try:
        with quiet():
            import great_expectations.expectations.core  # noqa: F401  it registers them
            from great_expectations.expectations import registry
    except ImportError:
        return {}
    known = core_models()
    models: dict[str, ExpectationModel] = {}
    for name in sorted(registry.list_registered_expectation_implementations()):
        if name not in known:
            kind = registry.get_expectation_impl(name)
            models[name] = models[kind.__name__] = _live_model(name, kind)
    return models


def _live_model(name: str, kind: Any) -> ExpectationModel:
    fields = {key: field for key, field in model_fields(kind).items() if key not in BOOKKEEPING}
    common = common_arguments()
    return ExpectationModel(
        name=name,
        cls=kind.__name__,
        columns=[key for key in COLUMN_KEYS if key in kind.domain_keys],
        limits=list(kind.success_keys),
        required=[key for key, field in fields.items() if _is_required(field)],
        arguments={key: {} for key in fields if key not in common},
        defaults={key: getattr(field, "default", None) for key, field in fields.items()},
        # What a later version brings is no class of the project, but of both there is no schema.
        is_own=True,
    )


def _is_required(field: Any) -> bool:
    required = getattr(field, "required", False)
    return bool(required() if callable(required) else required)


def model_fields(kind: Any) -> Mapping[str, Any]:
    """The fields of a class of Great Expectations, whichever pydantic it was made with."""
    fields: Mapping[str, Any] = getattr(kind, "model_fields", None) or kind.__fields__
    return fields


def is_imported() -> bool:
    """Whether Great Expectations has been imported."""
    return "great_expectations" in sys.modules
