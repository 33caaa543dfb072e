"""Images that worker processes prepare ahead of a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch.utils.data import DataLoader

T = TypeVar("T")


def load_ahead(
    images: Sequence[Path],
    dataset_of: Callable[[Sequence[Path]], Any],
    otherwise: Callable[[Sequence[Path]], Iterable[T]],
    *,
    batch_size: int,
    n_workers: int,
    pinned: bool,
    initialize: Callable[[int], None] | None = None,
) -> Iterator[T]:
    """Yield every image, prepared by worker processes, in the given order.

    `dataset_of` makes the items of images for torch's DataLoader. A process is given `batch_size`
    of them at a time, and calls `initialize` first. With `pinned` their tensors lie in memory from
    which a GPU can copy while it works. Without processes, and for the images that are left when
    they fail, `otherwise` prepares images.
    """
    finished = 0
    if n_workers:
        loader: DataLoader[list[T]] = DataLoader(
            dataset_of(images),
            batch_size=batch_size,
            shuffle=False,
            num_workers=n_workers,
            collate_fn=list,
            pin_memory=pinned,
            prefetch_factor=2,
            worker_init_fn=initialize,
            # A forked process is cheap, because it need not import the framework again.
            multiprocessing_context="fork" if sys.platform == "linux" else None,
        )
        try:
            for batch in loader:
                finished += len(batch)
                yield from batch
            return
        except RuntimeError as error:
            # Processes pass images in shared memory, which is often very small in containers.
            # Memory that can be pinned may be small, too.
            if not any(text in str(error) for text in ("DataLoader worker", "pin memory thread")):
                raise
    yield from otherwise(images[finished:])


def worker_count(n_images: int, batch_size: int, device_type: str) -> int:
    """Return how many processes should prepare images: none if starting them costs more.

    A model on a CPU uses all cores, and preparing an image takes a twentieth of its time. On two
    cores a worker slowed the model down: 0.8 to 0.9 times the images per second.
    """
    if n_images <= 2 * batch_size:
        return 0
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    useful = min(8, cpus) if device_type == "cuda" else min(2, cpus // 4)
    return min(useful, -(-n_images // batch_size))
