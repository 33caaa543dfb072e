"""Files of torch, read without torch's own unpickler: the same values, and nothing else."""

from __future__ import annotations

import contextlib
import io
import pickle
import pickletools
import struct
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detector.torch_file import program, records
from pytest_detgate.detector.torch_file.limits import Limits
from pytest_detgate.detector.torch_file.program import run_program
from pytest_detgate.detector.torch_file.reading import load_as_data
from pytest_detgate.detector.torch_file.records import Records
from pytest_detgate.detector.torch_file.refusals import NotPlainError, UnreadableError
from pytest_detgate.detector.torch_file.stand_ins import StandIn
from pytest_detgate.errors import DetectorError
from tests.detector.conftest import Worksite
from tests.hostile import pickles
from tests.hostile.containers import in_zip
from tests.needs import import_or_skip

torch = import_or_skip("torch")

PLAIN = [
    *(None, True, False, 0, -1, 255, 256, 65_536, -(2**31), 2**40, -(2**70)),
    *(1.5, -0.0, float("inf"), "", "ü", "x" * 300, b"", b"\xff\x00", bytes(300)),
    *((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], [1, [2]], {}, {"a": {1: (None,)}}),
    *({1, 2}, frozenset({3}), OrderedDict(b=1, a=2)),
]


def saved(content: Any, **options: Any) -> io.BytesIO:
    """A file with some content, from its beginning."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    file.seek(0)
    return file


def assert_same(ours: Any, theirs: Any, where: str = "") -> None:
    """Equal in type and value; tensors in every bit, and in how they lie in memory."""
    assert type(ours) is type(theirs), where
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype == theirs.dtype, where
        assert (ours.shape, ours.stride()) == (theirs.shape, theirs.stride()), where
        assert ours.storage_offset() == theirs.storage_offset(), where
        assert ours.requires_grad == theirs.requires_grad, where
        assert content_of(ours) == content_of(theirs), where
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}.{key}")
        assert getattr(ours, "_metadata", None) == getattr(theirs, "_metadata", None), where
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), where
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    else:
        assert ours == theirs, where


def content_of(tensor: Any) -> bytes:
    """The bytes of the numbers of a tensor."""
    numbers = tensor.detach().contiguous().flatten()
    return bytes(numbers.view(torch.uint8).numpy()) if numbers.numel() else b""


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_are_what_they_were(protocol: int) -> None:
    assert_same(load_as_data(saved(PLAIN, pickle_protocol=protocol)), PLAIN)


@pytest.mark.parametrize("protocol", [2, 5])
def test_dictionaries_of_other_kinds_are_plain(protocol: int) -> None:
    content = [defaultdict(list, a=[1]), Counter("aab")]
    file = saved(content, pickle_protocol=protocol)
    assert load_as_data(file) == [{"a": [1]}, {"a": 2, "b": 1}]


@pytest.mark.parametrize("protocol", [2, 5])
def test_tensors_are_what_they_were_in_every_bit(protocol: int) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    kinds = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8"]
    kinds += ["uint8", "bool", "complex64", "complex128"]
    numbers = [torch.tensor([0, 1, 3], dtype=getattr(torch, kind)) for kind in kinds]
    odd = torch.tensor([float("nan"), -0.0, 1e-42, float("inf")])
    views = [base, base.t(), base[1:, 2:], base[::2], base[0, 0], torch.zeros(2, 0, 3)]
    content = [numbers, odd, views, base.expand(3, 4, 6), torch.zeros(0), torch.tensor(5)]

    assert_same(load_as_data(saved(content, pickle_protocol=protocol)), content)


def test_types_without_a_storage_of_their_own() -> None:
    names = ("float8_e4m3fn", "float8_e5m2", "uint16", "uint32", "uint64")
    kinds = [getattr(torch, name) for name in names if hasattr(torch, name)]
    if not hasattr(torch, "uint16"):
        pytest.skip("torch before 2.3 cannot save them")
    content = [torch.arange(8, dtype=torch.uint8).view(kind) for kind in kinds]
    content = [*content, *kinds, torch.float16]

    assert_same(load_as_data(saved(content)), content)


def test_models_and_optimisers_are_what_they_were() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    optimizer = torch.optim.AdamW(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    content = {
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "parameters": [*model.parameters(), frozen, torch.ones(1, requires_grad=True)],
    }
    ours: Any = load_as_data(saved(content))

    assert_same(ours, content)
    assert ours["state_dict"]._metadata["1"] == {"version": 2}


def test_tensors_that_shared_their_bytes_share_them() -> None:
    base = torch.zeros(4)
    read: Any = load_as_data(saved([base, base[2:]]))
    whole, part = read
    part += 1

    assert whole.tolist() == [0, 0, 1, 1]


def test_a_parameter_with_attributes_is_a_parameter() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.is_shared = True
    assert_same(load_as_data(saved([parameter])), [torch.nn.Parameter(torch.ones(2))])


def test_torch_reads_the_same_from_a_checkpoint(site: Worksite) -> None:
    ours = load_as_data(site.checkpoint)
    theirs = torch.load(site.checkpoint, map_location="cpu", weights_only=False)

    assert_same(ours["state_dict"], theirs["state_dict"])  # type: ignore[index]
    assert_same(ours["meta"], theirs["meta"])  # type: ignore[index]


def test_objects_of_packages_stand_for_nothing() -> None:
    class_of_another = b"cproject.models\nEmpty\n"
    content = b"]" + class_of_another + b"a" + class_of_another + b")\x81}" + pickles.text("x")
    content += b"Nsba" + class_of_another + b")R(" + pickles.text("x") + b"lba."
    made = load_as_data(io.BytesIO(in_zip(content)))

    assert isinstance(made, list)
    assert all(
        type(entry) is StandIn and vars(entry) == {"name": "project.models.Empty"} for entry in made
    )
    assert len(made) == 3
    assert pickle.dumps(made)  # MMEngine compares what it has by that


def test_a_checkpoint_without_checksums_is_read() -> None:
    """Torch can be set to write none."""
    content = in_zip(pickles.of_a_tensor(), data__0=struct.pack("<4f", 1, 2, 3, 4))
    for entry in zipfile.ZipFile(io.BytesIO(content)).infolist():
        content = content.replace(struct.pack("<I", entry.CRC), bytes(4))
    read = load_as_data(io.BytesIO(content))

    assert read["state_dict"]["weight"].tolist() == [1, 2, 3, 4]  # type: ignore[index]


@pytest.mark.parametrize("position", range(0, 100, 3))
def test_a_cut_off_file_is_refused(position: int, tmp_path: Path) -> None:
    whole = saved({"state_dict": {"weight": torch.ones(20)}, "meta": {"epoch": 1}}).getvalue()
    path = tmp_path / "x.pth"
    path.write_bytes(whole[: len(whole) * position // 100])

    with pytest.raises(DetectorError, match=r"x\.pth: damaged, or not a checkpoint"):
        load_as_data(path)


def find_nothing(name: str) -> object:
    raise NotPlainError(f"it asks for {name}")


def run(steps: bytes) -> object:
    """The value of a pickle that needs no names and no tensors."""
    return run_program(steps, find_nothing, find_nothing, Limits(len(steps)))  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", pickletools.opcodes, ids=lambda operation: operation.name)
def test_each_operation_is_read_or_refused(operation: Any) -> None:
    """With anything on the stack: only a value or a refusal."""
    code = operation.code.encode("latin-1")
    for argument in (b"", b"1\n", b"1\n1\n", b"'x'\n", b"\x00", bytes(8), b"\x01x", b"\xff" * 9):
        for before in (b"", b"(", b"N", b"NN", b"NNN", b"]", b"}", b"]N", b"}NN", b"((", b")("):
            for after in (b".", b"N.", b"00."):
                with contextlib.suppress(UnreadableError, NotPlainError):
                    run(before + code + argument + after)


def test_steps_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_OPERATIONS", 1000)
    assert run(b"(" + b"N" * 997 + b"l.") == [None] * 997
    with pytest.raises(UnreadableError, match="over 1,000 steps"):
        run(b"(" + b"N" * 998 + b"l.")


def test_a_place_in_the_memo_takes_no_memory() -> None:
    """Python's own unpickler makes room for all places before it."""
    assert run(b"Nr\xff\xff\xff\xffj\xff\xff\xff\xff\x86.") == (None, None)


def test_values_that_are_nested_deeply_are_refused() -> None:
    with pytest.raises(UnreadableError, match="nested more than 200 deep"):
        run(b"N" + b"\x85" * 201 + b".")
    assert run(b"N" + b"\x85" * 200 + b".")


def test_a_dictionary_that_holds_itself_as_its_state_is_refused() -> None:
    steps = b"ccollections\nOrderedDict\n)Rq\x00}" + pickles.text("_metadata") + b"}"
    steps += pickles.text("x") + b"h\x00ssb."
    with pytest.raises(DetectorError, match="holds itself"):
        load_as_data(io.BytesIO(in_zip(steps)))


def test_records_are_no_larger_than_the_file() -> None:
    """Each entry may say what it likes of its size."""
    content = bytearray(in_zip(b"N."))
    start = content.index(b"PK\x01\x02")
    content[start + 24 : start + 28] = struct.pack("<I", len(content) + 1)
    with pytest.raises(UnreadableError, match="that unpack to"):
        Records(io.BytesIO(bytes(content)))
    assert records.Records(io.BytesIO(in_zip(b"N."))).read("data.pkl") == b"N."


def test_numbers_of_numpy_are_real_numbers() -> None:
    content = [np.float64(0.1), np.int64(-3), np.bool_(True), np.float32(2.5)]
    assert_same(load_as_data(saved(content)), content)
