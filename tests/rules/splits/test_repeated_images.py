"""`duplicate-images` inside one split, mirror images, and versions of one source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pytest_detgate.dataset.images.sources import source_of
from pytest_detgate.errors import ConfigError
from pytest_detgate.image_hashes.difference_hash import difference_hash
from pytest_detgate.image_hashes.image_keys import ImageKeys
from pytest_detgate.image_hashes.repeats import find_repeats
from pytest_detgate.image_hashes.turned import TURNS, turned_boxes, turned_hashes
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.judged import finding_lines, judged, measured, split_tables

INSIDE = '[rules.duplicate-images]\nsplits = ["train"]\n'
Boxes = Sequence[tuple[str, float, float, float, float]]


def photo(seed: int) -> Image.Image:
    """A picture of 160 × 120 pixels with large patches, which no turn of it resembles."""
    random = np.random.default_rng(seed)
    patches = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return patches.resize((160, 120), Image.Resampling.BICUBIC)


def inside(
    folder: Path,
    pictures: Mapping[str, Image.Image],
    boxes: Mapping[str, Boxes] | None = None,
    options: str = "",
    head: str = "",
) -> RuleResult:
    """Judge one split, whose pictures are saved as PNG."""
    images = folder / "images"
    images.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(images / name)
    content = coco_content(
        {name: list((boxes or {}).get(name, [])) for name in pictures}, ("helmet", "vest")
    )
    for image in content["images"]:
        image.update(width=160, height=120)
    write_json(folder / "train.json", content)
    (result,) = judged(folder, head + split_tables(train="images") + INSIDE + options).values()
    return result


def turn_picture(picture: Image.Image, turn: str) -> Image.Image:
    edits = {"mirrored": ImageOps.mirror, "upside down": ImageOps.flip}
    if turn == "turned by 180°":
        return ImageOps.mirror(ImageOps.flip(picture))
    return edits[turn](picture) if turn in edits else picture


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_hash_is_that_of_the_turned_picture(turn: str, tmp_path: Path) -> None:
    (name,) = (known for known in TURNS if known == turn)
    hashes = []
    for picture in (photo(1), turn_picture(photo(1), turn)):
        picture.save(tmp_path / "a.png")
        hashes.append(difference_hash((tmp_path / "a.png").read_bytes()))

    (turned,) = turned_hashes(np.array(hashes[:1], dtype=np.uint64), name).tolist()

    assert bin(turned ^ hashes[1]).count("1") <= 1


def test_turned_boxes_by_hand() -> None:
    box = np.array([[0.1, 0.2, 0.3, 0.4]])

    turned = {turn: turned_boxes(box, turn)[0].round(9).tolist() for turn in TURNS}

    assert turned == {
        "as it is": [0.1, 0.2, 0.3, 0.4],
        "mirrored": [0.6, 0.2, 0.3, 0.4],
        "upside down": [0.1, 0.4, 0.3, 0.4],
        "turned by 180°": [0.6, 0.4, 0.3, 0.4],
    }


def test_exact_near_and_mirrored_copies_of_one_split(tmp_path: Path) -> None:
    pictures = {
        "a.png": photo(1),
        "b.png": photo(2),
        "a again.png": photo(1),
        "b small.png": photo(2).resize((80, 60)),
        "c.png": photo(3),
        "a mirrored.png": ImageOps.mirror(photo(1)),
    }

    result = inside(tmp_path, pictures)

    values = measured(result)
    assert (values["count"], values["exact"], values["turned"]) == (3, 1, 1)
    assert values["labels_differ"] == 0
    assert result.verdict == "failed"
    assert result.message == (
        "3 of 6 images of train repeat another one, 1 of them byte for byte; 0 have other labels"
    )
    assert [line.split(":")[0] for line in finding_lines(result)] == [
        "a again.png",
        "b small.png",
        "a mirrored.png",
    ]


def test_turned_false_leaves_mirror_images_out(tmp_path: Path) -> None:
    pictures = {"a.png": photo(1), "b.png": ImageOps.mirror(photo(1))}

    assert measured(inside(tmp_path, pictures))["count"] == 1
    assert measured(inside(tmp_path, pictures, options="turned = false\n"))["count"] == 0


BOX = ("helmet", 10.0, 10.0, 40.0, 40.0)
OTHER = ("helmet", 100.0, 60.0, 40.0, 40.0)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ([BOX], [BOX], None),
        ([BOX, OTHER], [OTHER, BOX], None),
        ([BOX], [BOX, OTHER], "here 2 boxes, there 1"),
        ([BOX], [OTHER], "1 of 1 box elsewhere"),
        ([BOX, OTHER], [BOX, ("vest", *OTHER[1:])], "2 boxes of other classes"),
        ([BOX], [("helmet", 12.0, 11.0, 40.0, 40.0)], None),
        ([], [], None),
    ],
)
def test_labels_of_a_copy(tmp_path: Path, first: Boxes, second: Boxes, text: str | None) -> None:
    pictures = {"a.png": photo(1), "b.png": photo(1), "c.png": photo(4)}
    boxes = {"a.png": first, "b.png": second, "c.png": [BOX, ("vest", *BOX[1:])]}

    result = inside(tmp_path, pictures, boxes, "max = 5\n")

    assert measured(result)["labels_differ"] == (text is not None)
    assert result.verdict == ("passed" if text is None else "failed")
    if text is not None:
        assert finding_lines(result)[0] == f"b.png: labels differ from a.png: {text}"


def test_labels_of_a_mirror_image_are_mirrored(tmp_path: Path) -> None:
    pictures = {"a.png": photo(1), "b.png": ImageOps.mirror(photo(1))}
    mirrored = ("helmet", 110.0, 10.0, 40.0, 40.0)

    right = inside(tmp_path, pictures, {"a.png": [BOX], "b.png": [mirrored]})
    wrong = inside(tmp_path, pictures, {"a.png": [BOX], "b.png": [BOX]})

    assert measured(right)["labels_differ"] == 0
    assert measured(wrong)["labels_differ"] == 1


def test_frames_of_one_clip_are_compared_by_bytes(tmp_path: Path) -> None:
    head = "[dataset]\nframe-pattern = '(?P<clip>[a-z]+)_(?P<frame>\\d+)\\.png$'\n"
    small = photo(1).resize((80, 60))
    pictures = {
        "yard_1.png": photo(1),
        "yard_2.png": small,
        "roof_1.png": photo(1).resize((100, 75)),
        "yard_3.png": photo(1),
    }

    result = inside(tmp_path, pictures, head=head)

    assert [line.split(":")[0] for line in finding_lines(result)] == ["roof_1.png", "yard_3.png"]


def test_versions_of_one_source(tmp_path: Path) -> None:
    pictures = {
        "x_jpg.rf.0a1b2c3d4e5f.png": photo(1),
        "x_jpg.rf.1a1b2c3d4e5f.png": photo(2),
        "y_jpg.rf.2a1b2c3d4e5f.png": photo(3),
    }

    told_only = inside(tmp_path, pictures)
    counted = inside(tmp_path, pictures, options="by-source = true\n")

    assert (measured(told_only)["count"], measured(told_only)["same_source"]) == (0, 1)
    assert "1 more image was exported from the same source (see by-source)" in told_only.message
    assert told_only.verdict == "passed"
    assert measured(counted)["count"] == 1
    assert "exported from the same image" in finding_lines(counted)[0]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a/b_jpg.rf.0a1b2c3d.jpg", "b_jpg"),
        ("IMG_1.PNG_png.rf.0A1B2C3D4E.jpg", "img_1.png_png"),
        ("a.rf.0a1b2c3d.jpg", None),
        ("a_jpg.jpg", None),
        ("a_jpg.rf.0a.jpg", None),
    ],
)
def test_the_source_that_a_name_tells(name: str, source: str | None) -> None:
    assert source_of(name) == source


def test_repeats_agree_with_a_search_of_all_pairs() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, 12, dtype=np.uint64)[random.integers(0, 12, 300)]
    hashes ^= np.uint64(1) << random.integers(0, 64, 300).astype(np.uint64)
    digest = np.array([f"{n:032}".encode() for n in range(300)], dtype="S32")
    clip = random.integers(-1, 4, 300)

    result = find_repeats(ImageKeys(digest, hashes), 3, clip, turned=False)

    for row in range(300):
        near = [
            (bin(int(hashes[row] ^ hashes[other])).count("1"), other)
            for other in range(row)
            if clip[row] < 0 or clip[row] != clip[other]
        ]
        best = min((pair for pair in near if pair[0] <= 3), default=(-1, -1))
        assert (result.distance[row], result.row[row]) == best


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "give between = [reference, tested], or splits = [...]"),
        ('between = ["train", "train"]\nsplits = ["train"]\n', "give between or splits, not both"),
        ('splits = ["trian"]\n', "did you mean 'train'"),
        (
            'between = ["train", "train"]\nclip-field = "clip"\n',
            "only applies together with splits",
        ),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, options: str, message: str) -> None:
    write_json(tmp_path / "train.json", coco_content({"a.png": []}))

    with pytest.raises(ConfigError) as refusal:
        judged(tmp_path, split_tables(train=".") + "[rules.duplicate-images]\n" + options)

    assert message in " ".join(str(refusal.value).split())


@pytest.mark.shared
def test_raccoon_holds_four_pairs_with_other_boxes(shared_data: Path, tmp_path: Path) -> None:
    """SOURCE.md: four byte-identical pairs with different boxes."""
    folder = shared_data / "raccoon"
    config = f"""
[dataset.splits.train]
format = "voc"
annotations = "{folder / "annotations"}"
images = "{folder / "images"}"
"""

    (loose,) = judged(tmp_path, config + INSIDE + 'by = "bytes"\n').values()
    (strict,) = judged(tmp_path, config + INSIDE + 'by = "bytes"\nlabel-iou = 0.95\n').values()

    assert measured(loose)["exact"] == measured(strict)["exact"] == 4
    assert measured(loose)["labels_differ"] == 0
    assert measured(strict)["labels_differ"] == 4


@pytest.mark.shared
@pytest.mark.parametrize("name", ["tiny-coco/images", "formats-voc100/images"])
def test_clean_sets_have_no_repeated_image(shared_data: Path, tmp_path: Path, name: str) -> None:
    folder = shared_data / name
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    write_json(tmp_path / "train.json", coco_content({file_name: [] for file_name in names}))

    (result,) = judged(tmp_path, split_tables(train=folder) + INSIDE).values()

    assert result.verdict == "passed"
