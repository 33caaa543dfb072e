"""A part of the campaign, by fixed seeds; `make campaign` runs all of it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.campaign.campaign import STORED_CASES, Campaign, Tally, store
from tests.campaign.gate import Gate

SEEDS = range(1, 26)
SECONDS = 45.0
"""What these seeds may take together: on a loaded machine there are fewer of them. Ten cases a
seed and a tenth of a second a case are the price of trying what nobody thought of."""


def test_no_damage_makes_the_gate_pass_or_break(tmp_path: Path) -> None:
    total = Tally()
    started = time.monotonic()
    with Gate(tmp_path) as gate:
        campaign = Campaign(gate, shrink=False)
        for seed in SEEDS:
            total.add(campaign.run(seed))
            if time.monotonic() - started > SECONDS:
                break
    written = store(campaign.smallest.items(), tmp_path / STORED_CASES.name)
    texts = [f"{name}: {stored.fault.text}" for name, stored in campaign.smallest.items()]
    assert not texts, "\n\n".join([*texts, *map(str, written)])
    # What is refused on all sides proves nothing: most rules of sound projects pass.
    assert total.verdicts["passed"] > total.cases.total() / 4
