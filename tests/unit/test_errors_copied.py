"""Errors that are copied, as inputs do, and sent to another process."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Callable, Iterator

import pytest

import pytest_detgate
from pytest_detgate.config.location import FileError
from pytest_detgate.errors import DetgateError, TooLittleEvidenceError
from pytest_detgate.gaps import Extent, NotLookedAtError
from pytest_detgate.rules.rule import OptionError

MADE: list[Exception] = [
    FileError("detgate.toml:3: no such key", 3),
    NotLookedAtError("nothing", Extent(unit="images", to_look_at=3, looked_at=0)),
    TooLittleEvidenceError("two clips", "3 more clips", of_data=True),
    OptionError("no such class", "classes", ("a", 1), entry=2),
]


COPIES: dict[str, Callable[[Exception], Exception]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),
}


def errors(kind: type[DetgateError] = DetgateError) -> Iterator[type[DetgateError]]:
    """Every kind of error of the package."""
    for module in pkgutil.walk_packages(pytest_detgate.__path__, "pytest_detgate."):
        if module.name.endswith(("errors", "looks", "place", "names", "approval", "comment")):
            importlib.import_module(module.name)
    yield kind
    for subclass in kind.__subclasses__():
        yield from errors(subclass)


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("how", COPIES)
def test_copy_has_all_parts(error: Exception, how: str) -> None:
    made = COPIES[how](error)

    assert type(made) is type(error)
    assert made is not error
    assert str(made) == str(error)
    assert vars(made) == vars(error)


def test_every_kind_is_copied_whatever_it_is_made_of() -> None:
    kinds = set(errors())

    assert len(kinds) >= 9
    for kind in kinds:
        error = kind.__new__(kind, "why")
        error.__dict__.update(of_data=True, part=7)
        assert vars(copy.copy(error)) == {"of_data": True, "part": 7}
