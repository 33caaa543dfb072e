"""From the SVG that matplotlib writes to the little of it that the page needs.

A page with a strict content security policy takes no style attributes; colours are the page's own
variables, so that a chart follows it into the dark; and charts are many, so bytes count.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

_SVG = "{http://www.w3.org/2000/svg}"
# What is kept of a style, by name, with the value that goes without saying.
_KEPT = {
    "fill": "none",
    "stroke": "none",
    "stroke-width": "1",
    "fill-opacity": "1",
    "stroke-opacity": "1",
    "stroke-dasharray": "",
    "stroke-linecap": "butt",
    "stroke-linejoin": "miter",
}
_POINTS = {"M": 1, "L": 1, "Q": 2, "C": 3, "z": 0, "Z": 0}


def paths_of(written: bytes, colours: Mapping[str, str]) -> list[tuple[str, ET.Element]]:
    """Take the paths from an SVG of matplotlib, in the order in which they are drawn.

    Gives the id of the group around each, and the path with presentation attributes for its
    style and with the words of `colours` for its colours.
    """
    found: list[tuple[str, ET.Element]] = []
    for group in ET.fromstring(written).iter(f"{_SVG}g"):
        for path in group.findall(f"{_SVG}path"):
            made = ET.Element("path", {"d": shorter(path.get("d", ""))})
            for name, value in _style(path.get("style", "")).items():
                value = colours.get(value, value)
                if name in _KEPT and value != _KEPT[name]:
                    made.set(name, value)
            found.append((group.get("id", ""), made))
    return found


def shorter(data: str) -> str:
    """Write path data with one decimal and distances from point to point.

    A line of no length stays where it is all that is drawn: it makes a dot.
    """
    words = iter(data.split())
    said: list[str] = []
    x = y = start_x = start_y = 0
    before = ""
    for command in words:
        # Whole tenths, so that rounding does not add up from point to point.
        places = [round(float(next(words)) * 10) for _ in range(2 * _POINTS[command])]
        if command in "zZ":
            letter, steps = "z", []
            x, y = start_x, start_y
        else:
            steps = [place - (y if at % 2 else x) for at, place in enumerate(places)]
            if command == "L" and steps == [0, 0] and before != "M":
                continue
            if command == "M":
                letter, steps = "M", places
                start_x, start_y = places
            elif command == "L" and steps[1] == 0:
                letter, steps = "h", steps[:1]
            elif command == "L" and steps[0] == 0:
                letter, steps = "v", steps[1:]
            else:
                letter = command.lower()
            x, y = places[-2:]
        numbers = [_tenths(step) for step in steps]
        said.append(_joined(letter, numbers, before))
        before = letter
    return "".join(said)


def _style(text: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in text.split(";") if ":" in part)
    style = {name.strip(): value.strip() for name, value in pairs}
    whole = style.pop("opacity", None)
    if whole is not None:
        style.update({"fill-opacity": whole, "stroke-opacity": whole})
    return style


def _tenths(value: int) -> str:
    whole, rest = divmod(abs(value), 10)
    text = f"{whole}.{rest}" if rest else str(whole)
    if whole == 0 and rest:
        text = text[1:]
    return f"-{text}" if value < 0 else text


def _joined(letter: str, numbers: list[str], before: str) -> str:
    text = "" if letter == before and letter in "lhvqc" else letter
    for number in numbers:
        glued = text[-1:].isalpha() or number.startswith("-")
        text += number if glued else f" {number}"
    return text
