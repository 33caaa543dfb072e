"""`python -m pytest_detgate split`: what is written, what is said, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.__main__ import main
from pytest_detgate.config.load import load_configuration
from pytest_detgate.inputs.detections.sources import NoDetections
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.inputs.project import Project
from pytest_detgate.rules.binding import bind_rules
from pytest_detgate.rules.verdicts.verdict import judge
from tests.content import write_json

PATTERN = r"(?P<clip>[^/]+)_\d+\.jpg$"
CSS_CONFIG = Path(__file__).resolve().parents[3] / "examples/css_ppe/detgate.toml"
OUT = ("--train", "out/train.json", "--val", "out/val.json")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def content(clips: dict[str, int], start: int = 1) -> dict[str, Any]:
    """A COCO file with fields beyond the standard; every second frame is empty."""
    names = [f"{clip}_{frame}.jpg" for clip, frames in clips.items() for frame in range(frames)]
    images: list[dict[str, Any]] = [
        {
            "id": start + index,
            "file_name": name,
            "width": 10,
            "height": 10,
            "license": 1,
            "clip": name.split("_")[0],
            "odd": {"ä": [1, 1.50, None]},
        }
        for index, name in enumerate(names)
    ]
    return {
        "info": {"year": 2026, "note": "é"},
        "licenses": [{"id": 1, "name": "ours", "url": ""}],
        "images": images,
        "annotations": [
            {
                "id": 100 + image["id"],
                "image_id": image["id"],
                "category_id": 3,
                "bbox": [1, 1.25, 2, 2],
                "segmentation": [[1, 1, 2, 2, 3, 3]],
                "tags": ["x"],
            }
            for image in images[::2]
        ],
        "categories": [{"id": 3, "name": "helmet", "supercategory": "worn", "colour": "red"}],
        "source": "camera 7",
    }


def split(*arguments: object) -> int:
    return main(["split", *map(str, arguments)])


def read(name: str) -> Any:
    return json.loads(Path("out", name).read_text(encoding="utf-8"))


def test_every_field_of_every_entry_is_kept() -> None:
    whole = content({"yard": 8, "roof": 4, "gate": 4, "road": 4})
    write_json(Path("all.json"), whole)

    assert split("all.json", "--frame-pattern", PATTERN, *OUT) == 0

    parts = [read("train.json"), read("val.json")]
    for key in ("info", "licenses", "categories", "source"):
        assert [part[key] for part in parts] == [whole[key], whole[key]]
    for key in ("images", "annotations"):
        both = sorted(parts[0][key] + parts[1][key], key=lambda entry: entry["id"])
        assert both == whole[key]
    assert list(parts[0]) == list(whole)
    assert len(parts[1]["images"]) == 4
    for part in parts:
        ids = {image["id"] for image in part["images"]}
        assert {entry["image_id"] for entry in part["annotations"]} <= ids
    clips = [{image["clip"] for image in part["images"]} for part in parts]
    assert not clips[0] & clips[1]


def test_entries_are_the_same_text() -> None:
    """Numbers are not rewritten: 1.50 stays 1.50."""
    Path("all.json").write_text(
        '{"images": [{"file_name": "a_1.jpg", "id": 1, "x": 1.50},{"id":2,"file_name":"b_1.jpg"}],'
        '"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1e0, 2.0, 3, 4]}],'
        '"categories": [{"id": 1, "name": "x"}]}'
    )

    split("all.json", "--frame-pattern", PATTERN, *OUT)

    texts = Path("out/train.json").read_text() + Path("out/val.json").read_text()
    assert '{"file_name": "a_1.jpg", "id": 1, "x": 1.50}' in texts
    assert '{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1e0, 2.0, 3, 4]}' in texts


def test_file_with_infinity_in_it() -> None:
    whole = content({"yard": 4, "roof": 4})
    whole["annotations"][0]["bbox"] = [1, 1, float("inf"), float("nan")]
    write_json(Path("all.json"), whole)

    assert split("all.json", "--frame-pattern", PATTERN, *OUT) == 0

    entries = read("train.json")["annotations"] + read("val.json")["annotations"]
    assert sum("Infinity, NaN" in json.dumps(entry) for entry in entries) == 1
    assert len(entries) == 4


def test_same_seed_gives_the_same_bytes() -> None:
    write_json(Path("all.json"), content({f"clip{n}": 1 + n % 5 for n in range(30)}))

    for seed, folder in ((0, "a"), (0, "b"), (1, "c")):
        out = ("--train", f"{folder}/t.json", "--val", f"{folder}/v.json")
        assert split("all.json", "--frame-pattern", PATTERN, "--seed", seed, *out) == 0

    first, again, other = (Path(folder, "t.json").read_bytes() for folder in "abc")
    assert first == again
    assert first != other


def test_files_with_the_same_ids_are_put_together(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = content({"yard": 4, "roof": 4}), content({"yard": 2, "gate": 4})
    for image in second["images"]:
        image["file_name"] = image["file_name"].replace("yard_", "yard_9")
    second["categories"] = [{"id": 3, "name": "vest"}, {"id": 4, "name": "helmet"}]
    second["licenses"] = [{"id": 1, "name": "theirs", "url": ""}]
    write_json(Path("first.json"), first)
    write_json(Path("second.json"), second)

    assert split("first.json", "second.json", "--frame-pattern", PATTERN, *OUT) == 0

    parts = [read("train.json"), read("val.json")]
    images = {entry["id"]: entry for part in parts for entry in part["images"]}
    annotations = [entry for part in parts for entry in part["annotations"]]
    assert sorted(images) == list(range(1, 15))
    assert sorted(entry["id"] for entry in annotations) == list(range(1, 8))
    assert parts[0]["categories"] == [
        {"id": 3, "name": "helmet", "supercategory": "worn", "colour": "red"},
        {"id": 1, "name": "vest"},
    ]
    assert parts[0]["licenses"] == [
        {"id": 1, "name": "ours", "url": ""},
        {"id": 2, "name": "theirs", "url": ""},
    ]
    classes = Counter(
        (images[entry["image_id"]]["file_name"].split("_")[0], entry["category_id"])
        for entry in annotations
    )
    assert classes == {("yard", 3): 2, ("roof", 3): 2, ("yard", 1): 1, ("gate", 1): 2}
    licenses = {entry["file_name"]: entry["license"] for entry in images.values()}
    assert (licenses["yard_0.jpg"], licenses["yard_90.jpg"]) == (1, 2)
    text = capsys.readouterr().out
    assert "clips in more than one file: 1 before (yard), 0 now" in text
    kinds = "image, annotation, category"
    assert f"ids that two files used for different things are new: {kinds}" in text


def test_ids_that_tell_all_apart_are_kept() -> None:
    first, second = content({"yard": 4}), content({"gate": 4}, start=50)
    write_json(Path("first.json"), first)
    write_json(Path("second.json"), second)

    split("first.json", "second.json", "--frame-pattern", PATTERN, *OUT)

    parts = [read("train.json"), read("val.json")]
    both = sorted((entry for part in parts for entry in part["images"]), key=lambda e: e["id"])
    assert both == first["images"] + second["images"]


def test_folders_become_part_of_the_file_names(capsys: pytest.CaptureFixture[str]) -> None:
    """The same name in two folders is two pictures."""
    for name in ("a", "b"):
        write_json(Path(f"{name}.json"), content({"yard": 2, f"only{name}": 2}))

    code = split(
        "a.json", "b.json", "--images", "data/a", "--images", "data/b/images",
        "--frame-pattern", PATTERN, *OUT,
    )  # fmt: skip

    assert code == 0
    names = [
        image["file_name"] for part in ("train.json", "val.json") for image in read(part)["images"]
    ]
    assert sorted(names) == [
        "a/onlya_0.jpg",
        "a/onlya_1.jpg",
        "a/yard_0.jpg",
        "a/yard_1.jpg",
        "b/images/onlyb_0.jpg",
        "b/images/onlyb_1.jpg",
        "b/images/yard_0.jpg",
        "b/images/yard_1.jpg",
    ]
    assert "note: file names are now relative to data\n" in capsys.readouterr().out


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    whole = content({"yard": 6, "roof": 2, "gate": 2})
    whole["categories"] += [{"id": 7, "name": "vest"}, {"id": 8, "name": "never"}]
    whole["annotations"][-1]["category_id"] = 7
    whole["annotations"].append({**whole["annotations"][0], "id": 999, "image_id": 999})
    write_json(Path("all.json"), whole)

    split("all.json", "--frame-pattern", PATTERN, *OUT)

    assert capsys.readouterr().out.splitlines() == [
        "                        all  |  train.json  val.json",
        "images                   10  |           8         2",
        "clips                     3  |           2         1",
        "boxes                     5  |           4         1",
        "images without a box  50.0%  |       50.0%     50.0%",
        "boxes of helmet       80.0%  |       75.0%    100.0%",
        "boxes of vest         20.0%  |       25.0%      0.0%",
        "boxes of never         0.0%  |        0.0%      0.0%",
        "",
        "all: 8 images to train.json, 2 images to val.json",
        "note: clip yard has 60.0% of all images; no split can be balanced",
        "note: class vest occurs in one clip only (gate), so only in train.json",
        "note: class never has no box",
        "note: 1 annotation of images that the file does not list is left out",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("all.json",),
            "cannot tell clips: detgate.toml does not exist. The command init writes it",
        ),
        (("all.json", "--frame-pattern", "("), "--frame-pattern: not a regular expression"),
        (("all.json", "--frame-pattern", "x"), "the pattern has no group named clip"),
        (("all.json", "--clip-field", "video"), "no image has the field 'video'"),
        (("all.json", "--config", "plain.toml"), "plain.toml has no [dataset] frame-pattern"),
        (
            ("all.json", "--frame-pattern", r"(?P<clip>yard)_"),
            "all.json: the clip of 4 of 8 images is not known, first 'roof_0.jpg'",
        ),
        (
            ("all.json", "--clip-field", "clip", "--val-share", "1"),
            "--val-share: expected a number between 0 and 1, found 1",
        ),
        (("all.json", "all.json", "--clip-field", "clip"), "'yard_0.jpg' is listed more than once"),
        (
            ("all.json", "--clip-field", "clip", "--images", "a", "--images", "b"),
            "--images: expected none, one, or one for each annotation file (1), found 2",
        ),
        (("gone.json", "--clip-field", "clip"), "gone.json: no such file"),
        (("one.json", "--clip-field", "clip"), "all images are of one clip, 'yard'"),
        (("empty.json", "--clip-field", "clip"), "empty.json: no images"),
        (("twice.json", "--clip-field", "clip"), "image id 1 is used for several images"),
    ],
)
def test_what_cannot_be_split_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], expected: str
) -> None:
    write_json(Path("all.json"), content({"yard": 4, "roof": 4}))
    write_json(Path("one.json"), content({"yard": 4}))
    write_json(Path("empty.json"), content({}))
    twice = content({"yard": 4})
    twice["images"][1]["id"] = 1
    write_json(Path("twice.json"), twice)
    Path("plain.toml").write_text(
        '[dataset.splits.a]\nannotations = "all.json"\nimages = "."\n'
        "[rules.empty-gt-share]\nmin = 0\n"
    )

    assert split(*arguments, *OUT) == 4

    text = capsys.readouterr()
    assert text.out == ""
    assert text.err.startswith("error: ")
    assert expected in text.err
    assert text.err.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize("existing", ["out/train.json", "out/val.json"])
def test_existing_files_are_not_written_over(
    capsys: pytest.CaptureFixture[str], existing: str
) -> None:
    write_json(Path("all.json"), content({"yard": 4, "roof": 4}))
    write_json(Path(existing), "mine")

    assert split("all.json", "--clip-field", "clip", *OUT) == 4

    assert f"error: {existing} exists, and is not overwritten" in capsys.readouterr().err
    assert list(Path("out").iterdir()) == [Path(existing)]
    assert json.loads(Path(existing).read_text()) == "mine"


def test_one_file_for_both_sides_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    write_json(Path("all.json"), content({"yard": 4, "roof": 4}))

    assert split("all.json", "--clip-field", "clip", "--train", "x", "--val", "./x") == 4
    assert "--train and --val both name x" in capsys.readouterr().err


def test_real_frames_that_leaked_do_not_any_more(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The construction-site photos: 11 clips stand in both of their splits."""
    data = shared_data / "css-ppe"
    for _ in range(2):
        out = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        files = [data / "coco/all-train.json", data / "coco/all-valid.json"]
        folders = ["--images", data / "train/images", "--images", data / "valid/images"]
        outputs = ["--train", out / "train.json", "--val", out / "val.json"]
        assert split(*files, "--config", CSS_CONFIG, *folders, *outputs, "--seed", 3) == 0
    for name in ("train.json", "val.json"):
        assert (tmp_path / "out0" / name).read_bytes() == (tmp_path / "out1" / name).read_bytes()
    assert "clips in more than one file: 11 before" in capsys.readouterr().out

    pattern = load_configuration(CSS_CONFIG).tables.dataset.frame_pattern
    config = tmp_path / "detgate.toml"
    config.write_text(
        f"[dataset]\nframe-pattern = '{pattern}'\n"
        + "".join(
            f'[dataset.splits.{name}]\nannotations = "out0/{name}.json"\nimages = "{data}"\n'
            for name in ("train", "val")
        )
        + '[rules.clip-overlap]\nbetween = ["train", "val"]\n'
    )
    project = Project(load_configuration(config), tmp_path)
    inputs = Inputs(project, NoDetections())
    (bound,) = bind_rules(project)
    assert judge(bound, bound.targets[0], inputs).verdict == "passed"

    train, val = (inputs.dataset(name) for name in ("train", "val"))
    assert len(train.images) + len(val.images) == 224
    assert len(val.images) == pytest.approx(0.2 * 224, abs=3)
    assert all(dataset.image_path(0).is_file() for dataset in (train, val))
    for category in range(10):
        shares = [float((d.boxes.category == category).mean()) for d in (train, val)]
        assert shares[0] == pytest.approx(shares[1], abs=0.01)
    empty = [float((d.boxes_by_image() == 0).mean()) for d in (train, val)]
    assert empty[0] == pytest.approx(empty[1], abs=0.02)
