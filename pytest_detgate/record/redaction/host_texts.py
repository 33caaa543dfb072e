"""Host names and addresses in a text of somebody's: in addresses, in options of workers, and that
of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from pytest_detgate.record.redaction.path_texts import HOST

HostPattern = tuple[str, re.Pattern[str]]
"""What a text must hold to be worth a look, in lower case, and the pattern that finds a host."""

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
# Each with what a text must hold to be worth a look: a record may have a hundred thousand.
_HOSTS = (
    ("://", r"(?<=://)(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]*[A-Za-z0-9])"),
    ("ssh=", r"(?<=\bssh=)(?:[\w.-]+@)?(?P<host>[\w.-]*\w)"),
    ("socket=", r"(?<=\bsocket=)(?P<host>[\w.-]*\w)"),
    ("via=", r"(?<=\bvia=)(?P<host>[\w.-]*\w)"),
    ("address=", r"(?<=address=)(?P<host>(?!auto\b|local\b)[\w.-]*\w)"),
    ("@", r"(?<=\w@)(?P<host>[\w-]+(?:\.[\w-]+)+)"),
    (".", rf"(?<![\w.])(?P<host>(?:{_OCTET}\.){{3}}{_OCTET})(?!\.?\w)"),
)


def without_hosts(text: str, patterns: Iterable[HostPattern]) -> str:
    """The text with `[host]` in place of each host name and address that a pattern finds."""
    lowered = text.lower()
    for sign, pattern in patterns:
        if sign in lowered:
            text = pattern.sub(_hidden, text)
    return text


def host_patterns(own: str) -> tuple[HostPattern, ...]:
    """What finds host names and addresses, that of this machine among them."""
    return (*_compiled(), *_own_host(own))


def _hidden(match: re.Match[str]) -> str:
    return match[0].replace(match["host"], HOST)


@cache
def _compiled() -> tuple[HostPattern, ...]:
    return tuple((sign, re.compile(pattern)) for sign, pattern in _HOSTS)


def _own_host(name: str) -> list[HostPattern]:
    """Finds the name of this machine, in full and up to its first dot."""
    names = {name, name.partition(".")[0]} - {"", "localhost"}
    if not names:
        return []
    longest = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])(?P<host>{longest})(?![\w-])", re.IGNORECASE)
    return [(min(names, key=len).lower(), pattern)]
