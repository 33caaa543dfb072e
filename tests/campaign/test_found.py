"""The smallest project of every fault that the campaign found: none may come back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaign.campaign import STORED_CASES, Smallest, check
from tests.campaign.faults import Fault
from tests.campaign.gate import Gate
from tests.campaign.project import Case

FILES = sorted(STORED_CASES.glob("*.json"))


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with Gate(tmp_path_factory.mktemp("found")) as gate:
        yield gate


def test_there_are_found_faults() -> None:
    assert FILES


def test_no_case_names_a_folder_of_its_machine() -> None:
    absolute = re.compile(r"(?<![\w…])/(?:[\w.@-]+/){2,}")
    texts = {path.name: json.loads(path.read_text("utf-8"))["found"] for path in FILES}
    assert [name for name, text in texts.items() if absolute.search(text)] == []

    crash = Fault("traceback", "KeyError", f'  File "{STORED_CASES / "gate.py"}", line 3')
    text = Smallest(crash, Case.from_json(json.loads(FILES[0].read_text("utf-8")))).to_json()[
        "found"
    ]
    assert text == 'traceback, KeyError:   File "tests/campaign/found/gate.py", line 3'


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_found_fault_stays_away(path: Path, gate: Gate) -> None:
    content = json.loads(path.read_text("utf-8"))
    faults, ran = check(gate, Case.from_json(content), page=True)
    assert not faults, f"{content['found']}\n\n{ran.output}"
