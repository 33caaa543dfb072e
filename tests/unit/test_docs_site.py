"""The source tree of the documentation site; Sphinx itself runs in `make docs-site`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_detgate.__main__ import COMMANDS
from pytest_detgate.rules.registry import rule_classes
from tests.unit.test_plain_words_docs import words_given_up
from tools.docs_site import sources
from tools.docs_site.links import broken_links
from tools.docs_site.schema_tables import CONFIG_TABLES, config_tables

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    sources.assemble(folder)
    return folder


def test_every_rule_has_a_page(site: Path) -> None:
    assert {path.stem for path in (site / "rules").glob("*.md")} == {*rule_classes(), "index"}


def test_a_rule_page_begins_with_its_code_and_has_its_options(site: Path) -> None:
    text = (site / "rules" / "probe-fp.md").read_text(encoding="utf-8")

    assert text.startswith("# `probe-fp`\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE)[-2:] == ["Options", "Example"]
    assert "| `max-boxes` |" in text


def test_rules_are_listed_by_family(site: Path) -> None:
    text = (site / "rules" / "index.md").read_text(encoding="utf-8")

    families = re.findall(r"^## Rules on the (\w+)$", text, re.MULTILINE)
    assert sorted(families) == sorted({rule.family for rule in rule_classes().values()})
    listed = re.findall(r"^\| \[`([\w-]+)`\]", text, re.MULTILINE)
    assert sorted(listed) == sorted(rule_classes())


def test_every_page_is_in_the_navigation(site: Path) -> None:
    pages = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.md")}
    listed = set()
    for page in ("index", "decisions/index", "rules/index"):
        text = (site / f"{page}.md").read_text(encoding="utf-8")
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            entries = [line for line in block.splitlines() if line and not line.startswith(":")]
            folder = "/rules/" if page.startswith("rules") else ""
            listed |= {(folder + entry).removeprefix("/") for entry in entries}

    assert listed == pages - {"index"}


def test_a_link_to_a_rule_leads_to_its_page(site: Path) -> None:
    text = (site / "how_sure.md").read_text(encoding="utf-8")

    assert "[`probe-fp`](rules/probe-fp.md)" in text


def test_every_link_leads_to_a_page_or_a_file(site: Path) -> None:
    """Rule pages are in a folder of their own, and not each heading of the rules is one."""
    missing = [
        f"{page.relative_to(site)}: {link}"
        for page in site.rglob("*.md")
        for link in linked(page.read_text("utf-8"))
        if not (page.parent / link).exists()
    ]

    assert missing == []
    assert "](../robustness.md)" in (site / "rules" / "robustness.md").read_text("utf-8")
    assert "](rules/index.md#recommended-rules)" in (site / "detgate_toml.md").read_text("utf-8")


def linked(text: str) -> list[str]:
    """The files that a page links to; code has no links."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    return re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", prose)


def test_a_link_out_of_docs_stays_in_the_site(site: Path) -> None:
    text = (site / "index.md").read_text(encoding="utf-8")

    assert "[Security](security.md)" in text
    assert "](../" not in text


def test_a_link_to_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(sources.BrokenLinkError, match=r"gone\.md does not exist"):
        sources.relinked("[page](gone.md)", "docs/start.md", "start.md", {}, tmp_path)


def test_code_is_no_link(tmp_path: Path) -> None:
    text = "`[page](gone.md)`\n\n```\n[page](gone.md)\n```\n"

    assert sources.relinked(text, "docs/start.md", "start.md", {}, tmp_path) == text


def test_tables_of_the_configuration_have_every_key(site: Path) -> None:
    text = (site / "detgate_toml.md").read_text(encoding="utf-8")

    for key in ("frame-pattern", "score-threshold", "keep-days", "gpus-per-worker", "nms-iou"):
        assert f"| `{key}` |" in text, key
    for table in ("[dataset.splits.NAME]", "[probes.NAME]", "[[waivers]]", "[train]"):
        assert f"## `{table}`" in text


def test_objects_of_the_record_are_listed_from_the_outside(site: Path) -> None:
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))

    text = (site / "report_json.md").read_text(encoding="utf-8")

    listed = re.findall(r"^## (\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(schema["$defs"])
    assert listed.index("RuleResult") < listed.index("Finding")


@pytest.mark.parametrize("page", ["detgate_toml.md", "report_json.md"])
def test_tables_of_the_schemas_are_in_plain_words(site: Path, page: str) -> None:
    assert list(words_given_up((site / page).read_text(encoding="utf-8"))) == []


def test_what_a_key_takes_is_written_in_words() -> None:
    entry = {
        "count": {"type": "integer", "minimum": 1, "default": 4, "description": "How many."},
        "mode": {"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}], "default": None},
    }
    empty = {"properties": {}, "description": ""}
    definitions = dict.fromkeys(CONFIG_TABLES.values(), empty)
    definitions["CacheTable"] = {"properties": entry, "required": [], "description": "The cache."}

    text = config_tables({"definitions": definitions})

    assert "| `count` | a whole number ≥ 1 | `4` | How many. |" in text
    assert '| `mode` | one of `"a"`, `"b"` |  |  |' in text


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top"></h1><a href="sub/page.html#there"></a><a href="sub/page.html#gone"></a>'
        '<a href="missing.html"></a><a href="#top"></a><a href="https://example.org/x"></a>'
        '<img src="missing.png">'
    )
    (tmp_path / "sub" / "page.html").write_text('<p id="there"><a href="../index.html">x</a></p>')

    assert list(broken_links(tmp_path)) == [
        "index.html: sub/page.html#gone: no such anchor",
        "index.html: missing.html: no such file",
        "index.html: missing.png: no such file",
    ]


def test_every_option_is_on_the_page_of_options(pytester: pytest.Pytester) -> None:
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")

    shown = pytester.runpytest_subprocess("--help").stdout.str()

    options = set(re.findall(r"--detgate-[\w-]+", shown))
    assert options == set(re.findall(r"^\| `(--detgate-[\w-]+)", page, re.MULTILINE))


def test_every_command_is_on_the_page_of_options() -> None:
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")

    named = re.findall(r"^\| `python -m pytest_detgate (\w+)`", page, re.MULTILINE)

    assert sorted(named) == sorted(command.__name__.rpartition(".")[2] for command in COMMANDS)
