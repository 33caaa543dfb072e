"""Run the tests of the core on a built wheel, with the source tree away.

    python tools/test_wheel.py dist/pytest_detgate-0.1.0-py3-none-any.whl [ARGUMENT ...]

The wheel is installed with its newest dependencies, torch not among them, into a new environment,
and the tests run in a folder that has all of the repository except for the code. Further arguments
go to pytest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE = ("pytest_detgate", "checks", "fixtures", "templates")
TREE = (
    *("tests", "examples", "docs", "tools", "changelog.d", ".github", "*.md", "*.toml", "Makefile"),
    *("constraints.txt", "constraints-upstream.txt"),
)


def main(wheel: Path, arguments: Sequence[str]) -> int:
    """Test a wheel; gives the exit code of pytest."""
    with tempfile.TemporaryDirectory(prefix="detgate-wheel-") as folder:
        python = make_environment(Path(folder) / "environment", wheel.resolve())
        tree = Path(folder) / "tree"
        copy_tree(tree)
        command = [str(python), "-m", "pytest", "-n", "2", "--dist", "loadfile", "-m", "not source"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)
        return subprocess.run([*command, *arguments], cwd=tree, env=environment).returncode


def make_environment(folder: Path, wheel: Path) -> Path:
    """Install the wheel and what its tests need; gives the path of the interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    group = f"{ROOT / 'pyproject.toml'}:light"
    subprocess.run([*pip, f"{wheel}[expectations,onnx]", "--group", group], check=True)
    return python


def copy_tree(target: Path) -> None:
    """Copy the repository without its code."""
    target.mkdir()
    for path in (path for pattern in TREE for path in sorted(ROOT.glob(pattern))):
        if path.is_dir():
            leave_out = shutil.ignore_patterns("__pycache__", "work_dirs", "detgate-report")
            shutil.copytree(path, target / path.name, ignore=leave_out)
        else:
            shutil.copy(path, target)
    assert not any((target / name).exists() for name in CODE)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
