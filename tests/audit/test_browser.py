"""The page in a real browser: its policy holds, it asks for nothing, and it fits a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_detgate.audit.page import render_page

from .browser import Tab, browser, find_browser
from .test_page import hostile_report

CHROMIUM = find_browser()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or shutil.which("bash") is None,
    reason="no Chromium or Chrome, or no bash, on this machine",
)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    assert CHROMIUM is not None
    with browser(CHROMIUM, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def fresh(tab: Tab) -> Tab:
    tab.problems.clear()
    tab.requests.clear()
    return tab


def asked(tab: Tab) -> list[str]:
    return [url for url in tab.requests if not url.startswith("data:")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 390, 320])
@pytest.mark.parametrize("kind", ["sample", "hostile"])
def test_the_page_is_quiet_and_as_wide_as_its_window(
    fresh: Tab, tmp_path: Path, html: str, root: Path, kind: str, width: int, scheme: str
) -> None:
    path = tmp_path / "index.html"
    path.write_text(html if kind == "sample" else render_page(hostile_report(), root), "utf-8")

    fresh.show(path, width=width, scheme=scheme)

    assert fresh.problems == []
    assert asked(fresh) == [path.as_uri()]
    assert fresh.value("document.documentElement.scrollWidth") == width
    paper = "rgb(250, 250, 248)" if scheme == "light" else "rgb(19, 21, 25)"
    assert fresh.value("getComputedStyle(document.body).backgroundColor") == paper
    assert fresh.value("document.title").startswith("Blocked: detgate audit of")


def test_pictures_are_decoded_and_boxes_lie_on_them(fresh: Tab, tmp_path: Path, html: str) -> None:
    path = tmp_path / "index.html"
    path.write_text(html, "utf-8")

    fresh.show(path, width=1440)

    decoded = (
        "Promise.all([...document.querySelectorAll('image')].map(image => {"
        "  const picture = new Image(); picture.src = image.getAttribute('href');"
        "  return picture.decode().then(() => picture.naturalWidth); }))"
    )
    widths = fresh.value(decoded)
    assert sorted(set(widths)) == [160, 480]
    assert widths.count(480) == 6
    outside = (
        "[...document.querySelectorAll('#evidence-probe-fp-youtube .picture')].filter(svg => {"
        "  const frame = svg.getBoundingClientRect();"
        "  return [...svg.querySelectorAll('.field')].some(field => {"
        "    const place = field.getBoundingClientRect();"
        "    return place.left < frame.left - 1 || place.right > frame.right + 1; }); }).length"
    )
    assert fresh.value(outside) == 0


def test_text_stands_out_from_its_ground(fresh: Tab, tmp_path: Path, html: str) -> None:
    """WCAG AA: every text has a contrast of 4.5 to 1 with the nearest colour behind it."""
    path = tmp_path / "index.html"
    path.write_text(html, "utf-8")
    for scheme in ("light", "dark"):
        fresh.show(path, width=1440, scheme=scheme)

        assert fresh.value(WEAKEST_CONTRAST) >= 4.5


def test_the_tests_would_notice_a_breach_of_the_policy(
    fresh: Tab, tmp_path: Path, html: str
) -> None:
    path = tmp_path / "index.html"
    broken = '<p style="color: red">x</p><script>1</script><img src="http://127.0.0.1:9/x.png">'
    path.write_text(html.replace("</main>", f"{broken}</main>"), "utf-8")

    fresh.show(path, width=1440)

    said = " ".join(fresh.problems)
    assert "style-src" in said
    assert "script" in said
    assert "img-src" in said


WEAKEST_CONTRAST = """
(() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(
      v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  let weakest = 21;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("svg")) continue;
    const one = light(parts(getComputedStyle(element).color)), other = light(ground(element));
    weakest = Math.min(weakest, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
  }
  return weakest;
})()
"""
