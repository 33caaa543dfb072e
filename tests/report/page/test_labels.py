"""Values of rules in words, with their names of the record."""

from __future__ import annotations

import pytest

from pytest_detgate.report.page.labels import label_of


@pytest.mark.parametrize(
    ("code", "name", "label"),
    [
        ("probe-fp", "boxes", "false boxes"),
        ("class-ap", "boxes", "boxes"),
        ("probe-fp", "boxes[cone]", "false boxes: cone"),
        ("training-view", "effective_empty_share", "share of empty images fed to the model"),
        ("error-budget", "dap[a[b]]", "AP that these errors cost: a[b]"),
        ("mean-ap", "AP50", "AP50"),
        ("my-rule", "frames_per_day", "frames per day"),
    ],
)
def test_a_label_explains_itself(code: str, name: str, label: str) -> None:
    assert label_of(code, name) == label


def test_every_name_that_does_not_explain_itself_has_a_label() -> None:
    """Those that a reader stumbled over."""
    for name in ("unparsed", "effective_empty_share", "dap", "unsized", "wholly"):
        assert label_of("", name) not in (name, name.replace("_", " "))
