"""pytest searches folders of images for tests: images are passed over, all else is looked at."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import GateProject

CONFTEST = """
def pytest_collect_file(file_path, parent):
    with open(parent.config.rootpath / "asked.txt", "a") as file:
        file.write(f"{file_path.relative_to(parent.config.rootpath).as_posix()}\\n")
"""
TEST = "def test_it(): pass\n"


@pytest.fixture
def files(project: GateProject) -> GateProject:
    project.write("conftest.py", CONFTEST)
    for name in ("yard_1.jpg", "yard_2.jpg", "deep/yard_3.JPG", "roof_1.png", "names.txt"):
        project.write(f"data/images/{name}", "")
    project.write("data/images/test_inside.py", TEST)
    project.write("data/images/folder.jpg/test_deeper.py", TEST)
    project.write("probes/youtube/tube_1.jpeg", "")
    project.write("drawings/plan.jpg", "")
    return project


def asked(project: GateProject) -> set[str]:
    return set((project.pytester.path / "asked.txt").read_text().split())


def test_only_images_of_the_data_are_passed_over(files: GateProject) -> None:
    run = files.gate_here("--detgate-config", "detgate.toml")

    run.assert_outcomes(passed=7)
    images = {name for name in asked(files) if name.lower().endswith((".jpg", ".jpeg", ".png"))}
    assert images == {"drawings/plan.jpg"}
    assert "data/images/names.txt" in asked(files)


def test_an_image_that_is_named_is_asked_about(files: GateProject) -> None:
    files.gate_here("--detgate-config", "detgate.toml", "data/images/yard_1.jpg")

    assert "data/images/yard_1.jpg" in asked(files)


def test_a_run_without_a_gate_asks_about_all(files: GateProject) -> None:
    files.gate_here("--collect-only", with_predictions=False)

    assert {"data/images/yard_1.jpg", "data/images/roof_1.png"} <= asked(files)
