"""The page as an outline: its headings, landmarks and rows, beside one that was read by a person.

Where the page is meant to change, `python -m tests.report.test_structure` writes the outline anew;
read what changed before it is committed.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from msgspec.structs import replace

from pytest_detgate.report.page.page import render_page

from .markup import Element, read
from .sample import draw_pictures, long_report, sample_report

GOLDEN = Path(__file__).with_name("outlines")
LANDMARKS = ("header", "nav", "main", "section", "footer", "dialog")
ROWS = 4
MARKED = ("h1", "h2", "h3", "h4", "summary", "figcaption", "caption", "tr", "label", "button")
# What differs from run to run.
TIMES = re.compile(r"\d+ \w+ \d{4}, \d\d:\d\d UTC, took .*|data:[^ ]*")


def outline_of(page: Element, depth: int = 0) -> list[str]:
    """A line for each landmark, heading, row and control, as deep as it stands."""
    lines = []
    rows = sum(child.tag == "tr" for child in page.children)
    for index, child in enumerate(page.children):
        if child.tag == "tr" and rows > ROWS and index >= ROWS - 1:
            lines.append("  " * depth + f"and {rows - index} more rows")
            break
        if child.tag in ("option", "style", "script", "svg"):
            continue
        text, below = "", depth
        if child.tag in LANDMARKS:
            name = child.attributes.get("aria-labelledby") or child.attributes.get("aria-label", "")
            text, below = f"{child.tag} {name}".strip(), depth + 1
        elif child.tag in MARKED:
            cells = [cell.text for cell in child.children if cell.tag in ("td", "th")]
            text = f"{child.tag} {' | '.join(cells) if cells else child.text}".strip()
        elif child.tag == "figure" and "chart" in child.classes:
            # What is in a chart is the business of its own tests.
            lines.append("  " * depth + f"figure chart {child.only('h4').text}")
            continue
        elif child.tag == "figure":
            text, below = f"figure {' '.join(child.classes)}".strip(), depth + 1
        if text:
            lines.append("  " * depth + TIMES.sub("…", text)[:160].rstrip())
        lines.extend(outline_of(child, below))
    return lines


def outlines() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        draw_pictures(Path(folder))
        records = {
            "sample": sample_report(),
            "long": long_report(),
            "clear": replace(
                sample_report(),
                verdict="passed",
                rules=[rule for rule in sample_report().rules if rule.verdict == "passed"],
            ),
        }
        made = {
            name: "\n".join(outline_of(read(render_page(report, Path(folder))))) + "\n"
            for name, report in records.items()
        }
    # Of the long one its table of rules is the point.
    made["long"] = made["long"].partition("  section evidence\n")[0]
    return made


def test_the_structure_is_the_one_that_was_read() -> None:
    for name, outline in outlines().items():
        assert outline == (GOLDEN / f"{name}.txt").read_text("utf-8"), name


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, outline in outlines().items():
        (GOLDEN / f"{name}.txt").write_text(outline, "utf-8")
