"""Source tree of the documentation site, assembled from the pages of this repository.

The pages in `docs/` are written for a reader of the repository. The site adds what a reader of the
repository finds elsewhere: a page for each rule, the tables of both JSON Schemas, and the pages
beside `docs/`. Only the standard library is needed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from tools.docs_site.schema_tables import config_tables, record_tables

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("data", "training", "model")
LISTS = ("docs/index.md", "docs/decisions/README.md")
"""Pages whose lists of links are the navigation of the site; every page has to be in one."""
RULES = "docs/rules.md"
BESIDE_DOCS = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "examples/site/README.md": "examples/site.md",
    "examples/css_ppe/README.md": "examples/css_ppe.md",
    "examples/rf_detr/README.md": "examples/rf_detr.md",
    "README.md": "index.md",
}
"""Pages outside of `docs/` that the site has too, by their path in the repository."""
_LINK = re.compile(r"(?<!\\)(\]\()([^)\s]+)(\))")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^- \[[^\]]+\]\(([^)\s]+)\)", re.MULTILINE)
_TABLES = {
    "<!-- tables of detgate.toml -->": ("docs/detgate.schema.json", config_tables),
    "<!-- tables of report.json -->": ("docs/report.schema.json", record_tables),
}


class BrokenLinkError(Exception):
    """A page links to a file that the repository does not have."""


@dataclass(frozen=True)
class RulePage:
    """One rule of `docs/rules.md`: its code, its first sentence, its family and its page."""

    code: str
    summary: str
    family: str
    text: str


def rule_pages(reference: str) -> Iterator[RulePage]:
    """Split the generated reference of all rules; headings move up by one level."""
    for part in re.split(r"^(?=## `)", reference, flags=re.MULTILINE)[1:]:
        heading, summary, family, *_ = part.split("\n\n", 3)
        text = re.sub(r"^#(#+ )", r"\1", part, flags=re.MULTILINE)
        yield RulePage(
            code=heading.removeprefix("## ").strip("`"),
            summary=summary.replace("\n", " "),
            family=family.removeprefix("Family: ").rstrip("."),
            text=text,
        )


@cache
def _rule_codes() -> frozenset[str]:
    return frozenset(page.code for page in rule_pages((ROOT / RULES).read_text(encoding="utf-8")))


def assemble(out: Path) -> None:
    """Write the source tree of the site into an empty folder `out`."""
    reference = (ROOT / RULES).read_text(encoding="utf-8")
    rules = {f"rules/{rule.code}.md": rule for rule in rule_pages(reference)}
    pages = repository_pages()
    for origin, target in pages.items():
        if origin in (RULES, "README.md"):
            continue
        text = _with_tables((ROOT / origin).read_text(encoding="utf-8"))
        if origin in LISTS:
            text += "\n" + _tables_of_contents(text, origin, pages)
        _write(out / target, relinked(text, origin, target, pages, out))
    for target, rule in rules.items():
        _write(out / target, relinked(rule.text, RULES, target, pages, out))
    _write(out / "rules/index.md", _rule_list(reference, list(rules.values())))


def repository_pages() -> dict[str, str]:
    """Every page of the repository that the site has, with its path in the site."""
    pages = {}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        inside = path.relative_to(ROOT / "docs").as_posix()
        pages[f"docs/{inside}"] = re.sub(r"README\.md$", "index.md", inside)
    return {**pages, **BESIDE_DOCS, RULES: "rules/index.md"}


def _with_tables(text: str) -> str:
    for mark, (schema, tables) in _TABLES.items():
        if mark in text:
            content = json.loads((ROOT / schema).read_text(encoding="utf-8"))
            text = text.replace(mark, tables(content))
    return text


def _tables_of_contents(text: str, origin: str, pages: Mapping[str, str]) -> str:
    """The navigation: what a page lists, under the headings that it has."""
    first, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    parts = []
    for section in [f"\n{first}", *sections]:
        caption, _, body = section.partition("\n")
        entries = [pages[_resolved(link, origin)] for link in _ENTRY.findall(body)]
        if entries:
            parts.append(_toctree([f"/{entry.removesuffix('.md')}" for entry in entries], caption))
    return "\n".join(parts)


def _toctree(entries: list[str], caption: str = "") -> str:
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["```{toctree}", *options, "", *entries, "```", ""])


def _rule_list(reference: str, rules: list[RulePage]) -> str:
    introduction = reference[: reference.index("## `")].rstrip()
    parts = [introduction, ""]
    for family in FAMILIES:
        parts += [f"## Rules on the {family}", "", "| rule | demands |", "| --- | --- |"]
        parts += [
            f"| [`{rule.code}`]({rule.code}.md) | {rule.summary} |"
            for rule in rules
            if rule.family == family
        ]
        parts.append("")
    return "\n".join([*parts, _toctree([rule.code for rule in rules])])


def relinked(text: str, origin: str, target: str, pages: Mapping[str, str], out: Path) -> str:
    """The text with each relative link pointing into the site; code stays as it is.

    `origin` is the path of the page in the repository and `target` the one in the site. Other files
    that it links to are copied below `out`; a link to nothing raises `BrokenLinkError`.
    """

    def replaced(match: re.Match[str]) -> str:
        link, _, anchor = match[2].partition("#")
        if not link or "://" in link:
            return match[0]
        path = _resolved(link, origin)
        if path == RULES and anchor in _rule_codes():
            place, anchor = f"rules/{anchor}.md", ""
        elif path in pages:
            place = pages[path]
        else:
            place = f"files/{path}"
            (out / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, out / place)
        relative = os.path.relpath(place, PurePosixPath(target).parent).replace(os.sep, "/")
        return f"{match[1]}{relative}{'#' if anchor else ''}{anchor}{match[3]}"

    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_LINK.sub(replaced, text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _LINK.sub(replaced, text[end:])])


def _resolved(link: str, origin: str) -> str:
    """The path in the repository that a link of a page means; a folder means its README."""
    path = os.path.normpath(PurePosixPath(origin).parent / link).replace(os.sep, "/")
    if (ROOT / path).is_dir():
        path = f"{path}/README.md"
    if not (ROOT / path).is_file():
        raise BrokenLinkError(f"{origin}: {link} does not exist")
    return path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    assemble(folder)
