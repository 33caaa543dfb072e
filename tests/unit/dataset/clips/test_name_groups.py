"""The named groups of a pattern are those of one search in each file name."""

from __future__ import annotations

import re

import pytest

from pytest_detgate.dataset.clips.name_groups import AT_ONCE, groups_of

PATTERN = re.compile(r"(?P<site>[^/]+)/(?:(?P<clip>[a-z]+)_)?(\w)(?P<frame>\d*)\.jpg$")


@pytest.mark.parametrize("images", [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE])
def test_groups_are_those_of_a_search_in_each_name(images: int) -> None:
    names = [f"site-{n % 7}/{'yard_' * (n % 3 > 0)}x{n}.jpg" * (n % 5 > 0) for n in range(images)]

    groups = groups_of(names, PATTERN)

    assert list(groups) == ["site", "clip", "frame"]
    for group, values in groups.items():
        matches = [PATTERN.search(name) for name in names]
        assert values == [None if match is None else match[group] for match in matches]


def test_a_pattern_without_named_groups_has_none() -> None:
    assert groups_of(["a.jpg"], re.compile(r"(a)")) == {}


def test_values_of_neighbours_are_the_same_text() -> None:
    groups = groups_of(["north/yard_a1.jpg", "north/yard_a2.jpg"], PATTERN)

    for group in ("site", "clip"):
        first, second = groups[group]
        assert first is second
