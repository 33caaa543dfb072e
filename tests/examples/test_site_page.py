"""The page of `examples/site`, opened from the file system in a real browser.

The detections are those of the example's first model, kept beside this file so that nothing has
to be trained; the data are drawn as `make demo` draws them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from playwright.sync_api import Browser

from tests.forked import gate_forked
from tests.processes import PATIENCE_S
from tests.report.browser import Scheme, Visit, find_browser, running_browser, visiting

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="no Chromium or Chrome on this machine"
)
SITE = Path(__file__).parents[2] / "examples" / "site"
DETECTIONS = Path(__file__).with_name("site_detections")
# These ask for a training configuration that can be built, or for checkpoints.
OTHERS = "not training and not checkpoint-choice"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a gate of the first model's result files."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(SITE / "make_data.py"), "--out", str(folder / "data")]
    subprocess.run(command, check=True, timeout=PATIENCE_S)
    for name in ("detgate.toml", "pytest.ini"):
        shutil.copy(SITE / name, folder)
    shutil.copytree(SITE / "configs", folder / "configs")
    files = [f"--detgate-predictions={path.stem}={path}" for path in DETECTIONS.glob("*.json")]
    code, output = gate_forked(folder, "detgate.toml", "-k", OTHERS, *files)
    assert code == 1, output
    return folder / "detgate-report" / "index.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


def false_boxes(probe: str, threshold: float) -> tuple[int, int]:
    """Boxes over a threshold, and frames that have one: nothing is to be found on a probe."""
    result = json.loads((DETECTIONS / f"{probe}.json").read_text("utf-8"))["annotations"]
    frames = Counter(entry["image_id"] for entry in result if entry["score"] > threshold)
    return frames.total(), len(frames)


def said_at(visit: Visit, probe: str, threshold: float) -> str:
    visit.page.locator("#score").fill(f"{threshold:g}")
    visit.settle()
    return visit.page.locator(f"[data-rule='probe-fp-{probe}']").first.inner_text()


def test_the_detections_are_those_of_the_example() -> None:
    """177 and 186 false boxes on all 36 frames of each probe, as README says."""
    assert false_boxes("same-sites", 0.3) == (177, 36)
    assert false_boxes("other-style", 0.3) == (186, 36)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_it_opens_from_the_file_system_and_says_blocked(
    chromium: Browser, page: Path, width: int, scheme: Scheme
) -> None:
    with visiting(chromium, page, width=width, scheme=scheme) as visit:
        assert visit.problems == []
        assert visit.asked == [page.as_uri()]
        assert visit.value("document.documentElement.scrollWidth") == width
        assert visit.page.locator("h1").inner_text().strip() == "Blocked"
        rows = visit.page.locator(".ruletable").inner_text()
        assert "177" in rows
        assert "186" in rows


def test_the_slider_gives_the_numbers_of_the_result_files(chromium: Browser, page: Path) -> None:
    with visiting(chromium, page) as visit:
        for threshold in (0.12, 0.5, 0.77, 0.8):
            for probe in ("same-sites", "other-style"):
                boxes, images = false_boxes(probe, threshold)
                would = "pass" if boxes <= 75 and images <= 30 else "fail"
                assert said_at(visit, probe, threshold) == (
                    f"at {threshold:.2f}: boxes {boxes}, limit 75; images {images}, limit 30"
                    f" – would {would}"
                )
        assert visit.problems == []


def test_every_link_lands_and_every_picture_is_there(chromium: Browser, page: Path) -> None:
    with visiting(chromium, page) as visit:
        links = visit.value("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
        assert len(links) > 20
        for link in set(links):
            if link.startswith("#"):
                assert visit.page.locator(f"[id='{link[1:]}']").count() == 1, link
            else:
                assert (page.parent / link).is_file(), link
        drawn = visit.value(
            "Promise.all([...document.querySelectorAll('image')].map(image => new Promise(done => {"
            " const probe = new Image(); probe.onload = () => done(probe.naturalWidth > 0);"
            " probe.onerror = () => done(false); probe.src = image.href.baseVal; })))"
        )
        assert len(drawn) > 24
        assert all(drawn)


def test_without_a_script_it_tells_the_same(chromium: Browser, page: Path) -> None:
    record = json.loads(page.with_name("report.json").read_text("utf-8"))
    with visiting(chromium, page, script=False) as visit:
        text = visit.page.locator("main").inner_text()
        for rule in record["rules"]:
            assert rule["id"] in text
            assert " ".join(rule["message"].split()) in " ".join(text.split())
