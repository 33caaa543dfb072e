"""What a run of the gate imports. pytester forgets what a run in this process has imported, and
NumPy and its like can be imported only once: so it is imported before."""

from __future__ import annotations

import importlib
import pkgutil

import hotcoco  # noqa: F401
import matplotlib.backends.backend_svg
import matplotlib.figure  # noqa: F401
import scipy.special  # noqa: F401
from PIL import Image

import pytest_detgate.audit
import pytest_detgate.audit.charts
import pytest_detgate.dataset
import pytest_detgate.gate
import pytest_detgate.plugin
from pytest_detgate.gate.registry import rule_classes

for _package in (
    pytest_detgate.audit,
    pytest_detgate.audit.charts,
    pytest_detgate.dataset,
    pytest_detgate.gate,
    pytest_detgate.plugin,
):
    for _module in pkgutil.iter_modules(_package.__path__):
        importlib.import_module(f"{_package.__name__}.{_module.name}")
rule_classes()
Image.init()
