"""The rule `stability` on written detections: shares, bounds by clips, unlabelled folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.errors import ConfigError
from pytest_detgate.image_changes.change import ImageChange
from pytest_detgate.image_changes.small import Blur, Brightness, Flip, Jpeg, Scale, Shift
from pytest_detgate.inputs.detections.sources import ResultFiles
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content, draw_image, result_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

RULE = "[rules.stability]\nmax = 0.1\n"
BOX_XYWH = (30.0, 30.0, 30.0, 30.0)
PATTERN = r"""
[dataset]
frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\d+)\.jpg$'
"""
Survives = Callable[[str, ImageChange], bool]


class Changed(ResultFiles):
    """A detector that finds one object on each image, and on changed ones where it `survives`."""

    def __init__(self, files: Mapping[str, Path], project: Project, survives: Survives) -> None:
        super().__init__(files, project)
        self._survives = survives
        self.rows: dict[str, set[int]] = {}

    def changed(
        self, dataset: Dataset, rows: NDArray[np.int64], change: ImageChange
    ) -> DetectionTable:
        self.rows.setdefault(dataset.name, set()).update(rows.tolist())
        names = dataset.images.file_name
        remaining = [row for row in rows.tolist() if self._survives(str(names[row]), change)]
        return DetectionTable(
            classes=("helmet_off",),
            image=np.array(remaining, dtype=np.int64),
            category=np.zeros(len(remaining), dtype=np.int64),
            xywh=np.array([BOX_XYWH] * len(remaining)).reshape(-1, 4),
            score=np.full(len(remaining), 0.8),
        )


Gate = Callable[..., tuple[dict[str, RuleResult], Changed]]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A function that evaluates rules on a split of clips of four frames and an unlabelled folder
    of three images."""

    def evaluate(
        rules: str, survives: Survives = lambda name, change: True, clips: int = 6
    ) -> tuple[dict[str, RuleResult], Changed]:
        truth = {
            f"c{clip}_{frame}.jpg": [("helmet_off", *BOX_XYWH)]
            for clip in range(clips)
            for frame in range(4)
        }
        pool = {f"p_{frame}.jpg": [("helmet_off", *BOX_XYWH)] for frame in range(3)}
        for folder, names in (("images", truth), ("pool", pool)):
            (tmp_path / folder).mkdir(exist_ok=True)
            for name in names:
                draw_image(name).save(tmp_path / folder / name)
        write_json(tmp_path / "val.json", coco_content(truth))

        def write_detections(name: str, images: Mapping[str, object]) -> Path:
            boxes = {image: [("helmet_off", 0.9, *BOX_XYWH)] for image in images}
            content = result_content(truth if name == "val" else pool, boxes)
            return write_json(tmp_path / f"{name}-found.json", content)

        files = {"val": write_detections("val", truth), "monday": write_detections("monday", pool)}
        sources: list[Changed] = []

        def source(project: Project) -> Changed:
            sources.append(Changed(files, project, survives))
            return sources[0]

        config = PATTERN + split_tables(val="images")
        config += '[probes.monday]\nimages = "pool"\nunlabelled = true\n'
        return judged(tmp_path, config + rules, source), sources[0]

    return evaluate


def test_each_change_is_done_as_its_options_say(gate: Gate) -> None:
    done: set[ImageChange] = set()

    def survives(name: str, change: ImageChange) -> bool:
        done.add(change)
        return True

    results, _ = gate(
        """
        [rules.stability]
        max = 0.01
        changes = ["shift", "scale", "flip", "jpeg", "brightness", "blur"]
        shift-pixels = 3
        scale-by = 0.25
        jpeg-quality = 40
        brightness-by = 0.5
        blur-sigma = 2.0
        """,
        survives,
    )

    assert {result.verdict for result in results.values()} == {"passed"}
    assert done == {
        *(Shift(3, 3), Shift(-3, -3), Scale(1.25), Scale(0.75), Flip(), Jpeg(40)),
        *(Brightness(0.5), Brightness(-0.5), Blur(2.0)),
    }


def test_the_split_and_the_unlabelled_folder_are_looked_at(gate: Gate) -> None:
    """A shift is done in two ways: of 27 objects, twice, one is lost once. A flip is done in one
    way."""
    results, source = gate(
        '[rules.stability]\nmax = 0.01\nchanges = ["shift", "flip"]\n',
        lambda name, change: (
            not (name == "p_1.jpg" and isinstance(change, Shift) and change.dx > 0)
        ),
    )
    shift, flip = results["stability[shift]"], results["stability[flip]"]

    assert (shift.verdict, flip.verdict) == ("failed", "passed")
    assert measured(shift)["share"] == pytest.approx(1 / 54)
    assert measured(shift)["appeared_share"] == 0
    assert measured(shift)["images"] == 27
    assert measured(flip)["detections"] == 27
    assert finding_lines(shift) == [
        "p_1.jpg: helmet_off 0.90 lost where the image is shifted by +4 px and +4 px"
    ]
    assert source.rows == {"val": set(range(24)), "monday": {0, 1, 2}}
    rows = shift.tables["By change"].rows
    assert [row[3] for row in rows] == [0, 0, 1, 0]


def test_a_change_may_have_its_own_limit(gate: Gate) -> None:
    rule = (
        '[rules.stability]\nmax = 0\nmax-by-change = { flip = 0.5 }\nchanges = ["jpeg", "flip"]\n'
    )
    results, _ = gate(rule, lambda name, change: not name.startswith("c0_"))

    assert results["stability[jpeg]"].verdict == "failed"
    assert results["stability[flip]"].verdict == "passed"


def test_bounds_are_those_of_clips(gate: Gate) -> None:
    """All is lost on one of six clips: frames of a clip are no independent images, so the bound is
    above that of 4 of 24 images, and needs five clips."""
    rule = '[rules.stability]\nmax = 0.9\non = ["val"]\nchanges = ["flip"]\nbound = "upper"\n'
    results, _ = gate(rule, lambda name, change: not name.startswith("c0_"))
    few, _ = gate(rule, clips=4)

    (share,) = (
        measurement
        for measurement in results["stability[flip]"].measurements
        if measurement.name == "share"
    )
    assert share.value == pytest.approx(4 / 24)
    assert share.interval is not None
    # Clopper and Pearson's upper bound of 4 of 24 at 95%, by its F quantile.
    assert share.interval.high > 0.3419
    assert few["stability[flip]"].verdict == "not-evaluated"
    assert "at least 5 are needed" in few["stability[flip]"].message


def test_a_sample_is_spread_over_the_images(gate: Gate) -> None:
    results, source = gate('[rules.stability]\nmax = 0.1\nimages = 6\nchanges = ["flip"]\n')

    assert source.rows["val"] == {0, 4, 8, 12, 16, 20}
    assert measured(results["stability[flip]"])["detections"] == 9


def test_without_detections_nothing_is_stable(gate: Gate) -> None:
    rule = '[rules.stability]\nmax = 0.5\nscore-threshold = 0.95\nchanges = ["flip"]\n'
    result = gate(rule)[0]["stability[flip]"]

    assert result.verdict == "not-evaluated"
    assert "nothing can be lost" in result.message


def test_other_rules_leave_unlabelled_images_alone(gate: Gate) -> None:
    results, _ = gate('[rules.stability]\nmax = 0.5\nchanges = ["flip"]\non = ["monday"]\n')
    assert set(results) == {"stability[flip]"}
    with pytest.raises(ConfigError, match=r"probe .monday. is unlabelled"):
        gate("[rules.probe-fp]\nmax-boxes = 0\n")


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ("[rules.stability]\n", "give max or max-by-change"),
        ("[rules.stability]\nmax = 0.1\nchanges = []\n", "changes"),
        ('[rules.stability]\nmax = 0.1\nchanges = ["flop"]\n', "did you mean 'flip'"),
        ('[rules.stability]\nmax = 0.1\nchanges = ["flip", "flip"]\n', "named twice"),
        ("[rules.stability]\nmax = 0.1\nmax-by-change = { flop = 1 }\n", "did you mean 'flip'"),
        (
            "[rules.stability]\nmax-by-change = { flip = 0.1 }\n",
            "no limit for shift, scale, jpeg, brightness, blur",
        ),
        ('[rules.stability]\nmax = 0.1\non = ["mondy"]\n', "did you mean 'monday'"),
        ("[rules.stability]\nmax = 0.1\nshift-pixels = -1\n", "shift-pixels"),
        ("[rules.stability]\nmax = nan\n", "max"),
        ('[probes.x]\nsplit = "val"\nempty = true\nunlabelled = true\n' + RULE, "unlabelled"),
        (
            '[probes.x]\nimages = "pool"\nannotations = "val.json"\nunlabelled = true\n' + RULE,
            "only applies without annotations",
        ),
    ],
)
def test_options_that_make_no_sense(gate: Gate, rules: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        gate(rules)
