"""A run imports what its rules need, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_detgate.rules.registry import BUILT_IN, rule_classes
from pytest_detgate.rules.rule import Rule
from tests.plugin.conftest import CONFIG, GateProject

WRITES_MODULES = """
import json, sys
def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""
NOT_NEEDED = {
    "scoring",
    "detector",
    "training",
    "expectations",
    "drift",
    "splitting",
    "image_hashes",
}
DATASET = CONFIG.split("[probes", maxsplit=1)[0]


def imported(project: GateProject, config: str, *arguments: str) -> set[str]:
    """The modules that a gate of this configuration has imported when it ends."""
    project.write("detgate.toml", config)
    project.write("writes_modules.py", WRITES_MODULES)
    plugins = ("-p", "writes_modules", "-p", "no:xdist")
    # A fork would have what its parent imported.
    project.pytester.runpytest_subprocess("detgate.toml", *plugins, *arguments)
    return set(json.loads((project.pytester.path / "modules.json").read_text("utf-8")))


def test_one_data_rule(project: GateProject) -> None:
    modules = imported(project, DATASET + "[rules.box-bounds]\n")

    assert project.verdicts() == {"box-bounds[train]": "passed", "box-bounds[val]": "passed"}
    ours = {name.removeprefix("pytest_detgate.") for name in modules if "detgate" in name}
    # A model may be made of modules that a conftest imports, so that imports are watched before
    # it is known that no rule needs a model.
    watching = {
        name
        for name in ours
        if name.startswith(
            (
                *("detector.dependencies", "detector.audit_hook", "detector.project_call"),
                "detector.key_digest",  # of what was watched
            )
        )
    }
    layers = {name.split(".")[0] for name in ours - watching - {"detector"}}
    assert {name for name in ours if name.startswith("checks.")} == {"checks.box_bounds"}
    assert not layers & NOT_NEEDED
    packages = {name.split(".")[0] for name in modules}
    assert not packages & {
        "great_expectations",
        "matplotlib",
        "torch",
        "mmdet",
        "onnxruntime",
        "hotcoco",
    }


def test_rules_of_several_kinds(project: GateProject) -> None:
    config = (
        DATASET + "[rules.box-bounds]\n[[rules.class-names]]\n[rules.empty-gt-share]\nmin = 0\n"
    )

    modules = imported(project, config, "--collect-only")

    assert {name for name in modules if name.startswith(f"{BUILT_IN}.")} == {
        f"{BUILT_IN}.{name}" for name in ("box_bounds", "class_names", "empty_gt_share")
    }


def test_a_misspelt_rule_imports_none(project: GateProject) -> None:
    modules = imported(project, DATASET + "[rules.box-bonds]\n")

    assert not any(name.startswith(f"{BUILT_IN}.") for name in modules)


@pytest.mark.parametrize(("code", "rule"), rule_classes().items())
def test_a_built_in_rule_has_the_code_of_its_module(code: str, rule: type[Rule]) -> None:
    assert rule.__module__ == f"{BUILT_IN}.{code.replace('-', '_')}"
    assert rule.code == code


def test_every_module_of_the_folder_has_one_rule() -> None:
    folder = Path(__file__).resolve().parents[2] / "checks"
    names = {path.stem for path in folder.glob("*.py")} - {"__init__"}

    assert {code.replace("-", "_") for code in rule_classes()} == names
