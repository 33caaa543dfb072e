"""Probes that are queries over a split, or have labels of another format: which images they hold,
what is detected on them, and what is not known of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.config.load import load_configuration
from pytest_detgate.errors import ConfigError
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from tests.judged import judged, measured
from tests.unit.config.test_config_mistakes import mistakes
from tests.unit.label_files import draw, write

PATTERN = "[dataset]\nframe-pattern = '(?P<clip>(?P<site>[a-z]+))_(?P<frame>\\d+)\\.jpg$'\n"
VAL = '[dataset.splits.val]\nannotations = "val.json"\nimages = "images"\n'
YOLO = '[dataset.splits.val]\nannotations = "labels"\nimages = "images"\nformat = "yolo"\n'
RULES = "[rules.probe-fp]\nmax-boxes = 9\n"
NAMES = ("north_1.jpg", "north_2.jpg", "south_1.jpg", "south_2.jpg", "south_3.jpg")
# Images 2 and 5 have nothing on them; there is a box on each of the others.
FULL = (0, 2, 3)


def coco(folder: Path, **fields: Sequence[Any]) -> None:
    """Write val.json; `fields` are further fields of the images, by name."""
    images: list[dict[str, Any]] = [
        {"id": row + 1, "file_name": name, "width": 100, "height": 50}
        for row, name in enumerate(NAMES)
    ]
    for field, values in fields.items():
        for image, value in zip(images, values, strict=True):
            if value is not None:
                image[field] = value
    boxes = [
        {"id": row + 1, "image_id": row + 1, "category_id": 1, "bbox": [10, 10, 20, 20]}
        for row in FULL
    ]
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "helmet"}]}
    (folder / "val.json").write_text(json.dumps(content))


def results(folder: Path, *, listed: Sequence[str] = NAMES, file: str = "pred.json") -> Path:
    """Write a result file with a true box on each full image and a false one on every image."""
    boxes = [
        {"image_id": row + 1, "category_id": 1, "bbox": box, "score": 0.9}
        for row, name in enumerate(NAMES)
        for box in ([10, 10, 20, 20], [60, 10, 20, 20])
        if name in listed and (row in FULL or box[0] == 60)
    ]
    content = {
        "images": [
            {"id": row + 1, "file_name": name} for row, name in enumerate(NAMES) if name in listed
        ],
        "annotations": boxes,
        "categories": [{"id": 1, "name": "helmet"}],
    }
    path = folder / file
    path.write_text(json.dumps(content))
    return path


def probe(query: str, name: str = "calm") -> str:
    return f'[probes.{name}]\nsplit = "val"\n{query}\n'


def result_of(
    folder: Path, query: str, files: Mapping[str, Path] | None = None, *, split: str = VAL
) -> RuleResult:
    """The result of `probe-fp` on a probe of this query."""
    listed = {"val": results(folder)} if files is None else files
    return judged(folder, PATTERN + split + probe(query) + RULES, listed)["probe-fp[calm]"]


@pytest.mark.parametrize(
    ("query", "images", "boxes"),
    [
        ("empty = true", 2, 2),
        ("where = \"site == 'north'\"", 2, 2),
        ("where = 'frame >= 2'", 3, 3),
        ("where = \"clip != 'north' and boxes > 0\"", 2, 2),
        ("where = \"file_name == 'south_3.jpg'\"", 1, 1),
        ('list = "some.txt"', 2, 2),
        ('empty = true\nlist = "some.txt"', 1, 1),
        ("empty = true\nwhere = \"site == 'north'\"", 1, 1),
        ("where = \"weather == 'rain'\"", 3, 3),
        ("where = 'camera in [1, 2]'", 5, 5),
    ],
)
def test_probe_holds_what_its_query_chooses(
    tmp_path: Path, query: str, images: int, boxes: int
) -> None:
    """A box of the split that is on an image of the probe is allowed, the false ones count."""
    coco(tmp_path, weather=["rain", "rain", "sun", "rain", "sun"], camera=[1, 2, "1", 2.0, "2"])
    write(tmp_path, {"some.txt": "./images/north_2.jpg\n/elsewhere/images/south_1.jpg\n"})

    result = result_of(tmp_path, query)

    assert result.verdict == "passed"
    assert measured(result)["images_total"] == images
    assert measured(result)["boxes"] == boxes
    assert (result.looked_at, result.to_look_at) == (images, images)


def test_image_that_the_results_lack_is_a_gap(tmp_path: Path) -> None:
    coco(tmp_path)
    files = {"val": results(tmp_path, listed=NAMES[:4])}

    calm = result_of(tmp_path, "empty = true", files)
    north = result_of(tmp_path, "where = \"site == 'north'\"", files)

    assert calm.verdict == "not-evaluated"
    assert (calm.looked_at, calm.to_look_at) == (1, 2)
    assert "south_3.jpg" in calm.message
    assert north.verdict == "passed"


def test_result_file_of_the_probe_itself_wins(tmp_path: Path) -> None:
    coco(tmp_path)
    own = results(tmp_path, listed=("north_2.jpg", "south_3.jpg"), file="own.json")
    nothing = tmp_path / "nothing.json"
    nothing.write_text("[]")

    result = result_of(tmp_path, "empty = true", {"val": results(tmp_path), "calm": own})
    missing = result_of(tmp_path, "empty = true", {})

    assert (result.verdict, measured(result)["boxes"]) == ("passed", 2)
    assert missing.message == (
        "there is no result file of val; add --detgate-predictions val=FILE, which calm is a part "
        "of"
    )


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("where = \"site == 'nort'\"", "site is 'north' or 'south'"),
        ("empty = true\nwhere = 'boxes > 0'", "none of the 5 images of val is chosen"),
        ("where = \"wether == 'rain'\"", "did you mean 'weather'?"),
        ("where = 'site < 3'", "cannot be compared by size (on north_1.jpg of val)"),
        ('list = "gone.txt"', "1 of its lines names no image of val, first north_9.jpg"),
        ('list = "near.txt"', "NORTH_1.JPG (there is north_1.jpg)"),
        ('list = "no.txt"', "no.txt"),
        ('list = "blank.txt"', "blank.txt"),
    ],
)
def test_query_that_chooses_nothing_never_passes(tmp_path: Path, query: str, reason: str) -> None:
    coco(tmp_path, weather=["rain"] * 5)
    write(tmp_path, {"gone.txt": "north_1.jpg\nnorth_9.jpg\n", "near.txt": "NORTH_1.JPG\n"})
    write(tmp_path, {"blank.txt": "\n  \n"})

    result = result_of(tmp_path, query)

    assert result.verdict == "not-evaluated"
    assert reason in result.message


def test_image_without_the_field_is_a_gap(tmp_path: Path) -> None:
    """It may belong to the probe, unless the query says what it means or something else decides."""
    coco(tmp_path, weather=["rain", None, "sun", "rain", None])

    unsure = result_of(tmp_path, "where = \"weather == 'rain'\"")
    decided = result_of(tmp_path, "where = \"weather == 'rain' and site == 'north'\"")
    text = result_of(tmp_path, "where = \"weather is not None and weather == 'rain'\"")

    assert (unsure.verdict, unsure.looked_at, unsure.to_look_at) == ("not-evaluated", 2, 4)
    assert "2 images lack a value that where = " in unsure.message
    assert (decided.verdict, decided.looked_at, decided.to_look_at) == ("not-evaluated", 1, 2)
    assert (text.verdict, text.to_look_at) == ("passed", 2)


def test_nan_where_a_table_had_no_value_is_a_gap(tmp_path: Path) -> None:
    nan = float("nan")
    coco(tmp_path, weather=["rain", nan, "sun", "rain", nan])

    result = result_of(tmp_path, "where = \"weather != 'sun'\"")

    assert (result.verdict, result.looked_at, result.to_look_at) == ("not-evaluated", 2, 4)
    assert "2 images lack a value that where = " in result.message


def yolo(folder: Path, labels: Mapping[str, str]) -> None:
    draw(folder / "images", *NAMES)
    write(folder / "labels", {"classes.txt": "helmet\n", **labels})


FILLED = {Path(NAMES[row]).stem + ".txt": "0 0.2 0.4 0.2 0.4\n" for row in FULL}


def test_image_without_a_label_file_is_not_empty(tmp_path: Path) -> None:
    yolo(tmp_path, {**FILLED, "north_2.txt": ""})

    unlabelled = result_of(tmp_path, "empty = true", split=YOLO)
    elsewhere = result_of(tmp_path, "empty = true\nwhere = \"site == 'north'\"", split=YOLO)
    background = result_of(tmp_path, "empty = true", split=YOLO + 'missing-labels = "background"\n')

    assert (unlabelled.verdict, unlabelled.looked_at, unlabelled.to_look_at) == (
        "not-evaluated", 1, 2
    )  # fmt: skip
    assert "1 image has no label file: south_3.jpg" in unlabelled.message
    assert (elsewhere.verdict, elsewhere.to_look_at) == ("passed", 1)
    assert (background.verdict, background.to_look_at) == ("passed", 2)


def test_coco_file_without_annotations_has_no_empty_image(tmp_path: Path) -> None:
    coco(tmp_path)
    content = json.loads((tmp_path / "val.json").read_text())
    del content["annotations"]
    (tmp_path / "val.json").write_text(json.dumps(content))

    result = result_of(tmp_path, "empty = true")

    assert result.verdict == "not-evaluated"
    assert "5 images have no labels" in result.message


def test_image_with_other_shapes_is_not_empty(tmp_path: Path) -> None:
    images = "".join(
        f'<image id="{row}" name="{name}" width="100" height="50">{shape}</image>'
        for row, (name, shape) in enumerate(
            zip(
                NAMES[:3],
                ('<points label="helmet" points="1,1"/>', "", '<box label="helmet" xtl="1" ytl="1" '
                 'xbr="9" ybr="9"/>'),
                strict=True,
            )
        )
    )  # fmt: skip
    (tmp_path / "cvat.xml").write_text(f"<annotations>{images}</annotations>")
    split = '[dataset.splits.val]\nannotations = "cvat.xml"\nimages = "images"\nformat = "cvat"\n'
    results_path = tmp_path / "found.json"
    results_path.write_text(
        json.dumps([{"image_id": NAMES[2], "category_id": "helmet", "bbox": [1, 1, 8, 8],
                     "score": 0.9}])
    )  # fmt: skip

    result = result_of(tmp_path, "empty = true", {"val": results_path}, split=split)

    assert (result.verdict, result.to_look_at) == ("passed", 1)


def test_id_of_two_images_is_refused(tmp_path: Path) -> None:
    """The boxes of one of them would be on the other, which would look empty."""
    coco(tmp_path)
    content = json.loads((tmp_path / "val.json").read_text())
    content["images"][4]["id"] = 1
    (tmp_path / "val.json").write_text(json.dumps(content))

    result = result_of(tmp_path, "empty = true")

    assert result.verdict == "not-evaluated"
    assert "image id 1 is used for several images of val" in result.message


def test_damage_elsewhere_in_the_split_is_no_gap(tmp_path: Path) -> None:
    coco(tmp_path)
    content = json.loads((tmp_path / "val.json").read_text())
    content["annotations"].append(
        {"id": 9, "image_id": 3, "category_id": 1, "bbox": [float("nan"), 1, 2, 3]}
    )
    (tmp_path / "val.json").write_text(json.dumps(content))

    assert result_of(tmp_path, "where = \"site == 'north'\"").verdict == "passed"
    content["annotations"][-1]["image_id"] = 1
    (tmp_path / "val.json").write_text(json.dumps(content))
    damaged = result_of(tmp_path, "where = \"site == 'north'\"")
    assert damaged.verdict == "not-evaluated"
    assert "1 box is not finite" in damaged.message


def test_probe_of_training_images_is_not_isolated(tmp_path: Path) -> None:
    coco(tmp_path)
    draw(tmp_path / "images", *NAMES)
    config = PATTERN + VAL + probe("empty = true") + '[rules.probe-isolation]\nfrom = "val"\n'

    (result,) = judged(tmp_path, config).values()

    assert result.verdict == "failed"
    assert measured(result)["exact"] == 2


def digests(folder: Path, query: str) -> str | None:
    (folder / "detgate.toml").write_text(PATTERN + VAL + probe(query) + RULES)
    return Project(load_configuration(folder / "detgate.toml"), folder).read("calm").sha256


def test_digest_is_that_of_the_part(tmp_path: Path) -> None:
    """A box that is added elsewhere in the split makes no other probe, one on its images does, and
    the order of the file means nothing."""
    query = "where = \"site == 'north'\""
    coco(tmp_path)
    before = digests(tmp_path, query)
    content = json.loads((tmp_path / "val.json").read_text())
    content["annotations"].append({"id": 9, "image_id": 3, "category_id": 1, "bbox": [1, 1, 2, 3]})
    content["images"].reverse()
    (tmp_path / "val.json").write_text(json.dumps(content))
    elsewhere = digests(tmp_path, query)
    content["annotations"][-1]["image_id"] = 1
    (tmp_path / "val.json").write_text(json.dumps(content))

    assert before is not None
    assert elsewhere == before
    assert digests(tmp_path, query) != before


@pytest.mark.parametrize(
    ("labels", "images"),
    [
        ('annotations = "labels"\nformat = "yolo"', 5),
        ('annotations = "labels"\nformat = "yolo"\nlist = "some.txt"', 2),
        ('annotations = "val.json"', 5),
        ('annotations = "val.json"\nlist = "some.txt"', 2),
        ("", 5),
        ('list = "some.txt"', 2),
    ],
)
def test_probe_with_images_of_its_own(tmp_path: Path, labels: str, images: int) -> None:
    coco(tmp_path)
    yolo(tmp_path, {**FILLED, "north_2.txt": "", "south_3.txt": ""})
    write(tmp_path, {"some.txt": "north_2.jpg\nsouth_1.jpg\n"})
    listed = NAMES if images == 5 else ("north_2.jpg", "south_1.jpg")
    files = {"val": results(tmp_path), "own": results(tmp_path, listed=listed, file="own.json")}
    config = VAL + f'[probes.own]\nimages = "images"\n{labels}\n' + RULES

    (result,) = judged(tmp_path, config, files).values()

    allowed = labels.startswith("annotations")
    assert result.verdict == "passed"
    assert result.to_look_at == images
    on_full = 0 if allowed else (3 if images == 5 else 1)
    assert measured(result)["boxes"] == images + on_full


def test_unlabelled_image_of_a_labelled_probe_is_a_gap(tmp_path: Path) -> None:
    coco(tmp_path)
    yolo(tmp_path, {**FILLED, "north_2.txt": ""})
    files = {"val": results(tmp_path), "own": results(tmp_path, file="own.json")}
    own = '[probes.own]\nimages = "images"\nannotations = "labels"\nformat = "yolo"\n'

    (unknown,) = judged(tmp_path, VAL + own + RULES, files).values()
    background = own + 'missing-labels = "background"\n'
    (known,) = judged(tmp_path, VAL + background + RULES, files).values()

    assert (unknown.verdict, known.verdict) == ("not-evaluated", "passed")


@pytest.mark.parametrize(
    ("table", "detections"),
    [
        ("", ["5: [probes.calm]: the key 'images' is missing"]),
        ('split = "vall"\nempty = true', ["6: [probes.calm] split: no split 'vall'; did you mean"]),
        ('split = "val"', ["6: [probes.calm] split: which images of val? Add empty = true"]),
        ('split = "val"\nwhere = "site = 3"', ["7: [probes.calm] where: 'site = 3' is not a cond"]),
        ('images = "p"\nempty = true', ["7: [probes.calm] empty: only applies to a part of a spl"]),
        ('images = "p"\nwhere = "a == 1"', ["7: [probes.calm] where: only applies to a part of a"]),
        (
            'split = "val"\nempty = true\nimages = "p"\nannotations = "a.json"\nformat = "voc"',
            [
                "8: [probes.calm] images: does not apply to a part of a split",
                "9: [probes.calm] annotations: does not apply",
                "10: [probes.calm] format: does not apply",
            ],
        ),
        ('images = "p"\nformat = "yolo"', ["7: [probes.calm] format: only applies with"]),
        (
            'images = "p"\nannotations = "a.json"\nmissing-labels = "background"',
            ["8: [probes.calm] missing-labels: only applies to format ="],
        ),
        (
            'images = "p"\nannotations = "a.json"\nallow-other-files = true',
            ["8: [probes.calm] allow-other-files: only applies without annotations"],
        ),
    ],
)  # fmt: skip
def test_mistakes_of_a_probe_are_named(tmp_path: Path, table: str, detections: list[str]) -> None:
    text = '[rules.box-bounds]\n[dataset.splits.val]\nannotations = "val.json"\nimages = "i"\n'

    entries = mistakes(tmp_path, f"{text}[probes.calm]\n{table}\n")

    assert len(entries) == len(detections)
    for entry, start in zip(entries, detections, strict=True):
        assert entry.startswith(start)


def test_mistake_ends_the_run_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a field nor a value"):
        result_of(tmp_path, "where = \"site + 'x' == 'northx'\"", {})
