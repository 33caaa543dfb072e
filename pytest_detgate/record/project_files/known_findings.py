"""`detgate-known.json`: findings that a project accepts for a while, by fingerprint."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.errors import ConfigError
from pytest_detgate.findings import Finding
from pytest_detgate.git import merge_conflict
from pytest_detgate.plain import encode
from pytest_detgate.printable import is_blank
from pytest_detgate.regular_file import read_regular

KNOWN_FILE = "detgate-known.json"
KNOWN_FORMAT = 1
MOST_FINGERPRINTS = 2000
"""Findings of one item that can be accepted: for more of them, a limit says it better."""
_DIGITS = 2
"""Decimals of a pixel in a fingerprint: formats of labels round to them."""


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What tells a finding from all others without an id: its image, class and box; of a leak the
    other image; of a rule that finds several faults at one place the kind; of a finding with no
    place its text.
    """

    dataset: str | None = None
    image: str | None = None
    label: str | None = None
    box: tuple[float, float, float, float] | None = None
    other: str | None = None
    text: str | None = None
    kind: str | None = None


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Findings of one item that are accepted until a day."""

    item: str
    owner: str
    until: datetime.date
    why: str
    findings: list[Fingerprint]


class _KnownFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    detgate_known: int
    accepted: list[Acceptance]


def fingerprint_of(finding: Finding) -> Fingerprint:
    """Return the fingerprint of a finding."""
    identity = (finding.image, finding.label, finding.box, finding.other)
    return Fingerprint(
        dataset=finding.dataset,
        image=finding.image,
        label=finding.label,
        box=None if finding.box is None else rounded_box(finding.box),
        other=finding.other,
        text=finding.text if all(part is None for part in identity) else None,
        kind=finding.kind,
    )


def rounded_box(
    box: tuple[float, float, float, float],
) -> tuple[float, float, float, float]:
    """Return a box as it identifies a finding: in every run the same, without negative zeros."""
    x, y, width, height = (round(value, _DIGITS) + 0.0 for value in box)
    return x, y, width, height


def read_known(path: Path) -> tuple[Acceptance, ...]:
    """Return what the file accepts, nothing where there is no file. `ConfigError` if it is
    damaged."""
    try:
        content = read_regular(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(f"{path.name}: cannot be read: {error.strerror or error}") from None
    try:
        known = msgspec.json.decode(content, type=_KnownFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        cause = merge_conflict(content) or f"not a list of known findings: {error}"
        raise ConfigError(f"{path.name}: {cause}") from None
    if known.detgate_known != KNOWN_FORMAT:
        raise ConfigError(
            f"{path.name}: known findings of format {known.detgate_known}; this pytest-detgate "
            f"reads format {KNOWN_FORMAT}"
        )
    for entry in known.accepted:
        if is_blank(entry.owner) or is_blank(entry.why):
            raise ConfigError(f"{path.name}: {entry.item}: owner and why must not be empty")
    return tuple(known.accepted)


def write_known(accepted: Sequence[Acceptance], path: Path) -> None:
    """Write the file, one finding a line, in the order of items."""
    lines = ["{", f'  "detgate_known": {KNOWN_FORMAT},', '  "accepted": [']
    for index, entry in enumerate(
        sorted(accepted, key=lambda acceptance: (acceptance.item, acceptance.until))
    ):
        head = msgspec.to_builtins(msgspec.structs.replace(entry, findings=[]))
        del head["findings"]
        lines.append("    {")
        lines += [f"      {_json(key)}: {_json(value)}," for key, value in head.items()]
        lines.append('      "findings": [')
        rows = sorted(encode(finding).decode() for finding in entry.findings)
        lines += [f"        {row}," for row in rows[:-1]]
        lines += [f"        {row}" for row in rows[-1:]]
        lines += ["      ]", "    }," if index < len(accepted) - 1 else "    }"]
    lines += ["  ]", "}", ""]
    write_whole(path, "\n".join(lines).encode())


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
