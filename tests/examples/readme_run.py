"""The failing run that README.md shows.

`python -m tests.examples.readme_run` runs it again and writes its output into README.md.
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

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
SITE = ROOT / "examples" / "site"
DETECTIONS = Path(__file__).with_name("site_detections")
PATIENCE_S = 600

_CONFIG = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RUN = re.compile(r"^```console\n\$ (pytest [^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECONDS = re.compile(r"\d+\.\d\ds")


def shown_run() -> tuple[str, str]:
    """The command that README.md shows first, and its output there."""
    match = _RUN.search(README.read_text(encoding="utf-8"))
    assert match is not None
    return match[1], match[2]


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
    others = ("randomly", "html", "metadata", "cov")
    run = subprocess.run(
        [sys.executable, "-m", *shlex.split(shown_run()[0])],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("GITHUB")},
            "COLUMNS": "80",
            "PYTEST_ADDOPTS": " ".join(f"-p no:{name}" for name in others),
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


def without_times(output: str) -> str:
    """The output with every duration replaced, since no two runs take equally long."""
    return _SECONDS.sub("0.00s", output)


def main() -> None:
    """Write the output of a new run into README.md."""
    with tempfile.TemporaryDirectory() as folder:
        output = run_again(Path(folder))
    text = README.read_text(encoding="utf-8")
    new = f"```console\n$ {shown_run()[0]}\n{output}```"
    README.write_text(_RUN.sub(lambda _: new, text, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
