r"""Absolute paths in a text of somebody's: where they begin, where they end, and their last part.

A text may hold a path of any system, in quotes or not, and a name may hold nearly any character.
What is not certain is taken for a part of the path: a message may lose a few words, and no name of
a folder is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container

HIDDEN = "[redacted]"
HOST = "[host]"
ELSEWHERE = "…"

# Behind a word, a dot or a bracket a slash goes on with something relative: `a/b`, `</b>`.
_BEFORE = rf"(?:(?<![\w.~/\\<>)\]}}%+*?{ELSEWHERE}])|(?<=[-=]>)|(?<=<)(?=//?[^\s/>]+/))"
# What a file or folder behind a slash begins with; an expression or an operator does not.
_FIRST = r"(?=[^\s/\\'\"`,;:)\]}>|*?+])"
# A word behind a blank belongs to the path where a slash follows after a few words, as in
# `/mnt/my disk/a.jpg`, unless a file or a part of a sentence ended before the blank.
_ENDED = r"(?<![,;:)\]}])(?<!\.\w)(?<!\.\w\w)(?<!\.\w{3})(?<!\.\w{4})"
_WORD = r"(?!\.{1,2}/|~/)[^\s\\/'\"`]+"
_BLANK = rf"[ ](?=(?:{_WORD}[ ]){{0,3}}{_WORD}[\\/])"
_ONE_WORD = rf"(?<![,;:)\]}}])[ ](?={_WORD}[\\/])"
_BRACKETS = r"(?:\([^()\n]{0,80}\)|\[[^\[\]\n]{0,80}\]|\{[^{}\n]{0,80}\})"
# A quote is part of a name where a slash follows in the same word, but not between two entries.
_QUOTE = r"['\"`](?!,['\"`])(?=\S*[\\/])"
_ABSOLUTE = r"(?:/|[A-Za-z]:[\\/]|\\\\)"
_PART = (
    rf"(?:{_BRACKETS}(?:{_BLANK})?|{_QUOTE}|(?![,;:|=](?:file:)?{_ABSOLUTE})[^\s'\"`]"
    rf"|{_ENDED}{_BLANK}|{_ONE_WORD})"
)

_QUOTED = re.compile(
    rf"(?P<quote>['\"`])(?P<path>(?:file:)?{_ABSOLUTE}"
    r"(?:\\.|(?<=\w)(?P=quote)(?=\w)|(?!(?P=quote))[^\n\\])*)(?P=quote)"
)
_FILE_URL = re.compile(rf"(?<!\w)file:(?://[^/\s'\"`]*)?(?P<path>/{_PART}*)", re.IGNORECASE)
_WINDOWS = re.compile(rf"(?<!\w)(?P<path>[A-Za-z]:[\\/]+{_PART}+)")
_SHARE = re.compile(rf"(?<![\w\\])(?P<path>\\\\+[\w.?$-]+\\+{_PART}+)")
# An address is no path, and what it is asked for may be one.
_POSIX = re.compile(
    rf"(?P<address>\b[A-Za-z][\w+.-]{{0,30}}://[^\s'\"`?=]*)|{_BEFORE}(?P<path>//?{_FIRST}{_PART}*)"
)
CLIMBING = re.compile(rf"(?<![\w./])(?P<path>(?:\.\./)+{_PART}+)")
"""A relative path that leads upwards."""
# What a path that could tell something begins with: most texts hold none.
_SUSPECT = re.compile(rf"\\|\.\./|[A-Za-z]:/|(?i:file:)|{_BEFORE}/")
_AFTER_LABEL = "])},.;:"
_ARGUMENT = re.compile(rf"(?P<head>(?:[^=]*=)*?)(?P<path>{_ABSOLUTE}.*)", re.DOTALL)


def may_hold_path(text: str) -> bool:
    """Whether a text may hold a path that is absolute or leads upwards; a quick check."""
    return bool(_SUSPECT.search(text))


def without_absolute_paths(text: str, labels: Container[str] = ()) -> str:
    """The text with the last part of each absolute path in its place: `…/val.json`. `labels` are
    names, such as `/m/0` of a class, that are no paths where they are whole."""

    def shown(match: re.Match[str]) -> str:
        path = match["path"]
        if path is None or path in labels or path.rstrip(_AFTER_LABEL) in labels:
            return match[0]
        return _last_part(match)

    for pattern in (_QUOTED, _FILE_URL, _WINDOWS, _SHARE, _POSIX):
        text = pattern.sub(shown, text)
    return text


def option_and_path(argument: str) -> tuple[str, str] | None:
    """An argument of a command line in two, before and from an absolute path; None without one."""
    match = _ARGUMENT.fullmatch(argument)
    return None if match is None or "://" in match["path"] else (match["head"], match["path"])


def folder_pattern(folders: set[str]) -> re.Pattern[str]:
    """A pattern for these folders where they are whole or begin a path, whose rest is
    then `below`. A folder beside one of them may begin with its name: `site (old)`, `site-2`."""
    named = sorted((re.escape(folder) for folder in folders if folder.strip("/")), key=len)
    if not named:
        return re.compile(r"(?!)")
    folder = "|".join(reversed(named))
    beside = r"[\w\-+@~#%=&!$^]|\.\w|[ ]?[(\[{][^()\[\]{}/\n]*[)\]}][^\s/]*/"
    return re.compile(rf"(?<![\w.~-])(?:{folder})(?!{beside})(?P<below>/(?=[^\s/]))?")


def known_pattern(known: dict[str, str]) -> Callable[[str], str]:
    """A function that replaces these places, wherever a text names one, by what is to be shown."""
    longest = sorted(map(re.escape, known), key=len, reverse=True)
    if not longest:
        return str
    pattern = re.compile(rf"(?<![\w./~{ELSEWHERE}-])(?:{'|'.join(longest)})(?![\w-]|\.\w)")
    return lambda text: pattern.sub(lambda match: known[match[0]], text)


def _last_part(match: re.Match[str]) -> str:
    path = match["path"]
    name = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    quote = match.groupdict().get("quote") or ""
    end = "/" if path.endswith("/") else ""
    return f"{quote}{ELSEWHERE}/{name}{end}{quote}" if name else match[0]
