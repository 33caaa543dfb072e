"""What `detgate-known.json` accepts of an item, as the record has it."""

from __future__ import annotations

import msgspec


class AcceptedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How many findings of an item somebody accepted until a day, and why."""

    findings: int
    owner: str
    until: str
    why: str
