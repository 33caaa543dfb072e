"""Memory that runs out while a model of torch computes."""

from __future__ import annotations

from pathlib import Path

from pytest_detgate.detector.devices import device_type
from pytest_detgate.errors import DetectorError

# Parts of torch without an exception class for it report with these texts that memory ran out.
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


def out_of_memory(error: Exception) -> bool:
    """Return whether an error of torch means that memory ran out."""
    import torch

    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


def require_several(error: Exception, device: str, batch_size: int, first: Path) -> None:
    """Raise `DetectorError` if memory ran out for a batch of one image, which cannot be halved."""
    if batch_size == 1:
        raise DetectorError(
            f"{device} has too little memory for one image, {first}: {error}"
        ) from error


def release_memory(device: str) -> None:
    """Give the memory of a GPU that is not in use back, before a smaller batch is tried."""
    import torch

    if device_type(device) == "cuda":
        torch.cuda.empty_cache()


def memory_note(device: str, batch_size: int, first_batch_size: int) -> str:
    """Return the note for the reader that batches became smaller."""
    return (
        f"memory ran out on {device}: images went through the model {batch_size} at "
        f"a time in place of {first_batch_size}, which may change the last digits"
    )
