"""The pages that people read use plain words, and one word for one thing.

Code in a page, between backticks, is not looked at: names of options are what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]

GIVEN_UP = {
    r"mend(s|ed|ing)?": "fix",
    r"anew": "again",
    r"whoever|whomever": "a person who, everybody who",
    r"whatever": "any, all that",
    r"(all )?but for": "except",
    r"be it|be they": "a list with 'or'",
    r"(is|are|was|were|be|been|being|gets?) (told|said|heard|held)": "the active form",
    r"told": "the active form; 'known', 'reported', 'distinguished'",
    r"(to|can|cannot|could|may) be (had|told|said)": "the active form",
    r"(had|have) better": "should",
    r"pictures?": "image; frame only where a clip and a number are meant",
    r"kept|upkeep": "cached, in the cache",
    r"(the|a|its|in) stores?": "cache",
    r"of (its|their|one's) own": "separate, new, private; or left out",
    r"(hold|holds|held|holding)( \w+){0,4} against": "compare with the limit",
    r"stands?( in| for| beside| on| at)?|stood": "is, means",
    r"(lie|lies|lay) (in|on|beside|at|outside)": "is in, is on",
    r"figures?": "value, measurement; metric for AP and AR",
    r"for want of": "because there is no",
    r"in vain": "without success",
    r"whence|hence|thereof|therein|thereby|whilst|lest|albeit|save for": "plain English",
    r"says nothing of": "does not say",
}
"""Words that were given up, as regular expressions without regard to case, and what to write."""

_ONE_CLASS = "'one frozen class in a file of its own' is short and clear"
EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "docs/decisions/0001-a-rule-is-one-frozen-class.md": {"of its own": _ONE_CLASS},
    "docs/decisions/README.md": {"of its own": _ONE_CLASS},
}
"""By page, words that may be there all the same, each with its reason."""

_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`|\]\([^)\s]+\)", re.MULTILINE | re.DOTALL)
_WORDS = {wording: re.compile(rf"\b({wording})\b", re.IGNORECASE) for wording in GIVEN_UP}


def prose(text: str) -> str:
    """The text without code and link targets; lines stay where they are."""
    return _CODE.sub(lambda code: "\n" * code[0].count("\n"), text)


def words_given_up(text: str, allowed: Sequence[str] = ()) -> Iterator[str]:
    """Each word of a text that was given up, with its line and what to write instead."""
    for number, line in enumerate(prose(text).splitlines(), start=1):
        for wording, pattern in _WORDS.items():
            for match in pattern.finditer(line):
                if match[0].lower() not in allowed:
                    yield f"line {number}: {match[0]!r}: write {GIVEN_UP[wording]!r}"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_is_in_plain_words(page: Path) -> None:
    allowed = tuple(EXCEPTIONS.get(name_of(page), ()))

    assert list(words_given_up(page.read_text(encoding="utf-8"), allowed)) == []


def test_every_exception_is_needed() -> None:
    for name, words in EXCEPTIONS.items():
        text = prose((ROOT / name).read_text(encoding="utf-8")).lower()
        assert [word for word in words if word not in text] == [], name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no score threshold mends it", ["mends"]),
        (
            "A worker that is killed, be it by the system for want of memory",
            ["be it", "for want of"],
        ),
        ("The value is held against the limit.", ["is held", "held against"]),
        ("All that it had found,\nbut for the last image, is kept.", ["but for", "kept"]),
        ("`kept` is a key, and ```keep-days``` too; [a page](mended.md)", []),
        ("A probe is a set of images.", []),
    ],
)
def test_words_are_found(text: str, words: list[str]) -> None:
    listed = [complaint.split("'")[1] for complaint in words_given_up(text)]

    assert sorted(listed) == sorted(words)
