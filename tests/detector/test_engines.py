"""One detector at many places: the same answers, also where workers die."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detector.engines.alike import alike
from pytest_detgate.detector.engines.local import LocalWorkers
from pytest_detgate.detector.engines.on_ray import RayWorkers
from pytest_detgate.detector.engines.plan import RunPlan
from pytest_detgate.detector.engines.start import local_devices, start_detector
from pytest_detgate.detector.engines.wire import Failed, Order
from pytest_detgate.detector.engines.worker import Worker
from pytest_detgate.detector.kept import KeptDetector
from pytest_detgate.detector.protocol import (
    Detected,
    ImageDetections,
    ModelSource,
    UnreadableImage,
)
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress
from tests.detector import worksite

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("mmdet")]

BATCH = 3

# Notes every image that a process looks at, and dies on some: of a file named `mine`, once or
# always. It knows them by their names, which a worker on another machine keeps, too.
LOGGING = """
import os, signal, time
from pathlib import Path
from mmdet.models import RTMDet
from mmdet.registry import MODELS

@MODELS.register_module()
class Logging(RTMDet):
    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        folder = Path({log!r})
        for sample in batch_data_samples:
            name = Path(sample.img_path).name.rpartition("-")[2]
            with (folder / f"{os.getpid()}.txt").open("a") as file:
                file.write(name + "\\n")
            until = time.monotonic() + 30
            while (folder / "together").exists() and len(list(folder.glob("*.txt"))) < 2:
                assert time.monotonic() < until
                time.sleep(0.01)
            if (folder / f"die-{name}").exists():
                if not (folder / f"die-{name}").read_text():
                    (folder / f"die-{name}").unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            if (folder / f"raise-{name}").exists():
                raise RuntimeError("cannot abide this picture")
        return super().predict(batch_inputs, batch_data_samples, rescale=rescale)
"""


class Logged:
    """The site's detector, with a log of the images that it looked at and ways to make it die."""

    def __init__(self, site: Any, root: Path, name: str) -> None:
        self.log = root / "log"
        self.log.mkdir(parents=True)
        worksite.write_config(root)
        text = LOGGING.replace("{log!r}", repr(str(self.log)))
        (root / f"{name}.py").write_text(text, encoding="utf-8")
        self.config = root / "logging_config.py"
        self.config.write_text(
            '_base_ = ["model.py"]\n'
            f'custom_imports = dict(imports=["{name}"])\n'
            'model = dict(type="Logging")\n',
            encoding="utf-8",
        )
        self.source = ModelSource(site.checkpoint, self.config)
        self.sha256 = hashlib.sha256(site.checkpoint.read_bytes()).hexdigest()

    def looked_at(self) -> Counter[str]:
        """How often each image was looked at, by whomever."""
        return Counter(name for names in self.by_process().values() for name in names)

    def by_process(self) -> dict[str, list[str]]:
        """The images that each process looked at, in its order."""
        return {file.name: file.read_text().split() for file in self.log.glob("*.txt")}

    def die_on(self, image: Path, *, always: bool = False) -> None:
        (self.log / f"die-{image.name}").write_text("always" if always else "")

    def together(self) -> None:
        """No worker goes on until there are two at work."""
        (self.log / "together").touch()

    def clear(self) -> None:
        for file in self.log.iterdir():
            file.unlink()


@pytest.fixture(scope="module")
def logged(site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    """A detector of the project's own; not registered in this process."""
    root = tmp_path_factory.mktemp("logged")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        yield Logged(site, root, "logging_detector")


@pytest.fixture(autouse=True)
def cleared(logged: Logged) -> None:
    logged.clear()


@pytest.fixture(scope="module")
def expected(site: Any) -> dict[Path, ImageDetections]:
    """What one model in this process finds."""
    return {
        one.image: one.result for one in started(ModelSource(site.checkpoint)).detect(site.images)
    }


def started(source: ModelSource, **plan: Any) -> Any:
    assert source.checkpoint is not None
    sha256 = hashlib.sha256(source.checkpoint.read_bytes()).hexdigest()
    return start_detector(
        source, sha256=sha256, device="cpu", batch_size=None, plan=RunPlan(**plan)
    ).detector


@pytest.fixture(scope="module")
def local(logged: Logged) -> Iterator[LocalWorkers]:
    """Two worker processes."""
    workers = started(logged.source, workers=2, batch=BATCH)
    assert isinstance(workers, LocalWorkers)
    yield workers
    workers.end()


@pytest.fixture(scope="module")
def cluster(mmdet: None) -> Iterator[str]:
    """The address of a real Ray on this machine, with two workers' worth of room."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from tests.detector.ray_cluster import running_ray

    with running_ray(n_cpus=2) as address:
        yield address


@pytest.fixture(scope="module")
def on_ray(logged: Logged, cluster: str) -> Iterator[RayWorkers]:
    """Two actors."""
    workers = started(logged.source, engine="ray", workers=2, batch=BATCH, address=cluster)
    assert isinstance(workers, RayWorkers)
    yield workers
    workers.end()


@pytest.fixture(params=["local", "on_ray"])
def workers(request: pytest.FixtureRequest) -> Any:
    """Two workers, of either engine."""
    return request.getfixturevalue(request.param)


def assert_same(
    found: list[Detected], expected: dict[Path, ImageDetections], images: list[Path]
) -> None:
    assert sorted(one.image for one in found) == sorted(images)
    for one in found:
        assert one.sha256 == hashlib.sha256(one.image.read_bytes()).hexdigest()
        assert isinstance(one.result, ImageDetections)
        for name in ("xyxy", "score", "label"):
            ours, theirs = getattr(one.result, name), getattr(expected[one.image], name)
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)


def test_two_workers_find_what_one_finds(
    site: Any, logged: Logged, workers: Any, expected: dict[Path, ImageDetections]
) -> None:
    logged.together()

    found = list(workers.detect(site.images))

    assert_same(found, expected, site.images)
    assert sum(len(one.score) for one in expected.values()) > 100
    assert set(logged.looked_at().values()) == {1}
    assert len(logged.by_process()) == 2
    assert workers.device == "cpu"
    assert workers.info.checkpoint == str(site.checkpoint)
    assert workers.info.config == str(logged.config)
    assert workers.notes == ()


def test_all_engines_have_one_key(logged: Logged, local: LocalWorkers, on_ray: RayWorkers) -> None:
    """So that what one has found answers the others."""
    assert local.info == on_ray.info
    names = ("model.py", "logging_config.py", "logging_detector.py")
    files = {str(logged.config.with_name(name)) for name in names}
    assert set(on_ray.described.files) >= files
    assert set(local.described.files) >= files


def test_a_killed_worker_costs_its_own_batch_at_most(
    site: Any, logged: Logged, workers: Any, expected: dict[Path, ImageDetections]
) -> None:
    logged.die_on(site.images[4])
    n_notes = len(workers.notes)
    logged.together()

    found = list(workers.detect(site.images))

    assert_same(found, expected, site.images)
    twice = {name for name, count in logged.looked_at().items() if count == 2}
    # The second batch is of images 3 to 5; its worker died of the second of them.
    assert twice == {site.images[3].name, site.images[4].name}
    assert set(logged.looked_at().values()) == {1, 2}
    (note,) = workers.notes[n_notes:]
    assert note.startswith("a worker was lost (")
    assert note.endswith("; 3 images were done again")


def test_an_image_that_every_worker_dies_of_is_named(
    site: Any, logged: Logged, local: LocalWorkers
) -> None:
    logged.die_on(site.images[7], always=True)

    with pytest.raises(DetectorError, match="3 workers died of the same 3 images") as caught:
        list(local.detect(site.images))

    assert str(site.images[7]) in str(caught.value)
    assert logged.looked_at()[site.images[7].name] == 3


def test_a_failure_of_the_model_is_told_and_not_tried_again(
    site: Any, logged: Logged, workers: Any
) -> None:
    (logged.log / f"raise-{site.images[5].name}").touch()

    with pytest.raises(DetectorError) as caught:
        list(workers.detect(site.images))

    assert str(caught.value) == (
        f"the model fails on {site.images[5]}: RuntimeError: cannot abide this picture"
    )
    assert logged.looked_at()[site.images[5].name] == 1


def test_an_image_that_cannot_be_read_is_passed_through(
    site: Any, tmp_path: Path, workers: Any, expected: dict[Path, ImageDetections]
) -> None:
    broken, missing = tmp_path / "broken.jpg", tmp_path / "missing.jpg"
    broken.write_bytes(site.images[0].read_bytes()[:300])

    found = {one.image: one for one in workers.detect([broken, site.images[1], missing])}

    assert found[missing] == Detected(missing, "", UnreadableImage("No such file or directory"))
    assert isinstance(found[broken].result, UnreadableImage)
    assert_same([found[site.images[1]]], expected, [site.images[1]])


def test_workers_answer_again_after_a_caller_had_heard_enough(
    site: Any, local: LocalWorkers, expected: dict[Path, ImageDetections]
) -> None:
    with contextlib.closing(local.detect(site.images)) as some:
        next(some)

    assert_same(list(local.detect(site.images)), expected, site.images)


def test_what_one_engine_found_answers_the_other(
    site: Any, tmp_path: Path, local: LocalWorkers
) -> None:
    def gate(**plan: Any) -> KeptDetector:
        return KeptDetector(
            ModelSource(site.checkpoint),
            store=tmp_path,
            device="cpu",
            progress=NoProgress(),
            plan=RunPlan(**plan),
        )

    first = gate(workers=2)
    assert first.detect(site.images).inferred == len(site.images)
    first.detector().end()  # type: ignore[attr-defined]
    assert gate().detect(site.images).kept == len(site.images)
    assert gate(engine="ray").detect(site.images).kept == len(site.images)


def test_workers_that_die_while_they_load(site: Any, tmp_path: Path) -> None:
    worksite.write_config(tmp_path)
    config = tmp_path / "deadly.py"
    config.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")

    with pytest.raises(DetectorError) as caught:
        started(ModelSource(site.checkpoint, config), workers=2)

    assert str(caught.value).startswith(
        "3 workers were lost before they had loaded the model, the last: "
        "the process was ended by SIGKILL"
    )


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_checkpoint_that_would_run_code_is_refused_by_workers(
    site: Any, tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    import torch

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "it-ran",))

    torch.save({"state_dict": {}, "meta": Trap()}, tmp_path / "trap.pth")
    address = request.getfixturevalue("cluster") if engine == "ray" else None

    with pytest.raises(DetectorError) as caught:
        started(ModelSource(tmp_path / "trap.pth"), engine=engine, workers=2, address=address)

    assert str(caught.value).startswith(f"{tmp_path / 'trap.pth'}: refused, because reading it")
    assert not (tmp_path / "it-ran").exists()


def test_shared_files_are_not_sent_and_must_be_the_same(
    site: Any, tmp_path: Path, cluster: str, expected: dict[Path, ImageDetections]
) -> None:
    plan = {"engine": "ray", "workers": 1, "address": cluster, "shared_files": True}
    workers = started(ModelSource(site.checkpoint), **plan)
    assert_same(list(workers.detect(site.images)), expected, site.images)
    workers.end()

    order = Order(source=ModelSource(site.checkpoint), sha256="0" * 64, device="cpu", verify=True)
    assert Worker(forks=False, folder=tmp_path).handle(order) == Failed(
        error=f"{site.checkpoint}: a worker finds another file by this name"
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "nobody answers there"),
        ("no-such-host.invalid:6379", "nobody answers there"),
        ("ray://head:10001", "write host:port"),
        ("6379", "write host:port"),
    ],
)
def test_a_wrong_address_is_named_within_seconds(
    site: Any, cluster: str, address: str, said: str
) -> None:
    begun = time.monotonic()

    with pytest.raises(DetectorError) as caught:
        started(ModelSource(site.checkpoint), engine="ray", address=address)

    assert str(caught.value).startswith(f"address = '{address}' under [run]: {said}")
    assert time.monotonic() - begun < 20


def test_ray_that_is_not_installed_is_named_with_its_extra(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(DetectorError, match=r"pip install 'pytest-detgate\[ray\]'"):
        started(ModelSource(site.checkpoint), engine="ray")


def test_devices_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def devices(requested: str, workers: int | None, n_gpus: int) -> list[str]:
        monkeypatch.setattr("pytest_detgate.detector.engines.start.gpu_count", lambda: n_gpus)
        return local_devices(requested, workers)

    assert devices("auto", None, 3) == ["cuda:0", "cuda:1", "cuda:2"]
    assert devices("cuda", None, 2) == ["cuda:0", "cuda:1"]
    assert devices("cuda:1", None, 2) == ["cuda:1"]
    assert devices("auto", 3, 2) == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices("cuda:1", 2, 2) == ["cuda:1", "cuda:1"]
    assert devices("cpu", None, 2) == ["cpu"]
    assert devices("cpu", 2, 2) == ["cpu", "cpu"]
    assert devices("auto", None, 0) == ["cpu"]
    assert devices("auto", 2, 0) == ["cpu", "cpu"]


def test_images_of_one_size_are_next_to_each_other(site: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")

    first, *ordered = alike([*site.images, tmp_path / "broken.jpg"])

    assert first == tmp_path / "broken.jpg"
    # The site's pictures are by turns 96, 64 and 160 wide.
    assert ordered == [*site.images[1::3], *site.images[0::3], *site.images[2::3]]


def test_what_workers_were_sent_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_detgate.detector.engines.ray_worker import private_folder, remove_left_behind

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    used, lock = private_folder()
    killed, killed_lock = private_folder()
    (used / "model.pth").touch()
    (killed / "model.pth").touch()
    killed_lock.release()  # as the system does for a process that is no more

    remove_left_behind()

    assert (used / "model.pth").exists()
    assert not killed.exists()
    lock.release()
