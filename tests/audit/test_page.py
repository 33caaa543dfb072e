"""The page: what it says, and that nothing in a record can break it or make it load something."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pytest_detgate.audit import page as page_module
from pytest_detgate.audit.page import render_page, write_page
from pytest_detgate.audit.record import (
    ClassScoreRecord,
    ModelRecord,
    PredictionsRecord,
    ProbeRecord,
    Report,
    RuleResult,
)
from pytest_detgate.findings import Finding, Interval, Measurement, Table

from .markup import Element, read
from .sample import PROBE_IMAGES, rule, sample_report, scores

HOSTILE = (
    "\"><script>alert(1)</script><img src=http://evil.example/x>'{{ 7*7 }}&amp;\u202egnp.exe\x00"
)
SHOWN = HOSTILE.replace("\x00", "␀").replace("\u202e", "\ufffd")


def rendered(report: Report, root: Path = Path("/nowhere")) -> Element:
    return read(render_page(report, root))


def only(*rules: RuleResult) -> Report:
    return replace(sample_report(), rules=list(rules))


def test_the_verdict_comes_first(page: Element) -> None:
    main = page.one("main")

    assert main.children[0].classes == ["verdict", "v-failed"]
    assert page.one("h1").text == "Blocked"
    assert page.one("p", "sentence").text == "3 of 14 rules failed and 1 could not be evaluated."
    assert [item.text for item in page.one("ul", "told").all("li")] == [
        "clip-overlap[train-val] 1,204 of 12,660 images of val come from 3 clips that train "
        "has too",
        "probe-fp[youtube] 63 boxes on 6 of 6 frames, budget 21",
        "class-ap[helmet_off_head] AP 0.86998 is under its floor of 0.87",
        "frame-distance[train-val] frame numbers cannot be told: 12 file names of val do not match "
        "frame-pattern, the first is 'IMG 0044 (2).jpg'",
    ]
    assert page.one("title").text == "Blocked: detgate audit of work_dirs/site/epoch_10.pth"


def test_every_rule_has_a_row_by_urgency(page: Element) -> None:
    rows = page.one("table", "ruletable").one("tbody").all("tr")

    assert [row.one("span", "badge").text for row in rows] == [
        *["Failed"] * 3, "Not evaluated", "Warned", "Waived", *["Passed"] * 8
    ]  # fmt: skip
    assert all(row.one("span", "badge").one("use").attributes["href"] for row in rows)
    assert [row.one("bdi", "id").text for row in rows[:2]] == [
        "clip-overlap[train-val]",
        "probe-fp[youtube]",
    ]


def test_a_row_holds_each_value_against_its_limit(page: Element) -> None:
    row = next(row for row in page.all("tr") if row.attributes.get("id") == "rule-probe-fp-youtube")

    assert [judged.text for judged in row.all("div", "judged")] == [
        "boxes 63 at most 21 42 over",
        "images 6 at most 6 exactly at the limit",
    ]
    assert [judged.classes[1] for judged in row.all("div", "judged")] == ["bad", "ok"]
    assert len(row.all("svg", "scale")) == 2
    assert row.one("p", "to").one("a").attributes["href"] == "#evidence-probe-fp-youtube"


def test_a_row_shows_intervals_and_says_which_bound_was_held() -> None:
    poisson = Interval(low=1.36632, high=9.15352, confidence=0.95, method="exact Poisson")
    held = Measurement.at_most("boxes", 4, 8, bound="upper", interval=poisson)
    counted = Measurement.at_most("boxes", 4, 8, interval=poisson)
    shown = Measurement.shown("boxes[helmet_off]", 4, poisson)
    row = rendered(only(rule("probe-fp[p]", "failed", "", held, counted, shown))).one(
        "td", "c-value"
    )

    assert [judged.text for judged in row.all("div", "judged")] == [
        "boxes 4 [1.37, 9.15], 95 % upper bound 9.15 at most 8 1.15 over",
        "boxes 4 [1.37, 9.15], 95 % at most 8 4 to spare",
    ]
    assert [judged.classes[1] for judged in row.all("div", "judged")] == ["bad", "ok"]
    assert [judged.one("b").text for judged in row.all("div", "judged")] == ["9.15", "4"]
    assert row.one("p", "values").text == "boxes[helmet_off] 4 [1.37, 9.15], 95 %"
    assert {ends.attributes["title"] for ends in row.all("span", "ends")} == {
        "exact Poisson; each end is a one-sided bound at 95 %"
    }
    assert len(row.all("rect", "interval")) == 2


def test_a_rule_without_a_value_says_so(page: Element) -> None:
    rows = {row.attributes.get("id"): row for row in page.all("tr")}

    assert rows["rule-frame-distance-train-val"].one("p", "none").text == "no value"
    assert "A. Moreau until 2026-12-31" in rows["rule-duplicate-boxes-train"].text


def test_many_values_start_closed() -> None:
    values = [Measurement.shown(f"boxes[{number}]", number) for number in range(30)]
    row = rendered(only(rule("class-support[val]", "passed", "", *values))).one("td", "c-value")

    assert row.one("summary").text == "24 more values"
    assert "boxes[29] 29" in row.text


def test_evidence_shows_a_table_with_its_caps_and_total(page: Element) -> None:
    article = next(
        item
        for item in page.all("article")
        if item.attributes.get("id") == "evidence-clip-overlap-train-val"
    )

    assert article.one("summary").text == "Showing 100 of 1,204 findings (the record keeps 150)"
    assert len(article.one("tbody").all("tr")) == 100
    assert "open" not in article.one("details").attributes


def test_evidence_shows_pictures_with_labelled_boxes(page: Element) -> None:
    article = next(
        item
        for item in page.all("article")
        if item.attributes.get("id") == "evidence-probe-fp-youtube"
    )
    figures = article.all("figure")

    assert sorted(figure.one("p", "file").text for figure in figures) == sorted(
        f"youtube {name}" for name in PROBE_IMAGES
    )
    first = figures[0].all("svg", "picture")[0]
    assert first.attributes["viewbox"] == "0 0 1280 720"
    assert len(first.all("rect", "line")) == 10
    assert first.all("text")
    assert first.one("image").attributes["href"].startswith("data:image/jpeg;base64,")
    assert re.fullmatch(
        r"youtube: yt_8dK2_\d{4}\.jpg, 10 boxes: helmet_off_\w+ 0\.\d\d, .+ and 4 more",
        first.attributes["aria-label"],
    )


def test_findings_show_only_the_columns_that_tell_something() -> None:
    plain = [Finding(text="id 7 twice")]
    told = [Finding(text="cat 0.51", label="cat", score=0.51, box=(0, 0, 1, 1), dataset="val")]
    untold = [Finding(text="wrong", label="cat", score=0.51)]

    def columns(findings: list[Finding]) -> list[str]:
        report = only(rule("duplicate-ids", "failed", "", findings=findings))
        table = rendered(report).one("details", "findings").one("table")
        return [head.text for head in table.one("thead").all("th")]

    assert columns(plain) == ["#", "Finding"]
    assert columns(told) == ["#", "Finding", "Image", "x y width height"]
    assert columns(untold) == ["#", "Finding", "Class", "Score"]


def test_tables_are_evidence_even_where_nothing_was_found() -> None:
    table = Table(
        columns=["threshold", "class", "boxes", "met"],
        rows=[[0.3, "no_vest", 61234, True], [0.5, "no_vest", None, False]],
    )
    result = replace(rule("probe-fp[p]", "passed", ""), tables={"false boxes": table})
    page = rendered(only(result))
    article = page.one("article", "item")

    assert page.one("p", "to").one("a").text == "1 table of probe-fp[p]"
    assert article.one("summary").text == "false boxes (2 rows)"
    assert "open" not in article.one("details").attributes
    assert [row.text for row in article.all("tr")] == [
        "threshold class boxes met",
        "0.3 no_vest 61,234 yes",
        "0.5 no_vest – no",
    ]
    assert ["n" in cell.classes for cell in article.all("td")[:4]] == [True, False, True, False]


def test_a_long_table_is_capped_and_says_so() -> None:
    table = Table(columns=["step"], rows=[[step] for step in range(1204)])
    found = rule("probe-fp[p]", "failed", "", findings=[Finding(text="x")])
    article = rendered(only(replace(found, tables={"curve": table}))).one("article", "item")

    assert [summary.text for summary in article.all("summary")] == [
        "The only finding",
        "curve (showing 100 of 1,204 rows)",
    ]
    assert len(article.all("table")[1].one("tbody").all("tr")) == 100


def test_scores_name_the_protocol_and_say_what_is_not_defined(page: Element) -> None:
    board = page.one("article", "board")

    assert "Protocol: COCO bbox, maxDets 1/10/100, computed by hotcoco 1.3.2" in board.text
    figures = {entry.one("dt").text: entry.one("dd").text for entry in board.one("dl").all("div")}
    assert figures["AP IoU 0.50 to 0.95"] == "0.911"
    assert figures["AP small under 32² px"] == "not defined"
    assert "-1" not in board.text
    names = [row.one("th").text for row in board.one("tbody").all("tr")]
    assert names[:2] == ["helmet_in_hand", "helmet_off_person"]
    assert board.one("caption").text == "5 classes, weakest first"


def test_many_classes_are_capped_and_the_total_is_said() -> None:
    score = ClassScoreRecord(AP=0.5, AP50=0.6, AP75=0.4, boxes=9)
    board = replace(scores()["val"], classes={f"class {n}": score for n in range(1203)})
    article = rendered(replace(sample_report(), scores={"val": board})).one("article", "board")

    assert article.one("caption").text == "Showing the 200 weakest of 1,203 classes"
    assert len(article.one("tbody").all("tr")) == 200


def test_what_was_gated_is_listed(page: Element) -> None:
    gated = page.one("section", "gated").text

    for said in (
        "train split 83,005 90,211 26,855 32.4 % data/train.json data/images",
        "No image is without boxes: false alarms cannot show in its AP.",
        "new-sample probe 40 18 allowed – probes/new_sample.json",
        "Device cuda:0 (NVIDIA H100)",
        "of 12,706 images, 12,660 kept from an earlier run",
        "pytest --detgate-ckpt=work_dirs/site/epoch_10.pth -k 'not slow rules'",
        "20 November 2026, 10:00 UTC",
        "torch 2.9.1+cu126",
        "9f2c1d07b4e85a36" * 4,
    ):
        assert said in gated


def test_a_run_without_a_model_and_one_of_result_files() -> None:
    bare = replace(sample_report(), model=None, scores={}, score_threshold=None)
    files = {"val": PredictionsRecord(path="out/val.json", sha256="0" * 64, detections=123456)}

    assert "none: data rules only" in rendered(bare).one("dl", "facts").text
    gated = rendered(replace(bare, predictions=files))
    assert "Result files val" in gated.one("dl", "facts").text
    assert "val 123,456 out/val.json" in gated.one("section", "gated").text
    assert not [link for link in gated.all("a") if link.attributes["href"] == "#scores"]


def test_a_clear_page_names_its_warnings_and_waivers() -> None:
    kept = [
        item for item in sample_report().rules if item.verdict in ("passed", "warned", "waived")
    ]
    page = rendered(replace(sample_report(), verdict="passed", rules=kept))

    assert page.one("h1").text == "Clear to merge"
    assert len(page.one("ul", "told").all("li")) == 2
    assert not rendered(replace(sample_report(), rules=kept[-1:])).all("ul", "told")


def test_a_record_without_rules_is_blocked() -> None:
    page = rendered(replace(sample_report(), rules=[]))

    assert page.one("h1").text == "Blocked"
    assert "The record has no rules." in page.text


def test_every_fragment_link_has_its_anchor_and_every_id_is_unique(page: Element) -> None:
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
    found = [Finding(text="x")]
    ids = ["a[b c]", "a[b-c]", "a[b_c]", "!!", "規則"]
    page = rendered(only(*(rule(name, "failed", "", findings=found) for name in ids)))

    anchors = [item.attributes["id"] for item in page.all("article", "item")]
    assert anchors == [
        "evidence-a-b-c", "evidence-a-b-c--2", "evidence-a-b-c--3", "evidence-rule",
        "evidence-rule--2",
    ]  # fmt: skip


def test_the_policy_admits_the_inlined_style_and_nothing_else(page: Element, html: str) -> None:
    policy = next(
        meta.attributes["content"]
        for meta in page.all("meta")
        if meta.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.search("<style>(.*)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert page.all("script") == []
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
        assert element.tag not in ("script", "iframe", "object", "embed", "base", "form")
    assert "url(" not in page.one("style").text
    assert "@import" not in page.one("style").text


def test_the_page_loads_nothing(page: Element) -> None:
    assert_loads_nothing(page)


def hostile_report() -> Report:
    """A record in which every free text is markup."""

    def spoil(value: object, key: str = "") -> object:
        if isinstance(value, str):
            return value if key in ("verdict", "relation", "bound") else HOSTILE
        if isinstance(value, list):
            return [spoil(entry) for entry in value]
        if isinstance(value, dict):
            named = key in (
                "splits", "probes", "versions", "scores", "classes", "predictions", "tables"
            )  # fmt: skip
            spoilt = [f"{HOSTILE}{n}" if named else name for n, name in enumerate(value)]
            return {
                name: spoil(entry, old)
                for name, (old, entry) in zip(spoilt, value.items(), strict=True)
            }
        return value

    return msgspec.convert(spoil(msgspec.to_builtins(sample_report())), Report)


def test_hostile_strings_stay_text(root: Path) -> None:
    html = render_page(hostile_report(), root)
    page = read(html)

    assert_loads_nothing(page)
    assert page.all("img") == []
    assert "\x00" not in html
    assert "49" not in page.one("h1").text
    assert SHOWN in "".join(page.one("title").pieces)
    row = page.one("table", "ruletable").one("tbody").all("tr")[0]
    assert SHOWN in "".join(row.one("bdi", "id").pieces)
    assert SHOWN in "".join(row.one("p", "message").pieces)
    article = page.all("article", "item")[0]
    assert SHOWN in "".join(article.one("tbody").all("th")[0].pieces)
    assert SHOWN in "".join(page.one("article", "board").all("th")[6].pieces)
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
        "Refused: this file name leads out of its images folder. The boxes stand on a blank "
        "frame, whose size is guessed from them."
    ] * 3


def test_all_pictures_together_keep_to_the_budget(root: Path) -> None:
    probe = next(item for item in sample_report().rules if item.id == "probe-fp[youtube]")
    report = only(*(replace(probe, id=f"probe-fp[{number}]") for number in range(9)))

    page = read(render_page(report, root, megabytes=0.2))

    pictures = [image.attributes["href"] for image in page.all("image")]
    assert 0.15e6 < sum(map(len, pictures)) <= 0.2e6
    assert "The page's 0.2 MB for pictures are used up." in page.text


def test_a_page_that_cannot_be_made_leaves_no_file_and_no_old_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_page_is_quick() -> None:
    render_page(sample_report(), Path("/nowhere"))
    start = time.perf_counter()
    render_page(sample_report(), Path("/nowhere"))

    assert time.perf_counter() - start < 0.3


def test_long_names_and_an_epochless_model() -> None:
    model = ModelRecord(checkpoint="a" * 300, sha256="0" * 64, classes=["b" * 300], device="cpu")
    page = rendered(replace(sample_report(), model=model))

    assert "Epoch not stated" in page.one("section", "gated").text
    assert "stored in the checkpoint" in page.one("section", "gated").text
