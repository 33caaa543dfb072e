"""A second gate infers exactly what has changed."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.progress import NoProgress
from tests.detector import worksite
from tests.detector.conftest import Worksite
from tests.detector.reader import ReadingGate
from tests.forked import MMDETECTION


def write(folder: Path, count: int) -> list[Path]:
    images = [folder / f"{number:04d}.jpg" for number in range(count)]
    for number, image in enumerate(images):
        image.write_bytes(b"%06d" % number)
    return images


@pytest.mark.usefixtures("later")
def test_a_thousand_images_cached_and_ten_changed(tmp_path: Path) -> None:
    images = write(tmp_path, 1000)
    assert ReadingGate(tmp_path).checked(images).inferred == 1000
    assert ReadingGate(tmp_path).checked(images).inferred == 0
    changed = images[5::100]
    for image in changed:
        image.write_bytes(b"changed" + image.read_bytes())

    gate = ReadingGate(tmp_path)
    run = gate.checked(images)

    assert (run.cached, run.inferred) == (990, 10)
    assert sorted(gate.reading.asked) == [image.name for image in changed]
    assert ReadingGate(tmp_path).checked(images).cached == 1000


@pytest.mark.usefixtures("later")
def test_what_happens_to_files(tmp_path: Path) -> None:
    images = write(tmp_path, 20)
    ReadingGate(tmp_path).checked(images)

    def asked(after: list[Path]) -> list[str]:
        gate = ReadingGate(tmp_path)
        gate.checked(after)
        return sorted(gate.reading.asked)

    renamed = images[0].rename(tmp_path / "renamed.jpg")
    assert asked([renamed, *images[1:]]) == []
    assert asked(images[5:10]) == []
    copied = Path(shutil.copy(images[3], tmp_path / "copied.jpg"))
    assert asked([*images[1:], copied]) == []
    os.utime(images[4], (0, 0))
    images[4].chmod(0o600)
    assert asked(images[1:]) == []
    new = tmp_path / "new.jpg"
    new.write_bytes(b"new")
    assert asked([*images[1:], new]) == ["new.jpg"]
    before = images[7].stat()
    time.sleep(0.02)  # longer than the system's clock takes to tick
    with images[7].open("r+b") as file:
        file.write(b"999999")
    os.utime(images[7], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert images[7].stat().st_size == before.st_size
    assert asked(images[1:]) == ["0007.jpg"]


# With a real model.


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.mmdet
def test_what_happens_to_the_model(
    site: Worksite, tmp_path: Path, checkpoint_with: Callable[..., Path]
) -> None:
    images = worksite.draw_site(tmp_path, 3)
    config = worksite.write_config(tmp_path)

    def gate(checkpoint: Path = site.checkpoint, config: Path | None = config) -> CachedDetector:
        return CachedDetector(
            ModelSource(checkpoint, config),
            cache_dir=tmp_path / "cache",
            device="cpu",
            progress=NoProgress(),
        )

    def inferred(checkpoint: Path = site.checkpoint) -> int:
        return gate(checkpoint).detect(images).inferred

    assert (inferred(), inferred()) == (3, 0)
    assert gate(config=None).detect(images).cached == 3  # the stored configuration is the same one
    worksite.draw(images[1], seed=1000)
    assert (inferred(), inferred()) == (1, 0)
    replace(config, "score_thr=0.05", "score_thr=0.5")
    assert (inferred(), inferred()) == (3, 0)
    assert gate().info().score_floor == 0.5
    replace(config, "score_thr=0.5", "score_thr=0.05")
    assert inferred() == 0
    replace(config, "scale=(96, 96)", "scale=(64, 64)")  # its test pipeline
    assert (inferred(), inferred()) == (3, 0)
    replace(config, 'ann_file="site.json"', 'ann_file="other.json"')  # nothing that it infers with
    assert inferred() == 0

    def retrained(content: dict[str, Any]) -> None:
        content["state_dict"]["bbox_head.rtm_cls.0.bias"] += 0.125

    changed = checkpoint_with(retrained)
    assert (inferred(changed), inferred(changed)) == (3, 0)
    replace(config, "scale=(64, 64)", "scale=(96, 96)")
    assert inferred(Path(shutil.copy(site.checkpoint, tmp_path / "renamed.pth"))) == 0


GATE = """
import sys
from pathlib import Path
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.progress import NoProgress

cache_dir, checkpoint, config, *images = map(Path, sys.argv[1:])
sys.path.insert(0, str(config.parent))
gate = CachedDetector(
    ModelSource(checkpoint, config), cache_dir=cache_dir, device="cpu", progress=NoProgress())
run = gate.detect(images)
print(run.inferred, max(float(found.score.max(initial=0)) for found in run.values()))
"""


@pytest.mark.mmdet
def test_what_happens_to_the_project_s_own_code(
    site: Worksite, tmp_path: Path, run_python: Callable[..., str]
) -> None:
    worksite.write_config(tmp_path)
    config = worksite.write_custom_config(tmp_path, "Doubtful", "found[0].scores *= 0.5")

    def gate() -> list[float]:
        arguments = (tmp_path / "cache", site.checkpoint, config, *site.images[:3])
        output = run_python(GATE, *arguments, preload=MMDETECTION)
        return [float(word) for word in output.split()]

    inferred, score = gate()
    assert inferred == 3
    assert score > 0
    assert gate() == [0, score]
    replace(tmp_path / "doubtful_detector.py", "*= 0.5", "*= 0.25")
    assert gate() == [3, score / 2]
