"""The smallest project of every fault that the campaign found: none may come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaign.campaign import FOUND, check
from tests.campaign.gate import Gate
from tests.campaign.project import Case

FILES = sorted(FOUND.glob("*.json"))


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with Gate(tmp_path_factory.mktemp("found")) as gate:
        yield gate


def test_there_are_found_faults() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_found_fault_stays_away(path: Path, gate: Gate) -> None:
    content = json.loads(path.read_text("utf-8"))
    faults, ran = check(gate, Case.from_json(content), page=True)
    assert not faults, f"{content['found']}\n\n{ran.output}"
