"""The process that trains.

Run as `python -m pytest_detgate.training.train_worker CONFIG WORK_DIR SEED DEVICE [trust]`, by
itself or
by `torchrun`, which starts several that train one model; tells the process that started it how it
goes, in lines of JSON on the standard output. All that MMEngine prints goes to the standard error.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.detector.dependencies.gathered import gathered
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.devices import exclusive, resolve_device
from pytest_detgate.detector.mmdet.config import custom_imports
from pytest_detgate.detector.mmdet.config_files import config_code, load_config, project_files
from pytest_detgate.detector.packages import require_mmdetection
from pytest_detgate.detector.subprocesses import MessageWriter
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular_text
from pytest_detgate.training.checkpoints import read_checkpoints_as_data
from pytest_detgate.training.train_process import Message, Outcome

_EVERY_SECONDS = 0.2


def main(arguments: list[str]) -> int:
    """Train; returns the exit code."""
    report = MessageWriter()
    config, work_dir, seed, device, *more = arguments
    try:
        require_mmdetection()
        if "trust" not in more:
            read_checkpoints_as_data()
        outcome = _train(Path(config), Path(work_dir), int(seed), device, report)
    except BrokenPipeError:
        return 1
    except DetectorError as error:
        report.send(Message(error=str(error)))
        return 1
    except Exception as error:  # the project's configuration may raise anything
        traceback.print_exc()
        report.send(Message(error=f"{type(error).__name__}: {error}"))
        return 1
    if outcome is not None:
        report.send(Message(outcome=outcome))
    return 0


def _train(
    config_path: Path, work_dir: Path, seed: int, device: str, report: MessageWriter
) -> Outcome | None:
    """Train; the first of several processes says what came out."""
    rank, is_one_of_many = int(os.environ.get("LOCAL_RANK", "0")), "LOCAL_RANK" in os.environ
    on_cpu = resolve_device(device) == "cpu"
    place = resolve_device(f"cuda:{rank}" if is_one_of_many and not on_cpu else device)
    if not on_cpu:
        import torch

        torch.cuda.set_device(place)
    own_work = f"{work_dir.absolute()}{os.sep}"

    def is_own_work(path: str) -> bool:
        """What the run itself writes is not what it depends on."""
        return f"{path}{os.sep}".startswith(own_work)

    with Recorder(
        config_path.absolute().parent, own=config_code(), ignored=is_own_work
    ) as recorder:
        return _run(config_path, work_dir, seed, place, report, recorder)


def _run(
    config_path: Path,
    work_dir: Path,
    seed: int,
    place: str,
    report: MessageWriter,
    recorder: Recorder,
) -> Outcome | None:
    from mmengine.hooks import Hook
    from mmengine.registry import RUNNERS
    from mmengine.runner import Runner

    rank, is_one_of_many = int(os.environ.get("LOCAL_RANK", "0")), "LOCAL_RANK" in os.environ
    config = load_config(config_path).config
    config.work_dir = str(work_dir)
    config.launcher = "none"
    if is_one_of_many:
        config.launcher = "pytorch"
        if place == "cpu":
            _join_on_cpu(config)
    config.randomness = {**config.get("randomness", {}), "seed": seed}
    if config.get("resume") and not config.get("load_from"):
        config.resume = False  # what an earlier run left in the folder is not among the inputs
    latest = work_dir / "last_checkpoint"
    is_first = rank == 0
    if is_first:
        latest.unlink(missing_ok=True)

    class Watch(Hook):  # type: ignore[misc]
        """Tells the parent how far training is, and sees which files it uses."""

        def __init__(self) -> None:
            self.files: set[Path] = set()
            self._told = 0.0

        def before_train(self, runner: Any) -> None:
            if not is_first:
                return
            self.files |= set(_data_files(runner.train_dataloader.dataset))
            if (validation := runner.val_loop) is not None:  # it may choose the end of the run
                self.files |= set(_data_files(validation.dataloader.dataset))
            report.send(Message(total=runner.max_iters))

        def after_train_iter(self, runner: Any, batch_idx: int, *_: object, **__: object) -> None:
            if is_first and time.monotonic() - self._told > _EVERY_SECONDS:
                report.send(Message(iteration=runner.iter + 1, total=runner.max_iters))
                self._told = time.monotonic()

    watch = Watch()
    # Several GPUs are held by the process that started us: one by one they could wait for others
    # that wait for them.
    with contextlib.nullcontext() if is_one_of_many else exclusive(place):
        runner = RUNNERS.build(config) if "runner_type" in config else Runner.from_cfg(config)
        runner.register_hook(watch, priority="LOWEST")
        runner.train()
    if not is_first:
        return None
    report.send(Message(iteration=runner.max_iters, total=runner.max_iters))
    if not latest.is_file():
        raise DetectorError(
            f"{config_path}: training wrote no checkpoint; default_hooks.checkpoint decides when"
        )
    scalars = Path(runner.log_dir) / "vis_data" / "scalars.json"
    start = config.get("load_from")
    known = {*watch.files, *([Path(start)] if start else [])}
    code = project_files([*custom_imports(config), "mmdet", "mmcv", "mmengine"])
    found = gathered(
        {**recorder.by_value, **recorder.notes},
        map(str, code),
        state=lambda path: "",  # who started us knows which of them were read before
    )
    files = {*map(Path, found.files), *(path for path in known if path.is_file())}
    return Outcome(
        checkpoint=read_regular_text(latest).strip(),
        device=place.partition(":")[0] if is_one_of_many else place,
        randomness=dict(config.randomness),
        files=sorted({str(file.absolute()) for file in files}),
        dependencies=msgspec.structs.replace(found, files={}),
        scalars=str(scalars) if scalars.is_file() else None,
    )


def _join_on_cpu(config: Any) -> None:
    """MMEngine itself joins processes on GPUs alone, and names a GPU for each."""
    import torch

    torch.distributed.init_process_group("gloo")
    if config.get("model_wrapper_cfg") is None:
        config.model_wrapper_cfg = {
            "type": "MMDistributedDataParallel",
            "device_ids": None,
            "broadcast_buffers": False,
            "find_unused_parameters": config.get("find_unused_parameters", False),
        }


def _data_files(dataset: Any) -> Iterator[Path]:
    """The annotation files and pictures of a data set and of those it wraps."""
    inner = [*getattr(dataset, "datasets", []), getattr(dataset, "dataset", None)]
    for part in inner:
        if part is not None:
            yield from _data_files(part)
    if isinstance(annotations := getattr(dataset, "ann_file", None), str):
        yield Path(annotations)
    if any(part is not None for part in inner) or not hasattr(dataset, "get_data_info"):
        return
    for index in range(len(dataset)):
        for name, value in dataset.get_data_info(index).items():
            if isinstance(value, str) and name.endswith("path"):
                yield Path(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
