"""`duplicate-images` and `probe-isolation`: pictures that are on both sides."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.record.report import RuleResult
from pytest_detgate.testing import coco_content
from tests.content import write_json
from tests.drawn import draw_pictures, drawn
from tests.judged import finding_lines, judged, measured, split_tables

DUPLICATES = '[rules.duplicate-images]\nbetween = ["train", "val"]\n'
ISOLATION = "[rules.probe-isolation]\n"
PATTERN = "[dataset]\nframe-pattern = '(?P<clip>[^/]+)-(?P<frame>\\d+)\\.png$'\n"

Judge = Callable[..., RuleResult]


@pytest.fixture
def duplicates(tmp_path: Path) -> Judge:
    """A function that judges two splits, given as file names."""

    def run(train: Sequence[str], val: Sequence[str], options: str = "") -> RuleResult:
        for name, file_names in (("train", train), ("val", val)):
            content = coco_content({file_name: [] for file_name in file_names})
            write_json(tmp_path / f"{name}.json", content)
        tables = split_tables(train="images", val="images")
        (result,) = judged(tmp_path, tables + DUPLICATES + options).values()
        return result

    return run


@pytest.fixture
def isolation(tmp_path: Path) -> Judge:
    """A function that judges a probe that is a folder; pictures are given by what they show."""

    def run(
        train: Mapping[str, str], probe: Mapping[str, str], options: str = "", head: str = PATTERN
    ) -> RuleResult:
        draw_pictures(tmp_path / "images", train)
        draw_pictures(tmp_path / "probe", probe)
        write_json(tmp_path / "train.json", coco_content({name: [] for name in train}))
        tables = split_tables(train="images") + '[probes.site]\nimages = "probe"\n'
        results = judged(tmp_path, head + tables + ISOLATION + options)
        return results["probe-isolation[site]"]

    return run


def counts(result: RuleResult) -> tuple[float, ...]:
    """Tested images that are copies, those with the same bytes, and pairs."""
    values = measured(result)
    return values["count"], values["exact"], values["pairs"]


def test_exact_and_near_copies_are_told_apart(duplicates: Judge, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    draw_pictures(folder, {"a.png": "yard", "b.png": "roof", "c.png": "yard", "own.png": "gate"})
    drawn("roof").resize((50, 50)).save(folder / "small.jpg")

    result = duplicates(["a.png", "b.png"], ["own.png", "small.jpg", "c.png", "a.png"])

    assert result.verdict == "failed"
    assert counts(result) == (3, 2, 3)
    assert result.message == "3 of 4 val images are in train too, 2 of them byte for byte"
    assert finding_lines(result) == [
        "c.png: the same bytes as train/a.png",
        "a.png: the same bytes as train/a.png",
        "small.jpg: looks like train/b.png",
    ]


def test_copies_are_counted_by_tested_image_and_by_pair(duplicates: Judge, tmp_path: Path) -> None:
    draw_pictures(tmp_path / "images", dict.fromkeys(("a.png", "b.png", "c.png", "v.png"), "yard"))

    result = duplicates(["a.png", "b.png", "c.png"], ["v.png"])

    assert counts(result) == (1, 1, 3)
    assert finding_lines(result) == ["v.png: the same bytes as train/a.png and 2 more"]


def test_by_bytes_does_not_decode(duplicates: Judge, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    draw_pictures(folder, {"a.png": "yard"})
    drawn("yard").save(folder / "b.jpg")
    for name in ("c.png", "d.png"):
        (folder / name).write_bytes(b"no picture")

    result = duplicates(["a.png", "c.png"], ["b.jpg", "d.png"], 'by = "bytes"\n')

    assert counts(result) == (1, 1, 1)
    assert finding_lines(result) == ["d.png: the same bytes as train/c.png"]


def test_a_picture_that_cannot_be_read_is_no_pass(duplicates: Judge, tmp_path: Path) -> None:
    draw_pictures(tmp_path / "images", {"a.png": "yard"})

    result = duplicates(["a.png"], ["gone.png"])

    assert result.verdict == "not-evaluated"
    assert result.message == (
        "1 of 1 image of val cannot be read, first gone.png: No such file or directory"
    )


def test_pairs_within_one_split_do_not_matter(duplicates: Judge, tmp_path: Path) -> None:
    shows = {"a.png": "yard", "b.png": "yard", "c.png": "roof", "d.png": "roof"}
    draw_pictures(tmp_path / "images", shows)

    assert duplicates(["a.png", "b.png"], ["c.png", "d.png"]).verdict == "passed"


RACCOON_PAIRS = {11: 116, 120: 83, 52: 74, 65: 98}


@pytest.mark.shared
def test_raccoon(shared_data: Path, tmp_path: Path) -> None:
    """SOURCE.md: four byte-identical pairs; 21/45 differ in a bit or so, 50 looks like 52 and 74
    and is no copy of theirs."""
    folder = shared_data / "raccoon" / "images"
    tested = {*RACCOON_PAIRS.values(), 45, 50}
    numbers = {int(path.stem.split("-")[1]): path.name for path in folder.iterdir()}
    train = [name for number, name in numbers.items() if number not in tested]
    for split, names in (("train", train), ("val", [numbers[number] for number in tested])):
        write_json(tmp_path / f"{split}.json", coco_content({name: [] for name in sorted(names)}))
    config = split_tables(train=folder, val=folder)
    config += DUPLICATES.replace("[rules.duplicate-images]", "[[rules.duplicate-images]]")
    config += 'name = "near"\n[[rules.duplicate-images]]\nname = "bytes"\nby = "bytes"\n'
    config += 'between = ["train", "val"]\n'

    near, by_bytes = judged(tmp_path, config).values()

    assert len(numbers) == 120
    assert counts(by_bytes) == (4, 4, 4)
    assert counts(near) == (6, 4, 6)
    assert {line.partition(":")[0] for line in finding_lines(near)[:4]} == {
        numbers[number] for number in RACCOON_PAIRS.values()
    }
    assert set(finding_lines(near)[:4]) == {
        f"{numbers[copy]}: the same bytes as train/{numbers[original]}"
        for original, copy in RACCOON_PAIRS.items()
    }
    rest = {line.partition(":")[0]: line.rpartition("/")[2] for line in finding_lines(near)[4:]}
    assert rest == {numbers[45]: numbers[21], numbers[50]: numbers[52]}


@pytest.mark.shared
def test_bccd(shared_data: Path, tmp_path: Path) -> None:
    """364 photos that look alike to a person, split so that its one near pair is parted."""
    folder = shared_data / "bccd" / "JPEGImages"
    names = sorted(path.name for path in folder.glob("*.jpg"))
    val = names[names.index("BloodImage_00038.jpg") :]
    train = [name for name in names if name not in val]
    for split, listed in (("train", train), ("val", val)):
        write_json(tmp_path / f"{split}.json", coco_content({name: [] for name in listed}))

    (result,) = judged(tmp_path, split_tables(train=folder, val=folder) + DUPLICATES).values()

    assert counts(result) == (1, 0, 1)
    assert result.findings[0].image == "BloodImage_00038.jpg"
    assert "train/BloodImage_00037.jpg" in result.findings[0].text


def test_probe_pictures_known_in_three_ways(isolation: Judge, tmp_path: Path) -> None:
    probe = {"tube-1.png": "yard", "tube-2.png": "new", "yard-9.png": "other", "yard-8.png": "yard"}
    drawn("roof").resize((60, 60)).save(_made(tmp_path / "probe") / "near-1.png")

    result = isolation({"yard-1.png": "yard", "roof-1.png": "roof"}, probe)

    assert result.verdict == "failed"
    assert measured(result) == {"count": 4, "unparsed": 0, "exact": 2, "near": 1, "same_clip": 2}
    assert result.message == (
        "4 of 5 images of probe 'site' also occur in train: 2 identical, 1 near duplicate, "
        "2 of the same clip"
    )
    first, second, near, last = finding_lines(result)
    assert first == "tube-1.png: the same bytes as train/yard-1.png"
    assert second == "yard-8.png: the same bytes as train/yard-1.png; its clip yard is in train too"
    # A bit of its hash may differ from that of the larger image.
    assert re.fullmatch(
        r"near-1.png: (looks like|hash differs in 1 of 64 bits from) train/roof-1.png", near
    )
    assert last == "yard-9.png: its clip yard is in train too"


def test_isolated_probe_passes(isolation: Judge) -> None:
    result = isolation({"yard-1.png": "yard"}, {"tube-1.png": "tube"})

    assert result.verdict == "passed"
    assert result.message == "0 of 1 image of probe 'site' also occurs in train"


def test_names_that_tell_no_clip_fail_unless_allowed(isolation: Judge) -> None:
    train, probe = {"yard-1.png": "yard", "odd.png": "odd"}, {"photo.png": "photo"}

    result = isolation(train, probe)

    assert result.verdict == "failed"
    assert measured(result)["unparsed"] == 2
    assert finding_lines(result) == [
        "photo.png: its clip is unknown",
        "odd.png: its clip is unknown",
    ]
    assert isolation(train, probe, "max-unparsed = 2\n").verdict == "passed"


def test_clips_can_be_left_out(isolation: Judge) -> None:
    result = isolation({"yard-1.png": "a"}, {"yard-2.png": "b"}, "clips = false\n", head="")

    assert result.verdict == "passed"
    assert measured(result) == {"count": 0, "exact": 0, "near": 0}


def test_by_bytes_measures_nothing_near(isolation: Judge) -> None:
    options = 'by = "bytes"\nclips = false\n'

    result = isolation({"a-1.png": "a"}, {"b-1.png": "a"}, options)

    assert measured(result) == {"count": 1, "exact": 1}


def test_folder_has_no_field_for_its_clips(isolation: Judge) -> None:
    result = isolation({"a-1.png": "a"}, {"b-1.png": "b"}, 'clip-field = "video_id"\n')

    assert result.verdict == "not-evaluated"
    assert "no image has the field 'video_id' that clip-field names" in result.message


@pytest.mark.parametrize(
    ("head", "options", "expected"),
    [
        ("", "", "give [dataset] frame-pattern, or clip-field in this table; or clips = false"),
        (PATTERN, 'from = "trian"', "from: no split 'trian'; did you mean 'train'?"),
        (PATTERN, 'probes = ["stie"]', "probes: no probe 'stie'; did you mean 'site'?"),
        (PATTERN, "probes = []", "there is no probe"),
        (PATTERN, "distance = 17", "distance: expected a whole number between 0 and 16, found 17"),
        (PATTERN, 'by = "pixels"', 'by: expected one of "bytes", "hash", found'),
    ],
)
def test_options_that_make_no_sense(
    isolation: Judge, head: str, options: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        isolation({"a-1.png": "a"}, {"b-1.png": "b"}, options, head=head)

    assert expected in str(caught.value)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
