"""What some tests need and an installation may lack."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

import pytest


def import_or_skip(name: str) -> ModuleType:
    """Import a module; skip the test, or the whole module of tests, where it cannot be imported.

    `pytest.importorskip` takes a module that is there and broken (OpenCV without its system
    libraries) for an error, unless it is given an argument that pytest 8.0 does not have.
    """
    try:
        # Old versions warn of what newer versions of their own dependencies will do.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} cannot be imported: {error}", allow_module_level=True)
