"""The reading of source that makes the list of known parts, on packages made up for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.known_parts import as_text, merged, read_parts

REGISTRY = "MODELS = None\nTASK_UTILS = None\nTRANSFORMS = None\n"
HELPERS = """
import os
from subprocess import run as start
import numpy

def evaluate(text):
    return [lambda: eval(text)]

def shell(text):
    os.system(text)

def compute(values):
    import math
    return numpy.sum(values) + math.pi

class Loader:
    def __init__(self, path):
        self.path = path

    def content(self):
        return open(self.path).read()

class Base:
    def forward(self, x):
        return evaluate(x)

COMMANDS = {"run": start}
"""
HEAD = """
import functools
import torch
import unknown_package
from torch import nn
from mmdet.registry import MODELS
from mmdet import helpers
from mmdet.helpers import *
from mmdet.helpers import shell as innocent
from mmengine.model import BaseModule
import mmcv.ops as ops

@MODELS.register_module()
"""


def reason(tmp_path: Path, part: str) -> str | None:
    """What is wrong with a class `Part`, whose source that is; it may use `HELPERS`."""
    sources = {
        "mmengine/__init__.py": "",
        "mmengine/model/__init__.py": "from .base_module import BaseModule\n",
        "mmengine/model/base_module.py": "from torch import nn\nclass BaseModule(nn.Module):\n"
        "    def init_weights(self):\n        open('weights')\n",
        "mmcv/__init__.py": "",
        "mmcv/ops/__init__.py": "from .nms import nms\n",
        "mmcv/ops/nms.py": "def nms(boxes):\n    return boxes\n",
        "mmdet/__init__.py": "",
        "mmdet/registry.py": REGISTRY,
        "mmdet/helpers.py": HELPERS,
        "mmdet/part.py": HEAD + part,
        "torch/__init__.py": "from .module import Module\n",
        "torch/module.py": "class Module:\n    def load(self):\n        open('x')\n",
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    folders = {name: tmp_path / name for name in ("mmdet", "mmcv", "mmengine")}
    parts = read_parts({**folders, "torch.nn.modules": tmp_path / "torch"})
    assert parts["mmcv.ops.nms"] is None
    return parts["mmdet.part.Part"]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("class Part:\n    def f(self, x): return eval(x)", "uses eval (mmdet.part, line "),
        ("class Part:\n    def f(self, x): self.e = eval", "uses eval"),
        ("class Part:\n    def f(self, x): return __import__(x)", "uses __import__"),
        ("class Part:\n    def f(self, x): return globals()[x]", "uses globals"),
        ("class Part:\n    def f(self, x): return evaluate(x)", "uses eval (mmdet.helpers"),
        ("class Part:\n    def f(self, x): return helpers.evaluate(x)", "uses eval"),
        ("class Part:\n    def f(self, x): return innocent(x)", "uses os.system (mmdet.helpers"),
        ("class Part:\n    def f(self, x): return Loader(x)", "uses open (mmdet.helpers"),
        ("class Part:\n    kinds = {'loader': Loader}", "uses open"),
        ("class Part:\n    f = functools.partial(shell, 'x')", "uses os.system"),
        ("class Part:\n    def f(self): return COMMANDS['run']", "uses subprocess.run"),
        ("class Part(Base): pass", "uses eval (mmdet.helpers"),
        ("class Part(helpers.Base): pass", "uses eval"),
        ("class Part(Unheard): pass", "its base Unheard is not found"),
        ("class Part(unknown_package.Thing): pass", "uses unknown_package.Thing"),
        (
            "class Part:\n    def f(self):\n        import subprocess as s\n        s.call('x')",
            "subproc",
        ),
        (
            "class Part:\n    def f(self):\n        from os import popen\n        popen('x')",
            "os.popen",
        ),
        ("class Part:\n    def f(self, x): return torch.load(x)", "uses torch.load"),
        ("class Part:\n    def f(self, x): return torch.hub.list(x)", "uses torch.hub.list"),
        ("class Part:\n    def f(self, x): return x.a().from_pretrained(1)", "uses .from_pretr"),
        ("class Part:\n    def f(self, x): return x.b.urlopen", "uses x.b.urlopen"),
        ("class Part:\n    def f(self, x): return getattr(torch, x)", "looks names up in torch"),
        (
            "class Part:\n    def f(self, x): return getattr(helpers, x)",
            "looks names up in mmdet.h",
        ),
        ("class Part:\n    def f(self, x=shell): pass", "uses os.system"),
        ("class Part:\n    @functools.wraps(evaluate)\n    def f(self, x): pass", "uses eval"),
        ("class Part:\n    def f(self):\n        class Inner(Base): pass\n        Inner()", "eval"),
        (
            "class Part(BaseModule):\n"
            "    def __init__(self): self.init_weights()\n"
            "    def init_weights(self): open('x')",
            "uses open (mmdet.part",
        ),
        ("def Part(x):\n    return evaluate(x)", "uses eval"),
    ],
)
def test_harm_is_found_wherever_it_is(tmp_path: Path, part: str, why: str) -> None:
    assert why in str(reason(tmp_path, part))


@pytest.mark.parametrize(
    "part",
    [
        "class Part(nn.Module):\n    def f(self, x): return compute(x)",
        "class Part(BaseModule):\n    def init_weights(self): open(self.path)",
        "class Part:\n    def f(self, x: Loader) -> Loader: return isinstance(x, Loader)",
        "class Part:\n    def f(self): self.model.eval()",
        "class Part:\n    def f(self, x): return getattr(ops, x)",
        "class Part:\n    def f(self, x): return getattr(self, x)(torch.sum(x))",
        "class Part:\n    def f(self):\n        return MODELS.build(self.kind)",
        "class Part:\n    def f(self): return super().f() or Part()",
    ],
)
def test_what_only_computes_is_known(tmp_path: Path, part: str) -> None:
    assert reason(tmp_path, part) is None


def test_a_part_is_known_where_every_version_knows_it() -> None:
    parts = merged([{"a.A": None, "a.B": "uses eval"}, {"a.A": "uses open", "a.C": None}])

    assert as_text(parts) == "- a.A: uses open\n- a.B: uses eval\n+ a.C\n"
