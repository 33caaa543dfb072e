"""An id that several images or classes have leaves open which of them an annotation belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.content import write_json
from tests.judged import judged, split_tables

BOX_RULES = "[rules.box-bounds]\n[rules.box-format]\n[rules.duplicate-boxes]\n"
OTHER_RULES = "[rules.dangling-annotations]\n[rules.degenerate-boxes]\n"


def image(name: str = "a.jpg", side: int | None = 50, **others: Any) -> dict[str, Any]:
    return {"id": 1, "file_name": name, "width": side, "height": side, **others}


def verdicts(folder: Path, rules: str, **content: Any) -> dict[str, tuple[str, str]]:
    """Verdict and message of each rule, on a file with one box of the id that is used twice."""
    box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [30, 30, 10, 10]}
    standard = {"categories": [{"id": 1, "name": "cone"}], "annotations": [box]}
    write_json(folder / "train.json", {**standard, **content})
    results = judged(folder, split_tables(train=".") + rules)
    return {name: (result.verdict, result.message) for name, result in results.items()}


@pytest.mark.parametrize(
    "others",
    [[image("b.jpg")], [image(side=20)], [image(side=None)], [image(), image("b.jpg", 20)]],
)
def test_a_box_of_an_image_id_of_several_images_is_open(
    tmp_path: Path, others: list[dict[str, Any]]
) -> None:
    """The box is inside the first image of 50 pixels, and may be outside one of 20."""
    text = verdicts(tmp_path, BOX_RULES, images=[image(), *others])

    for name in ("box-bounds[train]", "box-format[train]", "duplicate-boxes[train]"):
        verdict, message = text[name]
        assert verdict == "not-evaluated"
        assert (
            "1 of 1 annotation of train was not looked at (1 annotation refers to an image id "
            "that several images have: 1)"
        ) in message


def test_which_image_makes_no_difference_to_other_rules(tmp_path: Path) -> None:
    text = verdicts(tmp_path, OTHER_RULES, images=[image(), image("b.jpg", 20)])

    assert {verdict for verdict, _ in text.values()} == {"passed"}


@pytest.mark.parametrize("again", [image(), image("./a.jpg"), image(video="other")])
def test_an_image_that_is_listed_twice_alike_is_one(tmp_path: Path, again: dict[str, Any]) -> None:
    """`duplicate-ids` says so; whichever entry a box belongs to, its file and size are the same."""
    rules = f"{BOX_RULES}[rules.duplicate-ids]\n"
    text = verdicts(tmp_path, rules, images=[image(), again])

    assert text.pop("duplicate-ids[train]")[0] == "failed"
    assert {verdict for verdict, _ in text.values()} == {"passed"}


def test_an_id_twice_that_no_box_has_leaves_nothing_open(tmp_path: Path) -> None:
    images = [image(), image("b.jpg", id=2), image("c.jpg", id=2)]

    assert {verdict for verdict, _ in verdicts(tmp_path, BOX_RULES, images=images).values()} == {
        "passed"
    }


def test_a_box_of_a_category_id_of_several_classes_is_open(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "cone"}, {"id": 1, "name": "vest"}]
    text = verdicts(tmp_path, BOX_RULES, images=[image()], categories=categories)

    for verdict, message in text.values():
        assert verdict == "not-evaluated"
        assert "1 annotation refers to a category id that several classes have: 1" in message


def test_a_class_that_is_listed_twice_alike_is_one(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "cone"}, {"id": 1, "name": "cone"}]

    text = verdicts(tmp_path, BOX_RULES, images=[image()], categories=categories)

    assert {verdict for verdict, _ in text.values()} == {"passed"}
