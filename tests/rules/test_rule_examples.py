"""Every rule carries an example that passes and one that fails; all of them are run."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.gate.example import Example
from pytest_detgate.gate.other_models import OtherModels
from pytest_detgate.gate.project import Project
from pytest_detgate.gate.registry import rule_classes
from pytest_detgate.gate.rule_page import HEADINGS, rule_page
from tests.drawn import draw_pictures
from tests.judged import judged
from tests.others import other_models, write_model

RULES = rule_classes()


def verdicts(
    example: Example, folder: Path, coco_content: Any, result_content: Any, write_json: Any
) -> set[str]:
    """Write an example's files and evaluate its items."""
    if example.needs is not None:
        pytest.importorskip(example.needs, exc_type=ImportError)
    config = textwrap.dedent(example.config)
    files = {}
    datasets = {"dataset.splits": example.splits, "probes": example.probes}
    for table, named in datasets.items():
        for name, images in named.items():
            content = coco_content(images, example.classes)
            for key, entries in example.added.get(name, {}).items():
                content[key] += entries
            write_json(folder / f"{name}.json", content)
            shown = {file: example.copies.get(file, file) for file in images}
            for file in example.gone:
                shown.pop(file, None)
            draw_pictures(folder / "images", shown)
            config += f'\n[{table}.{name}]\nannotations = "{name}.json"\nimages = "images"\n'
            if name in example.detections:
                found = result_content(images, example.detections[name], example.classes)
                files[name] = write_json(folder / f"{name}-found.json", found)

    shown_on = {**example.splits, **example.probes}
    baseline = None
    if example.baseline:
        baseline = write_model(folder, "baseline", shown_on, example.baseline, example.classes)
    for name, found in example.epochs.items():
        write_model(folder, name, shown_on, found, example.classes)

    def others(project: Project) -> OtherModels:
        return other_models(project, baseline=baseline)

    return {result.verdict for result in judged(folder, config, files, others).values()}


@pytest.mark.parametrize("code", RULES)
def test_passing_example_passes(
    code: str, tmp_path: Path, coco_content: Any, result_content: Any, write_json: Any
) -> None:
    found = verdicts(RULES[code].passing, tmp_path, coco_content, result_content, write_json)

    assert found == {"passed"}


@pytest.mark.parametrize("code", RULES)
def test_failing_example_fails(
    code: str, tmp_path: Path, coco_content: Any, result_content: Any, write_json: Any
) -> None:
    found = verdicts(RULES[code].failing, tmp_path, coco_content, result_content, write_json)

    assert "failed" in found
    assert "not-evaluated" not in found


@pytest.mark.parametrize("code", RULES)
def test_page_has_every_heading(code: str) -> None:
    page = rule_page(RULES[code])

    assert tuple(page.sections) == HEADINGS
    assert all(page.sections.values())
    assert page.summary.endswith(".")


@pytest.mark.parametrize("code", RULES)
def test_module_and_class_are_named_after_the_code(code: str) -> None:
    kind = RULES[code]

    assert kind.__module__ == f"pytest_detgate.checks.{code.replace('-', '_')}"
    assert kind.__name__ == code.replace("-", " ").title().replace(" ", "")
