"""Damage to the lines of a text file and to the bytes of any file."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.campaign.project import Entry, content, raw

_TOKEN = re.compile(r"[\w.é/-]+")
_WRONG = ("nan", "-1", "x", "1e9", "", "0", "99", "inf", "٣")


def damage_lines(draw: DrawFn, kind: str, text: str) -> tuple[str, str] | None:
    """A damaged text and how; None where it has no such place."""
    lines = text.splitlines()
    if not lines:
        return None
    index = draw(st.integers(0, len(lines) - 1))
    match kind:
        case "drop":
            del lines[index]
        case "duplicate":
            lines.insert(index, lines[index])
        case "reorder":
            lines.reverse()
        case "truncate":
            lines[index] = lines[index][: len(lines[index]) // 2]
        case "empty":
            lines[index] = ""
        case "recase":
            lines[index] = lines[index].swapcase()
        case "relink":
            lines[index] = draw(st.sampled_from(lines))
        case "renormalise":
            return _renormalised(draw, text)
        case "rename" | "retype":
            tokens = list(_TOKEN.finditer(lines[index]))
            if not tokens:
                return None
            token = draw(st.sampled_from(tokens))
            new = f"{token[0]}x" if kind == "rename" else draw(st.sampled_from(_WRONG))
            lines[index] = lines[index][: token.start()] + new + lines[index][token.end() :]
    return "".join(f"{line}\n" for line in lines), f"{kind} in a line"


def _renormalised(draw: DrawFn, text: str) -> tuple[str, str]:
    forms = {
        "CRLF": text.replace("\n", "\r\n"),
        "NFD": unicodedata.normalize("NFD", text),
        "byte order mark": "\ufeff" + text,
        "no last line break": text.rstrip("\n"),
        "blank lines": text.replace("\n", "\n\n"),
    }
    name = draw(st.sampled_from(sorted(forms)))
    return forms[name], name


def damage_bytes(draw: DrawFn, kind: str, entry: Entry) -> tuple[Entry, str] | None:
    """A damaged file and how; None where the damage is none of bytes."""
    if "report" in entry and kind == "truncate":
        return {"report": draw(st.sampled_from((0.5, 0.99)))}, "cut off"
    data = b"" if "report" in entry else content(entry)
    if data is None:
        return None
    match kind:
        case "truncate":
            share = draw(st.sampled_from((0.5, 0.9, 0.1)))
            return raw(data[: int(len(data) * share)]), "cut off"
        case "empty":
            return raw(b""), "no bytes"
        case "retype":
            return draw(
                st.sampled_from(
                    (
                        (raw(b"\x80\x04N."), "a pickle"),
                        (raw(b"not what it says\n"), "other text"),
                        ({"folder": True}, "a folder"),
                        ({"pipe": True}, "a pipe"),
                    )
                )
            )
        case "renormalise":
            text = data.decode("utf-8", "surrogateescape")
            forms = (
                (raw(b"\xef\xbb\xbf" + data), "byte order mark"),
                (raw(text.encode("utf-16", "ignore")), "UTF-16"),
                (raw(data.replace(b"\n", b"\r\n")), "CRLF"),
                (raw(data + b"\x00"), "a zero byte behind"),
            )
            return draw(st.sampled_from(forms))
    return None
