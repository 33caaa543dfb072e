"""Counts in sentences: a number, its noun, and the verb that goes with it."""

from __future__ import annotations

import re

# The nouns at the beginning of a text, and its first verb.
_NOUN = (
    r"(?:images|labels|lines|files|folders|classes|boxes|annotations|detections|polygons|rows|"
    r"rules|names|values|expectations|ids|slices|clips|runs|events|frames)"
)
_PLURALS = re.compile(
    rf"\A(?:(?:listed|image|file|more) )?{_NOUN}\b|(?<=\Afile or )folders"
    r"|(?<=\Afiles or )folders"
)
_SINGULAR = {"classes": "class", "boxes": "box"}
_IN_TEXTS = {
    **{"have": "has", "are": "is", "were": "was", "belong": "belongs", "refer": "refers"},
    **{"count": "counts", "mean": "means"},
}
_VERB = re.compile(rf"\b(?:{'|'.join(_IN_TEXTS)})\b")
# Those that may be a noun of a text as well are only chosen by name.
_OF_ONE = {
    **_IN_TEXTS,
    **{"do": "does", "repeat": "repeats", "share": "shares", "come": "comes"},
    **{"name": "names", "differ": "differs", "occur": "occurs", "look": "looks"},
}


def counted(count: int, noun: str, several: str | None = None) -> str:
    """Say a count with its noun: `1 rule`, `1,204 false boxes`. `several` is the plural where it is
    no regular one."""
    return with_noun(f"{count:,}", noun, several)


def counted_of(count: int, total: int, noun: str, several: str = "") -> str:
    """Say how many of all there are: `2 of 1,204 boxes`, with a verb `0 of 1 box is`."""
    text = f"{count:,} of {counted(total, noun)}"
    return f"{text} {part_verb(count, total, several)}" if several else text


def with_noun(number: str, noun: str, several: str | None = None) -> str:
    """Say a number that is written already with its noun: `1 hour`, `2.5 hours`."""
    return f"{number} {noun if number == '1' else several or plural(noun)}"


def plural(noun: str) -> str:
    """Say several of something: `rules`, `boxes`, `classes`."""
    return f"{noun}es" if noun.endswith(("x", "s")) else f"{noun}s"


def verb(count: int, several: str) -> str:
    """The form of a verb that goes with a count: `have`, and `has` for 1."""
    return _OF_ONE[several] if count == 1 else several


def part_verb(count: int, total: int, several: str) -> str:
    """The form of a verb behind a part of a total: `0 of 1 finding is`, `0 of 2 findings are`."""
    return verb(1 if total == 1 else count, several)


def part_their(count: int, total: int) -> str:
    """The possessive behind a part of a total: `0 of 1 box is outside its image`."""
    return "its" if 1 in (count, total) else "their"


def with_count(count: int, text: str) -> str:
    """Put a number in front of a text on several things, which becomes one on a single thing where
    there is one: `1 image has no label file`."""
    if count != 1:
        return f"{count:,} {text}"
    singular = _PLURALS.sub(lambda match: _singular(match[0]), text)
    singular = singular.replace(" to missing images", " to a missing image", 1)
    return f"1 {_VERB.sub(lambda match: _IN_TEXTS[match[0]], singular, count=1)}"


def _singular(nouns: str) -> str:
    *before, last = nouns.split(" ")
    return " ".join([*before, _SINGULAR.get(last, last.removesuffix("s"))])
