"""Advice on installing MMDetection fits what is installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable

import pytest

from pytest_detgate.detector import openmmlab

UPSTREAM = {"mmdet": "3.3.0", "mmcv": "2.1.0", "mmengine": "0.10.7"}
MAINTAINED = {"onedl-mmdetection": "3.5.1", "onedl-mmcv": "2.3.6", "onedl-mmengine": "0.10.12"}
ADVICE = (
    lambda: openmmlab.advice_for_missing("mmcv"),
    openmmlab.advice_for_broken,
    openmmlab.advice_for_operators,
)
NAMES = ("torch", "mmengine", "mmcv", "mmdet")


def install(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    """Let these distributions be the only ones."""

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)


@pytest.mark.parametrize("advice", ADVICE)
def test_nothing_puts_the_maintained_line_beside_upstream(
    monkeypatch: pytest.MonkeyPatch, advice: Callable[[], str]
) -> None:
    install(monkeypatch, UPSTREAM)
    text = advice()

    assert "onedl" not in text
    assert "do not install pytest-detgate[mmdet] beside it" in text
    assert "mmcv==2.1.0" in text or "mmcv 2.1.0" in text


@pytest.mark.parametrize("name", NAMES)
def test_each_missing_part_has_a_version_that_fits(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    install(monkeypatch, {key: value for key, value in UPSTREAM.items() if key != name})
    text = openmmlab.advice_for_missing(name)

    assert "onedl" not in text
    assert {"torch": '"numpy<2"', "mmengine": '"mmengine>=0.10,<0.11"'}.get(
        name, f"{name}=="
    ) in text


@pytest.mark.parametrize("versions", [MAINTAINED, {}])
@pytest.mark.parametrize("advice", ADVICE)
def test_without_upstream_the_maintained_line_is_advised(
    monkeypatch: pytest.MonkeyPatch, advice: Callable[[], str], versions: dict[str, str]
) -> None:
    install(monkeypatch, versions)
    text = advice()

    assert "pip install --no-build-isolation" in text
    assert "onedl-mmcv" in text
    assert "mmcv==2.1.0" not in text


@pytest.mark.parametrize("advice", ADVICE)
def test_both_lines_in_one_environment_are_named(
    monkeypatch: pytest.MonkeyPatch, advice: Callable[[], str]
) -> None:
    install(monkeypatch, {"mmdet": "3.3.0", "mmengine": "0.10.7", "onedl-mmcv": "2.3.6"})
    text = advice()

    assert "mmdet 3.3.0, mmengine 0.10.7 of upstream and onedl-mmcv 2.3.6 of the maintained" in text
    assert "use the same folders: remove both" in text
