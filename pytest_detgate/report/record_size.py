"""How much evidence `report.json` holds: it is read, sent and stored for every run.

Numbers and charts are always there. Of images and findings the least urgent ones are left out
where a run has many: the totals beside them stay, and all findings on images are in the COCO files.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pytest_detgate.evidence import Frame, Pair, Strip
from pytest_detgate.findings import Finding
from pytest_detgate.plain import encode
from pytest_detgate.record.report import Report, RuleResult
from pytest_detgate.report.headline import tiers
from pytest_detgate.report.round_robin import fair_shares

# Bytes of the record of a run of 70 items, and of each item more.
LARGEST, ITEMS, EACH = 400_000, 70, 5_000
# For images and findings, however much there is of everything else.
LEAST = 30_000
# The part of that which rules that block may take.
URGENT = 0.8
# These come before the images of a rule: terminal, summary and annotations show them.
FIRST_FINDINGS = 20
Piece = Finding | Frame | Pair | Strip


def fitted(report: Report) -> Report:
    """Leave out images and findings, of rules that passed first, until the record is small.

    Rules of the same urgency share the room fairly, and each shows its most telling ones.
    """
    everything = len(encode(report))
    limit = LARGEST + max(len(report.rules) - ITEMS, 0) * EACH
    if everything <= limit:
        return report
    sizes = [[len(encode(piece)) for piece in _pieces(rule)] for rule in report.rules]
    room = max(limit - (everything - sum(map(sum, sizes))), LEAST)
    rules = list(report.rules)
    urgent, *others = tiers(rules)
    for tier, part in ((urgent, URGENT), *((tier, 1.0) for tier in others)):
        shares = fair_shares([sum(sizes[index]) for index in tier], int(room * part))
        for index, share in zip(tier, shares, strict=True):
            rules[index] = _within(rules[index], sizes[index], share)
        room -= sum(shares)
    return msgspec.structs.replace(report, rules=rules)


def _pieces(rule: RuleResult) -> Iterator[Piece]:
    """What may be left out of a rule, the most telling first."""
    yield from rule.findings[:FIRST_FINDINGS]
    yield from rule.evidence.pairs
    yield from rule.evidence.strips
    yield from rule.evidence.frames
    yield from rule.findings[FIRST_FINDINGS:]


def _within(rule: RuleResult, sizes: list[int], share: int) -> RuleResult:
    if sum(sizes) <= share:
        return rule
    pieces: list[Piece] = []
    for piece, size in zip(_pieces(rule), sizes, strict=True):
        share -= size
        if share < 0:
            break
        pieces.append(piece)
    seen = rule.evidence
    evidence = msgspec.structs.replace(
        seen,
        pairs=[piece for piece in pieces if isinstance(piece, Pair)],
        pairs_total=max(seen.pairs_total, len(seen.pairs)),
        strips=[piece for piece in pieces if isinstance(piece, Strip)],
        strips_total=max(seen.strips_total, len(seen.strips)),
        frames=[piece for piece in pieces if isinstance(piece, Frame)],
        frames_total=max(seen.frames_total, len(seen.frames)),
    )
    return msgspec.structs.replace(
        rule,
        findings=[piece for piece in pieces if isinstance(piece, Finding)],
        findings_total=max(rule.findings_total, len(rule.findings)),
        evidence=evidence,
    )
