"""The process that trains.

Run as `python -m pytest_detgate.training.train_worker CONFIG WORK_DIR SEED DEVICE [trust]`, by
itself or by `torchrun`, which starts several processes that train one model. It sends messages, a
line of JSON each, on the standard output; what MMEngine prints goes to the standard error.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from pytest_detgate.detector.dependencies.gathering import gather_dependencies
from pytest_detgate.detector.dependencies.recorder import Recorder
from pytest_detgate.detector.devices import device_type, exclusive, resolve_device
from pytest_detgate.detector.mmdet.config import custom_imports
from pytest_detgate.detector.mmdet.config_files import config_code, load_config
from pytest_detgate.detector.packages import mmdetection_packages, require_mmdetection
from pytest_detgate.detector.python.code import code_of
from pytest_detgate.detector.subprocesses import MessageWriter
from pytest_detgate.errors import DetectorError
from pytest_detgate.regular_file import read_regular_text
from pytest_detgate.training.checkpoints import read_checkpoints_as_data
from pytest_detgate.training.train_process import TrainingMessage, TrainingOutcome

_EVERY_SECONDS = 0.2


def main(arguments: list[str]) -> int:
    """Train; return the exit code."""
    writer = MessageWriter()
    config, work_dir, seed, device, *more = arguments
    try:
        require_mmdetection()
        if "trust" not in more:
            read_checkpoints_as_data()
        outcome = _Training(Path(config), Path(work_dir), int(seed), device, writer).outcome()
    except BrokenPipeError:
        return 1
    except DetectorError as error:
        writer.send(TrainingMessage(error=str(error)))
        return 1
    except Exception as error:  # the project's configuration may raise anything
        traceback.print_exc()
        writer.send(TrainingMessage(error=f"{type(error).__name__}: {error}"))
        return 1
    if outcome is not None:
        writer.send(TrainingMessage(outcome=outcome))
    return 0


class _Waiting:
    """Tells the parent process, which shows the progress, that this one waits for its GPU."""

    def __init__(self, writer: MessageWriter) -> None:
        self._writer = writer

    @contextlib.contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        self._writer.send(TrainingMessage(is_waiting=True))
        yield lambda finished: None


class _Training:
    """One of the processes that train a model together, or the only one."""

    def __init__(
        self, config: Path, work_dir: Path, seed: int, device: str, writer: MessageWriter
    ) -> None:
        self._config_path = config
        self._work_dir = work_dir
        self._seed = seed
        self._device = device
        self._writer = writer
        self._is_one_of_many = "LOCAL_RANK" in os.environ
        self._rank = int(os.environ.get("LOCAL_RANK", "0"))
        self._is_first = self._rank == 0
        self._latest = work_dir / "last_checkpoint"

    def outcome(self) -> TrainingOutcome | None:
        """Train; the first of several processes returns the outcome."""
        device = self._own_device()
        own_files = f"{self._work_dir.absolute()}{os.sep}"

        def is_own_file(path: str) -> bool:
            """A run does not depend on the files that it writes itself."""
            return f"{path}{os.sep}".startswith(own_files)

        with Recorder(
            self._config_path.absolute().parent,
            own=config_code(),
            ignored=is_own_file,
            follows_forks=True,  # the workers of data loaders
        ) as recorder:
            config = self._load_config(device)
            if self._is_first:
                self._latest.unlink(missing_ok=True)
            data_files, scalars = self._train(config, device)
            return self._outcome(config, device, data_files, scalars, recorder)

    def _own_device(self) -> str:
        on_cpu = resolve_device(self._device) == "cpu"
        many_on_gpus = self._is_one_of_many and not on_cpu
        device = resolve_device(f"cuda:{self._rank}" if many_on_gpus else self._device)
        if not on_cpu:
            import torch

            torch.cuda.set_device(device)
        return device

    def _load_config(self, device: str) -> Any:
        config = load_config(self._config_path).config
        config.work_dir = str(self._work_dir)
        config.launcher = "none"
        if self._is_one_of_many:
            config.launcher = "pytorch"
            if device == "cpu":
                _join_on_cpu(config)
        config.randomness = {**config.get("randomness", {}), "seed": self._seed}
        if config.get("resume") and not config.get("load_from"):
            config.resume = False  # files that an earlier run left are not among the inputs
        return config

    def _train(self, config: Any, device: str) -> tuple[set[Path], Path]:
        """Train; return the data files that were used, and where MMEngine logs its scalars."""
        from mmengine.registry import RUNNERS
        from mmengine.runner import Runner

        hook = _reporting_hook(self._writer) if self._is_first else None
        # The parent process holds several GPUs: held one by one, two runs could wait for each
        # other.
        with (
            contextlib.nullcontext()
            if self._is_one_of_many
            else exclusive(device, _Waiting(self._writer))
        ):
            runner = RUNNERS.build(config) if "runner_type" in config else Runner.from_cfg(config)
            if hook is not None:
                runner.register_hook(hook, priority="LOWEST")
            runner.train()
        if hook is None:
            return set(), Path()
        self._writer.send(TrainingMessage(iteration=runner.max_iters, total=runner.max_iters))
        return hook.files, Path(runner.log_dir) / "vis_data" / "scalars.json"

    def _outcome(
        self, config: Any, device: str, data_files: set[Path], scalars: Path, recorder: Recorder
    ) -> TrainingOutcome | None:
        if not self._is_first:
            return None
        if not self._latest.is_file():
            raise DetectorError(
                f"{self._config_path}: training wrote no checkpoint; default_hooks.checkpoint "
                "decides when"
            )
        start = config.get("load_from")
        used = {*data_files, *([Path(start)] if start else [])}
        recorder.add_notes_of_forks()
        code = code_of(*custom_imports(config), "mmdet", "mmcv", "mmengine")
        dependencies = gather_dependencies(
            {**recorder.by_value, **recorder.notes},
            map(str, code.files),
            modules=code.modules,
            distributions=mmdetection_packages(),
            state=lambda path: "",  # the parent process hashes the files, from its cache
        )
        files = {*map(Path, dependencies.files), *(path for path in used if path.is_file())}
        return TrainingOutcome(
            checkpoint=read_regular_text(self._latest).strip(),
            device=device_type(device) if self._is_one_of_many else device,
            randomness=dict(config.randomness),
            files=sorted({str(file.absolute()) for file in files}),
            dependencies=msgspec.structs.replace(dependencies, files={}),
            scalars=str(scalars) if scalars.is_file() else None,
        )


def _reporting_hook(writer: MessageWriter) -> Any:
    """Make a hook of MMEngine that reports the progress; its `files` are the data files in use."""
    from mmengine.hooks import Hook

    class ReportingHook(Hook):  # type: ignore[misc]
        def __init__(self) -> None:
            self.files: set[Path] = set()
            self._sent_at = 0.0

        def before_train(self, runner: Any) -> None:
            self.files |= set(_data_files(runner.train_dataloader.dataset))
            if (validation := runner.val_loop) is not None:  # it may decide when the run ends
                self.files |= set(_data_files(validation.dataloader.dataset))
            writer.send(TrainingMessage(total=runner.max_iters))

        def after_train_iter(self, runner: Any, batch_idx: int, *_: object, **__: object) -> None:
            if time.monotonic() - self._sent_at > _EVERY_SECONDS:
                writer.send(TrainingMessage(iteration=runner.iter + 1, total=runner.max_iters))
                self._sent_at = time.monotonic()

    return ReportingHook()


def _join_on_cpu(config: Any) -> None:
    """Join the processes on a CPU: MMEngine does so on GPUs only."""
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
    """Yield the annotation files and images of a dataset and of those that it wraps."""
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
