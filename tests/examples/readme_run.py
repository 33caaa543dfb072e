"""The runs that README.md shows: `make quick`, and a gate that fails.

`python -m tests.examples.readme_run` runs them again and writes their output into README.md.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.forked import python_says

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
SITE = ROOT / "examples" / "site"
DETECTIONS = Path(__file__).with_name("site_detections")
PATIENCE_S = 600

_CONFIG = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN = re.compile(r"^```console\n\$ (pytest [^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUICK = re.compile(r"^```console\n\$ make quick\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RULER = f"{'=' * 79}\n\n"
_SECONDS = re.compile(r"\d+\.\d\ds")
_WHOLE_SECONDS = re.compile(r"\d+ s in all")


def shown_run() -> tuple[str, str]:
    """The command that README.md shows first, and its output there."""
    match = _RUN.search(README.read_text(encoding="utf-8"))
    assert match is not None
    return match[1], match[2]


def shown_quick_run() -> str:
    """The output of `make quick` in README.md."""
    match = _QUICK.search(README.read_text(encoding="utf-8"))
    assert match is not None
    return match[1]


def run_quick_again(folder: Path) -> str:
    """What `make quick` says at its end, from a copy of `examples/site` in `folder`."""
    site = folder / "examples" / "site"
    shutil.copytree(
        SITE, site, ignore=shutil.ignore_patterns("data", "work_dirs", "detgate-report")
    )
    run = subprocess.run(
        [sys.executable, str(site / "quick.py")],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.partition(_RULER)[2]


def _environment() -> dict[str, str]:
    others = ("randomly", "html", "metadata", "cov")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GITHUB")},
        "COLUMNS": "80",
        "PYTEST_ADDOPTS": " ".join(f"-p no:{name}" for name in others),
    }


def run_again(folder: Path) -> str:
    """The output of that command on the files of `examples/site`, at 80 columns, in `folder`."""
    command = [sys.executable, str(SITE / "make_data.py"), "--out", str(folder / "data")]
    subprocess.run(command, check=True, timeout=PATIENCE_S)
    shutil.copytree(folder / "data" / "probes" / "same_sites", folder / "probes" / "compliant")
    shutil.copy(DETECTIONS / "val.json", folder / "val.json")
    shutil.copy(DETECTIONS / "same-sites.json", folder / "compliant.json")
    config = _CONFIG.findall(README.read_text(encoding="utf-8"))[0]
    (folder / "detgate.toml").write_text(config, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    code, output = python_says(folder, _environment(), "-m", *shlex.split(shown_run()[0]))
    assert code == 1, output
    return output.decode("utf-8")


def without_times(output: str) -> str:
    """The output with every duration replaced, since no two runs take equally long."""
    return _WHOLE_SECONDS.sub("0 s in all", _SECONDS.sub("0.00s", output))


def main() -> None:
    """Write the output of a new run into README.md."""
    with tempfile.TemporaryDirectory() as folder:
        output = run_again(Path(folder))
        quick = run_quick_again(Path(folder))
    text = README.read_text(encoding="utf-8")
    for shown, new in (
        (_QUICK, f"```console\n$ make quick\n{quick}```"),
        (_RUN, f"```console\n$ {shown_run()[0]}\n{output}```"),
    ):
        # A backslash in it must stay one.
        text = shown.sub(new.replace("\\", r"\\"), text, count=1)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
