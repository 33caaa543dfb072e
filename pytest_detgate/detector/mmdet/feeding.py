"""Pictures on their way to a GPU while it works on others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch

from pytest_detgate.detector.mmdet.images import Prepared

_cuda: Any = torch.cuda  # Stream and Event have no types


def sent_ahead(groups: Iterator[list[Prepared]], device: str) -> Iterator[list[Prepared]]:
    """Yield each group with its pictures on the GPU; the next one's travel meanwhile.

    Whoever takes a group has the copy of the following one under way. Pictures in pinned memory
    travel beside the model's work, others before it.
    """
    stream = _cuda.Stream(device)
    waiting: tuple[list[Prepared], torch.cuda.Event] | None = None
    for group in groups:
        sent = _sent(group, device, stream)
        if waiting is not None:
            yield _arrived(*waiting, device)
        waiting = sent
    if waiting is not None:
        yield _arrived(*waiting, device)


def _sent(
    group: list[Prepared], device: str, stream: torch.cuda.Stream
) -> tuple[list[Prepared], torch.cuda.Event]:
    with torch.cuda.stream(stream):
        # Where it does not fit it travels when its turn comes, in as small a batch as does by then.
        with contextlib.suppress(torch.cuda.OutOfMemoryError):
            group = [
                image
                if image.inputs is None
                else replace(image, inputs=image.inputs.to(device, non_blocking=True))
                for image in group
            ]
        event = _cuda.Event()
        event.record(stream)
    return group, event


def _arrived(group: list[Prepared], event: torch.cuda.Event, device: str) -> list[Prepared]:
    current = torch.cuda.current_stream(device)
    current.wait_event(event)
    for image in group:
        if image.inputs is not None and image.inputs.is_cuda:
            # Their memory belongs to the other stream, which must not give it away before.
            image.inputs.record_stream(current)
    return group
