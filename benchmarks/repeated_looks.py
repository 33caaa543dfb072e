"""How often a model that is just at its limit passes if it is tried again and again.

Run with no arguments, it prints the table of `docs/looks.md`. Each try is another model, whose
false alarms come at just the rate of the limit (1 an hour), judged as `alarm-rate` judges: the
upper bound of the alarms in so many hours must be within the limit. Without a ledger each try has
the error of 5%. With `[evidence] looks = 20` each has the confidence that the gate takes, and the
ledger ends the tries. The last columns say what that costs a good model.
"""

from __future__ import annotations

import argparse
from functools import cache

import numpy as np

from pytest_detgate.config.tables.evidence_table import EvidenceTable
from pytest_detgate.record.project_files.ledger import LedgerLine, Look
from pytest_detgate.record.project_files.looks import LookBudget
from pytest_detgate.scoring.bounds.event_rate import count_interval
from pytest_detgate.scoring.bounds.sample_size import least_exposure

CONFIDENCE, LIMIT, GOOD = 0.95, 1.0, 0.2
LOOKS = 20
WITHOUT, WITH = EvidenceTable(), EvidenceTable(looks=LOOKS)
ADAPTIVE = EvidenceTable(looks=LOOKS, adaptive=True)


@cache
def passes(alarms: int, hours: float, confidence: float) -> bool:
    """Whether so many alarms in so many hours, one in a clip, are within the limit."""
    clips = max(alarms, 1)
    by_clip = np.zeros(clips, np.int64)
    by_clip[:alarms] = 1
    high = count_interval(by_clip, np.full(clips, hours / clips), confidence).high
    return high / hours <= LIMIT * (1 + 1e-9)


def tries_allowed(table: EvidenceTable, wanted: int) -> int:
    """How many of so many different models the ledger lets be judged."""
    lines: list[LedgerLine] = []
    for number in range(wanted):
        look = Look(dataset="calm", data="d", score_threshold=0.3, model=str(number))
        if not LookBudget(table, lines).allows(look):
            return number
        fields = {name: getattr(look, name) for name in look.__struct_fields__}
        lines.append(LedgerLine(**fields, after=[], day="2026-01-01", looks=table.looks))
    return wanted


def passes_once(
    table: EvidenceTable, hours: float, tries: int, rate: float, sets: int, seed: int
) -> float:
    """The share of sets of tries in which at least one of them passes."""
    confidence = table.confidence(CONFIDENCE)
    allowed = tries_allowed(table, tries)
    alarms = np.random.default_rng(seed).poisson(rate * hours, (sets, allowed))
    known = np.array([passes(count, hours, confidence) for count in range(int(alarms.max()) + 1)])
    return float(known[alarms].any(axis=1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=40_000, help="default: %(default)s")
    sets = parser.parse_args().sets
    hours = [
        least_exposure(LIMIT, CONFIDENCE),
        least_exposure(LIMIT, WITH.confidence(CONFIDENCE)),
        least_exposure(LIMIT, ADAPTIVE.confidence(CONFIDENCE)),
        least_exposure(LIMIT, CONFIDENCE, 12),
    ]
    print(
        "| hours | tries | passes at least once, no ledger | with it | adaptive | a good model "
        "passes at once, no ledger | with it | adaptive |\n|---|---|---|---|---|---|---|---|"
    )
    for time in hours:
        for tries in (1, 5, 20, 50):
            cells = [
                passes_once(table, time, count, rate, sets, seed=tries)
                for count, rate in ((tries, LIMIT), (1, GOOD))
                for table in (WITHOUT, WITH, ADAPTIVE)
            ]
            shown = " | ".join(f"{100 * cell:.1f}%" for cell in cells)
            print(f"| {time:.2f} | {tries} | {shown} |")


if __name__ == "__main__":
    main()
