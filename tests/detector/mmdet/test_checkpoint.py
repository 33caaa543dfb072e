"""Checkpoints are read as data."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.mmdet.checkpoint import Checkpoint, read_checkpoint
from pytest_detgate.errors import DetectorError
from tests.detector.conftest import Worksite

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]


class Hostile:
    """Writes a file when it is unpickled without restriction."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"open({str(self.marker)!r}, 'w').close()",)


def save(path: Path, content: object, **options: Any) -> Path:
    import torch

    torch.save(content, path, **options)
    return path


def test_what_mmengine_saves_is_read(site: Worksite) -> None:
    checkpoint = read_checkpoint(site.checkpoint)
    assert checkpoint.classes == ("person", "helmet")
    assert checkpoint.epoch == 7
    assert "type='RTMDet'" in str(checkpoint.config_text)
    assert "bbox_head.rtm_cls.0.weight" in checkpoint.state_dict


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    path = save(tmp_path / "x.pth", {"state_dict": {}, "meta": {"epoch": Hostile(marker)}})
    with pytest.raises(DetectorError) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    assert "eval" in str(caught.value)
    assert "--detgate-trust-checkpoint" in str(caught.value)
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")  # torch 2.1 warns of itself
def test_the_format_before_torch_1_6_is_refused(tmp_path: Path) -> None:
    import torch

    content = {"state_dict": {"weight": torch.ones(2)}, "meta": {}}
    path = save(tmp_path / "old.pth", content, _use_new_zipfile_serialization=False)
    with pytest.raises(DetectorError) as caught:
        read_checkpoint(path)
    assert "the format that torch wrote before 1.6" in str(caught.value)
    # What the message says to do, done.
    assert "torch.save(torch.load(OLD, map_location='cpu', weights_only=True), NEW)" in str(
        caught.value
    )
    new = tmp_path / "new.pth"
    torch.save(torch.load(path, map_location="cpu", weights_only=True), new)
    assert torch.equal(read_checkpoint(new).state_dict["weight"], torch.ones(2))


def test_a_bare_state_dictionary_is_a_checkpoint(tmp_path: Path) -> None:
    import torch

    path = save(tmp_path / "x.pth", torch.nn.Linear(2, 1).state_dict())
    checkpoint = read_checkpoint(path)
    assert checkpoint.state_dict.keys() == {"weight", "bias"}
    assert checkpoint.meta == {}
    assert (checkpoint.classes, checkpoint.epoch, checkpoint.config_text) == (None, None, None)


def test_a_trusted_checkpoint_is_unpickled_without_restriction(tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    content = {"state_dict": {}, "meta": {"epoch": Hostile(marker)}}
    read_checkpoint(save(tmp_path / "x.pth", content), trust=True)
    assert marker.exists()  # so the payload of the tests around this one does work


def test_a_bare_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "was-run"
    path = tmp_path / "x.pth"
    path.write_bytes(pickle.dumps({"state_dict": {}, "meta": Hostile(marker)}))
    with pytest.raises(DetectorError, match=r"x\.pth: "):
        read_checkpoint(path)
    assert not marker.exists()


def test_names_that_are_let_through_stand_for_nothing(tmp_path: Path) -> None:
    """`getattr` is on the list because MMEngine's histories ask for it: it must do nothing."""

    class Reaching:
        def __reduce__(self) -> tuple[Any, ...]:
            return getattr, ("text", "upper")

    path = save(tmp_path / "x.pth", {"state_dict": {}, "meta": {"reached": Reaching()}})
    reached = read_checkpoint(path).meta["reached"]
    assert not callable(reached)


def test_what_others_let_through_is_not_let_through_here(tmp_path: Path) -> None:
    import torch

    if not hasattr(torch.serialization, "safe_globals"):
        pytest.skip("this torch has no such list")
    marker = tmp_path / "was-run"
    path = save(tmp_path / "x.pth", {"state_dict": {}, "meta": {"epoch": Hostile(marker)}})
    with torch.serialization.safe_globals([eval]):
        with pytest.raises(DetectorError, match=r"x\.pth: refused: .*eval"):
            read_checkpoint(path)
        assert eval in torch.serialization.get_safe_globals()
    assert not marker.exists()


def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, site: Worksite) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(DetectorError) as caught:
            read_checkpoint(path)
        assert str(path) in str(caught.value)
        assert "trust" not in str(caught.value)  # trust would not help
        return str(caught.value)

    cut, empty, text = tmp_path / "cut.pth", tmp_path / "empty.pth", tmp_path / "text.pth"
    content = site.checkpoint.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    empty.write_bytes(b"")
    text.write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    assert "no such checkpoint" in refused(tmp_path / "missing.pth")
    assert "folder" in refused(tmp_path)
    assert "empty" in refused(empty)
    assert "damaged" in refused(cut)
    assert "damaged, or not a checkpoint" in refused(text)
    weights = save(tmp_path / "weights.pth", {"conv.weight": 1, "conv.bias": 2})
    assert "no state_dict; it holds conv.weight, conv.bias" in refused(weights)
    assert "it holds a list" in refused(save(tmp_path / "list.pth", [1]))


@pytest.mark.parametrize(
    "meta",
    [
        {"dataset_meta": {"classes": ["a", "b"]}},
        {"dataset_meta": {"CLASSES": ("a", "b")}},
        {"CLASSES": ("a", "b")},
    ],
)
def test_classes_under_any_name_they_were_ever_saved_under(meta: dict[str, Any]) -> None:
    assert Checkpoint(Path("x.pth"), {}, meta).classes == ("a", "b")


def test_a_comma_forgotten_in_the_classes_is_one_class() -> None:
    meta = {"dataset_meta": {"classes": "helmet"}}
    assert Checkpoint(Path("x.pth"), {}, meta).classes == ("helmet",)


def test_the_release_of_torch_does_not_matter(
    site: Worksite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reads the file does not use torch's own unpickler, which is unsafe before 2.6."""
    monkeypatch.setattr("torch.__version__", "2.1.2+cu121")
    monkeypatch.setattr("torch.load", None)
    assert read_checkpoint(site.checkpoint).epoch == 7
