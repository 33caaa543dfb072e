"""`box-outliers`, `missing-labels`, `image-quality`, `image-drift`, `shortcut`: planted faults are
counted exactly, and clean sets stay green."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pytest_detgate.errors import ConfigError
from pytest_detgate.image_hashes import image_looks
from pytest_detgate.image_hashes.decoding import Decoded, decode
from pytest_detgate.record.report import RuleResult
from pytest_detgate.scoring.shortcuts import named_by
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

Judge = Callable[..., RuleResult]
Pixels = Callable[[Image.Image], Image.Image]


def photo(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """Grain at all scales, as photos have it."""
    rng = np.random.default_rng(seed)
    view = np.zeros((size[1], size[0], 3))
    for cells in (4, 12, 36, 90):
        grain = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        view += np.asarray(Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC)) / 4
    return Image.fromarray(view.astype(np.uint8))


def quality(folder: Path, faults: Sequence[Pixels], options: str = "", n: int = 12) -> RuleResult:
    """The result of a training split of photos and a val split of photos with faults."""
    (folder / "images").mkdir(exist_ok=True)
    for split, plant in (("train", [None] * n), ("val", [*faults, None, None])):
        names = [f"{split}_{number}.png" for number in range(len(plant))]
        for number, (name, fault) in enumerate(zip(names, plant, strict=True)):
            image = photo(1000 * (split == "val") + number)
            (fault(image) if fault else image).save(folder / "images" / name)
        write_json(folder / f"{split}.json", coco_content({name: [] for name in names}))
    tables = split_tables(train="images", val="images")
    rule = f'[rules.image-quality]\nsplits = ["val"]\n{options}\n'
    (result,) = judged(folder, tables + rule).values()
    return result


def levels(change: Callable[[int], float]) -> Pixels:
    return lambda image: image.point(lambda level: max(0, min(255, round(change(level)))))


FAULTS: dict[str, Pixels] = {
    "dark": levels(lambda level: level * 0.1),
    "bright": levels(lambda level: 215 + level * 0.15),
    "flat": lambda image: Image.new("RGB", image.size, (90, 120, 110)),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(6)),
    "odd_aspect": lambda image: image.crop((0, 0, 240, 40)),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_each_kind_of_bad_image_is_counted(tmp_path: Path, kind: str) -> None:
    result = quality(tmp_path, [FAULTS[kind]] * 3)

    values = measured(result)
    assert result.verdict == "failed"
    assert {name: values[name] for name in ("count", *FAULTS)} == {
        **dict.fromkeys(FAULTS, 0),
        **{"count": 3, kind: 3},
    }
    assert [finding.image for finding in result.findings] == [f"val_{n}.png" for n in range(3)]


def test_an_image_counts_once(tmp_path: Path) -> None:
    """Black is dark, and flat, and without any sharpness."""
    result = quality(tmp_path, [lambda image: Image.new("RGB", image.size), *FAULTS.values()])

    values = measured(result)
    assert (values["count"], values["dark"], values["flat"]) == (6, 2, 1)


def test_slight_changes_are_no_fault(tmp_path: Path) -> None:
    slight = [
        levels(lambda level: level * 0.6),
        levels(lambda level: 60 + level * 0.7),
        lambda image: image.filter(ImageFilter.GaussianBlur(0.7)),
        lambda image: image.crop((0, 0, 240, 120)),
    ]

    assert quality(tmp_path, slight).verdict == "passed"


def test_what_is_usual_is_no_fault(tmp_path: Path) -> None:
    """A data set of night frames."""
    (tmp_path / "images").mkdir()
    names = [f"night_{n}.png" for n in range(20)]
    for number, name in enumerate(names):
        night = levels(lambda level, number=number: level * (0.1 + number / 200))  # type: ignore[misc]
        night(photo(number)).save(tmp_path / "images" / name)
    write_json(tmp_path / "train.json", coco_content({name: [] for name in names}))
    tables = split_tables(train="images") + "[rules.image-quality]\n"

    assert judged(tmp_path, tables)["image-quality[train]"].verdict == "passed"
    strict = judged(tmp_path, tables + "deviations = 0\n")["image-quality[train]"]
    assert measured(strict)["dark"] == 20


def test_too_few_images_say_nothing_of_what_is_usual(tmp_path: Path) -> None:
    result = quality(tmp_path, [FAULTS["dark"]], n=7)

    assert result.verdict == "not-evaluated"
    assert "train has 7 images, and it takes 8" in result.message
    assert measured(quality(tmp_path, [FAULTS["dark"]], "deviations = 0", n=7))["dark"] == 1


def test_an_unreadable_image_is_no_pass(tmp_path: Path) -> None:
    quality(tmp_path, [])
    (tmp_path / "images" / "val_0.png").write_bytes(b"no image")
    tables = split_tables(train="images", val="images") + "[rules.image-quality]\n"

    result = judged(tmp_path, tables)["image-quality[val]"]

    assert result.verdict == "not-evaluated"
    assert "1 of 2 images of val cannot be read, first val_0.png" in result.message


def drift(folder: Path, change: Pixels | None, options: str = "") -> RuleResult:
    (folder / "images").mkdir(exist_ok=True)
    for split in ("train", "val"):
        names = [f"{split}-{n}.png" for n in range(20)]
        for number, name in enumerate(names):
            image = photo(1000 * (split == "val") + number, (120, 90))
            image = change(image) if change and split == "val" else image
            image.save(folder / "images" / name)
        write_json(folder / f"{split}.json", coco_content({name: [] for name in names}))
    tables = split_tables(train="images", val="images")
    rule = f'[rules.image-drift]\nbetween = ["train", "val"]\n{options}\n'
    (result,) = judged(folder, tables + rule).values()
    return result


@pytest.mark.parametrize(
    ("change", "features"),
    [
        (levels(lambda level: level * 0.5), {"brightness", "contrast", "colourfulness"}),
        (lambda image: image.filter(ImageFilter.GaussianBlur(2)), {"sharpness"}),
        (lambda image: image.convert("L").convert("RGB"), {"colour", "colourfulness"}),
        (
            lambda image: Image.merge(
                "RGB", [image.getchannel(0).point(lambda v: min(255, v + 40)), *image.split()[1:]]
            ),
            {"colour"},
        ),
    ],
)
def test_a_change_of_one_split_is_named(tmp_path: Path, change: Pixels, features: set[str]) -> None:
    result = drift(tmp_path, change)

    told_of = {text.text.rpartition("(")[2].rstrip(")") for text in result.findings}
    assert result.verdict == "failed"
    assert features <= told_of


def test_alike_splits_have_not_drifted(tmp_path: Path) -> None:
    result = drift(tmp_path, None)

    assert result.verdict == "passed"
    assert measured(result)["drifted"] == 0


def outliers(folder: Path, images: dict[str, Any], options: str = "") -> RuleResult:
    (folder / "images").mkdir(exist_ok=True)
    write_json(folder / "train.json", coco_content(images, ("helmet", "pole")))
    tables = split_tables(train="images") + f"[rules.box-outliers]\n{options}\n"
    (result,) = judged(folder, tables).values()
    return result


USUAL = {
    f"a_{n}.jpg": [("helmet", 10, 10, 20 + n % 7, 20 + n % 5), ("pole", 40, 1, 3 + n % 2, 90)]
    for n in range(30)
}


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        (("helmet", 10, 10, 2, 2), "tiny"),
        (("helmet", 0, 0, 100, 95), "huge"),
        (("helmet", 10, 10, 4, 88), "thin"),
        (("helmet", 10, 10, 88, 4), "thin"),
        (("pole", 1, 40, 90, 4), "thin"),
    ],
)
def test_a_box_unlike_its_class_is_counted(tmp_path: Path, box: Any, kind: str) -> None:
    result = outliers(tmp_path, {**USUAL, "b_1.jpg": [box], "b_2.jpg": [box]})

    values = measured(result)
    assert result.verdict == "failed"
    assert {name: values[name] for name in ("count", "tiny", "huge", "thin")} == {
        **dict.fromkeys(("tiny", "huge", "thin"), 0),
        **{"count": 2, kind: 2},
    }
    assert [finding.image for finding in result.findings] == ["b_1.jpg", "b_2.jpg"]


def test_a_class_of_long_things_has_long_boxes(tmp_path: Path) -> None:
    assert outliers(tmp_path, USUAL).verdict == "passed"


def test_min_pixels_counts_in_any_case(tmp_path: Path) -> None:
    """Every pole is 3 or 4 pixels wide, 15 of them 3."""
    assert measured(outliers(tmp_path, USUAL, "min-pixels = 4"))["tiny"] == 15


def test_too_few_boxes_say_nothing_of_what_is_usual(tmp_path: Path) -> None:
    few = {"a_1.jpg": [("helmet", 0, 0, 100, 100)]}

    result = outliers(tmp_path, few)

    assert result.verdict == "not-evaluated"
    assert "1 box of train cannot say which" in result.message
    assert measured(outliers(tmp_path, few, "deviations = 0"))["huge"] == 1


def yolo(folder: Path, labels: dict[str, str | None]) -> str:
    for part in ("images", "labels"):
        (folder / part).mkdir(exist_ok=True)
    for name, text in labels.items():
        photo(1).save(folder / "images" / f"{name}.png")
        if text is not None:
            (folder / "labels" / f"{name}.txt").write_text(text)
    return (
        '[dataset.splits.train]\nformat = "yolo"\nannotations = "labels"\nimages = "images"\n'
        'classes = ["helmet"]\n[rules.missing-labels]\n'
    )


def test_missing_is_not_empty(tmp_path: Path) -> None:
    config = yolo(tmp_path, {"a": "0 0.5 0.5 0.2 0.2", "b": "", "c": None, "d": None})

    (result,) = judged(tmp_path, config).values()

    assert result.verdict == "failed"
    assert (measured(result)["count"], measured(result)["empty"]) == (2, 1)
    assert finding_lines(result) == ["c.png: no labels", "d.png: no labels"]
    assert judged(tmp_path, config + "max = 2\n")["missing-labels[train]"].verdict == "passed"


def test_images_that_nothing_lists_are_counted(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a_1", "b_1", "c_1", "d_1"):
        photo(1).save(tmp_path / "images" / f"{name}.png")
    write_json(tmp_path / "train.json", coco_content({"a_1.png": []}))
    write_json(tmp_path / "val.json", coco_content({"b_1.png": []}))
    tables = split_tables(train="images", val="images")
    rule = '[rules.missing-labels]\nsplits = ["train"]\n'

    assert judged(tmp_path, tables + rule)["missing-labels[train]"].verdict == "passed"
    result = judged(tmp_path, tables + rule + "max-unlisted = 1\n")["missing-labels[train]"]

    assert result.verdict == "failed"
    assert measured(result)["unlisted"] == 2
    assert [finding.image for finding in result.findings] == ["c_1.png", "d_1.png"]


@pytest.mark.shared
def test_clean_sets_are_green(tmp_path: Path, shared_data: Path) -> None:
    rules = "".join(
        f"[rules.{name}]\n"
        for name in ("box-outliers", "image-quality", "missing-labels", "shortcut")
    )
    folder = shared_data / "tiny-coco"
    coco = "".join(
        f'[dataset.splits.{name}]\nannotations = "{folder}/annotations/instances_{name}2017.json"\n'
        f'images = "{folder}/images/{name}2017"\n'
        for name in ("train", "val")
    )
    drifted = '[rules.image-drift]\nbetween = ["train", "val"]\n'
    voc = shared_data / "formats-voc100"
    config = (
        f'[dataset.splits.train]\nformat = "voc"\nannotations = "{voc}/gts/pascalvoc_format"\n'
        f'images = "{voc}/images"\n'
    )

    results = {**judged(tmp_path, coco + rules + drifted)}
    results.update(
        {f"voc {name}": entry for name, entry in judged(tmp_path, config + rules).items()}
    )

    assert {
        name: result.message for name, result in results.items() if result.verdict != "passed"
    } == {}


@pytest.mark.parametrize("options", ["", "deviations = 0"])
def test_no_box_is_not_looked_at(tmp_path: Path, options: str) -> None:
    result = outliers(tmp_path, {"a_1.jpg": [], "a_2.jpg": []}, options)

    assert (result.verdict, result.to_look_at) == ("not-evaluated", 0)
    assert result.message == "train has no box to look at"


def test_one_of_something_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    write_json(tmp_path / "train.json", coco_content({"a_1.jpg": []}))
    photo(1).save(tmp_path / "images" / "a_1.jpg")
    tables = split_tables(train="images") + "[rules.image-quality]\n"

    (few,) = judged(tmp_path, tables).values()
    (free,) = judged(tmp_path, tables + "deviations = 0\n").values()

    assert "train has 1 image, and it takes 8" in few.message
    assert free.message == "train: too little to see on 0 of 1 image"


def shortcut(folder: Path, images: dict[str, tuple[bool, float]], options: str = "") -> RuleResult:
    """The result for images by name: whether a helmet is on them, and how bright they are."""
    (folder / "images").mkdir(exist_ok=True)
    for number, (name, (_, level)) in enumerate(images.items()):
        dimmed = levels(lambda value, level=level: value * level)  # type: ignore[misc]
        dimmed(photo(number, (60, 60))).save(folder / "images" / name)
    boxes = {name: [("helmet", 5, 5, 9, 9)] if has else [] for name, (has, _) in images.items()}
    write_json(folder / "train.json", coco_content(boxes, ("helmet",)))
    pattern = "[dataset]\nframe-pattern = '(?P<clip>(?P<site>[a-z]+)[0-9]+)_'\n"
    tables = pattern + split_tables(train="images") + f"[rules.shortcut]\n{options}\n"
    (result,) = judged(folder, tables).values()
    return result


def test_brightness_that_tells_a_class_is_a_shortcut(tmp_path: Path) -> None:
    images = {
        f"yard{clip}_{n}.png": (clip % 2 == 0, 0.4 + 0.5 * (clip % 2))
        for clip in range(40)
        for n in (1, 2)
    }

    result = shortcut(tmp_path, images, 'properties = ["brightness", "size"]')

    assert result.verdict == "failed"
    values = measured(result)
    assert (values["shortcuts"], values["brightness[helmet]"]) == (1, 1)
    assert result.findings[0].text.startswith("brightness alone tells helmet: 1.00, at least 0.")


def test_a_site_that_tells_a_class_is_a_shortcut(tmp_path: Path) -> None:
    images = {
        f"{site}{clip}_1.png": (site == "north", 1.0)
        for site in ("north", "south")
        for clip in range(25)
    }

    assert measured(shortcut(tmp_path, images, 'properties = ["site"]'))["site[helmet]"] == 1


def test_the_site_may_be_a_field_of_the_images(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    content = coco_content(
        {f"{n}.png": [("helmet", 5, 5, 9, 9)] if n % 2 else [] for n in range(50)}, ("helmet",)
    )
    for number, image in enumerate(content["images"]):
        image["camera"] = ("north", "south")[number % 2]
        photo(number, (60, 60)).save(tmp_path / "images" / image["file_name"])
    write_json(tmp_path / "train.json", content)
    options = '[rules.shortcut]\nproperties = ["site"]\nsite-field = "camera"\n'

    (result,) = judged(tmp_path, split_tables(train="images") + options).values()

    assert measured(result)["site[helmet]"] == 1


def test_what_tells_nothing_is_no_shortcut(tmp_path: Path) -> None:
    images = {
        f"{'north' if clip % 4 < 2 else 'south'}{clip}_1.png": (
            clip % 2 == 0,
            0.4 + 0.5 * (clip % 4 < 2),
        )
        for clip in range(40)
    }

    assert shortcut(tmp_path, images).verdict == "passed"


def test_few_clips_prove_no_shortcut(tmp_path: Path) -> None:
    """Ten clips each way, all right: one of two more unlike them is within the bound."""
    images = {f"yard{clip}_1.png": (clip % 2 == 0, 0.4 + 0.5 * (clip % 2)) for clip in range(20)}

    result = shortcut(tmp_path, images)

    assert result.verdict == "passed"
    assert measured(result)["largest"] == 1


@pytest.mark.parametrize(("clips", "frames"), [(14, 1), (4, 30)])
def test_too_few_clips_to_judge_is_no_pass(tmp_path: Path, clips: int, frames: int) -> None:
    images = {
        f"yard{clip}_{n}.png": (clip % 2 == 0, 1.0) for clip in range(clips) for n in range(frames)
    }

    result = shortcut(tmp_path, images)

    assert result.verdict == "not-evaluated"
    assert "no class of train is on 8 clips and missing on 8" in result.message


@pytest.mark.parametrize(
    ("clips", "verdict"), [(1, "not-evaluated"), (15, "not-evaluated"), (16, "passed")]
)
def test_a_class_on_all_images_is_no_shortcut(tmp_path: Path, clips: int, verdict: str) -> None:
    """There is nothing to tell, if enough was looked at."""
    images = {f"yard{clip}_1.png": (True, 1.0) for clip in range(clips)}

    assert shortcut(tmp_path, images).verdict == verdict


def test_frames_of_a_clip_do_not_speak_for_each_other() -> None:
    """Each clip has a part of its own, so that no other clip says anything of it."""
    unit = np.repeat(np.arange(20), 5)

    assert not named_by(bins=unit, present=unit < 10, unit=unit).any()


def test_images_are_named_by_other_clips() -> None:
    """Worked out by hand. With the class: clips 0 and 1 in part 0; without: clip 2 in part 1, clip
    3 in part 0. For clip 0, part 0 holds all others with the class and half of those without."""
    unit = np.array([0, 1, 2, 3])
    bins = np.array([0, 0, 1, 0])

    named = named_by(bins, np.array([True, True, False, False]), unit)

    assert named.tolist() == [True, True, False, True]


def test_all_rules_share_one_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []

    def counting(content: bytes, max_pixels: int) -> Decoded:
        decoded.append(content)
        return decode(content, max_pixels)

    monkeypatch.setattr(image_looks, "decode", counting)
    quality(tmp_path, [])
    decoded.clear()
    between = 'between = ["train", "val"]\n'
    rules = (
        f"[rules.duplicate-images]\n{between}[rules.image-drift]\n{between}"
        "[rules.image-quality]\n[rules.shortcut]\n"
    )

    judged(tmp_path, split_tables(train="images", val="images") + rules)

    assert len(decoded) == len(list((tmp_path / "images").iterdir()))


@pytest.mark.parametrize("rule", ["image-quality", "shortcut", "box-outliers", "missing-labels"])
@pytest.mark.parametrize("images", [{}, {"[a]\x1b_1.png": [("helmet", float("nan"), 1, 2, 3)]}])
def test_odd_splits_are_no_crash(tmp_path: Path, rule: str, images: dict[str, Any]) -> None:
    """No image at all; one image whose name has brackets and an escape, and a box without place."""
    (tmp_path / "images").mkdir()
    for name in images:
        photo(1).save(tmp_path / "images" / name)
    write_json(tmp_path / "train.json", coco_content(images, ("helmet",)))

    (result,) = judged(tmp_path, split_tables(train="images") + f"[rules.{rule}]\n").values()

    passes = {"missing-labels"} if images else set()
    assert result.verdict == ("passed" if rule in passes else "not-evaluated")
    assert "Error" not in result.message


def test_pixels_that_are_no_numbers_are_not_judged(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for split in ("train", "val"):
        names = [f"{split}_{number}.tif" for number in range(12)]
        for number, name in enumerate(names):
            pixels = np.asarray(photo(number).convert("L"), dtype=np.float32) / 255
            if name == "val_3.tif":
                pixels[5, 5] = np.nan
            Image.fromarray(pixels).save(tmp_path / "images" / name)
        write_json(tmp_path / f"{split}.json", coco_content({name: [] for name in names}))
    config = split_tables(train="images", val="images")
    config += '[rules.image-quality]\nreference = "train"\nsplits = ["val"]\n'
    config += '[rules.image-drift]\nbetween = ["train", "val"]\n'

    for result in judged(tmp_path, config).values():
        assert result.verdict == "not-evaluated"
        assert "1 of 12 images of val has pixels that are no numbers" in result.message


def test_a_reference_that_is_no_split_is_refused(tmp_path: Path) -> None:
    config = split_tables(train="images") + '[rules.image-quality]\nreference = "trian"\n'

    with pytest.raises(ConfigError, match=r"reference: no split 'trian'; did you mean 'train'\?"):
        judged(tmp_path, config)
