"""What trying again does to a limit, as lines of text."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pytest_detgate.config.tables.evidence_table import EvidenceTable
from pytest_detgate.record.formatting import number, percent

TRIES = 20
"""Models that are tried, if neither the request nor `[evidence]` says how many."""


def lines_of_tries(
    confidences: Collection[float], evidence: EvidenceTable | None, tries: int | None
) -> Iterator[str]:
    """Say how often one or more of some models passes that are all just at a limit, without looks
    and with those of `[evidence]`; `confidences` are those of the bounds that decide.

    A bound at confidence c lets a model at its limit pass with a chance of at most 1 - c. Of n
    models that chance judges apart from each other, one or more passes with a chance of at most
    1 - c^n. With the looks that are planned it is at most 1 - c for all of them, however they
    depend on each other.
    """
    table, verb = evidence, "is"
    if table is None or table.looks is None:
        table, verb = EvidenceTable(looks=tries or TRIES), "would be"
    else:
        confidences = {table.of_all_looks(each) for each in confidences}
    looks = table.looks or TRIES
    tried = tries or looks
    # Of models whose makers know the verdicts, the first ones may take all of the error.
    part = 1.0 if table.adaptive else min(tried / looks, 1.0)
    for confidence in sorted(confidences):
        error = 1 - confidence
        yield (
            f"trying again: a bound at {percent(confidence)} passes a model just at its limit in "
            f"up to {_share(error)}, and one or more of {number(tried)} such models in up to "
            f"{_share(1 - confidence**tried)}; with looks = {looks} under [evidence] it {verb} up "
            f"to {_share(part * error)}"
        )


def _share(share: float) -> str:
    """A share in percent, to two digits."""
    return f"{number(float(f'{100 * share:.2g}'))}%" if share >= 5e-4 else "under 0.1%"
