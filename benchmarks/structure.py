"""How large the package is for somebody who enters it, for one or more versions side by side.

    python benchmarks/structure.py TREE[=INTERPRETER] ...

`TREE` is a checkout, `INTERPRETER` a Python with that version installed. With an interpreter, two
gates are run, one of a `probe-fp` rule on a result file and one of a data rule, and the modules
that they import are counted. Prints the table of `docs/structure.md`.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.unit.test_plain_identifiers import given_up_names
from tests.unit.test_plain_words_docs import GIVEN_UP, prose

FOLDERS = ("pytest_detgate", "checks", "fixtures")
WORDS = re.compile("|".join(rf"\b(?:{wording})\b" for wording in GIVEN_UP), re.IGNORECASE)
SPLIT = """
[dataset.splits.val]
annotations = "val.json"
images = "."
"""
DATA_RULE = (
    SPLIT
    + """
[rules.box-bounds]
"""
)
MODEL_RULE = (
    SPLIT
    + """
[probes.calm]
images = "calm"
[model]
evaluate-on = "val"
[rules.probe-fp]
max-boxes = 0
"""
)
LABELS = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
    ],
    "categories": [{"id": 1, "name": "person"}],
}
DETECTIONS = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "score": 0.9}]
WRITES_MODULES = """
import json, sys
def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


REPEATED = 25
"""Nodes of the syntax tree from which on two equal bodies of functions count as a repetition: some
three lines."""
ROUNDS = 5


def main() -> None:
    """Print a table with a column for each tree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trees", nargs="+", metavar="TREE[=INTERPRETER]")
    columns: dict[str, dict[str, str]] = {}
    for text in parser.parse_args().trees:
        tree, _, python = text.partition("=")
        # Not resolved: the link of an environment is what makes it one.
        runs = of_runs(str(Path(python).absolute())) if python else {}
        columns[Path(tree).resolve().name] = {**of_source(Path(tree)), **runs}
    rows = list(dict.fromkeys(row for column in columns.values() for row in column))
    width = max(map(len, rows))
    print(line("", columns, width), line("---", ["---:"] * len(columns), width), sep="\n")
    for row in rows:
        print(line(row, [column.get(row, "") for column in columns.values()], width))


def line(first: str, cells: Iterable[str], width: int) -> str:
    """A row of a table in Markdown."""
    return f"| {first:<{width}} |" + "".join(f" {cell:>10} |" for cell in cells)


def of_source(tree: Path) -> dict[str, str]:
    """Numbers that the source alone gives."""
    files = [path for folder in FOLDERS for path in sorted((tree / folder).rglob("*.py"))]
    sources = {path: path.read_text(encoding="utf-8") for path in files}
    lists = Counter(path.parent for path in files if path.name != "__init__.py")
    graph = imports_between(tree, sources)
    functions = [node for source in sources.values() for node in functions_in(source)]
    lengths = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    pages = [*sorted((tree / "docs").rglob("*.md")), tree / "README.md", tree / "CONTRIBUTING.md"]
    texts = [text for source in sources.values() for text in sentences(source)]
    numbers = {
        "modules": len(files),
        "rules": lists[tree / "checks"],
        "lines": sum(source.count("\n") for source in sources.values()),
        "lines of the longest module": max(source.count("\n") for source in sources.values()),
        "modules in the widest folder, without rules": max(
            count for folder, count in lists.items() if folder != tree / "checks"
        ),
        "modules in circles of imports": in_circles(graph),
        "functions": len(functions),
        "lines of the median function": statistics.median_low(lengths),
        "functions of more than 60 lines": sum(length > 60 for length in lengths),
        "functions with the body of another": repeated(functions),
        "names given up, in the code": sum(
            len(list(given_up_names(source))) for source in sources.values()
        ),
        "words given up, in the code": sum(len(WORDS.findall(prose(text))) for text in texts),
        "words given up, in the docs": sum(
            len(WORDS.findall(prose(page.read_text(encoding="utf-8")))) for page in pages
        ),
    }
    return {name: f"{number:,}" for name, number in numbers.items()}


def functions_in(source: str) -> Iterator[ast.FunctionDef]:
    """Each function and method of a module."""
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))


def repeated(functions: Iterable[ast.FunctionDef]) -> int:
    """How many functions have, beside their docstring, the same body as one before them."""
    bodies: Counter[str] = Counter()
    for function in functions:
        has_docstring = ast.get_docstring(function) is not None
        body = function.body[has_docstring:]
        if sum(1 for statement in body for _ in ast.walk(statement)) >= REPEATED:
            bodies["".join(map(ast.dump, body))] += 1
    return bodies.total() - len(bodies)


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
        imported: set[str] = set()
        for node in ast.parse(sources[path]).body:
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        graph[name] = (imported & names.keys()) - {name}
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


def of_runs(python: str) -> dict[str, str]:
    """The modules that two gates import, and how long the one of a data rule takes."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "calm").mkdir()
        Image.new("RGB", (100, 100)).save(folder / "calm" / "b.jpg")
        Image.new("RGB", (100, 100)).save(folder / "a.jpg")
        calm = {
            "images": [{"id": 1, "file_name": "b.jpg"}],
            "categories": LABELS["categories"],
            "annotations": DETECTIONS,
        }
        files = {"val.json": LABELS, "detections.json": DETECTIONS, "calm.json": calm}
        for file, content in files.items():
            (folder / file).write_text(json.dumps(content), encoding="utf-8")
        (folder / "writes_modules.py").write_text(WRITES_MODULES, encoding="utf-8")
        given = [
            f"--detgate-predictions={name}" for name in ("val=detections.json", "calm=calm.json")
        ]
        model_rule = modules_of(python, folder, MODEL_RULE, "probe-fp[calm] - 1 false box", *given)
        data_rule = modules_of(python, folder, DATA_RULE, "1 passed")
        seconds = []
        for _ in range(ROUNDS):
            before = os.times()
            run(python, folder)
            after = os.times()
            seconds.append(sum(after[2:4]) - sum(before[2:4]))
    return {
        "modules imported by a run of `probe-fp`": f"{len(model_rule):,}",
        "of them ours": f"{ours(model_rule):,}",
        "modules imported by a run of `box-bounds`": f"{len(data_rule):,}",
        "of those ours": f"{ours(data_rule):,}",
        "seconds of CPU of that run": f"{statistics.median(seconds):.2f}",
    }


def modules_of(python: str, folder: Path, config: str, says: str, *given: str) -> list[str]:
    """The modules that a run has imported at its end."""
    (folder / "detgate.toml").write_text(config, encoding="utf-8")
    output = run(python, folder, "-p", "writes_modules", *given)
    if says not in output:
        raise SystemExit(output)
    names: list[str] = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    return names


def run(python: str, folder: Path, *arguments: str) -> str:
    """What a gate prints, in a process without the plugins that only developers install."""
    names = "xdist", "cov", "hypothesispytest", "randomly", "html", "metadata"
    others = " ".join(f"-p no:{name}" for name in names)
    ended = subprocess.run(
        [python, "-m", "pytest", "-q", "detgate.toml", *arguments],
        cwd=folder,
        env={**os.environ, "PYTEST_ADDOPTS": others},
        check=False,
        capture_output=True,
        text=True,
    )
    return ended.stdout + ended.stderr


def ours(modules: Iterable[str]) -> int:
    return sum(name.partition(".")[0] == "pytest_detgate" for name in modules)


if __name__ == "__main__":
    main()
