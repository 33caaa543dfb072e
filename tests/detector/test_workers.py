"""One detector at many places: the same answers, also where workers die."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.dataset.images.options import ImageOptions
from pytest_detgate.detections import ImageDetections, UnreadableImage
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.protocol import Detected, ModelSource
from pytest_detgate.detector.registry import framework
from pytest_detgate.detector.workers.local import LocalWorkers, by_size
from pytest_detgate.detector.workers.messages import Failed, LoadModel, decode, encode
from pytest_detgate.detector.workers.ray_client import RayWorkers
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.detector.workers.start import local_devices, start_detector
from pytest_detgate.detector.workers.worker import Worker
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress
from tests.detector import onnx_models, worksite
from tests.detector.conftest import Worksite, forking
from tests.processes import PATIENCE_S, assert_all_end, with_variable

BATCH = 3

# Notes every image that a process looks at, and dies on some: once or always. It knows them by
# the end of their names, which a worker on another machine keeps.
LOG = """
import os, signal, time
from pathlib import Path

FOLDER = Path({log!r})

def note(image):
    name = Path(image).name.rpartition("-")[2]
    with (FOLDER / f"{{os.getpid()}}.txt").open("a") as file:
        file.write(name + "\\n")
    until = time.monotonic() + {patience}
    while (FOLDER / "together").exists() and len(list(FOLDER.glob("*.txt"))) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    if (FOLDER / f"die-{{name}}").exists():
        if not (FOLDER / f"die-{{name}}").read_text():
            (FOLDER / f"die-{{name}}").unlink()
        time.sleep(0.3)  # the answer to the batch before may still be on its way
        os.kill(os.getpid(), signal.SIGKILL)
    if (FOLDER / f"raise-{{name}}").exists():
        raise RuntimeError("cannot abide this picture")
"""
PARTS = "PARTS = 4\n"
# A function of the project: a box for each of sixteen parts of a picture, scored by its grey.
GREYS = """
import numpy as np
from PIL import Image
from engines_log import note
from . import PARTS

class Greys:
    classes = ["dark", "light"]

    def __init__(self, checkpoint, device):
        self.limit = float(checkpoint.read_text())

    def detect(self, images):
        return [self.look(image) for image in images]

    def look(self, image):
        note(image)
        with Image.open(image) as picture:
            pixels = np.asarray(picture.convert("L"), np.float32) / 255
        boxes, scores, labels = [], [], []
        for rows in np.array_split(np.arange(pixels.shape[0]), PARTS):
            for columns in np.array_split(np.arange(pixels.shape[1]), PARTS):
                grey = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean()
                boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
                scores.append(grey)
                labels.append(int(grey > self.limit))
        return boxes, scores, labels
"""
# A detector of MMDetection whose class is the project's; it never has memory for two pictures.
HUNGRY = """
from engines_log import note
from mmdet.models import RTMDet
from mmdet.registry import MODELS

@MODELS.register_module()
class Hungry(RTMDet):
    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        if len(batch_data_samples) > 1:
            raise MemoryError("too hungry")
        note(batch_data_samples[0].img_path)
        return super().predict(batch_inputs, batch_data_samples, rescale=rescale)
"""


class Log:
    """What the processes of the tests' detectors looked at, and ways to make them die."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def looked_at(self) -> Counter[str]:
        """How often each image was looked at, by whomever."""
        return Counter(name for names in self.by_process().values() for name in names)

    def by_process(self) -> dict[str, list[str]]:
        """The images that each process looked at, in its order."""
        return {file.name: file.read_text().split() for file in self.folder.glob("*.txt")}

    def die_on(self, image: Path, *, always: bool = False) -> None:
        (self.folder / f"die-{image.name}").write_text("always" if always else "")

    def raise_on(self, image: Path) -> None:
        (self.folder / f"raise-{image.name}").touch()

    def together(self) -> None:
        """No worker goes on until there are two at work."""
        (self.folder / "together").touch()

    def wait_for_silence(self) -> None:
        """Wait until no worker looks at images of a test that ended early."""
        before = None
        while (now := self.by_process()) != before:
            before = now
            time.sleep(0.3)

    def clear(self) -> None:
        for file in self.folder.iterdir():
            file.unlink()


@dataclasses.dataclass
class Project:
    """A project with a detector in NumPy, and twelve pictures."""

    root: Path
    images: list[Path]
    log: Log
    source: ModelSource

    def entry(self, name: str, text: str, checkpoint: Path | None = None) -> ModelSource:
        """A function of the project in a module of its own; `Made` unless it is said."""
        module, _, made = name.partition(":")
        path = self.root / f"{module.replace('.', '/')}.py"
        path.write_text(text, encoding="utf-8")
        return ModelSource(
            checkpoint,
            framework="python",
            entry=f"{module}:{made or 'Made'}",
            folder=self.root,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    root = tmp_path_factory.mktemp("engines")
    log = Log(root / "log")
    text = LOG.format(log=str(log.folder), patience=PATIENCE_S)
    (root / "engines_log.py").write_text(text, encoding="utf-8")
    (root / "limit.txt").write_text("0.5", encoding="utf-8")
    (root / "engines_site").mkdir()
    (root / "engines_site" / "__init__.py").write_text(PARTS, encoding="utf-8")
    made = Project(root, worksite.draw_site(root, 12), log, ModelSource(None))
    made.source = made.entry("engines_site.greys:Greys", GREYS, root / "limit.txt")
    yield made
    for name in [name for name in sys.modules if name.startswith("engines_")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def cleared(project: Project) -> Iterator[None]:
    """Nothing is asked for by an earlier test: models of the whole file are made before a test."""
    project.log.clear()
    yield
    if any(project.log.folder.glob("raise-*")):
        project.log.wait_for_silence()
    project.log.clear()


def started(source: ModelSource, batch_size: int | None = None, **plan: Any) -> Any:
    checkpoint = source.checkpoint
    return start_detector(
        source,
        sha256="" if checkpoint is None else hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
        device="cpu",
        batch_size=batch_size,
        plan=RunPlan(**{"threads": 1, **plan}),
    ).detector


def found_by(detector: Any, images: list[Path]) -> dict[Path, ImageDetections]:
    return {detected.image: detected.result for detected in detector.detect(images)}


@pytest.fixture(scope="module")
def expected(project: Project) -> dict[Path, ImageDetections]:
    """What one model in this process finds."""
    return found_by(started(project.source), project.images)


@pytest.fixture(scope="module")
def local(project: Project) -> Iterator[LocalWorkers]:
    """Two worker processes."""
    workers = started(project.source, 1, workers=2, batch=BATCH)
    assert isinstance(workers, LocalWorkers)
    yield workers
    workers.end()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a real Ray on this machine, with three workers' worth of room."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from tests.detector.ray_cluster import running_ray

    with running_ray(n_cpus=3) as address:
        yield address


@pytest.fixture(scope="module")
def on_ray(project: Project, cluster: str) -> Iterator[RayWorkers]:
    """Two actors."""
    workers = started(project.source, 1, engine="ray", workers=2, batch=BATCH, address=cluster)
    assert isinstance(workers, RayWorkers)
    yield workers
    workers.end()


@pytest.fixture(params=["local", "on_ray"])
def workers(request: pytest.FixtureRequest) -> LocalWorkers | RayWorkers:
    """Two workers, of either engine."""
    made: LocalWorkers | RayWorkers = request.getfixturevalue(request.param)
    return made


def assert_same(
    detections: list[Detected], expected: dict[Path, ImageDetections], images: list[Path]
) -> None:
    assert sorted(entry.image for entry in detections) == sorted(images)
    for entry in detections:
        assert entry.sha256 == hashlib.sha256(entry.image.read_bytes()).hexdigest()
        assert isinstance(entry.result, ImageDetections)
        for name in ("xyxy", "score", "label"):
            ours, theirs = getattr(entry.result, name), getattr(expected[entry.image], name)
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


def test_two_workers_find_what_one_finds(
    project: Project, workers: LocalWorkers | RayWorkers, expected: dict[Path, ImageDetections]
) -> None:
    project.log.together()
    earlier = workers.notes  # other tests kill workers

    detections = list(workers.detect(project.images))

    assert_same(detections, expected, project.images)
    assert all(len(entry.score) == 16 for entry in expected.values())
    assert set(project.log.looked_at().values()) == {1}
    assert len(project.log.by_process()) == 2
    assert workers.device == "cpu"
    assert workers.info.checkpoint == str(project.root / "limit.txt")
    assert workers.notes == earlier


def test_all_engines_have_one_key(
    project: Project, local: LocalWorkers, on_ray: RayWorkers
) -> None:
    """So that what one has found answers the others."""
    assert local.info == on_ray.info == started(project.source).info
    code = {
        str(project.root / name)
        for name in ("engines_log.py", "engines_site/__init__.py", "engines_site/greys.py")
    }
    assert set(on_ray.loaded.files) == set(local.loaded.files) == code


def test_a_killed_worker_costs_its_own_batch_at_most(
    project: Project, workers: LocalWorkers | RayWorkers, expected: dict[Path, ImageDetections]
) -> None:
    project.log.die_on(project.images[4])
    n_notes = len(workers.notes)
    project.log.together()

    detections = list(workers.detect(project.images))

    assert_same(detections, expected, project.images)
    twice = {name for name, count in project.log.looked_at().items() if count == 2}
    # The second batch is of images 3 to 5; its worker died of the second of them.
    assert twice == {project.images[3].name, project.images[4].name}
    assert set(project.log.looked_at().values()) == {1, 2}
    (note,) = workers.notes[n_notes:]
    assert note.startswith("a worker was lost (")
    assert note.endswith("; 3 images were done again")


def test_an_image_that_every_worker_dies_of_is_named(project: Project, local: LocalWorkers) -> None:
    project.log.die_on(project.images[7], always=True)

    with pytest.raises(DetectorError, match="3 workers died on the same 3 images") as caught:
        list(local.detect(project.images))

    assert str(project.images[7]) in str(caught.value)
    assert project.log.looked_at()[project.images[7].name] == 3


def test_a_failure_of_the_model_is_told_and_not_tried_again(
    project: Project, workers: LocalWorkers | RayWorkers
) -> None:
    project.log.raise_on(project.images[5])

    with pytest.raises(DetectorError) as caught:
        list(workers.detect(project.images))

    assert str(caught.value) == (
        f"{project.source.entry} fails on {project.images[5]}: "
        "RuntimeError: cannot abide this picture"
    )
    assert project.log.looked_at()[project.images[5].name] == 1


def test_an_image_that_cannot_be_read_is_passed_through(
    project: Project,
    tmp_path: Path,
    workers: LocalWorkers | RayWorkers,
    expected: dict[Path, ImageDetections],
) -> None:
    broken, missing = tmp_path / "broken.jpg", tmp_path / "missing.jpg"
    broken.write_bytes(project.images[0].read_bytes()[:300])

    detections = {
        detected.image: detected
        for detected in workers.detect([broken, project.images[1], missing])
    }

    assert detections[missing] == Detected(
        missing, "", UnreadableImage("No such file or directory")
    )
    assert isinstance(detections[broken].result, UnreadableImage)
    assert_same([detections[project.images[1]]], expected, [project.images[1]])


def test_workers_answer_again_after_a_caller_had_heard_enough(
    project: Project, local: LocalWorkers, expected: dict[Path, ImageDetections]
) -> None:
    with contextlib.closing(local.detect(project.images)) as some:
        next(some)
    project.log.wait_for_silence()

    assert_same(list(local.detect(project.images)), expected, project.images)


def test_what_one_engine_found_answers_the_other(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")

    def gate(**plan: Any) -> CachedDetector:
        return CachedDetector(
            project.source,
            cache_dir=tmp_path,
            device="cpu",
            progress=NoProgress(),
            plan=RunPlan(**plan),
        )

    first = gate(workers=2)
    assert first.detect(project.images).inferred == len(project.images)
    first.detector().end()  # type: ignore[attr-defined]
    assert gate().detect(project.images).cached == len(project.images)
    assert gate(engine="ray").detect(project.images).cached == len(project.images)


def test_workers_that_die_while_they_load(project: Project) -> None:
    text = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"

    with pytest.raises(DetectorError) as caught:
        started(project.entry("engines_deadly", text), workers=2)

    assert str(caught.value).startswith(
        "3 workers were lost before they had loaded the model, the last: "
        "the process was ended by SIGKILL"
    )


def test_ray_worker_names_what_it_cannot_import(
    project: Project, cluster: str, expected: dict[Path, ImageDetections]
) -> None:
    """What a worker of Ray cannot import is named with the way out."""
    # No import statement names the module that it is made of, so nobody knows to send it.
    text = 'import importlib\nMade = importlib.import_module("engines_" + "site.greys").Greys\n'
    source = project.entry("engines_hidden", text, project.root / "limit.txt")
    plan: dict[str, Any] = {"engine": "ray", "workers": 1, "address": cluster}

    with pytest.raises(DetectorError) as caught:
        started(source, **plan)

    assert str(caught.value).startswith(
        "the module 'engines_hidden' of entry 'engines_hidden:Made' cannot be imported: "
        "ModuleNotFoundError: No module named 'engines_site' (on a Ray worker on "
    )
    assert "with shared-files under [run]" in str(caught.value)

    workers = started(source, **plan, shared_files=True)
    assert_same(list(workers.detect(project.images)), expected, project.images)
    workers.end()


def test_shared_files_must_be_the_same(project: Project, tmp_path: Path) -> None:
    request = LoadModel(source=project.source, sha256="0" * 64, device="cpu", verify=True)

    assert Worker(forks=False, folder=tmp_path).handle(request) == Failed(
        error=f"{project.source.checkpoint}: a worker has another file at this path"
    )


def test_a_request_has_every_setting_of_the_user(project: Project) -> None:
    source = ModelSource(
        project.source.checkpoint,
        config=project.root / "config.py",
        trust=True,
        precision="bfloat16",
        compile=True,
        framework="onnx",
        entry="module:function",
        options={"size": [64, 64], "resize": "letterbox", "divide-by": 255.0},
        folder=project.root,
        threads=3,
        image_options=ImageOptions("ignore", 225_000_000, ("/srv/dvc",), str(project.root)),
    )
    defaults = ModelSource(None)
    assert all(
        getattr(source, field.name) != getattr(defaults, field.name)
        for field in dataclasses.fields(ModelSource)
    )
    request = LoadModel(source=source, sha256="0" * 64, device="cuda:1", batch_size=5, verify=True)

    assert decode(encode(request)) == request


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelSource, list[Path]]:
    """An ONNX file whose weights lie in another, and nine pictures."""
    pytest.importorskip("onnx", reason="ONNX is not installed")
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    root = tmp_path_factory.mktemp("colours")
    path = onnx_models.write_model(root / "colours.onnx", weights_in="colours.weights")
    assert (root / "colours.weights").is_file()
    options = {
        **{"resize": "letterbox", "channel-order": "rgb", "divide-by": 255.0},
        **{"classes": list(onnx_models.CLASSES), "score-floor": 0.1},
    }
    images = [
        onnx_models.draw(
            root / f"{number}.png",
            (96, 64 + 8 * number),
            (onnx_models.RED, (3 + number, 5, 20 + number, 11)),
            (onnx_models.BLUE, (50, 40, 9, 7 + number)),
        )
        for number in range(9)
    ]
    return ModelSource(path, framework="onnx", options=options), images


def test_an_onnx_file_and_its_weights_travel(
    colours: tuple[ModelSource, list[Path]], cluster: str
) -> None:
    source, images = colours
    alone = started(source)
    expected = found_by(alone, images)
    # Of each picture the red rectangle, and the blue one.
    assert [match.label.tolist() for match in expected.values()] == [[0, 1]] * len(images)

    for n_workers in (1, 2):
        workers = started(source, engine="ray", workers=n_workers, batch=2, address=cluster)
        assert_same(list(workers.detect(images)), expected, images)
        assert workers.info == alone.info
        weights = Path(str(source.checkpoint)).with_name("colours.weights")
        assert workers.loaded.files == (str(weights),)
        workers.end()


@pytest.fixture(scope="module")
def hungry(site: Worksite, project: Project) -> ModelSource:
    """A checkpoint of MMDetection with the project's own configuration and class."""
    worksite.write_config(project.root)
    (project.root / "engines_hungry.py").write_text(HUNGRY, encoding="utf-8")
    config = project.root / "hungry_config.py"
    config.write_text(
        '_base_ = ["model.py"]\n'
        'custom_imports = dict(imports=["engines_hungry"])\n'
        'model = dict(type="Hungry")\n',
        encoding="utf-8",
    )
    return ModelSource(site.checkpoint, config)


@pytest.fixture(scope="module")
def plain(site: Worksite) -> dict[Path, ImageDetections]:
    """What the same weights find in this process, in MMDetection's own class."""
    detections = found_by(started(ModelSource(site.checkpoint)), site.images)
    assert sum(len(entry.score) for entry in detections.values()) > 100
    return detections


@pytest.mark.mmdet
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_two_workers_of_mmdetection_find_what_one_finds(
    site: Worksite,
    hungry: ModelSource,
    plain: dict[Path, ImageDetections],
    project: Project,
    engine: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = request.getfixturevalue("cluster") if engine == "ray" else None
    monkeypatch.syspath_prepend(project.root)
    with forking():
        workers = started(hungry, 2, engine=engine, workers=2, batch=BATCH, address=address)
    project.log.together()

    detections = list(workers.detect(site.images))

    assert_same(detections, plain, site.images)
    assert set(project.log.looked_at().values()) == {1}
    assert len(project.log.by_process()) == 2
    assert workers.notes == (
        "memory ran out on cpu: images went through the model 1 at a time in place of 2, which "
        "may change the last digits",
    )
    assert workers.info.config == str(hungry.config)
    names = ("model.py", "hungry_config.py", "engines_hungry.py", "engines_log.py")
    assert set(workers.loaded.files) >= {str(project.root / name) for name in names}
    workers.end()


@pytest.mark.mmdet
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_checkpoint_that_would_run_code_is_refused_by_workers(
    mmdet: None, tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    import torch

    class Trap:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "it-ran"),))

    torch.save({"state_dict": {}, "meta": Trap()}, tmp_path / "trap.pth")
    address = request.getfixturevalue("cluster") if engine == "ray" else None

    with forking(), pytest.raises(DetectorError) as caught:
        started(ModelSource(tmp_path / "trap.pth"), engine=engine, workers=2, address=address)

    assert str(caught.value).startswith(f"{tmp_path / 'trap.pth'}: refused: ")
    assert not (tmp_path / "it-ran").exists()


# Says that it is at work, and looks at images until it is killed.
ENDLESS = """
import sys
from pathlib import Path
from pytest_detgate.detector.workers.run_options import RunPlan
from pytest_detgate.detector.workers.start import start_detector
from pytest_detgate.detector.protocol import ModelSource

engine, root, sha256, *images = sys.argv[1:]
source = ModelSource(
    Path(root) / "limit.txt", framework="python", entry="engines_site.greys:Greys",
    folder=Path(root))
plan = RunPlan(engine=engine, workers=2, threads=1, batch=1)
detector = start_detector(
    source, sha256=sha256, device="cpu", batch_size=None, plan=plan).detector
while True:
    for one in detector.detect([Path(image) for image in images]):
        print(one.image, flush=True)
"""


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_no_process_outlives_a_gate_that_is_killed(project: Project, engine: str) -> None:
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    mark = f"DETGATE_TEST_{os.getpid()}_{engine}"
    sha256 = hashlib.sha256((project.root / "limit.txt").read_bytes()).hexdigest()
    arguments = [engine, project.root, sha256, *project.images]
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, *map(str, arguments)],
        stdout=subprocess.PIPE,
        env={**os.environ, mark: "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert len(with_variable(mark)) > 2
        process.send_signal(signal.SIGKILL)

    assert_all_end(mark)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("127.0.0.1:1", "nothing listens there"),
        ("no-such-host.invalid:6379", "nothing listens there"),
        ("ray://head:10001", "write host:port"),
        ("6379", "write host:port"),
    ],
)
def test_a_wrong_address_is_named_at_once(project: Project, address: str, text: str) -> None:
    """Ray itself would try for minutes."""
    pytest.importorskip("ray", reason="Ray is not installed")

    with pytest.raises(DetectorError) as caught:
        started(project.source, engine="ray", address=address)

    assert str(caught.value).startswith(f"address = '{address}' under [run]: {text}")


def test_ray_that_is_not_installed_is_named_with_its_extra(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(DetectorError, match=r"pip install 'pytest-detgate\[ray\]'"):
        started(project.source, engine="ray")


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A function that says which devices are used where there are so many GPUs."""

    def used(requested: str, workers: int | None, n_gpus: int, name: str) -> list[str]:
        kind = framework(name)
        monkeypatch.setattr(type(kind), "gpu_count", lambda self: n_gpus)
        return local_devices(requested, workers, kind)

    return used


@pytest.mark.parametrize("name", ["mmdetection", "onnx", "python"])
def test_devices_of_this_machine(devices: Callable[..., list[str]], name: str) -> None:
    assert devices("cuda", None, 2, name) == ["cuda:0", "cuda:1"]
    assert devices("cuda:1", None, 2, name) == ["cuda:1"]
    assert devices("auto", 3, 2, name) == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices("cuda:1", 2, 2, name) == ["cuda:1", "cuda:1"]
    assert devices("cpu", None, 2, name) == ["cpu"]
    assert devices("cpu", 2, 2, name) == ["cpu", "cpu"]
    assert devices("auto", 2, 0, name) == ["cpu", "cpu"]


def test_what_may_have_no_use_for_a_gpu_is_not_put_on_all(
    devices: Callable[..., list[str]],
) -> None:
    assert devices("auto", None, 3, "mmdetection") == ["cuda:0", "cuda:1", "cuda:2"]
    assert devices("auto", None, 3, "onnx") == ["cuda:0", "cuda:1", "cuda:2"]
    assert devices("auto", None, 3, "python") == ["auto"]  # as its function chooses
    assert devices("auto", None, 0, "mmdetection") == ["cpu"]


def test_images_of_one_size_are_next_to_each_other(project: Project, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    images = project.images

    first, *ordered = by_size([*images, tmp_path / "broken.jpg"])

    assert first == tmp_path / "broken.jpg"
    # The pictures are by turns 96, 64 and 160 wide.
    assert ordered == [*images[1::3], *images[0::3], *images[2::3]]


def test_what_workers_were_sent_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_detgate.detector.workers.ray_actor import RayActor
    from pytest_detgate.temporary.folder import remove_abandoned_folders

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    actor = RayActor()
    (folder,) = tmp_path.glob("detgate-worker-*")
    (folder / "model.pth").touch()

    remove_abandoned_folders()

    assert (folder / "model.pth").exists()
    actor.clean_up()
    assert list(tmp_path.iterdir()) == []
