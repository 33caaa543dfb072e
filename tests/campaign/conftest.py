"""Runs with hostile names. One with 160 items of three kinds takes ten seconds, so each is made
once."""

from __future__ import annotations

import pytest

from tests.campaign.channels import FILES, Channels, run
from tests.campaign.hostile_names import NAMES
from tests.campaign.hostile_project import listed_project, named_project


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Channels:
    return run(named_project(NAMES), tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def tame(tmp_path_factory: pytest.TempPathFactory) -> Channels:
    names = [f"name {number}" for number in range(12)]
    return run(named_project(names), tmp_path_factory.mktemp("tame"))


@pytest.fixture(scope="session")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Channels:
    return run(listed_project(FILES), tmp_path_factory.mktemp("listed"))
