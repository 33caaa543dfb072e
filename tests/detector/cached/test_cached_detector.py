"""The front door: nothing is inferred twice, and nothing stale is answered."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detections import ImageDetections, ModelInfo, OutputNotFinite, UnreadableImage
from pytest_detgate.detector.cached.detector import CachedDetector, DetectionRun
from pytest_detgate.detector.dependencies.installed import package_state
from pytest_detgate.detector.protocol import Detected, ModelSource
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress
from tests.detector import worksite
from tests.detector.conftest import Worksite
from tests.processes import PATIENCE_S

MODEL = ModelInfo(key="k" * 64, checkpoint="c.pth", sha256="s", classes=("a",), score_floor=0.0)


class Reader:
    """A detector whose only box says what it read: its width is the sum of the bytes."""

    def __init__(self, device: str = "cpu") -> None:
        self.info = MODEL
        self.device = device
        self.asked: list[str] = []
        self.before_reading: Callable[[Path], None] = lambda image: None

    def detect(self, images: Sequence[Path]) -> Iterator[Detected]:
        for image in images:
            self.before_reading(image)
            self.asked.append(image.name)
            content = image.read_bytes()
            if content == b"broken":
                yield Detected(image, "", UnreadableImage("broken"))
            else:
                yield Detected(
                    image, hashlib.sha256(content).hexdigest(), detections_of(sum(content))
                )


def detections_of(value: int) -> ImageDetections:
    return ImageDetections(
        np.array([[0, 0, value, 1]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32)
    )


@pytest.fixture
def reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A function that runs a new gate with a `Reader` over files with the given contents."""
    (tmp_path / "c.pth").write_bytes(b"checkpoint")
    monkeypatch.setattr(CachedDetector, "info", lambda self: MODEL)

    def run(
        reader: Reader, contents: dict[str, bytes], device: str = "auto"
    ) -> tuple[DetectionRun, dict[str, Any]]:
        monkeypatch.setattr(CachedDetector, "detector", lambda self: reader)
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
        gate = CachedDetector(
            ModelSource(tmp_path / "c.pth"),
            cache_dir=tmp_path / "cache",
            device=device,
            progress=NoProgress(),
        )
        detections = gate.detect([tmp_path / name for name in contents])
        values = {
            path.name: entry.reason if isinstance(entry, UnreadableImage) else int(entry.xyxy[0, 2])
            for path, entry in detections.items()
            if not isinstance(entry, OutputNotFinite)
        }
        return detections, values

    return run


def test_only_what_is_new_is_inferred(reading: Callable[..., Any]) -> None:
    reader = Reader()
    run, values = reading(reader, {"a": b"\1", "b": b"\2"})
    assert (values, run.cached, run.inferred) == ({"a": 1, "b": 2}, 0, 2)
    run, values = reading(reader, {"a": b"\1", "b": b"\3", "c": b"\4"})
    assert (values, run.cached, run.inferred) == ({"a": 1, "b": 3, "c": 4}, 1, 2)
    run, values = reading(reader, {"c": b"\2"})  # content that was seen under another name
    assert (values, run.cached, run.inferred) == ({"c": 2}, 1, 0)
    assert sorted(reader.asked) == ["a", "b", "b", "c"]
    assert run.notes == ()


def test_the_first_run_has_a_folder_for_its_lock(
    reading: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """filelock makes the folder of a lock only since 3.13; without one, two gates would infer."""
    from filelock import FileLock

    folders: list[bool] = []

    class Noting(FileLock):
        def acquire(self, *arguments: Any, **options: Any) -> Any:
            folders.append(Path(self.lock_file).parent.is_dir())
            return super().acquire(*arguments, **options)

    monkeypatch.setattr("filelock.FileLock", Noting)
    reading(Reader(), {"a": b"\1"})

    assert folders
    assert all(folders)


def test_equal_pictures_are_inferred_once(reading: Callable[..., Any]) -> None:
    reader = Reader()
    run, values = reading(reader, {"a": b"\1", "b": b"\1", "c": b"\1"})
    assert values == {"a": 1, "b": 1, "c": 1}
    assert len(reader.asked) == 1
    assert (run.cached, run.inferred) == (0, 3)


def test_an_explicit_device_is_not_answered_from_another(
    reading: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_detgate.detector.cached.detector.exclusive", nullcontext)
    cpu, gpu = Reader("cpu"), Reader("cuda:0")
    reading(gpu, {"a": b"\1"})
    run, _ = reading(cpu, {"a": b"\1"}, device="auto")
    assert (run.devices, run.cached) == ({"cuda:0"}, 1)
    run, _ = reading(cpu, {"a": b"\1"}, device="cpu")
    assert (run.devices, run.inferred) == ({"cpu"}, 1)
    run, _ = reading(gpu, {"a": b"\1"}, device="cuda")  # the CPU's answer replaced the GPU's
    assert (run.devices, run.inferred) == ({"cuda:0"}, 1)
    run, _ = reading(cpu, {"a": b"\1"}, device="cuda:1")
    assert (run.devices, run.cached) == ({"cuda:0"}, 1)


def test_unknown_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="device 'gpu': allowed are auto, cpu"):
        CachedDetector(
            ModelSource(tmp_path), cache_dir=tmp_path, device="gpu", progress=NoProgress()
        )


def test_a_picture_that_changes_between_hashing_and_reading(
    reading: Callable[..., Any], tmp_path: Path
) -> None:
    reader = Reader()

    def change(image: Path) -> None:
        if image.name == "a" and not reader.asked:
            image.write_bytes(b"\7")

    reader.before_reading = change
    _, values = reading(reader, {"a": b"\1", "same-as-a": b"\1", "b": b"\2"})
    assert values == {"a": 7, "same-as-a": 1, "b": 2}
    reader.before_reading = lambda image: None
    run, values = reading(reader, {"a": b"\1", "x": b"\7"})
    assert (values, run.inferred) == ({"a": 1, "x": 7}, 0)


def test_pictures_that_cannot_be_read(reading: Callable[..., Any], tmp_path: Path) -> None:
    contents = {"a": b"\1", "b": b"broken", "same-as-b": b"broken"}
    reader = Reader()
    for n_asked in (3, 5):  # looked at again in every run: the file may have been mended
        run, values = reading(reader, contents)
        assert values == {"a": 1, "b": "broken", "same-as-b": "broken"}
        assert len(reader.asked) == n_asked
    assert (run.cached, run.inferred) == (1, 0)
    gate = CachedDetector(
        ModelSource(tmp_path / "c.pth"), cache_dir=tmp_path, device="cpu", progress=NoProgress()
    )
    missing = gate.detect([tmp_path / "missing"])[tmp_path / "missing"]
    assert missing == UnreadableImage("No such file or directory")


def test_what_was_inferred_before_an_interruption_is_cached(reading: Callable[..., Any]) -> None:
    reader = Reader()

    def interrupt(image: Path) -> None:
        if image.name == "c":
            raise KeyboardInterrupt

    reader.before_reading = interrupt
    contents = {"a": b"\1", "b": b"\2", "c": b"\3"}
    with pytest.raises(KeyboardInterrupt):
        reading(reader, contents)
    run, _ = reading(Reader(), contents)
    assert (run.cached, run.inferred) == (2, 1)


def test_without_a_place_to_keep_things_the_answers_are_the_same(
    reading: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be", encoding="utf-8")
    run, values = reading(Reader(), {"a": b"\1", "b": b"\1"})
    assert values == {"a": 1, "b": 1}
    assert run.inferred == 2
    assert len(run.notes) == 1


def test_progress_counts_every_picture(reading: Callable[..., Any], tmp_path: Path) -> None:
    counts: dict[str, list[int]] = {}

    class Counting:
        @contextmanager
        def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
            counts[label] = [0, total]

            def advance(finished: int) -> None:
                counts[label][0] += finished

            yield advance

    reading(Reader(), {"a": b"\1"})
    images = [tmp_path / name for name in ("a", "b", "c")]
    for number, image in enumerate(images, start=1):
        image.write_bytes(bytes([number]))
    gate = CachedDetector(
        ModelSource(tmp_path / "c.pth"),
        cache_dir=tmp_path / "cache",
        device="auto",
        progress=Counting(),
    )
    gate.detect(images)
    assert counts == {"reading files": [3, 3], "detecting": [2, 2]}


# With a real model.

GATE = """
import json, sys
from pathlib import Path
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.progress import NoProgress

checkpoint, config, cache_dir, *images = map(Path, sys.argv[1:])
gate = CachedDetector(
    ModelSource(checkpoint, None if config.name == "-" else config),
    cache_dir=cache_dir, device="auto", progress=NoProgress())
run = gate.detect(images)
heavy = {"torch", "mmdet", "mmcv", "cv2"} & set(sys.modules)  # MMEngine runs the configuration
print(json.dumps({
    "kept": run.cached, "inferred": run.inferred, "heavy": sorted(heavy), "notes": run.notes,
    "classes": gate.info().classes, "epoch": gate.info().epoch,
    "scores": [run[image].score.tolist() for image in images]}))
"""


@pytest.mark.mmdet
def test_two_processes_infer_once_and_a_third_without_torch(
    site: Worksite, tmp_path: Path, start_python: Callable[..., Any], run_python: Callable[..., str]
) -> None:
    arguments = (site.checkpoint, site.config, tmp_path / "cache", *site.images)
    processes = [start_python(GATE, *arguments) for _ in range(2)]
    outputs = [process.communicate(timeout=PATIENCE_S) for process in processes]
    first, second = (json.loads(out) if out else pytest.fail(err) for out, err in outputs)
    assert first["inferred"] + second["inferred"] == len(site.images)
    assert sorted([first["inferred"], second["inferred"]]) == [0, len(site.images)]
    assert [] in (first["heavy"], second["heavy"])  # one of them did not even load the model
    assert first["scores"] == second["scores"]
    assert any(first["scores"])

    third = json.loads(run_python(GATE, *arguments))
    assert third["heavy"] == []
    assert (third["kept"], third["inferred"]) == (len(site.images), 0)
    assert (third["classes"], third["epoch"]) == (["person", "helmet"], 7)
    assert third["scores"] == first["scores"]
    assert third["notes"] == []


@pytest.fixture
def gate(site: Worksite, tmp_path: Path) -> Callable[..., CachedDetector]:
    """A function that starts a new gate on the real model, or on changed parts of it."""

    def start(checkpoint: Path | None = None, config: Path | None = None) -> CachedDetector:
        return CachedDetector(
            ModelSource(checkpoint or site.checkpoint, config),
            cache_dir=tmp_path / "cache",
            device="cpu",
            progress=NoProgress(),
        )

    return start


@pytest.mark.mmdet
def test_what_is_known_of_a_model_holds_while_nothing_changes(
    site: Worksite,
    tmp_path: Path,
    gate: Callable[..., CachedDetector],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = worksite.write_config(tmp_path, "kept.py")
    loaded = gate(config=config).info()
    n_loaded = []
    really = CachedDetector._load

    def load(self: CachedDetector) -> Any:
        n_loaded.append(1)
        return really(self)

    monkeypatch.setattr(CachedDetector, "_load", load)
    assert gate(config=config).info() == loaded
    assert n_loaded == []
    copy = Path(shutil.copy(site.checkpoint, tmp_path / "copy.pth"))
    assert gate(copy, config).info().checkpoint == str(copy)
    assert n_loaded == []
    config.write_text(config.read_text(encoding="utf-8") + "# note\n", encoding="utf-8")
    assert gate(config=config).info().key == loaded.key  # loaded again, and found to be the same
    assert n_loaded == [1]
    monkeypatch.setattr(
        "pytest_detgate.detector.dependencies.state.package_state",
        lambda name: "0" if name == "torch" else package_state(name),
    )
    gate(config=config).info()
    assert n_loaded == [1, 1]


@pytest.mark.mmdet
def test_a_refused_checkpoint_is_refused_whatever_is_cached(
    site: Worksite, tmp_path: Path, gate: Callable[..., CachedDetector]
) -> None:
    gate().info()
    with pytest.raises(DetectorError, match="no such checkpoint"):
        gate(tmp_path / "missing.pth").detect(site.images)
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(site.checkpoint.read_bytes()[:-1000])
    with pytest.raises(DetectorError, match=r"damaged\.pth: damaged"):
        gate(damaged).detect(site.images)


def test_the_front_door_imports_nothing_heavy(run_python: Callable[..., str]) -> None:
    printed = run_python(
        "import sys, pytest_detgate.detector.cached.detector, pytest_detgate.training.train\n"
        "print(sorted({'torch', 'mmengine', 'mmdet', 'mmcv', 'cv2', 'PIL', 'filelock'}"
        " & set(sys.modules)))"
    )
    assert printed.strip() == "[]"
    assert "pytest" in sys.modules  # so the absence of the others is not for want of looking
