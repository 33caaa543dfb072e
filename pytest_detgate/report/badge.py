"""`badge.svg`: the verdict of a run as a small image."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_detgate.record.report import Report
from pytest_detgate.report.headline import BLOCKING, can_block, counts
from pytest_detgate.report.rendering import render_plain

# White on each of these has a contrast of at least 4.5 to 1.
_GREEN, _AMBER, _RED, GREY = "#2b7a3f", "#8a5a00", "#b3261e", "#6b7079"
# Advance widths of Verdana, in sixteenths of an em; what is not listed is as wide as a digit.
_WIDTHS = {" ": 5.6, ",": 5.8, "i": 4.4, "l": 4.4, "t": 6.3, "r": 6.8, "f": 5.6, "w": 13.1, "d": 10}
_USUAL = 10.0
_SIZE = 11
_MARGIN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One half of the badge: its text, where it begins and how wide it is, in pixels."""

    text: str
    x: int
    width: int

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def text_width(self) -> int:
        return self.width - 2 * _MARGIN


def badge_svg(report: Report) -> str:
    """An SVG of one line, `detgate | blocked 3 of 14`."""
    return badge_of(*badge_text(report))


def badge_of(text: str, colour: str) -> str:
    """An SVG of one line, `detgate | text`."""
    name = Part(text="detgate", x=0, width=_width("detgate"))
    verdict = Part(text=text, x=name.width, width=_width(text))
    return render_plain("badge.svg.j2", name=name, verdict=verdict, colour=colour)


def badge_text(report: Report) -> tuple[str, str]:
    """What the badge says of a run, and the colour behind it."""
    count_of_verdict = counts(report.rules)
    total = len(report.rules)
    blocking = sum(count_of_verdict.get(verdict, 0) for verdict in BLOCKING)
    if blocking:
        return f"blocked {blocking:,} of {total:,}", _RED
    if report.verdict in BLOCKING or not total:
        return "blocked", _RED
    selected = f" of {total + len(report.not_selected):,}" if report.not_selected else ""
    text = [f"passed {count_of_verdict.get('passed', 0):,}{selected}"]
    text += [
        f"{count_of_verdict[kind]:,} {kind}"
        for kind in ("warned", "waived")
        if kind in count_of_verdict
    ]
    if not can_block(report.rules):
        return ", ".join([*text, "cannot block"]), GREY
    return ", ".join(text), _AMBER if len(text) > 1 or selected else _GREEN


def _width(text: str) -> int:
    wide = sum(_WIDTHS.get(letter, _USUAL) for letter in text) * _SIZE / 16
    return round(wide) + 2 * _MARGIN
