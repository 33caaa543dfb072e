"""Every path of the repository that a document names exists, and so does every link's target."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.source
ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    path
    for pattern in (
        "*.md",
        ".github/**/*.md",
        "changelog.d/*.md",
        "docs/**/*.md",
        "examples/**/*.md",
        "tests/**/*.md",
    )
    for path in sorted(ROOT.glob(pattern))
]
FOLDERS = frozenset(
    {
        *("action", "benchmarks", "changelog.d", "checks", "docker", "docs", "examples"),
        *("fixtures", "pytest_detgate", "templates", "tests", "tools"),
    }
)
WRITTEN_BY_A_RUN = "/detgate-report/"
PACKAGES = frozenset(path.parent.name for path in (ROOT / "pytest_detgate").glob("*/__init__.py"))
"""Folders of the package, which pages for those who change the code name without it."""
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"(?<![\w./-])([\w.-]+(?:/[\w.*-]+)+/?|[\w.-]+/)")
_MODULE = re.compile(r"python -m ((?:tests|tools|benchmarks)(?:\.\w+)+)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_for_developers(document: Path) -> bool:
    name = name_of(document)
    return name in ("ARCHITECTURE.md", "CONTRIBUTING.md") or (
        name.startswith("docs/decisions/") or name.endswith(".architecture.md")
    )


def named_paths(text: str, folders: frozenset[str]) -> Iterator[str]:
    """The paths in code, within a line or in blocks, that begin with one of some folders."""
    fences = _FENCE.findall(text)
    for code in [*fences, *_CODE.findall(_FENCE.sub("", text))]:
        modules = [module.replace(".", "/") for module in _MODULE.findall(code)]
        for path in [*_PATH.findall(code), *modules]:
            is_open = "NAME" in path or WRITTEN_BY_A_RUN in path
            if path.partition("/")[0] in folders and not is_open:
                yield path.rstrip(".")


def exists(path: str, root: Path) -> bool:
    """Whether there is such a file, folder or module; `module.name` is a name in a module."""
    if any(root.glob(path)) or (root / f"{path}.py").is_file():
        return True
    module, _, name = path.rpartition(".")
    source = root / f"{module}.py"
    return source.is_file() and re.search(rf"\b{name}\b", source.read_text("utf-8")) is not None


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_of_the_repository_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    missing = [path for path in named_paths(text, FOLDERS) if not exists(path, ROOT)]
    if is_for_developers(document):
        inside = named_paths(text, PACKAGES - FOLDERS)
        missing += [path for path in inside if not exists(path, ROOT / "pytest_detgate")]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_to_a_file(document: Path) -> None:
    # A release moves the items of changelog.d to CHANGELOG.md, which is in the root.
    is_fragment = document.parent.name == "changelog.d" and document.name != "README.md"
    folder = ROOT if is_fragment else document.parent
    links = [
        link.partition("#")[0]
        for link in _LINK.findall(_CODE.sub("", _FENCE.sub("", document.read_text("utf-8"))))
        if not re.match(r"[a-z]+:|#", link)
    ]

    assert [link for link in links if not (folder / link).exists()] == []


def test_the_architecture_names_every_folder_of_the_package() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = {folder for code in _CODE.findall(text) for folder in re.findall(r"^(\w+)/$", code)}
    folders = {path.parent.name for path in (ROOT / "pytest_detgate").rglob("__init__.py")}

    assert PACKAGES - named == set()
    assert named - folders - FOLDERS == set()


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("see `checks/box.py`, `docs/*.md` and `other/x`", ["checks/box.py", "docs/*.md"]),
        ("checks/box.py without marks", []),
        ("`changelog.d/NAME.md` is a place for a name", []),
        ('```console\n$ make TESTS="tests/a.py -k b"\n```', ["tests/a.py"]),
        ("run `python -m tests.a.b`", ["tests/a/b"]),
        ("`../docs/a.md` and `x/docs/a.md`", []),
    ],
)
def test_paths_are_found(text: str, paths: list[str]) -> None:
    assert list(named_paths(text, FOLDERS)) == paths


def test_names_in_modules_are_found() -> None:
    assert exists("tests/unit/test_document_paths.exists", ROOT)
    assert not exists("tests/unit/test_document_paths.never" + "_there", ROOT)
    assert not exists("tests/unit/test_no_such_file.py", ROOT)
