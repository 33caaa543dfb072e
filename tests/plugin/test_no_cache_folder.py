"""A gate where pytest cannot make the folder of its cache."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import IDS, GateProject


@pytest.mark.parametrize("location", [".pytest_cache", ".pytest_cache/d/detgate"])
@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=" ".join)
def test_gate_runs_without_a_cache(
    project: GateProject, location: str, options: tuple[str, ...]
) -> None:
    """A file is in the place of the folder, or the disk cannot be written to."""
    project.write(location, "")

    run = project.gate("detgate.toml", "-p", "no:randomly", *options)

    assert run.ret == 0
    assert project.verdicts() == dict.fromkeys(
        (entry.partition("::")[2] for entry in IDS), "passed"
    )
    assert "detgate: no folder for the cache, so the next run begins without" in run.stdout.str()


def test_warnings_that_are_errors_do_not_end_it(project: GateProject) -> None:
    project.write(".pytest_cache/d/detgate", "")

    run = project.gate("detgate.toml", "-W", "error::pytest.PytestCacheWarning")

    assert run.ret == 0
    assert "INTERNALERROR" not in run.stdout.str()
