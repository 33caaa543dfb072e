"""Cached detections of MMDetection's models are used only while all that they depend on holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detections import ImageDetections
from pytest_detgate.detector.cached import detector as cached_detector
from pytest_detgate.detector.cached.comparison import Comparison
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.cached.pending import DetectionRun
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.progress import NoProgress
from tests.detector import worksite
from tests.detector.conftest import Worksite

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]

# The score of every box is what is read: a file by the configuration, others by a module that the
# custom import imports and by the model while it is built.
MODULE = """
import os
from pathlib import Path

import site_numbers
from mmdet.models import RTMDet
from mmdet.registry import MODELS


@MODELS.register_module(force=True)
class Scored(RTMDet):
    def __init__(self, *args, table=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.score = site_numbers.SCORE + (float(Path(table).read_text()) if table else 0.0)
        self.score += float(os.environ.get("SITE_BUILD", "0"))
        self.score += 0.25 * Path(table).with_name("appears.txt").exists()

    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        samples = super().predict(batch_inputs, batch_data_samples, rescale=rescale)
        for sample in samples:
            sample.pred_instances.scores[:] = self.score
        return samples
"""


@pytest.fixture
def project(site: Worksite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the configuration and modules of a detector."""
    worksite.write_config(tmp_path)
    files = {
        "site_numbers.py": "SCORE = 0.125\n",
        "site_scored.py": MODULE,
        "table.txt": "0.0",
        "scored.py": f"""
import os
_base_ = ["model.py"]
custom_imports = dict(imports=["site_scored"])
model = dict(type="Scored", table={str(tmp_path / "table.txt")!r})
model["test_cfg"] = dict(max_per_img=int(os.environ.get("SITE_BOXES", "50")))
""",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget_modules()


def forget_modules() -> None:
    for name in ("site_numbers", "site_scored", "site_patch"):
        sys.modules.pop(name, None)


@pytest.fixture
def gate(site: Worksite, project: Path) -> Callable[[], DetectionRun]:
    """A function that starts a gate as another process would, and detects on an image."""

    def run() -> DetectionRun:
        forget_modules()
        return CachedDetector(
            ModelSource(site.checkpoint, project / "scored.py", folder=project),
            cache_dir=project / "cache",
            device="cpu",
            progress=NoProgress(),
        ).detect(site.images[:1])

    return run


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cached detections are not compared with the model, which would notice any change."""
    monkeypatch.setattr(cached_detector, "compare", lambda _, images, __: Comparison(len(images)))


@pytest.fixture
def look(
    gate: Callable[[], DetectionRun], site: Worksite, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], tuple[float, int, int]]:
    """A function that gates: the score of every box on an image, how many images were inferred, and
    how often the model was loaded."""
    n_loaded = []
    really = CachedDetector._load

    def load(self: CachedDetector) -> Any:
        n_loaded.append(1)
        return really(self)

    monkeypatch.setattr(CachedDetector, "_load", load)

    def run() -> tuple[float, int, int]:
        n_loaded.clear()
        made = gate()
        result = made[site.images[0]]
        assert isinstance(result, ImageDetections)
        assert made.notes == ()
        (score,) = set(result.score.tolist())
        return score, made.inferred, len(n_loaded)

    return run


def test_what_the_model_is_made_of(
    project: Path, look: Callable[[], tuple[float, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look() == (0.125, 1, 1)
    assert look() == (0.125, 0, 1)  # code of the project is part of it: it is made in every run
    # A module that the custom import imports.
    (project / "site_numbers.py").write_text("SCORE = 0.25\n")
    assert look() == (0.25, 1, 1)
    # A file that is read while the model is built.
    (project / "table.txt").write_text("0.5")
    assert look() == (0.75, 1, 1)
    (project / "table.txt").write_text("0.0")
    assert look() == (0.25, 0, 1)
    # A variable that is read then.
    monkeypatch.setenv("SITE_BUILD", "0.5")
    assert look() == (0.75, 1, 1)
    monkeypatch.delenv("SITE_BUILD")
    assert look() == (0.25, 0, 1)
    # A file that appears.
    (project / "appears.txt").touch()
    assert look() == (0.5, 1, 1)
    assert look() == (0.5, 0, 1)


def test_what_the_configuration_is_made_of(
    project: Path, look: Callable[[], tuple[float, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look() == (0.125, 1, 1)
    # The environment decides a value.
    monkeypatch.setenv("SITE_BOXES", "1")
    assert look() == (0.125, 1, 1)
    monkeypatch.delenv("SITE_BOXES")
    assert look() == (0.125, 0, 1)
    # A file that was not there when it was asked for.
    config = project / "scored.py"
    config.write_text(
        config.read_text(encoding="utf-8")
        + "from pathlib import Path\n"
        + f"own = Path({str(project / 'own.json')!r})\n"
        + 'model["test_cfg"]["max_per_img"] = 2 if own.exists() else 50\ndel own\n',
        encoding="utf-8",
    )
    assert look() == (0.125, 1, 1)  # its text is part of it, since it is more than plain values
    assert look() == (0.125, 0, 1)
    (project / "own.json").touch()
    assert look() == (0.125, 1, 1)


def test_a_configuration_that_starts_a_program_is_not_cached(project: Path, gate: Any) -> None:
    config = project / "scored.py"
    config.write_text(
        config.read_text(encoding="utf-8")
        + "import subprocess\n"
        + f"said = subprocess.run(['cat', {str(project / 'said.txt')!r}], capture_output=True)\n"
        + 'model["test_cfg"]["max_per_img"] = int(said.stdout)\ndel said\n',
        encoding="utf-8",
    )
    (project / "said.txt").write_text("3")

    for _ in range(2):
        run = gate()
        assert run.inferred == 1
        (note,) = run.notes
        assert "its detections are not cached" in note
        assert "the program cat" in note


PREDICT = """
def predict(self, batch_inputs, batch_data_samples, rescale=True):
    samples = original(self, batch_inputs, batch_data_samples, rescale=rescale)
    for sample in samples:
        sample.pred_instances.scores[:] = {score}
    return samples
"""


@pytest.fixture
def restored(mmdet: None) -> Iterator[None]:
    from mmdet.models import RTMDet

    before = RTMDet.predict
    yield
    RTMDet.predict = before
    os.environ.pop("SITE_SET", None)


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("way", ["class", "patch", "variable"])
def test_what_a_configuration_does_besides_its_values(
    project: Path, look: Callable[[], tuple[float, int, int]], way: str, unchecked: None
) -> None:
    """Its values are the same each time; what a class in it does is not, nor a patch."""

    def write(score: float) -> None:
        predict = PREDICT.replace("{score}", str(score))
        start = '_base_ = ["model.py"]\nimport importlib\n'
        if way == "class":
            body = predict.replace("\n", "\n    ").replace("original", "models_.RTMDet.predict")
            text = (
                f'{start}models_ = importlib.import_module("mmdet.models")\n'
                f"class Own(models_.RTMDet):{body}\n"
                'registry_ = importlib.import_module("mmdet.registry")\n'
                "registry_.MODELS.register_module(module=Own, force=True)\n"
                'del Own, registry_\nmodel = dict(type="Own")\n'
            )
            text = text.replace("models_.RTMDet.predict(self", "super(type(self), self).predict(")
            text = text.replace("predict(, ", "predict(")
        elif way == "patch":
            text = f'{start}importlib.import_module("site_patch")\n'
            (project / "site_patch.py").write_text(
                "from mmdet.models import RTMDet\n"
                'original = getattr(RTMDet.predict, "original", RTMDet.predict)\n'
                f"{predict}\npredict.original = original\nRTMDet.predict = predict\n"
            )
        else:
            (project / "set.txt").write_text(str(score))
            text = (project / "scored.py").read_text()
            if "SITE_SET" not in text:
                path = str(project / "set.txt")
                text += f'os.environ["SITE_SET"] = open({path!r}).read()\n'
                module = (project / "site_scored.py").read_text()
                module = module.replace("SITE_BUILD", "SITE_SET")
                (project / "site_scored.py").write_text(module)
        (project / "scored.py").write_text(text, encoding="utf-8")

    first, second = (0.25, 0.75) if way != "variable" else (0.125, 0.625)
    write(first - (0.125 if way == "variable" else 0))
    assert look() == (first, 1, 1)
    assert look() == (first, 0, 1)
    write(second - (0.125 if way == "variable" else 0))
    assert look() == (second, 1, 1)


def test_the_configuration_is_run_without_torch(site: Worksite, project: Path) -> None:
    script = """
import sys
from pathlib import Path
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.protocol import ModelSource
said = framework("mmdetection").configured(ModelSource(Path("x.pth"), Path(sys.argv[1])))
print(len(said), sorted({"torch", "mmdet", "mmcv", "site_scored"} & set(sys.modules)))
"""

    printed = subprocess.run(
        [sys.executable, "-c", script, project / "model.py"],
        capture_output=True,
        check=True,
        text=True,
    )

    assert printed.stdout.split(maxsplit=1) == ["64", "[]\n"]
