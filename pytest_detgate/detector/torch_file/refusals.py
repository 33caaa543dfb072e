"""Why a file of torch is not read."""

from __future__ import annotations


class UnreadableError(ValueError):
    """The file is damaged, or `torch.save` did not write it; the text says what is wrong."""


class NotPlainError(ValueError):
    """The file asks for more than weights and plain values; the text says for what."""
