"""Large COCO files, decoded block by block, have the tables that the reader of whole files makes,
and no tables where that refuses them."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pytest_detgate.dataset.coco import block_process, large_file, reader, row_store
from pytest_detgate.dataset.coco.annotation_rows import strict_annotations
from pytest_detgate.dataset.coco.content import CocoFile, long_arrays
from pytest_detgate.dataset.coco.image_rows import strict_images
from pytest_detgate.dataset.coco.large_file import LargeFile, read_large
from pytest_detgate.dataset.coco.reader import read_coco_file
from pytest_detgate.dataset.coco.row_store import RowStore
from pytest_detgate.dataset.text import json_blocks
from pytest_detgate.dataset.text.json_blocks import Blocks, NotPlainError, Run, outline_of
from pytest_detgate.dataset.text.json_decoding import decode_json
from pytest_detgate.errors import DataError
from pytest_detgate.regular_file import open_regular, sha256_of_file, state_of

FIELDS = ("place", "note")
ODD_TEXT = (
    *("}, {", '}], "annotations": [{', '"images": [{"id": 1}]', "[[{{", '\\"', "\\\\", "}]"),
    *("é", "\u2028", "\t\n", "a.jpg", '{"id": 7, "file_name": "x"}, {"id": 8'),
)
TAME = st.sampled_from(["a", "é", "yard_1"])
INNER = st.sampled_from(
    [
        *([], [[1, 2, 3.5, 4, 5, 6]], {"counts": [3, 2], "size": [5, 1]}, {"counts": "abc"}),
        *({"a": {"b": [1]}}, None, True, "}, {"),
    ]
)
NESTED = st.sampled_from([[{"x": 1}, {"x": 2}], [{"x": [{}]}], {"rows": [{"id": 1}, {"id": 2}]}])
numbers = st.integers(0, 500) | st.floats(0, 500, allow_nan=False).map(lambda x: round(x, 2))


def shuffled(entry: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.permutations(list(entry.items())).map(dict)


@st.composite
def image_rows(
    draw: st.DrawFn, number: int, texts: st.SearchStrategy[str], inner: st.SearchStrategy[Any]
) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": number, "file_name": f"{draw(texts)}{number}.jpg"}
    if draw(st.booleans()):
        entry |= {"width": draw(numbers), "height": draw(numbers)}
    for field in draw(st.sets(st.sampled_from(FIELDS))):
        entry[field] = draw(texts | inner)
    return draw(shuffled(entry))


@st.composite
def annotation_rows(
    draw: st.DrawFn,
    number: int,
    texts: st.SearchStrategy[str],
    inner: st.SearchStrategy[Any],
    *,
    odd: bool,
) -> dict[str, Any]:
    box = [draw(numbers), draw(numbers), draw(numbers), 1 + draw(numbers)]
    entry: dict[str, Any] = {"image_id": draw(st.integers(0, 9)), "category_id": 1, "bbox": box}
    entry |= {"id": number, "segmentation": draw(inner), "note": draw(texts)}
    if draw(st.booleans()):
        entry |= {"area": draw(numbers), "iscrowd": draw(st.sampled_from([0, 1]))}
    if odd:
        wrong: st.SearchStrategy[Any] = st.sampled_from(
            [
                *({"id": "a7"}, {"id": 2**70}, {"id": None}, {"bbox": []}, {"score": 0.5}),
                *({"bbox": [0, 0, 0, 0]}, {"bbox": [1, 2, "3", 4]}, {"iscrowd": True}),
                *({"image_id": 5.0}, {"image_id": "x"}, {"area": None}, {"area": "NaN"}),
                *({"bbox": [1, 2, 3]}, {"category_id": 1.5}, {"category_id": None}),
            ]
        ) | NESTED.map(lambda value: {"attributes": value})
        entry |= draw(wrong)
    return draw(shuffled(entry))


@st.composite
def files(draw: st.DrawFn, *, tame: bool = False, odd: bool = False) -> bytes:
    """The text of a COCO file, written in any way; a `tame` one has no text like JSON in it."""
    texts = TAME if tame else st.sampled_from(ODD_TEXT) | st.text(max_size=6)
    inner, nested = (TAME, TAME) if tame else (INNER, NESTED)
    many = st.integers(0, 12)
    odd_row = draw(st.integers(0, 12)) if odd else -1
    content: dict[str, Any] = {
        "images": [draw(image_rows(number, texts, inner)) for number in range(draw(many))],
        "annotations": [
            draw(annotation_rows(number, texts, inner, odd=number == odd_row))
            for number in range(draw(many))
        ],
        "categories": [{"id": 1, "name": draw(texts) or "a"}, {"id": 2, "name": "b"}],
        "info": draw(texts | inner | nested),
        draw(texts): draw(inner | nested),
    }
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    id_of_all: Any = draw(st.sampled_from([..., ..., "", "a", None, 2**70]))
    if id_of_all is not ...:
        for entry in content["annotations"]:
            entry["id"] = id_of_all
    return json.dumps(
        draw(shuffled(content)),
        indent=draw(st.sampled_from([None, None, 1])),
        separators=separators,
        ensure_ascii=draw(st.booleans()),
    ).encode("utf-8", "surrogatepass")


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    """Blocks of a few rows, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_blocks, "_PIECE", 200)
        patch.setattr(json_blocks, "_BEYOND", 4000)
        yield


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("large") / "train.json"


def whole(path: Path) -> LargeFile | None:
    """What the reader of whole files makes of it; None where it refuses it."""
    try:
        return reader._read_whole(path, FIELDS, None)
    except DataError:
        return None


def in_blocks(path: Path, size: int, takes: Callable[[int], bool]) -> LargeFile | None:
    """The same from blocks of that size, of which the second process `takes` some."""
    with pytest.MonkeyPatch.context() as patch, open_regular(path) as file:
        patch.setattr(json_blocks, "BLOCK", size)
        total = state_of(file).size
        store, decode = RowStore(total), strict_annotations()
        mine: Blocks[Any] = Blocks(
            file,
            total,
            {
                "images": strict_images(FIELDS),
                "annotations": lambda piece: store.add(decode(piece), len(piece)),
            },
        )
        others = Blocks(file, total, {"annotations": strict_annotations()})
        runs: list[Run[Any]] = []
        try:
            for number in range(len(mine)):
                other = block_process._numbers(others, number) if takes(number) else None
                runs += mine.runs(number) if other is None else [other]
            outline = outline_of(file, total, runs)
            top = decode_json(outline.text, CocoFile, path, long_arrays)
            tables = large_file._joined(outline, top, FIELDS, store)
        except (NotPlainError, DataError):
            return None
    return LargeFile(top, *tables, sha256_of_file(path))


def same(value: Any, other: Any) -> bool:
    """Whether two tables are the same to the last bit."""
    if isinstance(value, np.ndarray):
        return value.dtype == other.dtype and value.shape == other.shape and _same(value, other)
    if dataclasses.is_dataclass(value):
        return all(
            same(getattr(value, field.name), getattr(other, field.name))
            for field in dataclasses.fields(value)
        )
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[key], other[key]) for key in value)
    return bool(value == other)


def _same(column: NDArray[Any], other: NDArray[Any]) -> bool:
    if column.dtype == object:
        return [repr(value) for value in column] == [repr(value) for value in other]
    return column.tobytes() == other.tobytes()


def require_same(made: LargeFile | None, expected: LargeFile | None) -> None:
    if made is not None:
        assert expected is not None, "it was refused"
        for part in ("images", "annotations", "sha256"):
            assert same(getattr(made, part), getattr(expected, part)), part
        assert made.outline.categories == expected.outline.categories


blocks = st.integers(40, 3000)
some_blocks = st.sets(st.integers(0, 60))


@given(content=files(tame=True), size=blocks, taken=some_blocks)
def test_plain_files_are_read_in_blocks(
    content: bytes, size: int, taken: set[int], path: Path
) -> None:
    path.write_bytes(content)
    made = in_blocks(path, size, taken.__contains__)

    assert made is not None
    require_same(made, whole(path))


@given(content=files(), size=blocks, taken=some_blocks)
def test_text_like_json_does_not_mislead(
    content: bytes, size: int, taken: set[int], path: Path
) -> None:
    path.write_bytes(content)

    require_same(in_blocks(path, size, taken.__contains__), whole(path))


@given(content=files(odd=True), size=blocks, taken=some_blocks)
def test_odd_rows_are_the_same_or_left_to_the_other_reader(
    content: bytes, size: int, taken: set[int], path: Path
) -> None:
    path.write_bytes(content)

    require_same(in_blocks(path, size, taken.__contains__), whole(path))


@given(
    content=files(tame=True) | files(),
    size=blocks,
    share=st.floats(0, 1, exclude_max=True),
    cut=st.integers(0, 3),
    put=st.sampled_from(
        [b"", b",", b"]", b"}", b"{", b'"', b"\\", b"NaN", b"\x0b", b"\xff", b'"annotations":[],']
    ),
)
def test_damaged_files_are_refused_or_the_same(
    content: bytes, size: int, share: float, cut: int, put: bytes, path: Path
) -> None:
    position = int(share * len(content))
    path.write_bytes(content[:position] + put + content[position + cut :])

    require_same(in_blocks(path, size, lambda number: number % 2 == 0), whole(path))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"images": [], "annotations": [], "categories": []}, id="empty-lists"),
        pytest.param({"images": [], "categories": []}, id="no-annotations"),
        pytest.param(
            {"images": [{"id": 1, "file_name": "a"}], "annotations": [], "categories": []},
            id="one-image",
        ),
    ],
)
@pytest.mark.parametrize("size", [3, 40, 1000])
def test_short_lists_are_read_in_blocks(content: dict[str, Any], size: int, path: Path) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
    made = in_blocks(path, size, lambda number: True)

    assert made is not None
    require_same(made, whole(path))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"images": [], "images": [], "categories": []}', id="a-key-twice"),
        pytest.param('{"images": null, "annotations": [], "categories": []}', id="no-list"),
        pytest.param('{"images": [], "annotations": [], "categories": []} x', id="more-behind"),
        pytest.param('{"a": {"images": [{"id": 1, "file_name": "a"}]}, "categories": []}', id="in"),
        pytest.param('[{"images": [{"id": 1, "file_name": "a"}], "categories": []}]', id="list"),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a", "id": 2}], "categories": []}', id="row-twice"
        ),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a"} {"id": 2, "file_name": "b"}],'
            ' "categories": []}',
            id="no-comma",
        ),
        pytest.param(
            '{"images": [{"id": 1, "file_name": "a"},\x0b{"id": 2, "file_name": "b"}],'
            ' "categories": []}',
            id="no-blank-of-json",
        ),
        pytest.param('{"images": [{"id": 1, "file_name": "a"},], "categories": []}', id="comma"),
        pytest.param('{"images": [{"id": 1, "file_name": NaN}], "categories": []}', id="nan"),
        pytest.param("", id="empty"),
        pytest.param("{" * 5000, id="deep"),
    ],
)
@pytest.mark.parametrize("size", [16, 5000])
def test_what_is_refused_is_left_to_the_other_reader(text: str, size: int, path: Path) -> None:
    path.write_text(text, encoding="utf-8")

    assert whole(path) is None
    assert in_blocks(path, size, lambda number: True) is None


# The process of its own.


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of five blocks, the images of which fill two."""
    path = tmp_path_factory.mktemp("blocks") / "train.json"
    listed = [{"id": n, "file_name": f"yard/{n:06d}.jpg", "note": "x" * 40} for n in range(80_000)]
    boxes = [
        {"id": n, "image_id": n % 80_000, "category_id": 1, "bbox": [n % 7, 1, 5.25, 7], "area": 1}
        for n in range(100_000)
    ]
    content = {"annotations": boxes, "images": listed, "categories": [{"id": 1, "name": "hat"}]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every file is shared by two processes."""
    monkeypatch.setattr(large_file, "_SHARED", 0)
    monkeypatch.setattr(large_file, "_cpus", lambda: 2)
    monkeypatch.setattr(reader, "_LARGE", 0)
    return monkeypatch


def test_two_processes_make_the_same_tables(large: Path, shared: pytest.MonkeyPatch) -> None:
    received = []
    receive = block_process.BlockProcess.receive

    def recorded(process: block_process.BlockProcess) -> Any:
        received.append(receive(process))
        return received[-1]

    take = block_process.Permits.take
    waits = iter([3.0])

    def slowly(permit: block_process.Permits) -> bool:
        # This process waits until the other one has started.
        time.sleep(next(waits, 0))
        return take(permit)

    shared.setattr(block_process.BlockProcess, "receive", recorded)
    shared.setattr(block_process.Permits, "take", slowly)
    made = read_large(large, (), lambda part: None)

    assert made is not None
    require_same(made, reader._read_whole(large, (), None))
    ((runs, left),) = received
    assert sum(len(run.rows[0]) for run in runs) > 10_000
    assert left, "blocks of images are left to the parent"


def test_without_the_other_process_the_file_is_read_whole(
    large: Path, shared: pytest.MonkeyPatch
) -> None:
    shared.setattr(block_process, "_START", "raise SystemExit(3)")

    assert read_large(large, (), lambda part: None) is None
    assert len(read_coco_file(large).boxes) == 100_000


def test_no_process_can_be_started(large: Path, shared: pytest.MonkeyPatch) -> None:
    shared.setattr(sys, "executable", str(large))

    assert read_large(large, (), lambda part: None) is None


def test_one_processor_reads_it_alone(large: Path, shared: pytest.MonkeyPatch) -> None:
    shared.setattr(large_file, "_cpus", lambda: 1)
    shared.setattr(large_file, "BlockProcess", None)
    parts: list[int] = []
    made = read_large(large, (), parts.append)

    assert made is not None
    assert sum(parts) == large.stat().st_size
    require_same(made, reader._read_whole(large, (), None))


@pytest.mark.parametrize("cpus", [1, 2])
def test_rows_beyond_what_was_expected(cpus: int, large: Path, shared: pytest.MonkeyPatch) -> None:
    shared.setattr(large_file, "_cpus", lambda: cpus)
    shared.setattr(row_store, "_SPARE", 0.2)
    shared.setattr(row_store, "_FEWEST", 0)
    made = read_large(large, (), lambda part: None)

    assert made is not None
    require_same(made, reader._read_whole(large, (), None))


def test_without_memory_for_all_rows_at_once(large: Path, shared: pytest.MonkeyPatch) -> None:
    def empty(name: str, rows: int) -> NDArray[Any]:
        raise MemoryError

    shared.setattr(row_store, "empty_column", empty)
    made = read_large(large, (), lambda part: None)

    assert made is not None
    require_same(made, reader._read_whole(large, (), None))


def test_a_file_that_is_written_to_meanwhile_is_left(
    large: Path, shared: pytest.MonkeyPatch
) -> None:
    joined = large_file._joined

    def touched(*arguments: Any) -> Any:
        status = large.stat()
        os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        return joined(*arguments)

    shared.setattr(large_file, "_joined", touched)

    assert read_large(large, (), lambda part: None) is None


def test_another_file_of_that_name_is_left(large: Path, tmp_path: Path) -> None:
    copy = tmp_path / "train.json"
    copy.write_bytes(large.read_bytes())
    with open_regular(large) as file:
        state = state_of(file)

    with (
        block_process.permits(3) as taken,
        block_process.BlockProcess(copy, state, taken) as process,
        pytest.raises(NotPlainError),
    ):
        process.receive()


@pytest.mark.shared
@pytest.mark.parametrize("size", [5_000, 300_000])
def test_real_files_are_read_in_blocks(size: int, shared_data: Path, tmp_path: Path) -> None:
    real = [*shared_data.rglob("*.json")]
    assert real
    made = 0
    for file in real:
        read = in_blocks(file, size, lambda number: number % 2 == 1)
        require_same(read, whole(file))
        made += read is not None
    assert made
