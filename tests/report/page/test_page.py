"""The page: what it says, and that nothing in a record can break it or make it load something."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pytest_detgate.evidence import Bar, BarChart, Evidence
from pytest_detgate.findings import Finding, Interval, Measurement, Table
from pytest_detgate.record.report import (
    ClassScoreRecord,
    ModelRecord,
    PredictionsRecord,
    ProbeRecord,
    Report,
    RuleResult,
)
from pytest_detgate.record.score_parts import UltralyticsRecord
from pytest_detgate.report.figures import select
from pytest_detgate.report.page import evidence_section
from pytest_detgate.report.page import page as page_module
from pytest_detgate.report.page.page import render_page, write_page
from tests.report.markup import Element, read
from tests.report.sample import (
    HOSTILE,
    PROBE_IMAGES,
    SHOWN,
    hostile_report,
    rule,
    sample_report,
    scores,
)


def rendered(report: Report, root: Path = Path("/nowhere")) -> Element:
    return read(render_page(report, root))


def only(*rules: RuleResult) -> Report:
    return replace(sample_report(), rules=list(rules))


def item_of(page: Element, name: str) -> Element:
    """The evidence of one rule."""
    wanted = f"evidence-{name}"
    return next(
        element for element in page.all("details", "item") if element.attributes["id"] == wanted
    )


def test_the_verdict_comes_first_and_tells_the_story(page: Element) -> None:
    main = page.only("main")

    assert main.children[0].classes == ["verdict", "v-failed"]
    assert page.only("h1").text == "Blocked"
    assert page.only("p", "sentence").text == "3 of 16 rules failed and 1 could not be evaluated."
    assert [item.text for item in page.only("ul", "told").all("li")] == [
        "1,204 of 12,660 images of val come from 3 clips that train has too "
        "clip-overlap[train-val]",
        "63 boxes on 6 of 6 frames, budget 21 probe-fp[youtube]",
        "AP 0.86998 is under its floor of 0.87 class-ap[helmet_off_head]",
        "frame numbers are unknown: 12 file names of val do not match frame-pattern, the first "
        "is 'IMG 0044 (2).jpg' frame-distance[train-val]",
    ]
    assert not page.only("section", "verdict").all("p", "aside")
    assert page.only("title").text == "Blocked: detgate audit of work_dirs/site/epoch_10.pth"


def test_rules_that_say_the_same_are_told_together_and_briefly() -> None:
    reason = "training failed: " + "the process was ended by SIGTERM " * 9
    lost = [rule(f"recall[{label}]", "not-evaluated", reason) for label in "abcde"]
    text = rendered(only(*lost, rule("mean-ap", "failed", "AP 0.2\nsee below"))).only("ul", "told")

    texts = [item.only("p", "why").text for item in text.all("li")]
    assert texts[0] == "AP 0.2"
    assert texts[1].startswith("training failed: the process was ended")
    assert texts[1].endswith(" …")
    assert len(texts[1]) <= 165
    assert text.all("li")[1].only("p", "by").text == (
        "recall[a], recall[b], recall[c] and 2 more rules"
    )


def test_items_of_one_rule_are_grouped_and_reasons_cut() -> None:
    """One entry for all items of a rule, with the first clause of long reasons."""
    first = "2 false boxes on 2 of 4 frames (all cone), budget 1, at most 1 frame"
    rules = [
        rule("probe-fp[a]", "failed", f"{first}; from 4 frames it only follows that some have one"),
        rule("mean-ap", "failed", "AP 0.2; more"),
        rule("probe-fp[b]", "failed", "3 false boxes"),
        rule("probe-fp[c]", "not-evaluated", "no picture"),
    ]
    text = rendered(only(*rules)).only("ul", "told").all("li")

    assert [item.text for item in text] == [
        f"{first} probe-fp[a] and 1 more of probe-fp",
        "AP 0.2; more mean-ap",
        "no picture probe-fp[c]",
    ]


def test_what_to_try_stands_with_what_failed() -> None:
    advice = "Set `filter_empty_gt=False` & train <again>."
    rules = [
        replace(rule("a", verdict, "", findings=[Finding(text="x")]), advice=advice)
        for verdict in ("failed", "warned", "not-evaluated", "passed")
    ]
    page = rendered(only(*rules))

    text = page.all("p", "advice")
    assert [entry.text for entry in text] == [
        "What to try Set filter_empty_gt=False & train <again>."
    ] * 2
    assert [code.text for code in text[0].all("code")] == ["filter_empty_gt=False"]


def test_a_line_about_a_rule_is_not_repeated_for_its_next_item() -> None:
    rules = [
        rule(name, "failed", name, about=about)
        for name, about in (("a[1]", "A."), ("a[2]", "A."), ("b", "B."), ("a[3]", "A."))
    ]
    table = rendered(only(*rules)).only("table", "ruletable")

    assert [row.only("td", "c-reason").text for row in table.only("tbody").all("tr")] == [
        "a[1] A.", "a[2]", "b B.", "a[3] A."
    ]  # fmt: skip


def test_every_rule_has_a_row_by_urgency(page: Element) -> None:
    rows = page.only("table", "ruletable").only("tbody").all("tr")

    assert [row.only("span", "badge").text for row in rows] == [
        *["Failed"] * 3, "Not evaluated", *["Warned"] * 3, "Waived", *["Passed"] * 8
    ]  # fmt: skip
    assert all(row.only("span", "badge").only("use").attributes["href"] for row in rows)
    assert [row.only("bdi", "id").text for row in rows[:2]] == [
        "clip-overlap[train-val]",
        "probe-fp[youtube]",
    ]


def test_a_row_holds_each_value_against_its_limit(page: Element) -> None:
    row = next(row for row in page.all("tr") if row.attributes.get("id") == "rule-probe-fp-youtube")

    assert [judged.text for judged in row.all("div", "judged")] == [
        "false boxes 63 at most 21 boxes 42 over",
        "images with a false box 6 at most 6 images exactly at the limit",
    ]
    assert [judged.classes[1] for judged in row.all("div", "judged")] == ["bad", "ok"]
    assert len(row.all("svg", "scale")) == 2
    assert row.only("a", "to").attributes["href"] == "#evidence-probe-fp-youtube"


def test_a_row_shows_intervals_and_says_which_bound_was_held() -> None:
    poisson = Interval(low=1.36632, high=9.15352, confidence=0.95, method="exact Poisson")
    measurement = Measurement.at_most("boxes", 4, 8, bound="upper", interval=poisson)
    counted = Measurement.at_most("boxes", 4, 8, interval=poisson)
    shown = Measurement.shown("boxes[helmet_off]", 4, poisson)
    page = rendered(only(rule("probe-fp[p]", "failed", "", measurement, counted, shown)))
    row = page.only("td", "c-value")

    assert [judged.text for judged in row.all("div", "judged")] == [
        "false boxes 4 [1.37, 9.15], 95% upper bound 9.15 at most 8 boxes 1.15 over",
        "false boxes 4 [1.37, 9.15], 95% at most 8 boxes 4 to spare",
    ]
    assert [judged.classes[1] for judged in row.all("div", "judged")] == ["bad", "ok"]
    assert [judged.only("b").text for judged in row.all("div", "judged")] == ["9.15", "4"]
    assert page.only("details", "values").only("dl").text == (
        "false boxes: helmet_off boxes[helmet_off] 4 [1.37, 9.15], 95%"
    )
    assert {ends.attributes["title"] for ends in page.all("span", "ends")} == {
        "exact Poisson; each end is a one-sided bound at 95%"
    }
    assert len(row.all("rect", "interval")) == 2


def test_a_rule_without_a_value_says_so(page: Element) -> None:
    rows = {row.attributes.get("id"): row for row in page.all("tr")}

    assert rows["rule-frame-distance-train-val"].only("p", "none").text == "no value"
    assert "A. Moreau until 2026-12-31" in rows["rule-duplicate-boxes-train"].text


def test_values_without_limits_are_with_the_evidence() -> None:
    """Values without limits stand with the evidence and many start closed."""

    def values_of(count: int) -> Element:
        values = [Measurement.shown(f"boxes[{number}]", number) for number in range(count)]
        page = rendered(only(rule("class-support[val]", "passed", "", *values)))
        assert page.only("a", "to").text == f"{count} more values"
        return item_of(page, "class-support-val").only("details", "values")

    assert "open" in values_of(12).attributes
    assert "open" not in values_of(30).attributes
    assert values_of(30).only("summary").text == "30 values"
    assert "boxes[29] 29" in values_of(30).text


def test_many_judged_values_are_told_the_worst_first() -> None:
    judged = [Measurement.at_most(f"boxes[{number}]", number, 3) for number in range(6)]
    page = rendered(only(rule("probe-fp[p]", "failed", "", *judged)))

    row = page.only("td", "c-value")
    assert [element.only("span", "what").text for element in row.all("div", "judged")] == [
        "false boxes: 4", "false boxes: 5", "false boxes: 0"
    ]  # fmt: skip
    assert [element.only("code").text for element in row.all("div", "judged")] == [
        "boxes[4]", "boxes[5]", "boxes[0]"
    ]  # fmt: skip
    assert row.only("p", "dim").text == "3 more values with their limits"
    values = item_of(page, "probe-fp-p").only("details", "values")
    assert values.only("summary").text == "6 values"
    assert "boxes[5] 5 at most 3, 2 over" in values.text


def test_values_in_the_evidence_show_the_bound_that_was_compared() -> None:
    bounds = Interval(low=1.5, high=6.25, confidence=0.95, method="exact Poisson")
    judged = [
        Measurement.at_most(f"boxes[{number}]", 3, 5, bound="upper", interval=bounds)
        for number in range(6)
    ]
    values = item_of(rendered(only(rule("probe-fp[p]", "failed", "", *judged))), "probe-fp-p")

    assert "upper bound 6.25, at most 5, 1.25 over" in values.only("details", "values").text


def test_evidence_shows_a_table_with_its_caps_and_total(page: Element) -> None:
    table = item_of(page, "clip-overlap-train-val").only("details", "findings")

    assert table.only("summary").text == "Showing 100 of 1,204 findings; report.json has 150"
    assert len(table.only("tbody").all("tr")) == 100
    assert "open" not in table.attributes


def test_evidence_is_open_where_it_matters(page: Element) -> None:
    listed = {
        item.attributes["id"]: "open" in item.attributes for item in page.all("details", "item")
    }

    assert listed["evidence-clip-overlap-train-val"]
    assert listed["evidence-box-bounds-train"]
    assert not listed["evidence-duplicate-boxes-train"]
    assert not listed["evidence-probe-fp-new-sample"]
    assert "evidence-class-names" not in listed


def test_findings_stand_on_their_pictures(page: Element) -> None:
    figure = item_of(page, "absent-class-boxes-youtube").all("figure")[0]
    picture = figure.all("svg", "picture")[0]

    assert picture.attributes["viewbox"] == "0 0 1280 720"
    assert picture.only("use").attributes["href"].startswith("#picture-")
    assert len(picture.all("rect", "line")) == 1
    assert picture.all("text")
    assert re.fullmatch(
        r"youtube: yt_8dK2_\d{4}\.jpg, 1 box: helmet_off_\w+ 0\.\d\d",
        picture.attributes["aria-label"],
    )


def test_frames_show_ground_truth_and_detections(page: Element) -> None:
    item = item_of(page, "probe-fp-youtube")
    figures = item.all("figure", "frame")

    assert sorted(figure.only("p", "file").text for figure in figures) == sorted(
        f"youtube {name}" for name in PROBE_IMAGES
    )
    assert item.only("p", "sum").text == (
        "6 frames shown, at score over 0.30: 75 detections (63 false), "
        "18 ground-truth boxes (6 missed)"
    )
    # The surest false box is on the first frame.
    assert figures[0].only("p", "file").text == "youtube yt_8dK2_0365.jpg"
    for figure in figures:
        stage = figure.only("div", "stage")

        def boxes(kind: str, stage: Element = stage) -> list[Element]:
            return [
                element for element in stage.all("g", kind) if "data-copy" not in element.attributes
            ]

        assert [len(boxes(kind)) for kind in ("truth", "match", "missed")] == [3, 2, 1]
        unsure = [box for box in boxes("false") if "off" in box.classes]
        assert len(unsure) == 6
        assert all(float(box.attributes["data-s"]) <= 0.3 for box in unsure)


def test_pairs_and_charts_stand_with_their_sentences(page: Element) -> None:
    pairs = item_of(page, "duplicate-images-train-youtube").all("figure", "pair")
    chart = item_of(page, "probe-fp-youtube").only("figure", "chart")

    assert [len(pair.all("svg", "picture")) for pair in pairs] == [2, 2]
    assert pairs[0].only("figcaption").text == "2 of 64 bits differ"
    assert chart.only("p", "chart-about").text.startswith("Each box is a false alarm.")
    assert [figure.only("h4").text for figure in page.only("article", "board").all("figure")] == [
        "AP by class", "Confusion matrix"
    ]  # fmt: skip
    assert page.only("section", "gated").only("figure").only("h4").text == "Box size"


def test_findings_show_only_the_columns_that_tell_something() -> None:
    plain = [Finding(text="id 7 twice")]
    texts = [Finding(text="cat 0.51", label="cat", score=0.51, box=(0, 0, 1, 1), dataset="val")]
    untold = [Finding(text="wrong", label="cat", score=0.51)]

    def columns(findings: list[Finding]) -> list[str]:
        report = only(rule("duplicate-ids", "failed", "", findings=findings))
        table = rendered(report).only("details", "findings").only("table")
        return [head.text for head in table.only("thead").all("th")]

    assert columns(plain) == ["#", "Finding"]
    assert columns(texts) == ["#", "Finding", "Image", "x y width height"]
    assert columns(untold) == ["#", "Finding", "Class", "Score"]


def test_tables_are_evidence_even_where_nothing_was_found() -> None:
    table = Table(
        columns=["threshold", "class", "boxes", "met"],
        rows=[[0.3, "no_vest", 61234, True], [0.5, "no_vest", None, False]],
    )
    result = replace(rule("probe-fp[p]", "passed", ""), tables={"false boxes": table})
    page = rendered(only(result))
    article = page.only("details", "findings")

    link = page.only("a", "to")
    assert (link.text, link.attributes["aria-label"]) == ("1 table", "1 table of probe-fp[p]")
    assert article.only("summary").text == "false boxes (2 rows)"
    assert "open" not in article.attributes
    assert [row.text for row in article.all("tr")] == [
        "threshold class boxes met",
        "0.3 no_vest 61,234 yes",
        "0.5 no_vest – no",
    ]
    assert ["n" in cell.classes for cell in article.all("td")[:4]] == [True, False, True, False]


def test_a_long_table_is_capped_and_says_so() -> None:
    table = Table(columns=["step"], rows=[[step] for step in range(1204)])
    rule_result = rule("probe-fp[p]", "failed", "", findings=[Finding(text="x")])
    article = rendered(only(replace(rule_result, tables={"curve": table}))).only("details", "item")

    assert [summary.text for summary in article.all("summary")[1:]] == [
        "The only finding",
        "curve (showing 100 of 1,204 rows)",
    ]
    assert len(article.all("table")[1].only("tbody").all("tr")) == 100


def test_scores_name_the_protocol_and_say_what_is_not_defined(page: Element) -> None:
    board = page.only("article", "board")
    classes = board.only("table", "classes")

    assert (
        "Protocol: COCO bbox, maxDets 1/10/100; AP looks at the best 100 detections of each image "
        "and class, computed by hotcoco 1.3.2"
    ) in board.text
    values = {entry.only("dt").text: entry.only("dd").text for entry in board.only("dl").all("div")}
    assert values["AP IoU 0.50 to 0.95"] == "0.911"
    assert values["AP small under 32² px"] == "not defined"
    assert "-1" not in board.only("dl").text
    names = [row.only("th").text for row in classes.only("tbody").all("tr")]
    assert names[:2] == ["helmet_in_hand", "helmet_off_person"]
    assert classes.only("caption").text == "5 classes, weakest first"


def test_the_numbers_of_ultralytics_have_a_list_of_their_own() -> None:
    numbers = UltralyticsRecord(
        protocol="Ultralytics 8.3.40",
        metrics={"mAP50": 0.7512, "P": 0.9},
        best_f1_score=0.4124,
        classes={},
    )
    board = replace(scores()["val"], ultralytics=numbers)
    article = rendered(replace(sample_report(), scores={"val": board})).only("article", "board")

    assert "Protocol: Ultralytics 8.3.40, as its validator prints them" in article.text
    own = {
        entry.only("dt").text: entry.only("dd").text for entry in article.all("dl")[1].all("div")
    }
    assert own == {"mAP50 IoU 0.50": "0.751", "P at score 0.412": "0.900"}


def test_many_classes_are_capped_and_the_total_is_said() -> None:
    score = ClassScoreRecord(AP=0.5, AP50=0.6, AP75=0.4, boxes=9)
    board = replace(scores()["val"], classes={f"class {n}": score for n in range(1203)})
    page = rendered(replace(sample_report(), scores={"val": board}))
    article = page.only("article", "board").only("table", "classes")

    assert article.only("caption").text == "Showing the 200 weakest of 1,203 classes"
    assert len(article.only("tbody").all("tr")) == 200


def test_what_was_gated_is_listed(page: Element) -> None:
    gated = page.only("section", "gated").text

    for text in (
        "train split 83,005 90,211 26,855 32.4% data/train.json data/images",
        "No image is without boxes: false alarms cannot show in its AP.",
        "new-sample probe 40 18 allowed – probes/new_sample.json",
        "Device cuda:0 (NVIDIA H100)",
        "of 12,706 images, 12,660 kept from an earlier run",
        "pytest --detgate-ckpt=work_dirs/site/epoch_10.pth -k 'not slow rules'",
        "20 November 2026, 10:00 UTC",
        "torch 2.9.1+cu126",
        "9f2c1d07b4e85a36" * 4,
    ):
        assert text in gated


def test_a_run_without_a_model_and_one_of_result_files() -> None:
    bare = replace(sample_report(), model=None, scores={}, score_threshold=None)
    files = {"val": PredictionsRecord(path="out/val.json", sha256="0" * 64, detections=123456)}

    assert "Model none" in " ".join(rendered(bare).only("dl", "facts").text.split())
    gated = rendered(replace(bare, predictions=files))
    assert "Result files val" in gated.only("dl", "facts").text
    assert "val 123,456 out/val.json" in gated.only("section", "gated").text
    assert not [link for link in gated.all("a") if link.attributes["href"] == "#scores"]


def test_a_clear_page_names_its_warnings_and_waivers() -> None:
    remaining = [
        item for item in sample_report().rules if item.verdict in ("passed", "warned", "waived")
    ]
    page = rendered(replace(sample_report(), verdict="passed", rules=remaining))

    assert page.only("h1").text == "Clear to merge"
    assert len(page.only("ul", "told").all("li")) == 4
    assert not rendered(replace(sample_report(), rules=remaining[-1:])).all("ul", "told")


def test_a_record_without_rules_is_blocked() -> None:
    page = rendered(replace(sample_report(), rules=[]))

    assert page.only("h1").text == "Blocked"
    assert "The record has no rules." in page.text


def test_fragment_links_have_anchors_and_ids_are_unique(page: Element) -> None:
    """Every fragment link has its anchor and every id is unique."""
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    links = {
        element.attributes["href"][1:]
        for element in page.all()
        if element.attributes.get("href", "").startswith("#")
    }
    named = {
        name
        for element in page.all()
        for name in element.attributes.get("aria-labelledby", "").split()
    }

    assert len(ids) == len(set(ids))
    assert links <= set(ids)
    assert named <= set(ids)
    assert len(links) > 15


def test_rules_whose_ids_look_alike_keep_their_own_anchors() -> None:
    findings = [Finding(text="x")]
    ids = ["a[b c]", "a[b-c]", "a[b_c]", "!!", "規則"]
    page = rendered(only(*(rule(name, "failed", "", findings=findings) for name in ids)))

    anchors = [item.attributes["id"] for item in page.all("details", "item")]
    assert anchors == [
        "evidence-a-b-c", "evidence-a-b-c--2", "evidence-a-b-c--3", "evidence-rule",
        "evidence-rule--2",
    ]  # fmt: skip


def test_policy_admits_only_the_inlined_style_and_script(page: Element, html: str) -> None:
    """The policy admits the inlined style and script and nothing else."""
    policy = next(
        meta.attributes["content"]
        for meta in page.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    )

    def digest(tag: str) -> str:
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest('style')}'; "
        f"script-src 'sha256-{digest('script')}'; base-uri 'none'; form-action 'none'"
    )
    assert [script.attributes for script in page.all("script")] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    assert not [element for element in page.all() if "style" in element.attributes]
    assert not [
        (element.tag, name)
        for element in page.all()
        for name in element.attributes
        if name.startswith("on")
    ]


def assert_loads_nothing(page: Element) -> None:
    for element in page.all():
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            value = element.attributes.get(name)
            assert value is None or value.startswith(("#", "data:image/")), (element.tag, value)
        assert element.tag not in ("iframe", "object", "embed", "base", "form")
    assert len(page.all("script")) == 2
    assert "url(" not in page.only("style").text
    assert "@import" not in page.only("style").text


def test_the_page_loads_nothing(page: Element) -> None:
    assert_loads_nothing(page)


def test_hostile_strings_stay_text(root: Path) -> None:
    html = render_page(hostile_report(), root)
    page = read(html)

    assert_loads_nothing(page)
    assert page.all("img") == []
    assert "\x00" not in html
    assert "49" not in page.only("h1").text
    assert SHOWN in "".join(page.only("head").only("title").pieces)
    row = page.only("table", "ruletable").only("tbody").all("tr")[0]
    assert SHOWN in "".join(row.only("bdi", "id").pieces)
    assert SHOWN in "".join(row.only("p", "message").pieces)
    table = page.all("details", "findings")[0]
    assert SHOWN in "".join(table.only("tbody").all("th")[0].pieces)
    classes = page.only("article", "board").only("table", "classes")
    assert SHOWN in "".join(classes.only("tbody").all("th")[0].pieces)
    assert HOSTILE not in html


def test_a_picture_outside_its_folder_is_neither_read_nor_shown(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "probe").mkdir()
    Image.new("RGB", (64, 64), (255, 0, 255)).save(tmp_path / "secret.png")
    (tmp_path / "probe" / "link.png").symlink_to(tmp_path / "secret.png")
    names = ("../secret.png", "link.png", str(tmp_path / "secret.png"))
    findings = [
        Finding(text="x", dataset="p", image=name, box=(1, 2, 30, 40), score=0.9) for name in names
    ]
    report = only(rule("probe-fp[p]", "failed", "", findings=findings))
    probes = {"p": ProbeRecord(images_dir="probe", images=1, boxes=0)}
    report = replace(report, dataset=replace(report.dataset, probes=probes))

    page = rendered(report, tmp_path)

    assert page.all("image") == []
    assert [problem.text for problem in page.all("p", "problem")] == [
        "Refused: this file name leads out of its images folder. The boxes are on a blank "
        "frame, whose size is guessed from them."
    ] * 3


def test_a_page_that_cannot_be_made_leaves_no_old_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that cannot be made leaves no file and no old verdict."""
    path = tmp_path / "index.html"
    write_page(only(rule("mean-ap", "passed", "")), tmp_path, path)
    assert "<!doctype html>" in path.read_text("utf-8")

    def fail(*_: object) -> None:
        raise ValueError("no scores today")

    monkeypatch.setattr(page_module, "scoreboard_of", fail)
    with pytest.raises(ValueError, match="no scores today"):
        write_page(sample_report(), tmp_path, path)

    assert list(tmp_path.iterdir()) == []


def test_the_page_is_made_from_the_record_alone(root: Path) -> None:
    """Rendered again from report.json, the page is the same to the letter."""
    again = msgspec.json.decode(msgspec.json.encode(sample_report()), type=Report)

    assert render_page(again, root) == render_page(sample_report(), root)


def test_long_names_and_an_epochless_model() -> None:
    model = ModelRecord(checkpoint="a" * 300, sha256="0" * 64, classes=["b" * 300], device="cpu")
    page = rendered(replace(sample_report(), model=model))

    assert "Epoch not stated" in page.only("section", "gated").text
    assert "stored in the checkpoint" in page.only("section", "gated").text


def test_of_many_rules_the_most_urgent_have_evidence() -> None:
    """Only the most urgent rules have evidence where there are many."""
    findings = [Finding(text="x")]
    rules = [rule(f"a[{number}]", "passed", "", findings=findings) for number in range(300)]
    page = rendered(only(*rules, rule("b", "failed", "", findings=findings)))

    items = page.all("details", "item")
    assert len(items) == 120
    assert items[0].attributes["id"] == "evidence-b"
    assert len(page.all("a", "to")) == 120
    assert "no room for the evidence of 181 more rules" in page.text


def test_findings_share_the_page() -> None:
    many = [Finding(text=f"finding {number}") for number in range(100)]
    rules = [rule(f"a[{number}]", "failed", "", findings=many) for number in range(40)]
    page = rendered(only(*rules, rule("b", "passed", "", findings=many)))

    tables = page.all("details", "findings")
    assert [len(table.all("tr")) - 1 for table in tables[:40]] == [50] * 40
    assert tables[0].only("summary").text == "Showing 50 of 100 findings; report.json has 100"
    assert tables[40].only("summary").text == "Showing 0 of 100 findings; report.json has 100"
    assert "in report.json" in tables[40].text


def test_charts_and_pictures_share_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both go to the rules in turns, those that block first, until there are enough."""
    monkeypatch.setattr(evidence_section, "CHARTS_ON_PAGE", 3)
    monkeypatch.setattr(select, "FIGURES_ON_PAGE", 3)
    chart = BarChart(title="t", about="a", label="AP", bars=[Bar(name="b", value=0.5)])
    findings = [
        Finding(text="x", dataset="youtube", image=f"{name}.jpg", box=(1.0, 1.0, 9.0, 9.0))
        for name in "abcd"
    ]
    evidence = Evidence(charts=[chart] * 3)
    failed = rule("f", "failed", "", findings=findings[:2], evidence=evidence)
    passed = rule("p", "passed", "", findings=findings[2:], evidence=evidence)

    page = rendered(only(passed, failed))

    drawn = {name: item_of(page, name) for name in ("f", "p")}
    assert [len(drawn[name].all("figure", "chart")) for name in "fp"] == [3, 0]
    assert [len(drawn[name].all("figure")) for name in "fp"] == [3 + 2, 0 + 1]


def test_pictures_make_room_for_a_long_page(root: Path) -> None:
    """Messages that fill the page leave no room for pictures."""
    report = sample_report()
    long = rule("long", "failed", "x", findings=[Finding(text="y" * 700_000)])
    whole = render_page(report, root, megabytes=0.3)

    page = render_page(replace(report, rules=[*report.rules, long]), root, megabytes=0.3)

    assert "data:image/jpeg" in whole
    assert "data:image/jpeg" not in page
