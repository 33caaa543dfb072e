r"""Text in which every control character can be seen, as `\x1b` is for an escape.

A name from a data file becomes part of a node id, which terminals, build servers and other tools
print as it is: there a line break could begin a command, and an escape could hide a line.
"""

from __future__ import annotations

import re

# Control characters, separators of lines and paragraphs, what turns the direction of writing,
# bytes of a file name that are not UTF-8, and what no XML may hold.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    """Write control characters as Python writes them in a literal."""
    return _CONTROLS.sub(lambda match: _SHORT.get(match[0]) or _escaped(ord(match[0])), text)


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def is_blank(text: str) -> bool:
    """Whether a text has nothing that can be seen."""
    return all(mark.isspace() or not mark.isprintable() for mark in text)


def is_unicode(text: str) -> bool:
    """Whether a file can hold a text: bytes of a file name that are not UTF-8 reach Python as lone
    surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable_json(content: bytes) -> bytes:
    """Write control characters in JSON as its own escapes, which mean the same: a file that people
    print must not command their terminal."""
    text = content.decode("utf-8")
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode("utf-8")
