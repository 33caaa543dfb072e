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
  pull-requests: write  # for the comment
jobs:
  detgate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
"""
_MMDETECTION = """\
      - uses: actions/setup-python@v6
        with: { python-version: "3.11" }
      # MMCV compiles its operators against the torch that it finds.
      - run: pip install torch "setuptools<81" wheel ninja psutil
      - run: pip install --no-build-isolation onedl-mmcv
      - run: pip install 'pytest-detgate[mmdet]'
"""
_ACTION = "      - uses: pytest-detgate/pytest-detgate@v1\n"
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


def workflow(
    server: Server, command: Sequence[str], predictions: Mapping[str, str], extra: str | None
) -> str:
    """The content of the file: it installs the gate, with an extra if the model needs one, runs it,
    and uploads the report.

    `command` runs the gate on the result files `predictions`, by split or probe. On GitHub the
    action of this repository does all of it.
    """
    if server == "github":
        before = _MMDETECTION if extra == "mmdet" else ""
        return _GITHUB + before + _ACTION + _inputs(predictions, extra)
    package = "pytest-detgate" if extra is None else f"'pytest-detgate[{extra}]'"
    return _GITLAB.format(package=package, command=_plain(shlex.join(command)))


def _inputs(predictions: Mapping[str, str], extra: str | None) -> str:
    """The inputs of the action that are not as its defaults."""
    lines = []
    if extra == "mmdet":  # installed before
        lines += ['python-version: ""', "package: none"]
    elif extra is not None:
        lines.append(f"extras: {extra}")
    if predictions:
        # The gate cannot know of which model a file is.
        lines += ["# Of the model of this pull request: write them in a step before this one."]
        lines += ["predictions: |", *(f"  {name}={file}" for name, file in predictions.items())]
    return "".join(["        with:\n", *(f"          {line}\n" for line in lines)] if lines else [])


def _plain(command: str) -> str:
    """A command as a YAML value: quoted where YAML would take it for something else."""
    return (
        f"'{command.replace(chr(39), chr(39) * 2)}'"
        if ": " in command or " #" in command
        else command
    )
