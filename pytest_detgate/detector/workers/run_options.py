"""Where and how detection is run, as `[run]` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Where a detector runs.

    `workers` is how many processes or actors there are at most; None means as many as there are
    GPUs, and on a CPU one. `threads` is how many threads a model on a CPU uses; None means
    as many as its framework takes of its own accord on the machine that runs the gate. `batch` is
    how many images a worker is handed at once. `address`, `gpus_per_worker` and `shared_files`
    are for Ray.
    """

    engine: Literal["local", "ray"] = "local"
    workers: int | None = None
    threads: int | None = None
    batch: int | None = None
    address: str | None = None
    gpus_per_worker: float = 1.0
    shared_files: bool = False


IN_THIS_PROCESS = RunPlan()
