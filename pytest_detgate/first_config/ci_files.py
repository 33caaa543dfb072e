"""The workflow file that blocks a merge."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

Server = Literal["github", "gitlab"]
FILES: Mapping[Server, Path] = {
    "github": Path(".github", "workflows", "detgate.yml"),
    "gitlab": Path(".gitlab-ci.yml"),
}

_GITHUB = """\
# Written by `python -m pytest_detgate init`. Make the job a required check of the branch.
name: detgate
on: [pull_request]
permissions:
  contents: read
jobs:
  detgate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - uses: actions/setup-python@v6
        with: {{ python-version: "3.12" }}
      - run: pip install {package}
      - run: {command}
      - uses: actions/upload-artifact@v4
        if: always()
        with: {{ name: detgate, path: detgate-report }}
"""
_GITLAB = """\
# Written by `python -m pytest_detgate init`. Set "Pipelines must succeed" in the project.
detgate:
  image: python:3.12
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  script:
    - pip install {package}
    - {command}
  artifacts:
    when: always
    paths: [detgate-report]
"""
_TEXTS: Mapping[Server, str] = {"github": _GITHUB, "gitlab": _GITLAB}


def workflow(server: Server, command: Sequence[str], extra: str | None) -> str:
    """The content of the file: it installs the gate, with an extra if the model needs one, runs the
    command, and uploads the report."""
    package = "pytest-detgate" if extra is None else f"'pytest-detgate[{extra}]'"
    return _TEXTS[server].format(package=package, command=_plain(shlex.join(command)))


def _plain(command: str) -> str:
    """A command as a YAML value: quoted where YAML would take it for something else."""
    return (
        f"'{command.replace(chr(39), chr(39) * 2)}'"
        if ": " in command or " #" in command
        else command
    )
