"""What a run of the gate imports. pytester forgets what a run in this process has imported, and
NumPy and its like can be imported only once: so it is imported before."""

from __future__ import annotations

import importlib
import pkgutil

import hotcoco  # noqa: F401
from PIL import Image

import pytest_detgate
from pytest_detgate.rules.registry import rule_classes

# Modules that start something, need a framework, or warn when they are imported.
_ELSEWHERE = (
    "pytest_detgate.detector",
    "pytest_detgate.training",
    "pytest_detgate.__main__",
    "pytest_detgate.charts",
)
for _module in pkgutil.walk_packages(pytest_detgate.__path__, "pytest_detgate."):
    if not _module.name.startswith(_ELSEWHERE):
        importlib.import_module(_module.name)
rule_classes()
Image.init()
