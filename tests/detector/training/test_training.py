"""Training, and using again what was trained."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_detgate.detector import subprocesses
from pytest_detgate.detector.cached.detector import CachedDetector
from pytest_detgate.detector.mmdet.checkpoint import read_checkpoint
from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.errors import DetectorError
from pytest_detgate.progress import NoProgress
from pytest_detgate.training.log import PlannedLength, find_scalars, read_scalars
from pytest_detgate.training.train import TrainedRun, finished_run, train
from tests.detector import worksite
from tests.detector.mmdet.test_checkpoint import Hostile
from tests.judged import judged, measured

pytestmark = [pytest.mark.mmdet, pytest.mark.usefixtures("forked_processes")]


class Counting:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = {}

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        count = self.counts.setdefault(label, [0, total])

        def advance(finished: int) -> None:
            count[0] += finished

        yield advance


@pytest.fixture(scope="module")
def trained(mmdet: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainedRun, Any]:
    """A finished run of two iterations, its folder, and the progress it showed."""
    root = tmp_path_factory.mktemp("training")
    worksite.draw_site(root, 6)
    worksite.write_config(root)
    config = worksite.write_training_config(root)
    settle(root)
    progress = Counting()
    run = train(
        config, root / "work", 5, device="cpu", retrain=False, progress=progress, cache_dir=root
    )
    return root, run, progress


def settle(root: Path) -> None:
    """Make files look as if they had not been written just now."""
    then = time.time() - 100
    for path in root.rglob("*.*"):
        os.utime(path, (then, then))


@pytest.fixture
def again(
    trained: tuple[Path, TrainedRun, Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., bool]:
    """A function that asks for training once more, and fails the moment it would start."""
    root = trained[0]

    class StartedError(Exception):
        pass

    def start(*_: object) -> None:
        raise StartedError

    def ask(**changes: Any) -> bool:
        """Tell whether the finished run was used again."""
        files = [root / "work" / f"detgate-train.{suffix}" for suffix in ("json", "log")]
        contents = [path.read_bytes() for path in files]
        options: dict[str, Any] = {"device": "auto", "retrain": False, "seed": 5}
        options |= changes
        seed = options.pop("seed")
        try:
            with monkeypatch.context() as patch:
                patch.setattr("pytest_detgate.training.train_process._start", start)
                run = train(
                    root / "train.py",
                    root / "work",
                    seed,
                    progress=NoProgress(),
                    cache_dir=root,
                    **options,
                )
        except StartedError:
            assert finished_run(root / "work") is None  # what was interrupted is not finished
            for path, content in zip(files, contents, strict=True):
                path.write_bytes(content)
            return False
        assert run.reused
        assert run.checkpoint == trained[1].checkpoint
        return True

    return ask


def test_a_run_ends_with_a_checkpoint_and_its_records(
    trained: tuple[Path, TrainedRun, Any],
) -> None:
    root, run, progress = trained
    assert run.checkpoint == root / "work" / "epoch_1.pth"
    assert (run.seed, run.device, run.reused) == (5, "cpu", False)
    checkpoint = read_checkpoint(run.checkpoint)  # one that MMEngine itself has written
    assert (checkpoint.meta["seed"], checkpoint.epoch) == (5, 1)
    assert checkpoint.classes == worksite.CLASSES
    assert "Epoch(train)" in run.log.read_text(encoding="utf-8")
    assert run.scalars is not None
    losses = [json.loads(line) for line in run.scalars.read_text(encoding="utf-8").splitlines()]
    assert [line["iter"] for line in losses] == [1, 2]
    assert progress.counts["training"] == [2, 2]
    assert finished_run(root / "work") == TrainedRun(
        **{name: getattr(run, name) for name in run.__slots__ if name != "reused"}, reused=True
    )
    assert not (root / "somewhere-else").exists()


def test_the_record_names_all_inputs(trained: tuple[Path, TrainedRun, Any]) -> None:
    root, run, _ = trained
    record = json.loads((root / "work" / "detgate-train.json").read_text(encoding="utf-8"))
    used = {str(Path(path).relative_to(root)) for path in record["files"]}
    images = {f"images/cam_{index:04d}.jpg" for index in range(6)}
    assert used == {"train.py", "model.py", "site.json", *images}
    assert record["randomness"]["seed"] == 5
    assert record["sha256"] == run.sha256
    assert all(len(sha256) == 64 for sha256 in record["files"].values())


def test_its_log_is_read_and_its_seed_is_known(trained: tuple[Path, TrainedRun, Any]) -> None:
    root, run, _ = trained
    log = read_scalars(find_scalars(root / "work"))
    assert log.path == run.scalars
    assert (log.iteration.tolist(), log.epoch.tolist()) == ([1, 2], [1, 1])
    assert log.learning_rate.tolist() == [0.001, 0.001]
    assert (log.not_finite, log.validations, log.plan) == ((), (), PlannedLength(epochs=1))
    config = '[train]\nconfig = "train.py"\nwork-dir = "work"\n'
    config += "[rules.training-seed]\n[rules.training-curve]\nvalidation = false\n"
    results = judged(root, config)
    assert {item: result.verdict for item, result in results.items()} == {
        "training-seed": "passed",
        "training-curve": "passed",
    }
    assert measured(results["training-seed"]) == {"fixed": 1, "seed": 5}


def test_a_log_as_mmengine_writes_numbers_that_are_none(tmp_path: Path) -> None:
    from mmengine.visualization import LocalVisBackend

    backend = LocalVisBackend(str(tmp_path))
    for number, loss in enumerate((1.5, float("nan"), float("inf")), start=1):
        backend.add_scalars({"lr": 0.5, "loss": loss, "epoch": number, "iter": number}, step=number)
        backend.add_scalars({"coco/bbox_mAP": 0.25 * number}, step=number)
    log = read_scalars(tmp_path / "scalars.json")
    assert [(entry.row, str(entry.value)) for entry in log.not_finite] == [(1, "nan"), (2, "inf")]
    assert [dict(validation.values) for validation in log.validations] == [
        {"coco/bbox_mAP": value} for value in (0.25, 0.5, 0.75)
    ]


def test_what_was_trained_can_be_gated(
    trained: tuple[Path, TrainedRun, Any], tmp_path: Path
) -> None:
    root, run, _ = trained
    gate = CachedDetector(
        ModelSource(run.checkpoint), cache_dir=tmp_path, device="cpu", progress=NoProgress()
    )
    images = sorted((root / "images").iterdir())
    assert gate.detect(images).inferred == len(images)
    assert gate.info().sha256 == run.sha256


def test_a_finished_run_is_used_again_while_its_inputs_hold(
    trained: tuple[Path, TrainedRun, Any], again: Callable[..., bool]
) -> None:
    root = trained[0]
    assert again()
    assert again(device="cpu")
    assert not again(retrain=True)
    assert not again(seed=6)
    assert not again(device="cuda")
    for name in ("images/cam_0003.jpg", "site.json", "model.py", "work/epoch_1.pth"):
        content = (root / name).read_bytes()
        (root / name).write_bytes(content + b"\n")
        assert not again(), name
        (root / name).write_bytes(content)
        assert again(), name


def test_a_run_whose_versions_are_gone_is_not_used_again(
    again: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_detgate.training.record.package_versions", lambda: {"torch": "0"})
    assert not again()


FURTHER = """
import os
from pathlib import Path

from mmengine.hooks import Hook
from mmdet.registry import TRANSFORMS
from mmengine.registry import HOOKS

RATE = os.environ.get("SITE_RATE", "1")


@HOOKS.register_module(force=True)
class Further(Hook):
    def before_train(self, runner):
        folder = Path(__file__).parent
        sorted(folder.glob("extra/*.txt")), (folder / "later.json").exists()
        (folder / "table.txt").read_text()


@TRANSFORMS.register_module(force=True)
class InWorker:
    def __call__(self, results):
        (Path(__file__).parent / "worker.txt").read_text()
        return results
"""


@pytest.fixture(scope="module")
def further(
    trained: tuple[Path, TrainedRun, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, bytes]:
    """A finished run that starts from weights, is validated, and reads this and that; its folder
    and its record."""
    root = tmp_path_factory.mktemp("further")
    worksite.draw_site(root, 3)
    worksite.write_config(root)
    shutil.copy(trained[1].checkpoint, root / "start.pth")
    shutil.copy(root / "site.json", root / "val.json")
    (root / "classes.txt").write_text("person\nhelmet\n")
    (root / "table.txt").write_text("1")
    (root / "worker.txt").write_text("1")
    (root / "extra").mkdir()
    (root / "site_further.py").write_text(FURTHER)
    config = worksite.write_training_config(
        root,
        **{
            "init_cfg=None": f'init_cfg=dict(type="Pretrained", checkpoint="{root}/start.pth", '
            'prefix="backbone.")',
            "batch_size=3, num_workers=0": "batch_size=3, num_workers=2",
            '            dict(type="PackDetInputs")]': '            dict(type="InWorker"), '
            'dict(type="PackDetInputs")]',
            'metainfo=dict(classes=("person", "helmet"))': "metainfo=dict("
            f'classes="{root}/classes.txt")',
        },
    )
    config.write_text(
        config.read_text()
        + 'custom_imports = dict(imports=["site_further"])\n'
        + 'custom_hooks = [dict(type="Further")]\n'
        + "val_dataloader = dict(batch_size=1, num_workers=0, dataset=dict("
        + f'type="CocoDataset", data_root="{root}", ann_file="val.json", test_mode=True,'
        + 'data_prefix=dict(img="images/"), metainfo=dict(classes=("person", "helmet")),'
        + "pipeline=_base_.test_pipeline), sampler=dict(type='DefaultSampler', shuffle=False))\n"
        + f'val_evaluator = dict(type="CocoMetric", ann_file="{root}/val.json", metric="bbox")\n'
        + 'val_cfg = dict(type="ValLoop")\n'
    )
    settle(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        patch.delenv("SITE_RATE", raising=False)
        train(
            *(config, root / "work", 0),
            device="cpu",
            retrain=False,
            progress=NoProgress(),
            cache_dir=root,
        )
    return root, (root / "work" / "detgate-train.json").read_bytes()


def is_finished(further: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the finished run is used again, rather than another started."""
    root, record = further

    class StartedError(Exception):
        pass

    def start(*_: object) -> None:
        raise StartedError

    (root / "work" / "detgate-train.json").write_bytes(record)
    with monkeypatch.context() as patch, contextlib.suppress(StartedError):
        patch.setattr("pytest_detgate.training.train_process._start", start)
        patch.syspath_prepend(root)
        return train(
            *(root / "train.py", root / "work", 0),
            device="cpu",
            retrain=False,
            progress=NoProgress(),
            cache_dir=root,
        ).reused
    return False


@pytest.mark.parametrize(
    "name",
    [
        *("start.pth", "val.json", "classes.txt", "table.txt", "worker.txt", "site_further.py"),
        "images/cam_0001.jpg",
    ],
)
def test_a_run_is_not_finished_once_what_it_read_has_changed(
    further: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = further[0] / name
    content = path.read_bytes()
    assert is_finished(further, monkeypatch)

    path.write_bytes(content + b"\n")
    assert not is_finished(further, monkeypatch)

    path.write_bytes(content)
    assert is_finished(further, monkeypatch)


@pytest.mark.parametrize("name", ["extra/more.txt", "later.json"])
def test_a_run_is_not_finished_once_a_file_appears(
    further: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (further[0] / name).touch()
    assert not is_finished(further, monkeypatch)
    (further[0] / name).unlink()
    assert is_finished(further, monkeypatch)


def test_a_run_is_not_finished_in_another_environment(
    further: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_RATE", "2")
    assert not is_finished(further, monkeypatch)
    monkeypatch.delenv("SITE_RATE")
    assert is_finished(further, monkeypatch)
    assert b"SITE_RATE" in further[1]


def test_a_run_with_unrecorded_dependencies_is_not_used_again(
    further: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(further[1])
    assert record["dependencies"]["hidden"] == []
    record["dependencies"]["hidden"] = ["the program cat"]
    content = json.dumps(record).encode()

    assert not is_finished((further[0], content), monkeypatch)
    (further[0] / "work" / "detgate-train.json").write_bytes(content)
    run = finished_run(further[0] / "work")
    assert run is not None
    assert run.notes == (
        "every run trains again: the training has unrecorded dependencies: the program cat",
    )


def test_a_run_with_other_code_of_a_package_is_not_used_again(
    further: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(further[1])
    packages = record["dependencies"]["packages"]
    version, content = packages["numpy"].split(" ")
    assert (version, len(content)) == (np.__version__, 64)
    packages["numpy"] = f"{version} {'0' * 64}"

    assert not is_finished((further[0], json.dumps(record).encode()), monkeypatch)


def test_a_record_of_an_earlier_release_is_not_used_again(
    further: tuple[Path, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not say all that its run depends on."""
    record = json.loads(further[1])
    del record["dependencies"], record["configured"]

    assert not is_finished((further[0], json.dumps(record).encode()), monkeypatch)
    (further[0] / "work" / "detgate-train.json").write_text(json.dumps(record))
    run = finished_run(further[0] / "work")
    assert run is not None
    assert run.seed == 0


@pytest.fixture(scope="module")
def trained_by_two(
    mmdet: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainedRun]:
    """A run by two processes that torchrun joins; on a CPU, for want of two GPUs."""
    root = tmp_path_factory.mktemp("by-two")
    worksite.draw_site(root, 8)
    model = worksite.write_config(root)
    # What joins statistics between processes is for GPUs alone.
    model.write_text(model.read_text(encoding="utf-8").replace("SyncBN", "BN"), encoding="utf-8")
    alone = "model = dict(use_syncbn=False, "
    worksite.write_training_config(root, **{"batch_size=3": "batch_size=2", "model = dict(": alone})
    settle(root)
    return root, by_two(root, NoProgress())


def by_two(root: Path, progress: Any, **changes: Any) -> TrainedRun:
    options: dict[str, Any] = {"device": "cpu", "retrain": False, "gpus": 2, **changes}
    return train(root / "train.py", root / "work", 5, progress=progress, cache_dir=root, **options)


def test_two_processes_train_one_model(trained_by_two: tuple[Path, TrainedRun]) -> None:
    root, run = trained_by_two
    log = run.log.read_text(encoding="utf-8")
    assert "Distributed launcher: pytorch" in log
    assert "GPU number: 2" in log  # so MMEngine calls processes
    assert (run.device, run.reused) == ("cpu", False)
    assert run.scalars is not None
    losses = [json.loads(line) for line in run.scalars.read_text(encoding="utf-8").splitlines()]
    # Eight images in batches of two for each of two processes.
    assert [line["iter"] for line in losses] == [1, 2]
    assert read_checkpoint(run.checkpoint).epoch == 1
    record = json.loads((root / "work" / "detgate-train.json").read_text(encoding="utf-8"))
    assert record["n_processes"] == 2
    assert {f"cam_{index:04d}.jpg" for index in range(8)} <= {
        Path(path).name for path in record["files"]
    }


def test_the_number_of_processes_is_an_input(
    trained_by_two: tuple[Path, TrainedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, run = trained_by_two
    assert by_two(root, NoProgress()).reused

    class StartedError(Exception):
        pass

    def start(*_: object) -> None:
        raise StartedError

    # What a training that begins changes, for the other tests of this run.
    files = [root / "work" / "detgate-train.json", run.log]
    before = [path.read_bytes() for path in files]
    monkeypatch.setattr("pytest_detgate.training.train_process._start", start)
    with pytest.raises(StartedError):
        by_two(root, NoProgress(), gpus=1)
    for path, content in zip(files, before, strict=True):
        path.write_bytes(content)


def test_a_failure_of_several_processes_is_told_once(mmdet: None, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("raise LookupError('no such luck')\n", encoding="utf-8")
    with pytest.raises(DetectorError) as caught:
        by_two(tmp_path, NoProgress())
    assert str(caught.value) == (
        f"training failed: {tmp_path / 'train.py'}: the configuration cannot be loaded: "
        f"LookupError: no such luck; the whole log is {tmp_path / 'work' / 'detgate-train.log'}"
    )
    assert finished_run(tmp_path / "work") is None


def test_more_gpus_than_there_are(
    trained: tuple[Path, TrainedRun, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_detgate.training.train.gpu_count", lambda: 2)
    with pytest.raises(DetectorError, match="asks for 3 GPUs, and 2 can be used here"):
        by_two(trained[0], NoProgress(), device="auto", gpus=3)
    with pytest.raises(DetectorError, match=r"'cuda:1' is one GPU, and \[train\] asks for 2"):
        by_two(trained[0], NoProgress(), device="cuda:1")


def test_a_failed_run_says_why_and_is_not_finished(
    trained: tuple[Path, TrainedRun, Any], tmp_path: Path
) -> None:
    for name in ("model.py", "site.json"):
        shutil.copy(trained[0] / name, tmp_path)
    config = worksite.write_training_config(tmp_path, **{'ann_file="site.json"': 'ann_file="no"'})
    with pytest.raises(DetectorError) as caught:
        train(
            config,
            tmp_path / "work",
            0,
            device="cpu",
            retrain=False,
            progress=NoProgress(),
            cache_dir=tmp_path,
        )
    assert "training failed: FileNotFoundError" in str(caught.value)
    assert str(tmp_path / "work" / "detgate-train.log") in str(caught.value)
    assert "Traceback" not in str(caught.value).splitlines()[0]
    assert finished_run(tmp_path / "work") is None


START = {
    "load_from": "load_from = {path!r}",
    "resume": "load_from = {path!r}",  # the configuration resumes
    "init_cfg": "start = dict(type='Pretrained', checkpoint={path!r})\n"
    "model = dict(backbone=dict(init_cfg=start))",
}


@pytest.fixture
def starting_from(
    trained: tuple[Path, TrainedRun, Any], tmp_path: Path
) -> Callable[[str, Callable[[dict[str, Any]], None]], Callable[..., TrainedRun]]:
    """A function that makes a run which starts from the trained checkpoint, changed."""
    import torch

    def make(way: str, change: Callable[[dict[str, Any]], None]) -> Callable[..., TrainedRun]:
        content = torch.load(trained[1].checkpoint, map_location="cpu", weights_only=False)
        change(content)
        path = tmp_path / "start.pth"
        torch.save(content, path)
        for name in ("model.py", "site.json"):
            shutil.copy(trained[0] / name, tmp_path)
        config = worksite.write_training_config(
            trained[0],
            f"{tmp_path.name}.py",
            **{
                "resume = True": ("resume = True\n" if way == "resume" else "")
                + START[way].format(path=str(path)),
                "max_epochs=1": "max_epochs=2",
            },
        )

        def run(**options: Any) -> TrainedRun:
            return train(
                config,
                tmp_path / "work",
                0,
                device="cpu",
                retrain=False,
                progress=NoProgress(),
                cache_dir=tmp_path,
                **options,
            )

        return run

    return make


@pytest.mark.parametrize("way", START)
def test_a_checkpoint_to_start_from_runs_no_code(
    starting_from: Callable[[str, Callable[[dict[str, Any]], None]], Callable[..., TrainedRun]],
    tmp_path: Path,
    way: str,
) -> None:
    marker = tmp_path / "was-run"

    run = starting_from(way, lambda content: content.update(more=Hostile(marker)))

    with pytest.raises(DetectorError, match=r"training failed: .*start\.pth: refused: .*eval"):
        run()
    assert not marker.exists()
    if way == "load_from":
        assert run(trust=True).checkpoint.is_file()
        assert marker.exists()


def test_training_goes_on_from_what_was_trained(
    starting_from: Callable[[str, Callable[[dict[str, Any]], None]], Callable[..., TrainedRun]],
    tmp_path: Path,
) -> None:
    """Of the checkpoint that is resumed, nothing is run: neither what is pickled in it, nor a
    configuration."""
    import numpy as np

    marker = tmp_path / "was-run"

    def change(content: dict[str, Any]) -> None:
        content["meta"]["config"] = f"open({str(marker)!r}, 'w').close()"
        content["message_hub"]["runtime_info"]["best_score"] = np.float64(0.5)

    run = starting_from("resume", change)()

    assert run.checkpoint.name == "epoch_2.pth"
    assert [path.name for path in (tmp_path / "work").glob("*.pth")] == ["epoch_2.pth"]
    assert read_checkpoint(run.checkpoint).epoch == 2
    assert not marker.exists()


def test_an_interrupted_run_takes_its_process_along(
    trained: tuple[Path, TrainedRun, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is known by its command, which one that is forked does not have.
    monkeypatch.setitem(vars(subprocesses), "subprocess", subprocess)

    class Impatient(Counting):
        @contextmanager
        def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
            raise KeyboardInterrupt
            yield

    def children() -> set[str]:
        collected = set()
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                text = process.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "train_worker" in text and str(tmp_path) in text:
                collected.add(text)
        return collected

    with pytest.raises(KeyboardInterrupt):
        train(
            trained[0] / "train.py",
            tmp_path / "work",
            0,
            device="cpu",
            retrain=False,
            progress=Impatient(),
            cache_dir=tmp_path,
        )
    assert children() == set()
    assert finished_run(tmp_path / "work") is None


def test_a_killed_run_says_so(
    trained: tuple[Path, TrainedRun, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_detgate.training import train_process as training_process

    really = training_process._start

    def start(*arguments: Any) -> Any:
        process = really(*arguments)
        os.killpg(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(training_process, "_start", start)
    with pytest.raises(DetectorError, match="training failed: the process was ended by SIGKILL"):
        train(
            trained[0] / "train.py",
            tmp_path / "work",
            0,
            device="cpu",
            retrain=False,
            progress=NoProgress(),
            cache_dir=tmp_path,
        )


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"missing\.py: there is no such configuration"):
        train(
            tmp_path / "missing.py",
            tmp_path,
            0,
            device="cpu",
            retrain=False,
            progress=NoProgress(),
            cache_dir=tmp_path,
        )
