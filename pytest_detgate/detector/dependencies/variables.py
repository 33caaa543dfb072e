"""State of environment variables: digests of their values, which may be secrets."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable

MISSING = "missing"

ALL_VARIABLES = "*"
"""Name of the whole environment among the names of variables."""

# They describe how a process runs, and differ between machines, terminals, workers and tests.
_OF_THE_PROCESS = re.compile(
    r"(CUDA|NVIDIA|OMP|MKL|OPENBLAS|KMP|RAY|XDG|LC|PYTEST|SSH|XPC|GITHUB_RUN)_.*|_.*|"
    r"RUNNER_(ARCH|DEBUG|ENVIRONMENT|NAME|OS|TEMP|TOOL_CACHE|TRACKING_ID|WORKSPACE)|"
    r"PATH|LD_LIBRARY_PATH|PYTHONPATH|HOME|PWD|OLDPWD|TMPDIR|TEMP|TMP|USER|LOGNAME|USERNAME|"
    r"USERPROFILE|HOSTNAME|SHELL|SHLVL|LANG|LANGUAGE|TERM|COLUMNS|LINES|DISPLAY|"
    r"RANK|LOCAL_RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT"
)
# They describe one run of CI: its number, commit and author differ from those of every other run.
_OF_A_CI_RUN = re.compile(
    r"(ACTIONS|AGENT|BITBUCKET|BUILD|BUILDKITE|CI|CIRCLE|DRONE|GIT|GITHUB|GITLAB|JENKINS|JOB|RUN|"
    r"RUNNER|SYSTEM|TEAMCITY|TRAVIS)(_.*)?|"
    r"APPVEYOR(_.*)?|EXECUTOR_NUMBER|HUDSON_.*|NODE_NAME|STAGE_NAME|WORKSPACE(_.*)?|INVOCATION_ID|"
    r"JOURNAL_STREAM"
)


def variable_state(name: str) -> str:
    """Return a digest of the value of an environment variable now; `MISSING` if it is not set.

    That of the whole environment leaves out variables that describe a process or a run of CI.
    """
    if name == ALL_VARIABLES:
        values = {
            key: value
            for key, value in os.environ.items()
            if not is_of_process(key) and not _OF_A_CI_RUN.fullmatch(key)
        }
        return digest(sorted(f"{key}={value}" for key, value in values.items()))
    return value_state(os.environ.get(name))


def is_of_process(name: str) -> bool:
    """Return whether a variable only describes how a process runs.

    Packages read such variables whether or not the calling code knows of them.
    """
    return _OF_THE_PROCESS.fullmatch(name) is not None


def value_state(value: str | None) -> str:
    """Return a digest of the value of an environment variable."""
    return MISSING if value is None else digest([value])


def digest(texts: Iterable[str]) -> str:
    """Return a digest of texts in their order."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()
