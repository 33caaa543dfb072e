"""Commands and file names that are not UTF-8, or that the terminal cannot show."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from pytest_detgate.__main__ import main
from tests.needs import import_or_skip
from tests.unit.label_files import draw, write

NAME = "cam\udcff_1.jpg"


@pytest.fixture
def _yolo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw(Path("images"), NAME)
    write(Path("labels"), {"classes.txt": "helmet\n", NAME.replace("jpg", "txt"): ""})
    config = '[dataset.splits.train]\nformat = "yolo"\nannotations = "labels"\nimages = "images"\n'
    write(Path(), {"detgate.toml": f"{config}[rules.image-files]\n"})


@pytest.mark.usefixtures("_yolo")
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_hold_unicode_text_alone(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    import_or_skip("pandas")

    assert main(["tables", "--table", "images", "--to", form]) == 4

    assert "'cam\\udcff_1.jpg', which is not Unicode text" in capsys.readouterr().err


def test_stream_that_cannot_encode_a_character(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)

    assert main(["rules"]) == 0

    assert b"a number \\u2265 0" in out.buffer.getvalue()
