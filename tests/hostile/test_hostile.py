"""Hostile checkpoints through every way in which the gate reads one: none runs anything, and each
is refused in one clear message.

Takes two minutes or more: over a hundred files go each of eight ways, two of them a whole run of
pytest for each file. A few processes take all files.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.errors import DetectorError
from tests.detector import worksite
from tests.forked import MMDETECTION, forker
from tests.hostile.drive import WAYS, partners
from tests.hostile.make import Hostile, write_all

pytestmark = pytest.mark.mmdet

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
[dataset.splits.val]
annotations = "site.json"
images = "images"
[model]
checkpoint = "good.pth"
[probes.compliant]
images = "probe"
[rules.probe-fp]
max-boxes = 100000
[rules.fp-regression]
max-growth = 1000.0
first-run = "accept"
[rules.checkpoint-choice]
"""
RUNS_OF_PYTEST = ("gate", "comparing")
# These start from weights alone, and build nothing of the configuration in a checkpoint.
TRAINING = ("load_from", "resume", "init_cfg")

Answers = dict[str, dict[str, Any]]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a good checkpoint, and the hostile ones in a folder of it."""
    try:
        require_mmdetection()
    except DetectorError as error:
        pytest.skip(str(error))
    root = tmp_path_factory.mktemp("hostile")
    worksite.draw_site(root, 2)
    worksite.draw(root / "probe" / "calm.jpg", 100)
    worksite.write_checkpoint(worksite.write_config(root), root / "good.pth")
    worksite.write_training_config(root)
    (root / "detgate.toml").write_text(CONFIG, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (root / "hostile").mkdir()
    made = write_all(root / "hostile", root / "good.pth")
    content = [dataclasses.asdict(case) for case in made]
    (root / "hostile.json").write_text(json.dumps(content, default=str), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def hostile(project: Path) -> list[Hostile]:
    """The files."""
    from tests.hostile.drive import listed

    return listed(project)


@pytest.fixture(scope="session")
def sent(project: Path) -> Callable[[str], Answers]:
    """A function that sends all files one way, and gives what was said."""
    answers: dict[str, Answers] = {}

    def send(way: str) -> Answers:
        if way in answers:
            return answers[way]
        file = project / f"{way}.answers"
        # The modules that hostile configurations name can be imported.
        path = os.pathsep.join([str(ROOT), str(project / "hostile")])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        for name in ("PYTEST_ADDOPTS", "PYTHONWARNINGS", "PYTEST_CURRENT_TEST"):
            environment.pop(name, None)
        arguments = [str(project), str(file), *partners(way)]
        # Many runs of pytest in one process gain nothing from a fork: they were slower.
        is_forked = hasattr(os, "fork") and way not in RUNS_OF_PYTEST
        with (forker(MMDETECTION).popen if is_forked else subprocess.Popen)(
            [sys.executable, "-m", "tests.hostile.drive", *arguments],
            cwd=project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            _, errors = process.communicate()
        assert process.returncode == 0, errors[-5000:]
        answers.update(json.loads(file.read_text("utf-8")))
        return answers[way]

    return send


def test_there_are_files_of_every_kind(hostile: list[Hostile]) -> None:
    assert len(hostile) > 100
    assert sum(bool(case.content) for case in hostile) > 50
    assert sum(bool(case.configuration) for case in hostile) > 40


@pytest.mark.parametrize("way", WAYS)
def test_nothing_runs(sent: Callable[[str], Answers], hostile: list[Hostile], way: str) -> None:
    answers = sent(way)

    assert {name for name, answer in answers.items() if answer["ran"]} == set()
    assert answers.keys() == {case.name for case in hostile}


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_read_as_data_is_refused(
    sent: Callable[[str], Answers], hostile: list[Hostile], way: str
) -> None:
    for case in hostile:
        if case.content:
            text = sent(way)[case.name]["said"]
            assert case.path.name in text, (case.name, text)
            assert_clear(text, case)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in TRAINING])
def test_what_a_configuration_may_not_ask_for_is_refused(
    sent: Callable[[str], Answers], hostile: list[Hostile], way: str
) -> None:
    for case in hostile:
        if case.configuration:
            text = sent(way)[case.name]["said"]
            assert case.path.name in text, (case.name, text)
            assert case.configuration in text, (case.name, text)
            assert_clear(text, case)


@pytest.mark.parametrize("way", [way for way in WAYS if way not in TRAINING])
def test_what_is_left_out_of_the_model_does_no_harm(
    sent: Callable[[str], Answers], hostile: list[Hostile], way: str
) -> None:
    harmless = [case for case in hostile if not case.content and not case.configuration]
    assert {sent(way)[case.name]["said"] for case in harmless} == {""}
    assert len(harmless) == 3


@pytest.mark.parametrize("way", TRAINING)
def test_training_reads_no_configuration(
    sent: Callable[[str], Answers], hostile: list[Hostile], way: str
) -> None:
    for case in hostile:
        if case.configuration:
            assert "Traceback" not in sent(way)[case.name]["said"], case.name


def test_the_files_are_hostile_indeed(
    sent: Callable[[str], Answers], hostile: list[Hostile]
) -> None:
    """Where nothing guards they run: else there would be nothing to refuse."""
    ran = {name for name, answer in sent("unguarded").items() if answer["ran"]}

    assert ran == {case.name for case in hostile if case.unguarded}
    assert len(ran) > 25


def test_the_second_wall_holds_by_itself(
    sent: Callable[[str], Answers], hostile: list[Hostile]
) -> None:
    for case in hostile:
        if case.unguarded == "build":
            answer = sent("wall_alone")[case.name]
            assert not answer["ran"], case.name
            assert_clear(answer["said"], case)
            if "imports" not in case.name:  # which are refused before
                assert "while the model was built, it tried to" in answer["said"], answer


def assert_clear(text: str, case: Hostile) -> None:
    """One line that names the file, without a traceback, and not endless."""
    assert "Traceback" not in text, (case.name, text)
    assert "\n" not in text, (case.name, text)
    assert "Weights only load failed" not in text, (case.name, text)
    assert 40 < len(text) < 700, (case.name, text)
