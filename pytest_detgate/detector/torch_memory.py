"""Memory that runs out while a model of torch computes."""

from __future__ import annotations

# Parts of torch without an exception class for it report with these texts that memory ran out.
_NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


def out_of_memory(error: Exception) -> bool:
    """Return whether an error of torch means that memory ran out."""
    import torch

    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _NO_MEMORY)


def memory_note(device: str, batch_size: int, first_batch_size: int) -> str:
    """Return the note for the reader that batches became smaller."""
    return (
        f"memory ran out on {device}: images went through the model {batch_size} at "
        f"a time in place of {first_batch_size}, which may change the last digits"
    )
