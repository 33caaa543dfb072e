"""Settings of `[run]`: where and how detection runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Where a detector runs.

    `workers` is the largest number of processes or actors; None means one for each GPU, and one on
    a CPU. `threads` is the number of threads of a model on a CPU; None means the default of its
    framework on the machine of the gate. `batch` is the number of images that a worker is sent at
    once. `address`, `gpus_per_worker` and `shared_files` are for Ray.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int | None = None
    threads: int | None = None
    batch: int | None = None
    address: str | None = None
    gpus_per_worker: float = 1.0
    shared_files: bool = False


IN_THIS_PROCESS = RunPlan()
