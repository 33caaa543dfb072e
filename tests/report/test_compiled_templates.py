"""Compiled templates are files that are used while all that they were made of is the same."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2
import pytest

from pytest_detgate.report.compiled_templates import CompiledTemplates


class CountingEnvironment(jinja2.Environment):
    """Counts what it compiles."""

    compiled = 0

    def compile(self, *args: object, **options: object) -> object:  # type: ignore[override]
        type(self).compiled += 1
        return super().compile(*args, **options)  # type: ignore[call-overload]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(CountingEnvironment, "compiled", 0)
    (tmp_path / "hello.html.j2").write_text("Hello {{ name }}")
    return tmp_path


def rendered(folder: Path, used: tuple[str, ...] = (__name__,)) -> tuple[str, int]:
    """The text, and how many templates have been compiled so far."""
    environment = CountingEnvironment(
        loader=jinja2.FileSystemLoader(folder), bytecode_cache=CompiledTemplates(used)
    )
    text = environment.get_template("hello.html.j2").render(name="you")
    return text, CountingEnvironment.compiled


def test_a_template_is_compiled_once(folder: Path) -> None:
    assert [rendered(folder), rendered(folder)] == [("Hello you", 1), ("Hello you", 1)]
    assert [path.name for path in (folder / "__pycache__").iterdir()] == [
        f"hello.html.{sys.implementation.cache_tag}.j2c"
    ]


def test_a_changed_template_is_compiled(folder: Path) -> None:
    rendered(folder)
    (folder / "hello.html.j2").write_text("Bye {{ name }}")
    assert rendered(folder) == ("Bye you", 2)


def test_templates_are_compiled_with_changed_code(folder: Path) -> None:
    rendered(folder)
    assert rendered(folder, used=(jinja2.__name__,)) == ("Hello you", 2)


@pytest.mark.parametrize("content", [b"", b"damaged", b"j2\x80\x04K\x05."])
def test_a_damaged_file_is_replaced(folder: Path, content: bytes) -> None:
    rendered(folder)
    (compiled,) = (folder / "__pycache__").iterdir()
    whole = compiled.read_bytes()
    compiled.write_bytes(content + whole[len(content) : len(whole) // 2])
    assert rendered(folder) == ("Hello you", 2)
    assert compiled.read_bytes() == whole


def test_nothing_is_written_where_python_writes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(folder) == ("Hello you", 1)
    assert not (folder / "__pycache__").exists()


def test_a_folder_that_takes_no_files(folder: Path) -> None:
    (folder / "__pycache__").write_text("no folder")
    assert [rendered(folder), rendered(folder)] == [("Hello you", 1), ("Hello you", 2)]
