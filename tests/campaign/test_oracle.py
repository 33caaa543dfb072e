"""The oracle is right where its answers are known, and owes the package nothing."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from scipy import stats

from tests.campaign.damage.structures import KINDS
from tests.campaign.label_files import image_files
from tests.campaign.label_writers import WRITERS, fitting
from tests.campaign.oracle import metrics
from tests.campaign.oracle.command_line import read_command
from tests.campaign.oracle.expected import expected_of
from tests.campaign.oracle.folders import leaves, names_below
from tests.campaign.oracle.label_readers import read_labels
from tests.campaign.oracle.labels import Annotation, Box
from tests.campaign.oracle.options import unknown_keys
from tests.campaign.oracle.reading import NotLookedAtError, json_of, key_of, name_of, near_key
from tests.campaign.oracle.result_rows import Detection
from tests.campaign.project import Case, Entry, Project
from tests.campaign.projects import projects
from tests.campaign.worlds import Labelled, Picture, World, worlds

_CHECKED = settings(
    max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def test_nothing_of_the_oracle_imports_the_package() -> None:
    for path in Path(__file__).with_name("oracle").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [name for name in names if name.startswith("pytest_detgate")], path


@_CHECKED
@given(worlds())
def test_every_format_holds_the_same_boxes(world: World) -> None:
    for name in WRITERS:
        write = WRITERS[fitting(name, world)]
        pictures = world.splits["val"]
        files, table = write("val", pictures, world.classes)
        prefix = "val/" if "list" in table else ""
        labels = read_labels(files | image_files("images/val", pictures), table)
        detections = {
            (
                labels.images[annotation.image].file_name,
                annotation.category,
                *map(round, annotation.box),
            )
            for annotation in labels.annotations
            if annotation.image is not None and annotation.box is not None
        }
        expected = {
            (prefix + picture.name, box.name, *map(round, box.box))
            for picture in pictures
            for box in picture.boxes
        }
        assert detections == expected, name
        assert len(labels.images) == len(pictures), name


@pytest.mark.parametrize(
    ("hidden", "visible"),
    [
        ('outside="1" xtl="?" rotation="9"', True),
        ('outside="2"', False),
        ('outside="0" xtl="?"', False),
    ],
)
def test_what_cvat_hides_is_not_read(hidden: str, visible: bool) -> None:
    """The object is on frame 0, and hidden at frame 10."""
    pictures = [
        Picture(f"a_{frame:03d}.png", "a", frame, "north", (64, 64), 0) for frame in (0, 10)
    ]
    pictures[0].boxes.append(Labelled("car", (1, 2, 30, 40)))
    files, table = WRITERS["cvat video"]("val", pictures, ["car"])
    ((path, entry),) = files.items()
    files[path] = {"text": re.sub(r'outside="1"( occluded="0" xtl="1")?', hidden, entry["text"])}
    files |= image_files("images/val", pictures)

    if visible:
        (read,) = read_labels(files, table).annotations
        assert (read.image, read.box) == (0, (1, 2, 30, 40))
    else:
        with pytest.raises(NotLookedAtError):
            read_labels(files, table)


@_CHECKED
@given(projects())
def test_a_sound_project_is_understood(project: Project) -> None:
    expected = expected_of(project)
    assert not expected.refused
    assert expected.items
    assert expected.selected == expected.items.keys()


def test_a_case_survives_being_stored() -> None:
    case = Case(Project({"a": {"text": "x"}}, ["-v"], lost=["y"]), "drop", "data", "z")
    assert Case.from_json(case.to_json()) == case
    assert len(KINDS) == 10


def test_overlap_is_shared_area_over_union() -> None:
    # Two squares of 10 shifted by 5 share 50 of 150.
    assert metrics.overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert metrics.overlap((0, 0, 10, 10), (5, 0, 10, 10), crowd=True) == pytest.approx(1 / 2)
    assert metrics.overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0
    assert metrics.overlap((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def _truth(*boxes: Box) -> list[Annotation]:
    return [Annotation(0, "a", box) for box in boxes]


def _detections(*rows: tuple[Box, float]) -> list[Detection]:
    return [Detection(0, "a", box, score) for box, score in rows]


def test_average_precision_by_hand() -> None:
    first, other, nothing = (0, 0, 10, 10), (50, 50, 10, 10), (20, 20, 10, 10)
    truth = _truth(first, other)
    # Both found, and nothing else: 1. The first alone: recall 0.5, which 51 of 101 points reach.
    assert metrics.average_precision([0], truth, _detections((first, 0.9), (other, 0.8))) == 1
    assert metrics.average_precision([0], truth, _detections((first, 0.9))) == pytest.approx(
        51 / 101
    )
    # A false box before the second: precision 1 up to 0.5, 2/3 after it.
    false = _detections((first, 0.9), (nothing, 0.8), (other, 0.7))
    assert metrics.average_precision([0], truth, false) == pytest.approx((51 + 50 * 2 / 3) / 101)
    # At IoU 0.5 a box shifted by 2 of 10 counts (80 / 120), at 0.75 it does not.
    shifted = _detections(((2, 0, 10, 10), 0.9))
    assert metrics.average_precision([0], _truth(first), shifted, (0.5,)) == 1
    assert metrics.average_precision([0], _truth(first), shifted, (0.75,)) == 0
    assert metrics.average_precision([0], [], shifted) is None


def test_a_detection_takes_one_box_and_a_box_one_detection() -> None:
    box = (0, 0, 10, 10)
    twice = _detections((box, 0.9), (box, 0.8))
    assert metrics.found_boxes(_truth(box), twice, 1, 0.3) == 1
    assert len(metrics.false_boxes(_truth(box), twice, 1, 0.3)) == 1
    assert len(metrics.false_boxes(_truth(box), twice, 1, 0.85)) == 0
    assert metrics.average_recall(_truth(box), twice, 1, 1) == 1


@pytest.mark.parametrize(("hits", "total"), [(0, 5), (5, 5), (3, 10), (1, 1)])
def test_exact_bounds_are_those_of_scipy(hits: int, total: int) -> None:
    interval = stats.binomtest(hits, total).proportion_ci(0.9, "exact")
    assert metrics.binomial_lower(hits, total, 0.95) == pytest.approx(interval.low, abs=1e-9)
    assert metrics.binomial_upper(hits, total, 0.95) == pytest.approx(interval.high, abs=1e-9)
    upper = stats.chi2.ppf(0.95, 2 * (hits + 1)) / 2
    assert metrics.poisson_upper(hits, 0.95) == pytest.approx(upper, abs=1e-9)


def test_ids_are_equal_as_numbers_and_as_text_after_nfc() -> None:
    assert key_of(5) == key_of(5.0) == key_of("5") == key_of("5.0")
    assert key_of("e\u0301") == key_of("\u00e9")
    assert key_of("05") != key_of(5)
    assert near_key(key_of(" Yard ")) == near_key(key_of("yard"))
    assert name_of("./a\\b.jpg") == name_of("a/b.jpg")
    nothing: tuple[object, ...] = (True, None, [], math.nan)
    for value in nothing:
        with pytest.raises(NotLookedAtError):
            key_of(value)


def test_links_to_folders_are_followed_and_links_out_leave() -> None:
    files: dict[str, Entry] = {
        "images": {"link": "store/images"},
        "store/images/a.jpg": {"text": ""},
        "store/images/b.jpg": {"link": "../c.jpg"},
        "store/c.jpg": {"text": ""},
        "ring": {"link": "ring"},
    }
    assert names_below(files, "./images/") == ["a.jpg", "b.jpg"]
    assert not leaves(files, "images", "images/a.jpg")
    assert leaves(files, "images", "images/b.jpg")
    assert names_below(files, "ring") == []


def test_a_key_that_occurs_twice_is_no_json() -> None:
    assert json_of(b'\xef\xbb\xbf{"a": 1}', "x") == {"a": 1}
    with pytest.raises(NotLookedAtError):
        json_of(b'{"a": 1, "a": 2}', "x")


def test_unknown_keys_are_named() -> None:
    config = {
        "dataset": {"splits": {"val": {"annotations": "a", "image": "b"}}},
        "rules": {"mean-ap": {"mim": 1}, "mean-app": {}},
    }
    assert unknown_keys(config) == [
        "detgate.toml.dataset.splits.val.image",
        "detgate.toml.dataset.splits.val lacks images",
        "rules.mean-ap.mim",
        "rules.mean-app",
    ]


def test_the_command_line_is_read() -> None:
    command = read_command(
        ["detgate.toml", "--detgate-predictions=val=a=b.json", "-k", "not recall", "-x"]
    )
    assert command.predictions == {"val": ["a=b.json"]}
    assert command.selects("mean-ap", "model")
    assert not command.selects("recall[a]", "model")
    assert read_command(["-m", "detgate_data"]).selects("box-format[val]", "data")
    assert not read_command(["-m", "detgate_data"]).selects("training-seed", "training")
    assert command.stops_early
    with pytest.raises(NotLookedAtError):
        read_command(["--detgate-nothing"])
