"""Texts of somebody's inside Markdown as GitHub reads it, where they stay text.

A name from a data file may hold anything. Nothing of it may become markup, a link or an image,
call a person or an issue, or end the cell of a table that it is in.
"""

from __future__ import annotations

import re

from pytest_detgate.record.formatting import on_one_line

# Breaks up a name so that nobody is called by it; it has no width.
_APART = "&#8203;"
# An underscore between letters is no markup, and class names are full of them.
_MARKUP = re.compile(r"[\\`*\[\]<>#|~&$@!{}]|(?<![^\W_])_|_(?![^\W_])")
_CALLS = re.compile(
    r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=GH)(?=-\d)|(?<=:)(?=//)|(?<=www)(?=\.)"
    r"|(?<=mailto)(?=:)|(?<=xmpp)(?=:)|(?<=:)(?=[\w+-]+:)"
    r"|(?<=\b[0-9a-f]{6})(?=[0-9a-f]{1,34}\b)",
    re.IGNORECASE,
)
# What is code between two backticks in any case, also in a cell of a table.
_SAFE_CODE = re.compile(r"[^`|\\]+")


def plain(text: str, longest: int, *, begins: bool = False) -> str:
    """Text that stays text, on one line, cut to so many characters; `begins` says that it begins
    a line or an entry of a list."""
    joined = _escaped(on_one_line(text, longest))
    # There `1.`, `-` or `=` would make a list or a heading of it.
    return f"{_APART}{joined}" if begins and not joined[:1].isalpha() else joined


def prose(text: str, longest: int) -> str:
    """Text on one line, cut to so many characters, in which what is between backticks is code;
    where these do not pair, they stay text."""
    parts = on_one_line(text, longest).split("`")
    if len(parts) % 2 == 0:
        return plain(text, longest)
    return "".join(
        code(part, longest) if index % 2 else _escaped(part) for index, part in enumerate(parts)
    )


def code(text: str, longest: int) -> str:
    """A name as code, on one line, cut to so many characters."""
    name = on_one_line(text, longest)
    if _SAFE_CODE.fullmatch(name):
        return f"`{name}`"
    return f"<code>{re.sub(r'[^A-Za-z0-9 ]', _entity, name)}</code>" if name else "–"


def _escaped(line: str) -> str:
    return _APART.join(_MARKUP.sub(_entity, piece) for piece in re.split(_CALLS, line))


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"
