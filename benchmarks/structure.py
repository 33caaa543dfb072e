"""How large the package is for somebody who enters it, for one or more versions side by side.

    python benchmarks/structure.py TREE[=INTERPRETER] ...

`TREE` is a checkout, `INTERPRETER` a Python with that version installed; with one, a gate of one
`probe-fp` rule on a result file is run, and the modules of the package that it imports are counted.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.unit.test_plain_words_docs import GIVEN_UP, prose

FOLDERS = ("pytest_detgate", "checks", "fixtures")
WORDS = re.compile("|".join(rf"\b(?:{wording})\b" for wording in GIVEN_UP), re.IGNORECASE)
CONFIG = """
[dataset.splits.val]
annotations = "val.json"
images = "."
[probes.calm]
images = "calm"
[model]
evaluate-on = "val"
[rules.probe-fp]
max-boxes = 0
"""
LABELS = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
    ],
    "categories": [{"id": 1, "name": "person"}],
}
FOUND = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9}]
WRITES_MODULES = """
import json, sys
def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def main() -> None:
    """Print a table with a column for each tree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trees", nargs="+", metavar="TREE[=INTERPRETER]")
    columns = []
    for text in parser.parse_args().trees:
        tree, _, python = text.partition("=")
        columns.append({**measured(Path(tree)), **(imported(python) if python else {})})
    for name in dict.fromkeys(name for column in columns for name in column):
        cells = "  ".join(f"{column.get(name, ''):>10}" for column in columns)
        print(f"{name:<46}{cells}")


def measured(tree: Path) -> dict[str, int]:
    """Numbers that the source alone gives."""
    files = [path for folder in FOLDERS for path in sorted((tree / folder).rglob("*.py"))]
    sources = {path: path.read_text(encoding="utf-8") for path in files}
    lists = Counter(path.parent for path in files if path.name != "__init__.py")
    graph = imports_between(tree, sources)
    pages = [*sorted((tree / "docs").rglob("*.md")), tree / "README.md", tree / "CONTRIBUTING.md"]
    texts = [text for source in sources.values() for text in sentences(source)]
    return {
        "modules": len(files),
        "lines": sum(source.count("\n") for source in sources.values()),
        "lines of the longest module": max(source.count("\n") for source in sources.values()),
        "files in the longest folder without rules": max(
            count for folder, count in lists.items() if folder != tree / "checks"
        ),
        "modules in circles of imports": in_circles(graph),
        "words given up, in the code": sum(len(WORDS.findall(prose(text))) for text in texts),
        "words given up, in the docs": sum(
            len(WORDS.findall(prose(page.read_text(encoding="utf-8")))) for page in pages
        ),
    }


def sentences(source: str) -> Iterator[str]:
    """Comments, and strings of more than one word."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value


def imports_between(tree: Path, sources: dict[Path, str]) -> dict[str, set[str]]:
    """The modules of the package that each module imports when it is imported itself."""
    names = {name_of(tree, path): path for path in sources}
    graph = {}
    for name, path in names.items():
        found: set[str] = set()
        for node in ast.parse(sources[path]).body:
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        graph[name] = (found & names.keys()) - {name}
    return graph


def name_of(tree: Path, path: Path) -> str:
    parts = path.relative_to(tree).with_suffix("").parts
    full = parts if parts[0] == "pytest_detgate" else ("pytest_detgate", *parts)
    return ".".join(full).removesuffix(".__init__")


def in_circles(graph: dict[str, set[str]]) -> int:
    """How many modules can be reached from themselves."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [*graph[start]]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += graph[name]
        return seen

    return sum(name in reached(name) for name in graph)


def imported(python: str) -> dict[str, int]:
    """The modules of the package that a gate of one `probe-fp` rule imports."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "calm").mkdir()
        Image.new("RGB", (100, 100)).save(folder / "calm" / "b.jpg")
        Image.new("RGB", (100, 100)).save(folder / "a.jpg")
        (folder / "detgate.toml").write_text(CONFIG, encoding="utf-8")
        (folder / "val.json").write_text(json.dumps(LABELS), encoding="utf-8")
        (folder / "found.json").write_text(json.dumps(FOUND), encoding="utf-8")
        calm = {
            "images": [{"id": 1, "file_name": "b.jpg"}],
            "categories": LABELS["categories"],
            "annotations": FOUND,
        }
        (folder / "calm.json").write_text(json.dumps(calm), encoding="utf-8")
        (folder / "writes_modules.py").write_text(WRITES_MODULES, encoding="utf-8")
        found = ["--detgate-predictions=val=found.json", "--detgate-predictions=calm=calm.json"]
        run = subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "writes_modules", "detgate.toml", *found],
            cwd=folder,
            env={**os.environ, "PYTEST_ADDOPTS": "-p no:xdist -p no:cov -p no:hypothesispytest"},
            check=False,
            capture_output=True,
            text=True,
        )
        if "probe-fp[calm] - 1 false box" not in run.stdout:
            raise SystemExit(run.stdout + run.stderr)
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    ours = [name for name in modules if name.partition(".")[0] == "pytest_detgate"]
    return {"modules of ours on the way of one verdict": len(ours), "all modules": len(modules)}


if __name__ == "__main__":
    main()
