"""Compiled templates, in files beside the templates as Python puts compiled modules beside modules.

To compile the templates of a page takes longer than to render a small one. A project's cache would
be the wrong place, because what is put there would be run as code.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterable
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

from pytest_detgate.atomic_file import write_whole


class CompiledTemplates(BytecodeCache):
    """Files of compiled templates, none where Python may not write its own.

    Code of the modules `used` is part of what is compiled: templates apply it to constants.
    """

    def __init__(self, used: Iterable[str]) -> None:
        signs = [jinja2.__version__]
        for module in used:
            with contextlib.suppress(OSError, TypeError):
                state = Path(sys.modules[module].__file__ or "").stat()
                signs.append(f"{module} {state.st_mtime_ns} {state.st_size}")
        self._signs = "\n".join(signs)

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the file of a template."""
        path = Path(cache_from_source(filename or name))
        return str(path.with_suffix(".j2c"))

    def get_source_checksum(self, source: str) -> str:
        """Return the digest of all that decides the compiled code."""
        return hashlib.sha256(f"{self._signs}\n{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load a compiled template, if there is one that can be read."""
        try:
            bucket.bytecode_from_string(Path(bucket.key).read_bytes())
        except Exception:  # damaged code may raise any error
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a compiled template, if that is possible."""
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError):
                write_whole(Path(bucket.key), bucket.bytecode_to_string())
