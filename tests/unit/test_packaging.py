"""What is built and installed: one top-level name, with rules, fixtures, templates and types."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.source
ROOT = Path(__file__).resolve().parents[2]
MAPPED = {"checks", "fixtures", "templates"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of what is built: an old `build/` folder would get into the wheel."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE", "pytest_detgate", *MAPPED):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    return source


@pytest.fixture(scope="module")
def wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    built = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "-w", str(built), str(clone)],
        check=True,
        capture_output=True,
    )
    return next(built.glob("*.whl"))


def test_every_package_is_listed() -> None:
    listed = msgspec.toml.decode((ROOT / "pyproject.toml").read_bytes())["tool"]["setuptools"]

    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "pytest_detgate").rglob("__init__.py")
    } | {f"pytest_detgate.{name}" for name in MAPPED}
    assert set(listed["packages"]) == folders


def test_wheel_holds_one_top_level_name(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pytest_detgate"}


def test_wheel_holds_every_rule_template_and_the_type_marker(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    for folder in MAPPED:
        for path in (ROOT / folder).iterdir():
            if path.is_file():
                assert f"pytest_detgate/{folder}/{path.name}" in names
    assert "pytest_detgate/py.typed" in names
    assert "pytest_detgate/detector/mmdet/known_parts.txt" in names


def test_installed_wheel_gates_a_result_file(wheel: Path, tmp_path: Path) -> None:
    """From the wheel alone, with the source tree out of sight."""
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(site), str(wheel)], check=True, capture_output=True)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\n")
    listed = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "c"}]}
    (project / "val.json").write_bytes(msgspec.json.encode(listed))
    detections = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.1}
    (project / "found.json").write_bytes(
        msgspec.json.encode({**listed, "annotations": [detections]})
    )
    (project / "detgate.toml").write_text(
        '[probes.calm]\nannotations = "val.json"\nimages = "images"\n'
        "[rules.probe-fp]\nmax-boxes = 0\n"
    )
    (project / "conftest.py").write_text(
        "import sys, pytest_detgate\n"
        "def pytest_unconfigure():\n"
        "    print('FROM', pytest_detgate.__file__, 'TORCH', 'torch' in sys.modules)\n"
    )

    run = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "--detgate-predictions=calm=found.json"]
        if sys.version_info >= (3, 11)
        else ["pytest", "--detgate-predictions=calm=found.json"],
        cwd=project,
        env={"PYTHONPATH": str(site), "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert f"FROM {site / 'pytest_detgate' / '__init__.py'} TORCH False" in run.stdout
    assert (project / "detgate-report" / "index.html").stat().st_size > 1000


def test_a_clone_that_is_not_installed_says_what_to_do(
    clone: Path, wheel: Path, tmp_path: Path
) -> None:
    """`python -m pytest` in a clone imports the clone, and not the wheel that is installed."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    # As if this environment had no editable install.
    code = (
        "import sys\n"
        "sys.meta_path[:] = [one for one in sys.meta_path if 'Editable' not in repr(one)]\n"
        "import pytest\n"
        "sys.exit(pytest.main(['-p', 'pytest_detgate.plugin.hooks']))"
    )

    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=clone,
        env={"PYTHONPATH": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 4, run.stdout + run.stderr
    assert "is a clone of pytest-detgate that is not installed" in run.stderr
    assert "pip install -e ." in run.stderr
    assert "Traceback" not in run.stderr
