"""Which configuration files are known by their values alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_detgate.detector.mmdet.plain_config import has_plain_values


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ('model = dict(type="RTMDet", strides=[2**i for i in range(3)])', True),
        ('a = {"b": {"c": {}}}\nb = a["b"].copy()\nb.update(d=-1)', True),
        ("classes = {{_base_.classes}}\nn = len({{_base_.classes}})", True),
        ('root = "{{$DATA:data}}/x"\nlines = root.split("/")', True),
        ("model = _base_.model\nmodel.pop('neck')", True),
        ('if len("x") == 1:\n    a = 1\nfor i in range(3):\n    a += i', True),
        ("import os", True),
        ('import os\nroot = os.environ.get("DATA", "x") + "/"', True),
        ('import os\nroot = os.path.join(os.environ["DATA"], os.getenv("PART"))', True),
        ('import os\nos.environ["A"] = "1"', False),
        ('import os\ndel os.environ["A"]', False),
        ('import os\nos.environ.pop("A")', False),
        ("import os\nvariables = os.environ", False),
        ('import os\na = os.environ.get(open("x").read())', False),
        ('import os\nos.replace("a", "b")', False),
        ('import os\nwhere = os\nwhere.replace("a", "b")', False),
        ("import os as where", False),
        ("import os.path", False),
        ("import os, sys", False),
        ("from os import environ", False),
        ("import sys", False),
        ("from mmdet.models import RTMDet", False),
        ("class A: pass", False),
        ("def f(): pass", False),
        ('a = open("x").read()', False),
        ('__import__("os")', False),
        ('a = "".__class__', False),
        ('a = eval("1")', False),
        ("a = (lambda: 1)()", False),
        ("a = b.c.load('x')", False),
        ('_base_ = ["more.py"]', True),
        ('_base_ = "imports.py"', False),
        ('_base_ = ["more.py", "imports.py"]', False),
        ('_base_ = ["missing.py"]', False),
        ('_base_ = "x".replace("x", "imports.py")', False),
        ('_base_ = ["mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py", "data.json"]', True),
        ("a = (", False),
    ],
)
def test_plain_values(tmp_path: Path, text: str, is_plain: bool) -> None:
    (tmp_path / "more.py").write_text('_base_ = "deeper/one.py"\nn = 1\n')
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "one.py").write_text("_base_ = '../more.py'\nm = 2\n")  # a circle
    (tmp_path / "imports.py").write_text("import sys\n")
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "config.py").write_text(text + "\n")

    assert has_plain_values(tmp_path / "config.py") is is_plain
