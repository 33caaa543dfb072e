"""Calls from the gate into code of the project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def call_project(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """Call code of the project.

    What is looked at meanwhile counts as looked at by the project, even if none of its frames is
    on the stack: the function may be a `functools.partial` of one of Python's.
    """
    return function(*arguments, **options)
