"""Shell steps of a composite action, run as a runner does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
_EXPRESSION = re.compile(r"\$\{\{ *([^}]+?) *\}\}")


@dataclass
class ActionRun:
    """A run of the action in `folder`, a checkout without anything else.

    Steps that use other actions are not run; `others` are their outputs by step.
    """

    folder: Path
    runner: Path
    inputs: dict[str, str]
    environment: dict[str, str]
    others: dict[str, dict[str, str]]
    skip: tuple[str, ...] = ()
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    text: str = ""
    code: int = 0

    def run(self) -> None:
        """Run the steps; after one that fails only those with `always()`."""
        action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
        given = {name: entry.get("default", "") for name, entry in action["inputs"].items()}
        assert self.inputs.keys() <= given.keys()
        self.inputs = {**given, **self.inputs}
        self.outputs = dict(self.others)
        for step in action["runs"]["steps"]:
            if "run" in step and step["id"] not in self.skip and self._is_due(step.get("if", "")):
                self._step(step)
        self.values = {
            name: self._filled(entry["value"]) for name, entry in action["outputs"].items()
        }

    def _is_due(self, condition: str) -> bool:
        parts = [part.strip() for part in condition.split("&&")] if condition else []
        if self.code and "always()" not in parts:
            return False
        return all(self._holds(part) for part in parts if part != "always()")

    def _holds(self, part: str) -> bool:
        name, sign, text = part.partition(" == ") if " == " in part else part.partition(" != ")
        return (self._value(name) == text.strip("'")) == (sign == " == ")

    def _step(self, step: dict[str, Any]) -> None:
        assert step["shell"] == "bash"
        output = self.runner / f"output-{step['id']}"
        output.touch()
        environment = {
            **self.environment,
            "GITHUB_OUTPUT": str(output),
            **{name: self._filled(text) for name, text in step.get("env", {}).items()},
        }
        # As the runner calls it: docs.github.com, "shell" of a step.
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        run = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        self.text += run.stdout + run.stderr
        self.code = self.code or run.returncode
        lines = output.read_text("utf-8").splitlines()
        self.outputs[step["id"]] = dict(line.split("=", 1) for line in lines)

    def _filled(self, text: str) -> str:
        return _EXPRESSION.sub(lambda match: self._value(match[1]), str(text))

    def _value(self, name: str) -> str:
        kind, _, rest = name.strip().partition(".")
        if kind == "inputs":
            return self._filled(self.inputs[rest])
        if kind == "steps":
            step, _, output = rest.partition(".outputs.")
            return self.outputs.get(step, {}).get(output, "")
        assert kind == "github"
        return {"token": "job-token", "action_path": str(ROOT)}[rest]


def clean_environment(home: Path) -> dict[str, str]:
    """The variables of a fresh container in which Python and the gate are installed, and those by
    which `make coverage` measures what runs there."""
    python = Path(sys.executable).parent
    # Windows and macOS runners have bash too; without PATH it would not be found.
    return {
        "PATH": os.pathsep.join([str(python), "/usr/bin", "/bin"]),
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
        **{name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")},
    }
