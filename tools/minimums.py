"""Print the lower bounds of pyproject.toml as constraints for pip: numpy>=1.26 as numpy==1.26."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BOUND = re.compile(r"([\w-]+)(?:\[[^\]]*\])?\s*>=\s*([\w.]+)")


def lower_bounds(project: dict[str, Any]) -> Iterator[str]:
    """Each package with the lowest version that a dependency, an extra or a group of a
    `pyproject.toml` takes; one without a lower bound is left out."""
    tables = (
        {"": project["project"]["dependencies"]},
        project["project"]["optional-dependencies"],
        project["dependency-groups"],
    )
    for table in tables:
        for requirements in table.values():
            for requirement in requirements:
                # An entry of a group may name another group in its place.
                match = _BOUND.match(requirement) if isinstance(requirement, str) else None
                if match:
                    yield f"{match[1]}=={match[2]}"


if __name__ == "__main__":
    path = Path(__file__).resolve().parent.parent / "pyproject.toml"
    print("\n".join(dict.fromkeys(lower_bounds(tomllib.loads(path.read_text(encoding="utf-8"))))))
