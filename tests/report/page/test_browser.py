"""The page in a real browser: its policy holds, it asks for nothing, it fits a phone, and all can
read it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from msgspec.structs import replace
from playwright.sync_api import Browser

from pytest_detgate.record.report import DatasetRecord
from pytest_detgate.report.page.page import render_page
from tests.report.browser import Scheme, Visit, find_browser, visiting
from tests.report.sample import hostile_report, long_report, sample_report

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="no Chromium or Chrome on this machine"
)


PAPERS: dict[Scheme, str] = {"light": "rgb(250, 250, 248)", "dark": "rgb(19, 21, 25)"}
"""The colour behind everything, by the scheme of the reader's system."""


def open_all(visit: Visit) -> None:
    """Open all that can be opened up."""
    visit.value("document.querySelectorAll('details').forEach(part => { part.open = true; })")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, html: str, root: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    made = {
        "sample": html,
        "hostile": render_page(hostile_report(), root),
        "long": render_page(long_report(), root),
        "bare": render_page(
            replace(
                sample_report(),
                rules=[],
                model=None,
                scores={},
                score_threshold=None,
                dataset=DatasetRecord(),
            ),
            root,
        ),
        "closed": render_page(sample_report(), root, pictures=False),
    }
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("kind", ["sample", "hostile", "long", "bare", "closed"])
def test_the_page_is_quiet_and_as_wide_as_its_window(
    chromium: Browser, pages: dict[str, Path], kind: str, width: int
) -> None:
    """It is opened in the light scheme, and the reader turns to the dark one."""
    with visiting(chromium, pages[kind], width=width) as visit:
        assert visit.value("document.title").startswith("Blocked: detgate audit")
        assert visit.value("document.documentElement.scrollWidth") == width
        # All there is opened up, the page is no wider.
        open_all(visit)
        for scheme, paper in PAPERS.items():
            visit.page.emulate_media(color_scheme=scheme)
            visit.settle()
            assert visit.value("document.documentElement.scrollWidth") == width
            assert visit.value("getComputedStyle(document.body).backgroundColor") == paper
        assert visit.problems == []
        assert visit.asked == [pages[kind].as_uri()]


@pytest.mark.parametrize("kind", ["sample", "hostile"])
def test_no_width_makes_it_scroll_sideways(
    chromium: Browser, pages: dict[str, Path], kind: str
) -> None:
    with visiting(chromium, pages[kind], width=1800) as visit:
        open_all(visit)
        for width in (1800, 1024, 768, 320):
            visit.page.set_viewport_size({"width": width, "height": 900})
            visit.settle()
            assert visit.value("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [1440, 390])
def test_first_screen_has_the_verdict_and_a_failed_rule(
    chromium: Browser, pages: dict[str, Path], width: int
) -> None:
    """The first screen tells the verdict and shows a failed rule."""
    with visiting(chromium, pages["sample"], width=width) as visit:
        bottom = visit.value("document.getElementById('tuner').getBoundingClientRect().top")
        for position in ("h1", ".sentence", ".told", ".ruletable tbody tr:first-child .c-value"):
            box = visit.page.locator(position).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= bottom, position


def test_at_80_percent_nothing_is_lost(chromium: Browser, pages: dict[str, Path]) -> None:
    """A window zoomed out to 80% is one of so many more pixels."""
    with visiting(chromium, pages["sample"], width=1800) as visit:
        assert visit.value("document.documentElement.scrollWidth") == 1800
        size = visit.value("parseFloat(getComputedStyle(document.body).fontSize)")
        assert size * 0.8 >= 12


@pytest.mark.parametrize("kind", ["sample", "hostile"])
def test_every_link_lands(chromium: Browser, pages: dict[str, Path], kind: str) -> None:
    with visiting(chromium, pages[kind]) as visit:
        links = visit.value(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href'))"
        )
        assert len(links) > 15
        for link in dict.fromkeys(links):
            visit.value(f"location.hash = {link!r}")
            visit.settle()
            seen = visit.value(
                "(() => { const place = document.querySelector(':target').getBoundingClientRect();"
                " return place.width > 0 && place.top < innerHeight && place.bottom > 0; })()"
            )
            assert seen, link


def test_pictures_are_decoded_once_and_boxes_lie_on_them(
    chromium: Browser, pages: dict[str, Path]
) -> None:
    with visiting(chromium, pages["sample"]) as visit:
        decoded = (
            "Promise.all([...document.querySelectorAll('image')].map(image => {"
            "  const picture = new Image(); picture.src = image.getAttribute('href');"
            "  return picture.decode().then(() => picture.naturalWidth); }))"
        )
        widths = visit.value(decoded)
        assert sorted(set(widths)) == [160, 640]
        assert widths.count(640) == 6
        # A figure shows the very pixels of its picture: the sky above the houses.
        figure = visit.page.locator("#evidence-probe-fp-youtube figure.frame").first
        figure.scroll_into_view_if_needed()
        assert pixel(figure.locator(".picture").first.screenshot(), (150, 6)) == pytest.approx(
            (176, 196, 214), abs=8
        )
        outside = (
            "[...document.querySelectorAll('#evidence-probe-fp-youtube .picture')].filter(svg => {"
            "  const frame = svg.getBoundingClientRect();"
            "  return [...svg.querySelectorAll('.field')].some(field => {"
            "    const place = field.getBoundingClientRect(); if (!place.width) return false;"
            "    return place.left < frame.left - 1 || place.right > frame.right + 1; }); }).length"
        )
        assert visit.value(outside) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(
    chromium: Browser, pages: dict[str, Path], scheme: Scheme
) -> None:
    """WCAG AA: every text has a contrast of 4.5 to 1 with the nearest colour behind it."""
    with visiting(chromium, pages["sample"], scheme=scheme) as visit:
        visit.value("document.getElementById('score').value = 0.8")
        visit.value("document.getElementById('score').dispatchEvent(new Event('input'))")
        visit.settle()

        assert visit.value(WEAKEST_CONTRAST) >= 4.5


@pytest.mark.parametrize(
    ("kind", "width", "scheme"),
    [("sample", 1440, "light"), ("sample", 390, "dark"), ("hostile", 1440, "light"),
     ("long", 1440, "light")],
)  # fmt: skip
def test_axe_finds_nothing_serious(
    chromium: Browser, pages: dict[str, Path], kind: str, width: int, scheme: Scheme
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    with visiting(chromium, pages[kind], width=width, scheme=scheme) as visit:
        open_all(visit)
        violations = axe.Axe().run(visit.page).response["violations"]

        assert [
            (entry["id"], entry["nodes"][0]["html"][:200])
            for entry in violations
            if entry["impact"] in ("serious", "critical")
        ] == []


def test_without_a_script_everything_is_told(chromium: Browser, pages: dict[str, Path]) -> None:
    message = "document.body.innerText"
    with visiting(chromium, pages["sample"], script=False) as visit:
        assert visit.problems == []
        assert visit.page.locator("#tuner").is_hidden()
        assert visit.page.locator("#filters").is_hidden()
        assert visit.page.locator(".larger").first.is_hidden()
        text = visit.page.locator("main").inner_text()
        for name in ("Blocked", "63 boxes on 6 of 6 frames", "42 over", "(63 false)",
                     "limit 21", "2 of 64 bits differ", "helmet_off_person"):  # fmt: skip
            assert name in text
        assert visit.page.locator("figure.frame .picture").first.is_visible()
        shown = visit.page.locator(
            "#evidence-probe-fp-youtube .stage g.false:not([data-copy]):visible"
        ).count()
    with visiting(chromium, pages["sample"]) as visit:
        other = visit.page.locator(
            "#evidence-probe-fp-youtube .stage g.false:not([data-copy]):visible"
        ).count()
        assert shown == other == 63
        assert "63 boxes on 6 of 6 frames" in visit.value(message)


def test_it_prints_open_and_without_controls(chromium: Browser, pages: dict[str, Path]) -> None:
    with visiting(chromium, pages["sample"]) as visit:
        visit.page.emulate_media(media="print")

        for hidden in ("#tuner", "#filters", ".larger", "nav"):
            assert visit.page.locator(hidden).first.is_hidden()
        assert visit.page.locator("figure.frame .picture").first.is_visible()
        assert len(visit.page.pdf()) > 50_000


def test_the_tests_would_notice_a_breach_of_the_policy(
    chromium: Browser, tmp_path: Path, html: str
) -> None:
    path = tmp_path / "index.html"
    broken = '<p style="color: red">x</p><script>1</script><img src="http://127.0.0.1:9/x.png">'
    path.write_text(html.replace("</main>", f"{broken}</main>"), "utf-8")

    with visiting(chromium, path) as visit:
        text = " ".join(visit.problems)
        assert "style-src" in text
        assert "script-src" in text
        assert "img-src" in text


def pixel(png: bytes, position: tuple[int, int]) -> tuple[int, ...]:
    import io

    from PIL import Image

    result = Image.open(io.BytesIO(png)).convert("RGB").getpixel(position)
    assert isinstance(result, tuple)
    return result


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
