"""What a training starts from, as MMEngine gets to see it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.errors import DetectorError
from pytest_detgate.training.checkpoints import read_checkpoints_as_data

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Any]:
    """What MMEngine loads checkpoints with, as it is in a process that trains."""
    import torch
    from mmengine.runner.checkpoint import load_from_local

    monkeypatch.setattr("torch.load", torch.load)  # afterwards it is what it was
    read_checkpoints_as_data()
    return lambda path: load_from_local(str(path), map_location="cpu")


def save(path: Path, content: Any) -> Path:
    import torch

    torch.save(content, path)
    return path


def test_what_mmengine_would_run_or_delete_is_left_out(
    tmp_path: Path, load: Callable[[Path], Any]
) -> None:
    """MMEngine runs `meta.config`, and deletes `best_ckpt`, a folder with all that is in it."""
    content = {
        "meta": {"config": "open('canary', 'w')", "epoch": 3, "iter": 9},
        "state_dict": {},
        "message_hub": {
            "runtime_info": {
                **{"best_ckpt": str(tmp_path), "best_ckpt_coco/bbox_mAP": str(tmp_path)},
                **{"last_ckpt": "/", "keep_ckpt_ids": ["../../x"], "cfg": "x = 1"},
                **{"best_score": 0.5, "epoch": 3, "done": True},
            },
            "log_scalars": {},
            "resumed_keys": {},
        },
    }
    loaded = load(save(tmp_path / "x.pth", content))

    assert loaded["meta"] == {"epoch": 3, "iter": 9}
    assert loaded["message_hub"]["runtime_info"] == {"best_score": 0.5, "epoch": 3, "done": True}


@pytest.mark.parametrize(
    "number",
    [np.float64(0.1), np.float32(-2.5), np.int64(-(2**40)), np.bool_(True), np.uint8(7)],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_numbers_of_numpy_are_what_they_were(
    tmp_path: Path, load: Callable[[Path], Any], number: Any, order: str
) -> None:
    kind = number.dtype.newbyteorder(order)
    given = np.array([number], kind)[0]  # NumPy has scalars in the machine's own order alone
    loaded = load(save(tmp_path / "x.pth", {"a": given, "b": [number]}))

    assert loaded["a"] == number
    assert loaded["b"][0] == number
    assert type(loaded["b"][0]) is type(number)


def test_numbers_in_another_order_of_bytes(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    class Stored:
        def __reduce__(self) -> tuple[Any, ...]:
            scalar = np.float64(0).__reduce__()[0]
            return scalar, (np.dtype(">f8"), np.array([0.25], ">f8").tobytes())

    assert load(save(tmp_path / "x.pth", [Stored()])) == [0.25]


class Composed:
    """A `dtype` that says it is a gigabyte long."""

    def __reduce__(self) -> tuple[Any, ...]:
        state = (3, "|", None, None, None, 1 << 30, 1, 0)
        return np.dtype, ("V8", False, True), state


class Cut:
    """A number of fewer bytes than it has."""

    def __reduce__(self) -> tuple[Any, ...]:
        return np.float64(0).__reduce__()[0], (np.dtype("f8"), b"1234")


class Object:
    """A number that is any object."""

    def __reduce__(self) -> tuple[Any, ...]:
        return np.float64(0).__reduce__()[0], (np.dtype("O"), b"12345678")


@pytest.mark.parametrize("value", [Cut(), Object()])
def test_what_is_no_plain_number_is_refused(
    tmp_path: Path, load: Callable[[Path], Any], value: Any
) -> None:
    with pytest.raises(DetectorError, match=r"x\.pth: damaged"):
        load(save(tmp_path / "x.pth", {"a": value}))


def test_composed_types_stand_for_nothing(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    loaded = load(save(tmp_path / "x.pth", {"a": Composed()}))

    assert not isinstance(loaded["a"], np.dtype)


def test_weights_go_where_mmengine_asks(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    import torch

    path = save(tmp_path / "x.pth", {"weight": torch.ones(2)})
    from mmengine.runner.checkpoint import load_from_local

    for position in (None, "cpu", torch.device("cpu"), lambda storage, _: storage):
        assert load_from_local(str(path), position)["weight"].device.type == "cpu"
    assert load_from_local(str(path), "meta")["weight"].device.type == "meta"


def test_arrays_stand_for_nothing(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    """NumPy's own would take any state for their content."""
    loaded = load(save(tmp_path / "x.pth", {"a": np.arange(3)}))

    assert not isinstance(loaded["a"], np.ndarray)
    assert pickle.dumps(loaded["a"])  # MMEngine compares what it has by that
