"""What label formats say besides boxes reaches the rules: clips, frame numbers, time, flags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.testing import result_content
from tests.content import write_json
from tests.judged import judged, measured
from tests.unit.dataset.labels.test_more_formats import KITTI, VIDEO, video_box
from tests.unit.label_files import draw, write

CAR = {"category": "car", "box2d": {"x1": 10, "y1": 10, "x2": 29, "y2": 29}}
HIDDEN = {**CAR, "attributes": {"occluded": True}}
OVERLAP = '[rules.clip-overlap]\nbetween = ["train", "val"]\n'
DISTANCE = '[rules.frame-distance]\nbetween = ["train", "val"]\nwithin = 10\n'


def scalabel(folder: Path, name: str, frames: Sequence[tuple[str, str, int, list[Any]]]) -> str:
    """Write a file of frames, given as image, video, number and labels; the table of the split."""
    content = [
        {
            "name": image,
            "videoName": video,
            "frameIndex": number,
            "timestamp": 100 * number,
            "size": {"width": 100, "height": 50},
            "labels": labels,
        }
        for image, video, number, labels in frames
    ]
    write_json(folder / f"{name}.json", content)
    return table(name, f"{name}.json", "scalabel")


def table(name: str, labels: str, kind: str) -> str:
    return (
        f'[dataset.splits.{name}]\nformat = "{kind}"\nannotations = "{labels}"\nimages = "{name}"\n'
    )


@pytest.mark.parametrize(("video", "number", "verdict"), [("v1", 5, "failed"), ("v2", 5, "passed")])
def test_clips_and_frames_of_scalabel(
    tmp_path: Path, video: str, number: int, verdict: str
) -> None:
    """No frame-pattern and no clip-field is needed."""
    tables = scalabel(tmp_path, "train", [("a.jpg", "v1", 0, [CAR])])
    tables += scalabel(tmp_path, "val", [("b.jpg", video, number, [CAR])])

    results = judged(tmp_path, tables + OVERLAP + DISTANCE)

    assert results["clip-overlap[train-val]"].verdict == verdict
    assert results["frame-distance[train-val]"].verdict == verdict


def test_frames_of_one_clip_that_are_far_apart(tmp_path: Path) -> None:
    tables = scalabel(tmp_path, "train", [("a.jpg", "v1", 0, [CAR])])
    tables += scalabel(tmp_path, "val", [("b.jpg", "v1", 11, [CAR])])

    results = judged(tmp_path, tables + DISTANCE)

    assert results["frame-distance[train-val]"].verdict == "passed"


def test_clips_of_kitti_tracking_and_cvat_video(tmp_path: Path) -> None:
    draw(tmp_path / "train", "drive/000000.png")
    write(tmp_path / "labels", {"drive.txt": "0 7 " + KITTI.format("car")})
    write(tmp_path, {"video.xml": VIDEO.format(video_box(0, 0))})
    tables = table("train", "labels", "kitti") + table("val", "video.xml", "cvat")

    results = judged(tmp_path, tables + OVERLAP + DISTANCE)

    assert results["clip-overlap[train-val]"].verdict == "failed"
    distance = results["frame-distance[train-val]"]
    assert (distance.verdict, distance.to_look_at) == ("failed", 6)  # of both splits


def test_labels_that_name_no_clip_are_not_compared(tmp_path: Path) -> None:
    draw(tmp_path / "train", "a.png")
    draw(tmp_path / "val", "b.png")
    for name, image in (("train", "a"), ("val", "b")):
        write(tmp_path / f"of_{name}", {f"{image}.txt": KITTI.format("car")})
    tables = table("train", "of_train", "kitti") + table("val", "of_val", "kitti")

    result = judged(tmp_path, tables + OVERLAP)["clip-overlap[train-val]"]

    assert result.verdict == "not-evaluated"
    assert "no image has the field 'clip'" in result.message


def test_ap_of_images_with_occluded_boxes(tmp_path: Path) -> None:
    frames = [("a.jpg", "v1", 0, [HIDDEN]), ("b.jpg", "v2", 0, [CAR])]
    config = scalabel(tmp_path, "val", frames)
    config += "[rules.slice-ap]\nby = 'occluded > 0'\nmin = 0.5\nmin-images = 1\n"
    box = ("car", 10.0, 10.0, 20.0, 20.0)
    truth = {"a.jpg": [box], "b.jpg": [box]}
    seen = {"a.jpg": [], "b.jpg": [("car", 0.9, *box[1:])]}
    results_path = write_json(tmp_path / "found.json", result_content(truth, seen, ("car",)))

    results = judged(tmp_path, config, {"val": results_path})

    verdicts = {name: result.verdict for name, result in results.items()}
    assert verdicts == {
        "slice-ap[occluded > 0=false]": "passed",
        "slice-ap[occluded > 0=true]": "failed",
    }


def test_a_field_that_the_format_has_not_is_named(tmp_path: Path) -> None:
    config = scalabel(tmp_path, "val", [("a.jpg", "v1", 0, [CAR])])
    config += "[rules.slice-ap]\nby = 'occluded_'\nmin = 0.5\n"

    content = result_content({"a.jpg": []}, {"a.jpg": [("car", 0.9, 1, 1, 9, 9)]}, ("car",))
    results_path = write_json(tmp_path / "found.json", content)

    (result,) = judged(tmp_path, config, {"val": results_path}).values()

    assert result.verdict == "not-evaluated"
    assert "no image of val has the field 'occluded_'; did you mean 'occluded'?" in result.message


def test_time_stamps_of_scalabel_say_when_a_frame_was_taken(tmp_path: Path) -> None:
    """20 frames of 0.1 s; 5 of them fire one after the other."""
    frames: list[tuple[str, str, int, list[Any]]] = [
        (f"{number}.jpg", "v1", number, []) for number in range(20)
    ]
    config = scalabel(tmp_path, "val", [("x.jpg", "v2", 0, [CAR])])
    scalabel(tmp_path, "calm", frames)
    config += '[probes.calm]\nformat = "scalabel"\nannotations = "calm.json"\nimages = "calm"\n'
    config += "[rules.alarm-rate]\nmax-alarms = 0\n"
    truth: dict[str, Any] = {f"{number}.jpg": [] for number in range(20)}
    seen = {
        image: [("car", 0.9, 10.0, 10.0, 20.0, 20.0)] if 5 <= number < 10 else []
        for number, image in enumerate(truth)
    }
    calm = write_json(tmp_path / "calm_found.json", result_content(truth, seen, ("car",)))
    box = ("car", 10.0, 10.0, 20.0, 20.0)
    own = {"x.jpg": [("car", 0.9, *box[1:])]}
    val = write_json(tmp_path / "val_found.json", result_content({"x.jpg": [box]}, own, ("car",)))

    result = judged(tmp_path, config, {"val": val, "calm": calm})["alarm-rate[calm]"]

    assert result.verdict == "failed"
    assert measured(result)["alarms"] == 1
    assert measured(result)["hours"] == pytest.approx(2 / 3600)
