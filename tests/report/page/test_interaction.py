"""What the script of the page adds: a slider, filters and a closer look, recounted from the
record."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from playwright.sync_api import Browser

from pytest_detgate.findings import Measurement
from pytest_detgate.report.page.page import render_page
from tests.report.browser import Visit, find_browser, visiting
from tests.report.sample import (
    PROBE_IMAGES,
    hostile_report,
    long_report,
    probe_frames,
    sample_report,
)

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="no Chromium or Chrome on this machine"
)
PROBE = "#evidence-probe-fp-youtube"
ROW = "#rule-probe-fp-youtube"


@pytest.fixture
def visit(chromium: Browser, tmp_path: Path, html: str) -> Iterator[Visit]:
    path = tmp_path / "index.html"
    path.write_text(html, "utf-8")
    with visiting(chromium, path) as visit:
        yield visit
        assert visit.problems == []


def move(visit: Visit, score: float) -> None:
    visit.page.locator("#score").fill(f"{score:g}")
    visit.settle()


def numbers(text: str) -> list[int]:
    return [int(element.replace(",", "")) for element in re.findall(r"\d[\d,]*", text)]


def recount(score: float, label: str | None = None) -> dict[str, tuple[int, int, int, int]]:
    """Detections, false ones, ground truth and what is missed of it on each frame, as the record
    has them."""
    collected = {}
    for frame in probe_frames():
        boxes = [box for box in frame.boxes if label is None or box.label == label]
        over = [box for box in boxes if box.score is not None and box.score > score]
        truth = [box for box in boxes if box.score is None]
        lost = sum(box.found_at is None or box.found_at <= score for box in truth)
        collected[frame.image] = (len(over), sum(box.false for box in over), len(truth), lost)
    return collected


def told_counts(visit: Visit) -> dict[str, tuple[int, ...]]:
    return {
        figure.locator(".file bdi").last.inner_text(): tuple(
            numbers(figure.locator(".count").inner_text())
        )
        for figure in visit.page.locator(f"{PROBE} figure.frame:visible").all()
    }


@pytest.mark.parametrize("score", [0.0, 0.17, 0.45, 0.8, 1.0])
def test_the_slider_draws_and_counts_what_is_over_it(visit: Visit, score: float) -> None:
    move(visit, score)

    wanted = recount(score)
    assert told_counts(visit) == wanted
    total = [sum(counts[number] for counts in wanted.values()) for number in range(4)]
    text = visit.page.locator(f"{PROBE} [data-sum]").inner_text()
    assert numbers(text.replace(f"{score:.2f}", "")) == [6, *total]
    assert f"score over {score:.2f}" in text
    drawn = visit.page.locator(f"{PROBE} .stage g.false:not(.off, [data-copy])").count()
    assert drawn == total[1]
    assert (
        visit.page.locator(f"{PROBE} .stage g.match:not(.off, [data-copy])").count()
        == total[0] - total[1]
    )
    assert (
        visit.page.locator(f"{PROBE} .stage g.truth:not(.off, [data-copy])").count()
        == total[2]
        == 18
    )
    assert visit.page.locator(f"{PROBE} .stage g.missed:not(.off, [data-copy])").count() == total[3]


def test_the_slider_compares_and_leaves_the_verdict(visit: Visit) -> None:
    """The slider holds values against limits and leaves the verdict."""
    lines = visit.page.locator("[data-rule='probe-fp-youtube']")
    assert lines.first.is_hidden()
    before = visit.page.locator(".verdict").inner_text()

    move(visit, 0.45)
    counts = recount(0.45)
    boxes = sum(false for _, false, _, _ in counts.values())
    assert boxes > 21
    assert [line.inner_text() for line in lines.all()] == [
        f"at 0.45: boxes {boxes}, limit 21; images 6, limit 6 – would fail"
    ] * 2
    assert visit.page.locator("#tuned").inner_text() == (
        "At 0.45, the rule that depends on it would fail. The verdict of the run stays."
    )

    move(visit, 0.9)
    false = [false for _, false, _, _ in recount(0.9).values()]
    assert sum(false) <= 21
    text = f"boxes {sum(false)}, limit 21; images {sum(map(bool, false))}, limit 6"
    assert lines.first.inner_text() == f"at 0.90: {text} – would pass"
    assert "At 0.90, the rule that depends on it would pass." in (
        visit.page.locator("#tuned").inner_text()
    )
    assert visit.page.locator(".verdict").inner_text() == before
    assert "Failed" in visit.page.locator(f"{ROW} .c-verdict").inner_text()

    move(visit, 0.02)
    assert lines.first.inner_text() == "at 0.02: not measured"


def test_the_slider_moves_with_the_keyboard_and_goes_back(visit: Visit) -> None:
    slider, reset = visit.page.locator("#score"), visit.page.locator("#score-reset")
    assert slider.input_value() == "0.3"
    assert reset.is_disabled()

    slider.focus()
    for _ in range(5):
        visit.page.keyboard.press("ArrowRight")
    visit.settle()
    assert visit.page.locator("#score-now").inner_text() == "0.35"
    assert told_counts(visit) == recount(0.35)
    assert slider.get_attribute("aria-valuetext") == "score over 0.35"

    reset.focus()
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert told_counts(visit) == recount(0.3)
    assert visit.page.locator("[data-rule]").first.is_hidden()
    assert reset.is_disabled()


def test_the_line_in_charts_follows_the_slider(visit: Visit) -> None:
    location = "document.querySelector('svg[data-score-axis] .moving').getAttribute('x1')"
    ends = visit.value(
        "(() => { const { x0, x1 } = document.querySelector('svg[data-score-axis]').dataset;"
        " return [Number(x0), Number(x1)]; })()"
    )
    for score in (0.0, 0.25, 1.0):
        move(visit, score)
        x = float(visit.value(location))
        assert x == pytest.approx(ends[0] + score * (ends[1] - ends[0]), abs=0.06)


def test_what_is_drawn_can_be_chosen(visit: Visit) -> None:
    def drawn(kind: str) -> int:
        visit.settle()
        return visit.page.locator(f"{PROBE} .stage g.{kind}:not([data-copy]):visible").count()

    assert (drawn("truth"), drawn("match"), drawn("false")) == (18, 12, 63)
    visit.page.locator("#show-truth").uncheck()
    assert (drawn("truth"), drawn("match"), drawn("false")) == (0, 12, 63)
    visit.page.locator("#errors-only").check()
    assert (drawn("truth"), drawn("match"), drawn("false")) == (6, 0, 63)
    visit.page.locator("#errors-only").uncheck()
    visit.page.locator("#show-detections").uncheck()
    visit.page.locator("#show-truth").check()
    assert (drawn("truth"), drawn("match"), drawn("false")) == (18, 0, 0)
    # Choosing what to draw counts nothing anew.
    assert told_counts(visit) == recount(0.3)


def test_the_filter_by_class_counts_that_class(visit: Visit) -> None:
    visit.page.locator("#by-class").select_option("helmet_off_person")
    visit.settle()

    wanted = recount(0.3, "helmet_off_person")
    assert told_counts(visit) == wanted
    total = sum(false for _, false, _, _ in wanted.values())
    assert 0 < total < 63
    assert visit.page.locator(f"{PROBE} .stage g:visible[data-k]:not([data-copy])").count() == total

    visit.page.locator("#by-class").select_option("")
    visit.settle()
    assert told_counts(visit) == recount(0.3)


def test_filters_by_verdict_and_text(visit: Visit) -> None:
    rows = visit.page.locator(".ruletable tbody tr:visible")
    items = visit.page.locator(".item:visible")
    rules = sample_report().rules
    assert rows.count() == len(rules)

    visit.page.locator("#by-verdict").select_option("failed")
    failed = [rule for rule in rules if rule.verdict == "failed"]
    assert rows.count() == len(failed) == 3
    assert items.count() == 3
    assert visit.page.locator("#filtered").inner_text() == "Showing 3 of 16 rules"

    visit.page.locator("#by-text").fill("CLIP")
    assert [row.get_attribute("id") for row in rows.all()] == ["rule-clip-overlap-train-val"]
    assert items.count() == 1

    visit.page.locator("#by-verdict").select_option("")
    visit.page.locator("#by-text").fill("no such words")
    assert (rows.count(), items.count()) == (0, 0)
    visit.page.locator("#by-text").fill("")
    assert rows.count() == len(rules)
    assert visit.page.locator("#filtered").inner_text() == ""


def test_a_link_into_what_is_filtered_away_shows_it(visit: Visit) -> None:
    visit.page.locator("#by-verdict").select_option("passed")
    visit.page.locator(".told a").first.click()
    visit.settle()

    assert visit.page.locator("#evidence-clip-overlap-train-val").is_visible()


def test_a_figure_opens_large_by_the_keyboard_and_closes_again(visit: Visit) -> None:
    first = visit.page.locator(f"{PROBE} figure.frame").first
    small = first.locator(".picture").first.bounding_box()
    first.locator(".larger").focus()
    visit.page.keyboard.press("Enter")

    zoom = visit.page.locator("#zoom")
    assert zoom.is_visible()
    assert visit.page.locator("#zoom-title").inner_text().startswith("youtube: yt_8dK2_")
    large = zoom.locator(".picture").first.bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 2 * small["width"]
    shown = first.locator(".stage g.false:not(.off, [data-copy])").count()
    assert zoom.locator(".stage g.false:not([data-copy]):visible").count() == shown > 5

    titles = {visit.page.locator("#zoom-title").inner_text()}
    for _ in range(7):
        visit.page.keyboard.press("ArrowRight")
        titles.add(visit.page.locator("#zoom-title").inner_text())
    assert titles == {f"youtube: {name}" for name in PROBE_IMAGES}
    assert visit.page.locator("#zoom-on").is_disabled()

    visit.page.keyboard.press("Escape")
    visit.settle()
    assert zoom.is_hidden()
    last = visit.page.locator(f"{PROBE} figure.frame").last
    assert last.locator(".larger").evaluate("button => button === document.activeElement")


def test_a_click_on_a_pair_opens_both_pictures(visit: Visit) -> None:
    visit.page.locator("figure.pair .stage").first.click()

    assert visit.page.locator("#zoom .picture").count() == 2
    visit.page.locator("#zoom-close").click()
    assert visit.page.locator("#zoom").is_hidden()


def test_a_threshold_between_the_steps_is_kept_until_it_is_moved(
    chromium: Browser, tmp_path: Path, root: Path
) -> None:
    import msgspec

    path = tmp_path / "index.html"
    report = msgspec.structs.replace(sample_report(), score_threshold=0.3337)
    path.write_text(render_page(report, root), "utf-8")

    with visiting(chromium, path) as visit:
        assert told_counts(visit) == recount(0.3337)
        assert visit.page.locator("#score-now").inner_text() == "0.3337"


def test_a_rule_opens_at_its_own_threshold(chromium: Browser, tmp_path: Path, root: Path) -> None:
    """A rule opens at its own threshold until the slider is moved."""
    import msgspec

    path = tmp_path / "index.html"
    sample = sample_report()
    own = Measurement.shown("score_threshold", 0.6)
    rules = [
        msgspec.structs.replace(rule, measurements=[*rule.measurements, own])
        if rule.id == "probe-fp[youtube]"
        else rule
        for rule in sample.rules
    ]
    path.write_text(render_page(msgspec.structs.replace(sample, rules=rules), root), "utf-8")

    with visiting(chromium, path) as visit:
        assert told_counts(visit) == recount(0.6) != recount(0.3)
        assert "at score over 0.60" in visit.page.locator(f"{PROBE} [data-sum]").inner_text()
        assert visit.page.locator("#score-now").inner_text() == "0.30"
        move(visit, 0.45)
        assert told_counts(visit) == recount(0.45)
        assert "at score over 0.45" in visit.page.locator(f"{PROBE} [data-sum]").inner_text()
        visit.page.locator("#score-reset").click()
        visit.settle()
        assert told_counts(visit) == recount(0.6)
    with visiting(chromium, path, script=False) as visit:
        assert told_counts(visit) == recount(0.6)


def test_groups_open_for_what_is_looked_for(chromium: Browser, tmp_path: Path, root: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text(render_page(long_report(), root), "utf-8")

    with visiting(chromium, path) as visit:
        rows = visit.page.locator(".ruletable tbody tr:visible")
        before = rows.count()
        assert before < len(long_report().rules)
        visit.page.locator("#by-text").fill("class_137")
        assert [row.get_attribute("id") for row in rows.all()] == ["rule-class-ap-class-137"]
        visit.page.locator("#by-text").fill("")
        assert rows.count() == before
        assert visit.problems == []


def test_hostile_names_stay_text_when_the_script_says_them(
    chromium: Browser, tmp_path: Path, root: Path
) -> None:
    path = tmp_path / "index.html"
    path.write_text(render_page(hostile_report(), root), "utf-8")

    with visiting(chromium, path, width=390) as visit:
        scripts = visit.value("document.scripts.length")
        move(visit, 0.9)
        visit.page.locator(".filters summary").click()
        visit.page.locator("#by-class").select_option(index=1)
        visit.page.locator(".larger").first.press("Enter")
        visit.settle()

        assert visit.page.locator("#zoom").is_visible()
        assert visit.value("document.scripts.length") == scripts
        assert visit.page.locator("img").count() == 0
        assert visit.problems == []
        assert visit.asked == [path.as_uri()]
        assert visit.value("document.documentElement.scrollWidth") == 390
