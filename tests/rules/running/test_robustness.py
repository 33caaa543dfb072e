"""Corruptions: drops worked out by hand, early stops, samples, and created boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pytest_detgate.dataset.tables import Dataset, DetectionTable
from pytest_detgate.errors import ConfigError
from pytest_detgate.image_changes.change import ImageChange
from pytest_detgate.image_changes.corruptions.corruption import CORRUPTIONS, Corruption
from pytest_detgate.inputs.detections.sources import DetectionSource, ResultFiles
from pytest_detgate.inputs.project import Project
from pytest_detgate.record.report import RuleResult
from pytest_detgate.scoring.bounds.resampling import clip_units
from pytest_detgate.scoring.comparison.robustness import looks_at, sample_of_clips
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

Box = tuple[str, float, float, float, float]
BOX_XYWH = (10.0, 10.0, 30.0, 30.0)
PATTERN = r"""
[dataset]
frame-pattern = '(?P<clip>[^/]+)_(?P<frame>\d+)\.jpg$'
"""
Lost = Callable[[Corruption, int], int]
"""How many of the objects of a clip are lost, by corruption and number of the clip."""


class Corrupted(ResultFiles):
    """A detector that finds everything on clean images, and on corrupted ones what it is given.

    `asked` counts the images that it was run on.
    """

    def __init__(
        self, files: Mapping[str, Path], project: Project, lost: Lost, created: Sequence[Box] = ()
    ) -> None:
        super().__init__(files, project)
        self._lost = lost
        self._created = created
        self.asked: dict[ImageChange, set[int]] = {}

    def changed(
        self, dataset: Dataset, rows: NDArray[np.int64], change: ImageChange
    ) -> DetectionTable:
        assert isinstance(change, Corruption)
        if dataset.name == "val":
            self.asked.setdefault(change, set()).update(rows.tolist())
        names = dataset.images.file_name
        boxes = dataset.boxes
        remaining, seen = [], dict.fromkeys(range(1000), 0)
        for row in range(len(boxes)):
            clip = int(names[boxes.image[row]].split("_")[0][1:])
            seen[clip] += 1
            if boxes.image[row] in rows and seen[clip] > self._lost(change, clip):
                remaining.append(row)
        created = self._created if dataset.name == "calm" else ()
        count = change.severity if created else 0
        image = [int(boxes.image[row]) for row in remaining] + [
            int(rows[index % len(rows)]) for index in range(count)
        ]
        xywh = [boxes.xywh[row] for row in remaining] + [
            np.add(created[0][1:], [40.0 * (index // len(rows)), 0, 0, 0]) for index in range(count)
        ]
        return DetectionTable(
            classes=("helmet_off",),
            image=np.array(image, dtype=np.int64),
            category=np.zeros(len(image), dtype=np.int64),
            xywh=np.array(xywh, dtype=np.float64).reshape(-1, 4),
            score=np.full(len(image), 0.9),
        )


@pytest.fixture
def gate(tmp_path: Path) -> Callable[..., tuple[dict[str, RuleResult], Corrupted]]:
    """A function that evaluates a rule's table on clips of ten frames, one object on each."""

    def evaluate(
        rule: str, lost: Lost = lambda change, clip: 0, clips: int = 12, created: Sequence[Box] = ()
    ) -> tuple[dict[str, RuleResult], Corrupted]:
        truth = {
            f"c{clip}_{frame}.jpg": [("helmet_off", *BOX_XYWH)]
            for clip in range(clips)
            for frame in range(10)
        }
        calm: dict[str, list[Box]] = {"c900_1.jpg": [], "c900_2.jpg": []}
        write_json(tmp_path / "val.json", coco_content(truth))
        write_json(tmp_path / "calm.json", coco_content(calm))
        detections = {name: [("helmet_off", 0.9, *BOX_XYWH)] for name in truth}
        files = {
            "val": write_json(tmp_path / "found.json", result_content(truth, detections)),
            "calm": write_json(
                tmp_path / "quiet.json",
                result_content(calm, {"c900_1.jpg": [("helmet_off", 0.8, *BOX_XYWH)]}),
            ),
        }
        probe = '[probes.calm]\nannotations = "calm.json"\nimages = "images"\n'
        sources: list[Corrupted] = []

        def source(project: Project) -> DetectionSource:
            sources.append(Corrupted(files, project, lost, created))
            return sources[0]

        config = PATTERN + split_tables(val="images") + probe + f"[rules.robustness]\n{rule}\n"
        return judged(tmp_path, config, source), sources[0]

    return evaluate


def half_at_five(change: Corruption, clip: int) -> int:
    """Nothing is lost at severity 1, of each clip two of ten at 3 and five at 5."""
    return {1: 0, 3: 2, 5: 5}[change.severity]


def test_the_drop_by_hand(gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]]) -> None:
    """Without a false box, AP is the share of COCO's 101 recall points that are reached: 1, 81 of
    101 at a recall of 0.8, and 51 of 101 at 0.5. The mean drop is (20 + 50) / 303."""
    rule = 'max-relative-drop = 0.2\ncorruptions = ["fog"]\nstop-early = false'
    results, _ = gate(rule, half_at_five)
    result = results["robustness[fog]"]

    assert measured(result)["relative_drop"] == pytest.approx(70 / 303)
    assert measured(result)["ap"] == pytest.approx(233 / 303)
    assert measured(result)["clean_ap"] == pytest.approx(1)
    assert result.verdict == "failed"
    rows = result.tables["AP by severity"].rows
    assert [row[0] for row in rows] == [1, 3, 5]
    assert [row[2] for row in rows] == pytest.approx([0, 20 / 101, 50 / 101])
    (drop,) = (
        measurement for measurement in result.measurements if measurement.name == "relative_drop"
    )
    assert drop.interval is not None
    assert drop.interval.low < 70 / 303 < drop.interval.high


def test_all_corruptions_together(
    gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]],
) -> None:
    """Fog costs 70 / 303, the other fourteen cost nothing."""
    rule = "min-rpc = 0.99\nstop-early = false"
    results, _ = gate(
        rule, lambda change, clip: half_at_five(change, clip) if change.name == "fog" else 0
    )
    result = results["robustness[mean]"]

    assert measured(result)["rpc"] == pytest.approx(1 - 70 / 303 / 15)
    assert measured(result)["mpc"] == pytest.approx(1 - 70 / 303 / 15)
    assert result.verdict == "failed"
    assert "worst fog" in result.message
    assert len(result.tables["AP by corruption"].rows) == len(CORRUPTIONS)


def test_a_bound_decides_early(
    gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]],
) -> None:
    """Of 400 images an eighth are enough to see that nothing, or everything, is lost; each clip
    has its share of them. A drop at the limit needs all."""
    rule = 'max-relative-drop = 0.3\ncorruptions = ["fog"]\n'
    for lost, verdict in ((0, "passed"), (10, "failed")):
        results, source = gate(rule, lambda change, clip, lost=lost: lost, clips=40)
        result = results["robustness[fog]"]
        values = measured(result)
        assert result.verdict == verdict
        assert (values["images"], values["inferences"], values["inferences_saved"]) == (
            *(50, 150, 1050),
        )
        assert "decided on 50 of 400 images of val" in result.message
        assert "1,050 of 1,200 inferences saved" in result.message
        assert (result.looked_at, result.to_look_at) == (50, 400)
        for rows in source.asked.values():
            assert len(rows) == 50
            assert len({row // 10 for row in rows}) >= 30
    results, source = gate(rule, lambda change, clip: 3, clips=40)
    assert measured(results["robustness[fog]"])["inferences_saved"] == 0
    assert {len(rows) for rows in source.asked.values()} == {400}


def test_with_few_clips_nothing_is_decided_early(
    gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]],
) -> None:
    rule = 'max-relative-drop = 0.3\ncorruptions = ["fog"]\n'
    results, source = gate(rule, clips=4)
    by_bound, _ = gate(rule + 'bound = "upper"', clips=4)

    assert results["robustness[fog]"].verdict == "passed"
    assert {len(rows) for rows in source.asked.values()} == {40}
    assert by_bound["robustness[fog]"].verdict == "not-evaluated"
    assert "at least 5 are needed" in by_bound["robustness[fog]"].message


def test_boxes_that_corruption_creates(
    gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]],
) -> None:
    """One box at severity 1, three at 3, five at 5, in turn on two images. The detection that is
    on the first clean image explains the one at its place: four are new at severity 5, and the rule
    need not look at the others."""
    rule = 'max-created = {}\ncorruptions = ["fog"]'
    box = [("helmet_off", *BOX_XYWH)]
    failed, _ = gate(rule.format(3), created=box)
    passed, _ = gate(rule.format(4), created=box)

    result = failed["robustness[fog]"]
    assert result.verdict == "failed"
    assert measured(result)["created"] == measured(result)["created[calm]"] == 4
    assert measured(result)["inferences_saved"] == 4
    assert finding_lines(result) == [
        f"c900_{frame}.jpg: helmet_off 0.90 only with fog of severity 5" for frame in (2, 1, 2, 1)
    ]
    assert passed["robustness[fog]"].verdict == "passed"
    rows = passed["robustness[fog]"].tables["Created false boxes by severity"].rows
    assert [(row[0], row[3]) for row in rows] == [(5, 4), (3, 2), (1, 0)]


@pytest.mark.parametrize(("most", "verdict"), [(3, "failed"), (4, "not-evaluated")])
def test_created_boxes_beside_a_drop_without_bounds(
    gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]], most: int, verdict: str
) -> None:
    """Four boxes are created, and the bounds of the drop need a clip more."""
    rule = f'max-relative-drop = 0.3\nmax-created = {most}\ncorruptions = ["fog"]\nbound = "upper"'
    results, _ = gate(rule, clips=4, created=[("helmet_off", *BOX_XYWH)])

    assert results["robustness[fog]"].verdict == verdict
    assert "at least 5 are needed" in results["robustness[fog]"].message


def test_both_limits_in_one_item(
    gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]],
) -> None:
    rule = "max-relative-drop = 0.3\nmax-relative-drop-by-corruption = { fog = 0.1 }\n"
    rule += 'max-created = 9\ncorruptions = ["fog", "snow"]'
    results, _ = gate(rule, half_at_five)

    assert {name: result.verdict for name, result in results.items()} == {
        "robustness[fog]": "failed",
        "robustness[snow]": "passed",
    }
    assert {"relative_drop", "created"} <= measured(results["robustness[fog]"]).keys()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("", "give max-relative-drop or max-relative-drop-by-corruption or min-rpc or max-created"),
        ("max-relative-drop = 0.1\nseverities = [1, 6]", "severities"),
        ("max-relative-drop = 0.1\nseverities = [1, 1]", "named twice"),
        ("max-relative-drop = 0.1\nseverities = []", "severities"),
        ('max-relative-drop = 0.1\ncorruptions = ["fogg"]', "did you mean 'fog'"),
        ("max-relative-drop-by-corruption = { fogg = 0.1 }", "did you mean 'fog'"),
        ('max-created = 1\non = ["clam"]', "did you mean 'calm'"),
        ('max-relative-drop = 0.1\nbound = "upper"\nreplicates = 10', "at least 200"),
    ],
)
def test_options_that_make_no_sense(
    gate: Callable[..., tuple[dict[str, RuleResult], Corrupted]], rule: str, text: str
) -> None:
    with pytest.raises(ConfigError, match=text):
        gate(rule)


def test_result_files_cannot_be_corrupted(tmp_path: Path) -> None:
    truth = {"c1_1.jpg": [("helmet_off", *BOX_XYWH)]}
    write_json(tmp_path / "val.json", coco_content(truth))
    detections = {"c1_1.jpg": [("helmet_off", 0.9, *BOX_XYWH)]}
    path = write_json(tmp_path / "found.json", result_content(truth, detections))
    config = split_tables(val="images")
    config += '[rules.robustness]\nmax-relative-drop = 0.1\ncorruptions = ["fog"]\n'
    config += '[rules.stability]\nmax = 0.1\nchanges = ["flip"]\n'

    for result in judged(tmp_path, config, {"val": path}).values():
        assert result.verdict == "not-evaluated"
        assert "result files only say what one has found" in result.message


def test_a_sample_has_the_share_of_every_clip() -> None:
    """Of clips with 10, 20, 30 and 40 images a sample of 20 has 2, 4, 6 and 8."""
    sizes = [10, 20, 30, 40]
    clips = [f"{clip}" for clip, size in enumerate(sizes) for _ in range(size)]
    order = np.random.default_rng(3).permutation(len(clips))
    of_image = clip_units([clips[row] for row in order]).of_image
    clip_of_row = np.array([int(clips[row]) for row in order])
    drawn = [sample_of_clips(of_image, 20, seed) for seed in range(20)]

    for rows in drawn:
        assert len(set(rows.tolist())) == 20
        assert np.bincount(clip_of_row[rows]).tolist() == [2, 4, 6, 8]
    assert len({tuple(rows.tolist()) for rows in drawn}) == 20
    assert sorted(sample_of_clips(of_image, 500, 0).tolist()) == list(range(100))


def test_each_look_has_the_images_of_those_before() -> None:
    sample = np.arange(200)
    looks = looks_at(sample, 0)

    assert [len(rows) for rows in looks] == [25, 50, 100, 200]
    for first, second in pairwise(looks):
        assert set(first.tolist()) <= set(second.tolist())
    # One of every eight images, and not the same one of each: that could be the first of a clip.
    assert (looks[0] // 8).tolist() == list(range(25))
    assert len(set((looks[0] % 8).tolist())) > 4
    # A first look at fewer than sixteen images says nothing.
    assert [len(rows) for rows in looks_at(np.arange(40), 0)] == [20, 40]
    assert [len(rows) for rows in looks_at(np.arange(3), 0)] == [3]
