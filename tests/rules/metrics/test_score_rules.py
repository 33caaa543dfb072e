"""Rules on the figures of the evaluated split, on frames worked out by hand.

Ten frames hold one box each and the detector finds the first five, with no other box. COCO reads
precision at recall 0, 0.01 … 1: with m of 10 found it is 1 at 10 m + 1 of the 101 points, so AP is
51/101. A bootstrap draws m from the binomial distribution of 10 and ½, whose 10% and 90%
quantiles are 3 and 7: its bounds of AP are 31/101 and 70/101 (of 7 the last point is missed:
pycocotools has 0.7000000000000001 for it), those of recall 0.3 and 0.7. The exact bounds of 5 of
10, which SciPy gives, are wider, so they count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from pytest_detgate.dataset.clips.frames import whole_number
from pytest_detgate.errors import ConfigError
from pytest_detgate.findings import Interval
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
DETECTION = ("worker", 0.9, 10.0, 10.0, 40.0, 40.0)
TEN = {f"site{number}_1.jpg": [BOX] for number in range(10)}
FIVE = {name: [DETECTION] for name in list(TEN)[:5]}

# pycocotools divides by the number of detections and a little more.
ABOUT_ONE = pytest.approx(1, abs=1e-12)

Evaluate = Callable[..., dict[str, RuleResult]]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """A function from rules, images and detections to the results of the items."""

    def run(
        rules: str,
        images: Mapping[str, Sequence[Any]] = TEN,
        rows: Mapping[str, Sequence[Any]] = FIVE,
        classes: Sequence[str] = ("worker",),
        fields: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, RuleResult]:
        content = coco_content(images, classes)
        for image in content["images"]:
            image.update((fields or {}).get(image["file_name"], {}))
        write_json(tmp_path / "val.json", content)
        detections = write_json(tmp_path / "found.json", result_content(images, rows, classes))
        config = split_tables(val="images") + rules
        return judged(tmp_path, config, {"val": detections})

    return run


def interval(result: RuleResult) -> Interval:
    """The interval of the first measurement."""
    measurements = result.measurements[0].interval
    assert measurements is not None
    return measurements


SCORING = "[scoring]\nconfidence = 0.9\n"


EXACT = stats.binomtest(5, 10).proportion_ci(0.8, method="exact")
LOW, HIGH = EXACT.low, EXACT.high
"""Both one-sided bounds at 90% of a share of which 5 of 10 were seen."""


@pytest.mark.parametrize("rule", ["mean-ap", "class-ap", "slice-ap", "size-ap"])
def test_bounds_of_ap_by_hand(evaluate: Evaluate, rule: str) -> None:
    options = {"slice-ap": 'min = 0.5\nby = "height"', "size-ap": "medium = 0.5"}
    table = f"{SCORING}[rules.{rule}]\n{options.get(rule, 'min = 0.5')}\n"
    (point,) = evaluate(table).values()
    (lower,) = evaluate(table + 'bound = "lower"').values()

    assert (point.verdict, lower.verdict) == ("passed", "failed")
    assert measured(point)["ap"] == pytest.approx(51 / 101)
    # The upper bound is that of 51/101 of 10, by the beta distribution.
    high = stats.beta.ppf(0.9, 510 / 101 + 1, 500 / 101)
    assert LOW < 31 / 101
    assert high > 70 / 101
    for result in (point, lower):
        assert interval(result).low == pytest.approx(LOW)
        assert interval(result).high == pytest.approx(high)
        assert interval(result).method == (
            "bootstrap over 10 independent images, one more unlike them, 1000 replicates, seed 0"
        )
    assert lower.measurements[0].bound == "lower"
    assert lower.measurements[0].value == point.measurements[0].value
    assert f"90% bounds {LOW:.3f} and {high:.3f}" in lower.message


def test_bounds_of_recall_by_hand(evaluate: Evaluate) -> None:
    table = f"{SCORING}[rules.recall]\nmin = 0.5\n"
    (point,) = evaluate(table).values()
    (lower,) = evaluate(table + 'bound = "lower"').values()

    assert (point.verdict, lower.verdict) == ("passed", "failed")
    assert measured(point) == {"recall": 0.5, "found": 5, "boxes": 10}
    assert (interval(lower).low, interval(lower).high) == pytest.approx((LOW, HIGH))
    assert finding_lines(lower) == [
        f"site{number}_1.jpg: worker not found" for number in range(5, 10)
    ]


FIVE_RULES = {
    "recall": "min = {}",
    "class-ap": "min = {}",
    "mean-ap": "min = {}",
    "size-ap": "medium = {}",
    "slice-ap": 'by = "width"\nmin = {}',
}


@pytest.mark.parametrize("rule", FIVE_RULES)
@pytest.mark.parametrize("clips", [False, True], ids=["by image", "by clip"])
def test_all_of_five_proves_no_more_than_the_exact_bound(
    evaluate: Evaluate, rule: str, clips: bool
) -> None:
    """0.05^(1/5) = 0.5493, also where each of five clips has four frames that are all alike."""
    frames = range(4 if clips else 1)
    images = {f"site{number}_{frame}.jpg": [BOX] for number in range(5) for frame in frames}
    detections = {name: [DETECTION] for name in images}
    pattern = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'\n"
    verdicts = []
    for floor in (0.549, 0.55):
        table = f'[rules.{rule}]\n{FIVE_RULES[rule].format(floor)}\nbound = "lower"\n'
        (result,) = evaluate((pattern if clips else "") + table, images, detections).values()
        assert interval(result).low == pytest.approx(0.5493, abs=5e-5)
        verdicts.append(result.verdict)

    assert verdicts == ["passed", "failed"]


@pytest.mark.parametrize("rule", FIVE_RULES)
def test_a_bound_that_is_held_needs_200_draws(evaluate: Evaluate, rule: str) -> None:
    """One draw may lie anywhere, also above the value."""
    table = f'[rules.{rule}]\n{FIVE_RULES[rule].format(0.5)}\nbound = "lower"\nreplicates = '

    for draws in (0, 1, 199):
        with pytest.raises(ConfigError, match=f"needs at least 200 replicates, and .* {draws}$"):
            evaluate(f"{table}{draws}")
    evaluate(f"{table}200")


@pytest.mark.parametrize(("confidence", "draws"), [(0.95, 200), (0.99, 1000), (0.999, 10_000)])
def test_ten_draws_must_lie_beyond_a_bound(
    evaluate: Evaluate, confidence: float, draws: int
) -> None:
    """Of 1,000 draws one is beyond the bound at 99.9%: no such bound is a bound at 99.9%."""
    table = (
        f'[rules.class-ap]\nmin = 0.5\nbound = "lower"\nconfidence = {confidence}\nreplicates = '
    )

    with pytest.raises(ConfigError, match=f"needs at least {draws:,} replicates"):
        evaluate(f"{table}{draws - 1}")
    evaluate(f"{table}{draws}")


def test_exact_bound_needs_no_draws_for_its_confidence(evaluate: Evaluate) -> None:
    table = '[rules.recall]\nmin = 0.1\nbound = "lower"\nconfidence = 0.999999\nreplicates = 200'
    (result,) = evaluate(table).values()

    assert interval(result).confidence == 0.999999
    assert 0 < interval(result).low < 0.1
    assert result.verdict == "failed"


def test_error_that_cannot_be_computed_is_refused(evaluate: Evaluate) -> None:
    evidence = "[evidence]\nlooks = 30\nadaptive = true\n"
    table = '[rules.recall]\nmin = 0.1\nbound = "lower"\nconfidence = '

    with pytest.raises(ConfigError, match="leave each model an error of less than 1e-15"):
        evaluate(f"{evidence}{table}0.999999999999")
    evaluate(f"{evidence}{table}0.95")


@pytest.mark.parametrize("seed", range(5))
def test_one_draw_is_shown_on_the_right_side_of_the_value(evaluate: Evaluate, seed: int) -> None:
    table = f"[scoring]\nreplicates = 1\nseed = {seed}\n[rules.recall]\nmin = 0.1"
    (result,) = evaluate(table).values()

    assert interval(result).low < 0.5 < interval(result).high


def test_clips_are_drawn_where_there_are_clips(evaluate: Evaluate) -> None:
    """Ten clips of three equal frames say no more than ten frames."""
    images = {f"site{number}_{frame}.jpg": [BOX] for number in range(10) for frame in range(3)}
    detections = {name: [DETECTION] for name in list(images)[:15]}
    pattern = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'\n"
    rule = f"{SCORING}[rules.mean-ap]\nmin = 0.1"
    (by_clip,) = evaluate(pattern + rule, images, detections).values()
    (by_image,) = evaluate(rule, images, detections).values()

    assert interval(by_clip).method.startswith("bootstrap over 10 clips")
    assert interval(by_clip).low == pytest.approx(LOW)
    assert interval(by_image).method.startswith("bootstrap over 30 independent images")
    exact = stats.binomtest(15, 30).proportion_ci(0.8, method="exact")
    assert exact.low - 0.001 < interval(by_image).low <= exact.low
    assert exact.low > LOW


def test_an_image_field_tells_the_clips(evaluate: Evaluate) -> None:
    fields = {name: {"video": number // 2} for number, name in enumerate(TEN)}
    config = '[scoring]\nclip-field = "video"\n[rules.mean-ap]\nmin = 0.1'
    (result,) = evaluate(config, fields=fields).values()

    assert interval(result).method.startswith("bootstrap over 5 clips")


def test_rule_has_its_own_confidence_replicates_and_seed(evaluate: Evaluate) -> None:
    table = "[rules.mean-ap]\nmin = 0.1\nconfidence = 0.99\nreplicates = 200\nseed = 7"
    (result,) = evaluate(table).values()

    assert interval(result).confidence == 0.99
    assert "200 replicates, seed 7" in interval(result).method


def test_without_replicates_there_are_no_bounds(evaluate: Evaluate) -> None:
    (result,) = evaluate("[scoring]\nreplicates = 0\n[rules.mean-ap]\nmin = 0.1").values()

    assert result.verdict == "passed"
    assert result.measurements[0].interval is None


def test_too_few_units_have_no_bounds(
    evaluate: Evaluate,
) -> None:
    """Too few units have no bounds and a lower bound is too little evidence."""
    four = {name: [BOX] for name in list(TEN)[:4]}
    detections = {name: [DETECTION] for name in four}
    table = "[rules.mean-ap]\nmin = 0.5\n"
    (point,) = evaluate(table, four, detections).values()
    (lower,) = evaluate(table + 'bound = "lower"', four, detections).values()
    (warned,) = evaluate(table + 'bound = "lower"\ntoo-little = "warn"', four, detections).values()

    assert (point.verdict, point.measurements[0].interval) == ("passed", None)
    assert lower.verdict == "not-evaluated"
    assert lower.message.startswith("too little evidence: no bounds from 4 images")
    assert warned.verdict == "warned"
    assert warned.message == lower.message


@pytest.mark.parametrize(
    ("rule", "item", "what"),
    [
        ("class-ap]\nmin = 0.1\nmin-boxes = 11", "class-ap[worker]", "has 10 boxes, and min-boxes"),
        ("class-ap]\nmin = 0.1\nmin-images = 11", "class-ap[worker]", "has 10 images"),
        ("recall]\nmin = 0.1\nmin-boxes = 11", "recall[worker]", "has 10 boxes"),
        ("mean-ap]\nmin = 0.1\nmin-images = 11", "mean-ap", "val has 10 images"),
        ("size-ap]\nmedium = 0.1\nmin-boxes = 11", "size-ap[medium]", "has 10 boxes"),
        ('slice-ap]\nby = "width"\nmin = 0.1\nmin-images = 11', "slice-ap[width=100]", "10 images"),
    ],
)
def test_less_support_than_asked_is_its_own_answer(
    evaluate: Evaluate, rule: str, item: str, what: str
) -> None:
    result = evaluate(f"[rules.{rule}")[item]

    assert result.verdict == "not-evaluated"
    assert result.message.startswith("too little evidence: ")
    assert what in result.message


def test_class_without_ground_truth_is_not_evaluated(evaluate: Evaluate) -> None:
    config = "[rules.class-ap]\nmin = 0.1\n[rules.recall]\nmin = 0.1"
    result = evaluate(config, classes=("worker", "forklift"))

    for item in ("class-ap[forklift]", "recall[forklift]"):
        assert result[item].verdict == "not-evaluated"
        assert "'forklift' has no ground truth in val" in result[item].message
    assert result["class-ap[worker]"].verdict == "passed"


def test_no_detections_at_all_is_not_evaluated(evaluate: Evaluate) -> None:
    config = (
        "[rules.class-ap]\nmin = 0.1\n[rules.recall]\nmin = 0.1\n[rules.mean-ap]\nmin = 0.1\n"
        '[rules.size-ap]\nmedium = 0.1\n[rules.slice-ap]\nby = "width"\nmin = 0.1'
    )
    actual = evaluate(config, rows={})

    assert len(actual) == 5
    for result in actual.values():
        assert result.verdict == "not-evaluated"
        assert "the detector finds nothing, at any score, on the" in result.message


def test_size_without_boxes_is_not_evaluated(evaluate: Evaluate) -> None:
    (result,) = evaluate("[rules.size-ap]\nlarge = 0.1").values()

    assert result.verdict == "not-evaluated"
    assert "val has no large boxes" in result.message


def test_sizes_are_told_by_area(evaluate: Evaluate) -> None:
    """Small boxes 20², medium 40², large 97²; only the medium one is found."""
    images = {
        "a_1.jpg": [("worker", 0, 0, 20, 20), ("worker", 30, 30, 40, 40)],
        "b_1.jpg": [("worker", 0, 0, 97, 97)],
    }
    detections = {"a_1.jpg": [("worker", 0.9, 30, 30, 40, 40)]}
    config = "[rules.size-ap]\nsmall = 0.5\nmedium = 0.5\nlarge = 0.5"
    answers = evaluate(config, images, detections)

    verdicts = {item: (result.verdict, measured(result)) for item, result in answers.items()}
    assert verdicts == {
        "size-ap[small]": ("failed", {"ap": 0.0, "boxes": 1}),
        "size-ap[medium]": ("passed", {"ap": ABOUT_ONE, "boxes": 1}),
        "size-ap[large]": ("failed", {"ap": 0.0, "boxes": 1}),
    }


SITES = "[dataset]\nframe-pattern = '(?P<clip>(?P<site>[a-z]+)\\d)_(?P<frame>\\d+)\\.jpg$'\n"


def test_slices_by_site_clip_field_and_expression(evaluate: Evaluate) -> None:
    images = {"north1_1.jpg": [BOX], "north2_7.jpg": [BOX], "south1_1.jpg": [BOX], "odd.jpg": []}
    detections = {"north1_1.jpg": [DETECTION], "south1_1.jpg": [DETECTION]}
    fields = {
        "north1_1.jpg": {"hour": 3},
        "north2_7.jpg": {"hour": 12},
        "south1_1.jpg": {"hour": 13},
    }

    def slices(by: str) -> dict[str, tuple[object, object]]:
        answers = evaluate(
            f"{SITES}[rules.slice-ap]\nmin = 0.9\nmax-unsliced = 1\nby = {by}",
            images,
            detections,
            fields=fields,
        )
        return {
            item: (measured(result)["ap"], measured(result)["images"])
            for item, result in answers.items()
        }

    half = 51 / 101  # one of two boxes found, and no false one
    assert slices('"site"') == {
        "slice-ap[site=north]": (pytest.approx(half), 2),
        "slice-ap[site=south]": (ABOUT_ONE, 1),
    }
    assert slices('"clip"') == {
        "slice-ap[clip=north1]": (ABOUT_ONE, 1),
        "slice-ap[clip=north2]": (0, 1),
        "slice-ap[clip=south1]": (ABOUT_ONE, 1),
    }
    assert slices('"hour"') == {
        "slice-ap[hour=3]": (ABOUT_ONE, 1),
        "slice-ap[hour=12]": (0, 1),
        "slice-ap[hour=13]": (ABOUT_ONE, 1),
    }
    by = "'night' if hour < 6 else 'day'"
    assert slices(f'"{by}"') == {
        f"slice-ap[{by}=day]": (pytest.approx(half), 2),
        f"slice-ap[{by}=night]": (ABOUT_ONE, 1),
    }
    assert slices('"frame > 5 and hour > 6"') == {
        "slice-ap[frame > 5 and hour > 6=false]": (ABOUT_ONE, 2),
        "slice-ap[frame > 5 and hour > 6=true]": (0, 1),
    }


@pytest.mark.parametrize(
    ("option", "verdict"),
    [
        ("", "not-evaluated"),
        ("\nmax-unsliced = 8", "not-evaluated"),
        ("\nmax-unsliced = 9", "passed"),
    ],
)
def test_images_outside_of_every_slice_are_counted(
    evaluate: Evaluate, option: str, verdict: str
) -> None:
    fields = {"site0_1.jpg": {"hour": 1}}
    rule = f'[rules.slice-ap]\nmin = 0.9\nby = "hour"{option}'
    (result,) = evaluate(rule, fields=fields).values()

    assert measured(result) == {"ap": ABOUT_ONE, "images": 1, "boxes": 1, "unsliced": 9}
    assert result.verdict == verdict
    assert (result.looked_at, result.to_look_at, result.look_unit) == (1, 10, "images")
    if not option:
        assert result.message.startswith(
            "9 of 10 images of val were not looked at (9 images without a value of by = 'hour'; "
            "max-unsliced = 0)"
        )


def test_values_that_print_alike_are_slices_of_their_own(evaluate: Evaluate) -> None:
    """Each of five frames has another value; the detector finds nothing on the last two."""
    values = [7, "7", 0.1 + 0.2, 0.3, True]
    fields = {f"site{n}_1.jpg": {"of": values[n]} for n in range(5)}
    images = {name: [BOX] for name in fields}
    detections = {name: [DETECTION] for name in list(images)[:3]}
    items = evaluate('[rules.slice-ap]\nmin = 0.9\nby = "of"', images, detections, fields=fields)

    assert {
        item: (result.verdict, measured(result)["images"]) for item, result in items.items()
    } == {
        "slice-ap[of=0.3]": ("failed", 1),
        "slice-ap[of=0.30000000000000004]": ("passed", 1),
        "slice-ap[of=true]": ("failed", 1),
        "slice-ap[of=7]": ("passed", 1),
        "slice-ap[of='7']": ("passed", 1),
    }


def test_equal_values_are_one_slice(evaluate: Evaluate) -> None:
    """5 and 5.0 are one number; a composed and a decomposed letter are one text."""
    numbers = {f"site{n}_1.jpg": {"of": value} for n, value in enumerate([5, 5.0])}
    texts = {f"site{n}_1.jpg": {"of": value} for n, value in enumerate(["caf\u00e9", "cafe\u0301"])}
    images = {name: [BOX] for name in numbers}
    for fields, item in ((numbers, "slice-ap[of=5]"), (texts, "slice-ap[of=caf\u00e9]")):
        detections = {name: [DETECTION] for name in images}
        items = evaluate(
            '[rules.slice-ap]\nmin = 0.9\nby = "of"', images, detections, fields=fields
        )

        assert list(items) == [item]
        assert measured(items[item])["images"] == 2


@pytest.mark.parametrize("frame", ["\u00b2", "7" * 200], ids=["superscript", "200 digits"])
def test_a_frame_that_is_no_number_is_in_no_slice(evaluate: Evaluate, frame: str) -> None:
    pattern = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\w+)\\.jpg$'\n"
    images = {"a_1.jpg": [BOX], f"a_{frame}.jpg": [BOX]}
    detections = {name: [DETECTION] for name in images}
    items = evaluate(f'{pattern}[rules.slice-ap]\nmin = 0.9\nby = "frame"', images, detections)

    assert list(items) == ["slice-ap[frame=1]"]
    result = items["slice-ap[frame=1]"]
    assert (result.verdict, result.looked_at, result.to_look_at) == ("not-evaluated", 1, 2)


def test_a_frame_of_five_thousand_digits_is_no_number() -> None:
    """No file has such a name, but an annotation file may list one."""
    assert whole_number("7" * 5000) is None
    assert whole_number("7" * 18) == int("7" * 18)


def test_no_image_in_any_slice_is_not_evaluated(evaluate: Evaluate) -> None:
    pattern = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\D+)\\.jpg$'\n"
    (result,) = evaluate(f'{pattern}[rules.slice-ap]\nmin = 0.9\nby = "frame"').values()

    assert (result.id, result.verdict) == ("slice-ap", "not-evaluated")
    assert (result.looked_at, result.to_look_at) == (0, 10)


def test_slice_without_ground_truth_is_too_little_evidence(evaluate: Evaluate) -> None:
    images = {**TEN, "empty_1.jpg": []}
    by = "\"'empty' in file_name\""
    result = evaluate(f"[rules.slice-ap]\nmin = 0.5\nby = {by}", images)

    empty = result["slice-ap['empty' in file_name=true]"]
    assert empty.verdict == "not-evaluated"
    assert empty.message.startswith("too little evidence: ")
    assert "has 0 boxes, and min-boxes asks for 1" in empty.message


@pytest.mark.parametrize(
    ("by", "what"),
    [
        ("hour", "no image of val has the field 'hour' (there is: file_name, width"),
        ("file_name + 1", "'file_name + 1' cannot be evaluated"),
        ("width / (height - height)", "division by zero"),
        ("__import__('os').system('true') or width", "no image of val has the field '__import__'"),
        ("width.__class__", "cannot be evaluated"),
        ("(lambda: width)()", "cannot be evaluated"),
        ("[width]", "cannot be evaluated"),
        ("width[0]", "cannot be evaluated"),
        ("file_name[width]", "cannot be evaluated"),
        ("2 ** (10 ** 9) + width", "cannot be evaluated"),
        ("width / width - 1 or 10 ** 30", "has a value of more than 18 digits"),
        ("3", "'3' names no field of the images"),
    ],
)
def test_slices_that_cannot_be_told_are_not_evaluated(
    evaluate: Evaluate, by: str, what: str
) -> None:
    (result,) = evaluate(f'[rules.slice-ap]\nmin = 0.5\nby = "{by}"').values()

    assert (result.id, result.verdict) == ("slice-ap", "not-evaluated")
    assert what in result.message


def test_too_many_slices_are_refused(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_detgate.dataset.slices.MOST_SLICES", 9)
    (result,) = evaluate('[rules.slice-ap]\nmin = 0.5\nby = "file_name"').values()

    assert "makes 10 slices, over 9" in result.message


def test_boxes_of_absent_classes_are_counted(evaluate: Evaluate) -> None:
    detections = {
        **FIVE,
        "site9_1.jpg": [
            ("forklift", 0.9, 0, 0, 9, 9),
            ("forklift", 0.31, 20, 0, 9, 9),
            ("forklift", 0.3, 40, 0, 9, 9),
            ("crane", 0.5, 60, 0, 9, 9),
        ],
    }
    classes = ("worker", "forklift", "crane", "dog")
    config = "[rules.absent-class-boxes]\nmax = 2"
    (result,) = evaluate(config, rows=detections, classes=classes).values()

    assert (result.id, result.verdict) == ("absent-class-boxes[val]", "failed")
    assert measured(result) == {"boxes": 3, "boxes[forklift]": 2, "boxes[crane]": 1}
    assert finding_lines(result)[0] == "site9_1.jpg: forklift 0.90"
    assert "3 classes that val does not contain (forklift, crane, dog)" in result.message


def test_recall_takes_its_own_threshold(evaluate: Evaluate) -> None:
    (result,) = evaluate("[rules.recall]\nmin = 0.1\nscore-threshold = 0.9").values()

    assert (result.verdict, measured(result)["recall"]) == ("failed", 0)


def test_one_to_one_two_detections_find_one_box(evaluate: Evaluate) -> None:
    images = {"a_1.jpg": [BOX, ("worker", 12, 12, 40, 40)]}
    detections = {
        "a_1.jpg": [DETECTION, ("worker", 0.8, 10, 10, 40, 40), ("worker", 0.7, 10, 10, 40, 40)]
    }
    (first,) = evaluate(
        "[rules.recall]\nmin = 0.1\nscore-threshold = 0.85", images, detections
    ).values()
    (both,) = evaluate("[rules.recall]\nmin = 0.1", images, detections).values()

    assert measured(first) == {"recall": 0.5, "found": 1, "boxes": 2}
    assert measured(both) == {"recall": 1.0, "found": 2, "boxes": 2}


def test_percentile_bounds_are_shown_and_never_held(evaluate: Evaluate) -> None:
    """Of the draws of 5 found in 10 the 10 % and 90 % quantiles are 3 and 7."""
    scoring = '[scoring]\nconfidence = 0.9\ninterval = "percentile"\n'
    (result,) = evaluate(f"{scoring}[rules.recall]\nmin = 0.1").values()
    (mean,) = evaluate(f"{scoring}[rules.mean-ap]\nmin = 0.1").values()

    method = "percentile bootstrap over 10 independent images, 1000 replicates, seed 0"
    assert interval(result).method == interval(mean).method == method
    assert (interval(result).low, interval(result).high) == pytest.approx((0.3, 0.7))
    assert interval(mean).low == pytest.approx(31 / 101)
    for rule in ("recall", "mean-ap"):
        with pytest.raises(
            ConfigError, match=r'bound = "lower" needs \[scoring\] interval = "auto"'
        ):
            evaluate(f'{scoring}[rules.{rule}]\nmin = 0.1\nbound = "lower"')


def test_recall_of_clips_that_are_all_perfect(evaluate: Evaluate) -> None:
    """0.05^(1/5), with four boxes on each of five clips."""
    images = {f"site{number}_{frame}.jpg": [BOX] for number in range(5) for frame in range(4)}
    pattern = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$'\n"
    table = f'{pattern}[rules.recall]\nmin = 0.55\nbound = "lower"'
    (result,) = evaluate(table, images, {name: [DETECTION] for name in images}).values()

    assert interval(result).low == pytest.approx(0.05**0.2)
    assert interval(result).method == "exact over 5 clips, one more unlike them"
    assert result.verdict == "failed"
    assert "independent" not in result.message
