"""The pictures of a page: one of each, the most telling first, within the budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_detgate.evidence import Evidence, Frame, FrameBox, Pair, Side
from pytest_detgate.record.report import DatasetRecord, ProbeRecord, Report
from pytest_detgate.report.figures import thumbnails as pictures_module
from pytest_detgate.report.figures.album import Album
from pytest_detgate.report.figures.thumbnails import ImageFolders
from pytest_detgate.report.page.page import render_page
from tests.report.markup import Element, read
from tests.report.sample import draw_picture, rule, sample_report

BOX = FrameBox(box=(10.0, 10.0, 300.0, 300.0), label="a", score=0.9, false=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    for number in range(20):
        draw_picture(root / f"{number}.jpg", seed=number)
    return root


def folders(root: Path, *, closed: bool = False) -> ImageFolders:
    probe = ProbeRecord(images_dir="", images=1, boxes=0)
    return ImageFolders(DatasetRecord(probes={"p": probe}), root, closed=closed)


def frames(*numbers: int) -> Evidence:
    shown = [Frame(dataset="p", image=f"{number}.jpg", boxes=[BOX]) for number in numbers]
    return Evidence(frames=shown, frames_total=len(shown))


def report(**rules: tuple[str, Evidence]) -> Report:
    made = [
        rule(name.replace("_", "-"), verdict, "", evidence=evidence)  # type: ignore[arg-type]
        for name, (verdict, evidence) in rules.items()
    ]
    probes = {"p": ProbeRecord(images_dir="", images=1, boxes=0)}
    return replace(sample_report(), rules=made, dataset=DatasetRecord(probes=probes), scores={})


def shown(page: Element, name: str) -> list[str]:
    item = next(
        element for element in page.all("details", "item") if element.attributes["id"] == name
    )
    return [figure.only("p", "file").text for figure in item.all("figure", "frame")]


def test_a_picture_is_read_and_embedded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_files: list[Path] = []
    real = pictures_module.thumbnail

    def noting(path: Path, *given: Any) -> object:
        read_files.append(path)
        return real(path, *given)

    monkeypatch.setattr(pictures_module, "thumbnail", noting)
    pair = Pair(
        one=Side(dataset="p", image="0.jpg"), other=Side(dataset="p", image="1.jpg"), text="x"
    )
    made = report(
        a=("failed", frames(0, 1)),
        b=("passed", frames(1, 0)),
        c=("warned", Evidence(pairs=[pair], pairs_total=1)),
    )

    page = read(render_page(made, folder))

    assert sorted(path.name for path in read_files) == ["0.jpg", "1.jpg"]
    assert len(page.all("image")) == 2
    used = [use.attributes["href"] for use in page.all("use")]
    assert {"#picture-1", "#picture-2"} <= set(used)
    # Two frames and a pair: the other rule refers to the frames.
    assert sum(href.startswith("#picture-") for href in used) == 4
    (reference,) = [
        p.text for item in page.all("details", "item") for p in item.all("p", "aside")
        if "with the same boxes" in p.text
    ]  # fmt: skip
    assert reference == "2 images shown under a with the same boxes: p: 1.jpg, p: 0.jpg"


def test_blocking_rules_come_first_and_share_alike(folder: Path) -> None:
    first = Album(folders(folder), 8)
    first.take("p", "0.jpg")
    weight = len(first.embedded[0].source)
    made = report(
        z=("passed", frames(*range(15, 20))),
        a=("failed", frames(*range(10))),
        b=("not-evaluated", frames(10, 11, 12)),
    )

    page = read(render_page(made, folder, megabytes=4.5 * weight / 1e6))

    assert (len(shown(page, "evidence-a")), len(shown(page, "evidence-b"))) == (2, 2)
    assert shown(page, "evidence-z") == []
    used_up = f"The page's {4.5 * weight / 1e6:.4f}".rstrip("0")
    items = {item.attributes["id"]: item.text for item in page.all("details", "item")}
    assert "2 of 10 frames shown, at score over" in items["evidence-a"]
    assert used_up in items["evidence-a"]
    assert "5 frames are not shown." in items["evidence-z"]


def test_the_budget_holds_for_pictures_and_closeups(folder: Path) -> None:
    small = FrameBox(box=(100.0, 100.0, 20.0, 20.0), label="a", score=0.9, false=True)
    shown_frames = [
        Frame(dataset="p", image=f"{number}.jpg", boxes=[small]) for number in range(20)
    ]
    page = read(
        render_page(report(a=("failed", Evidence(frames=shown_frames))), folder, megabytes=0.3)
    )

    sources = [image.attributes["href"] for image in page.all("image")]
    assert any(figure.all("div", "closeups") for figure in page.all("figure"))
    assert 0.2e6 < sum(map(len, sources)) <= 0.3e6
    assert "The page's 0.3 MB for images are used up." in page.text


def test_without_pictures_none_is_read_and_the_page_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(pictures_module, "thumbnail", lambda *_: opened.append(1))
    html = render_page(report(a=("failed", frames(0, 1))), folder, pictures=False)
    page = read(html)

    assert opened == []
    assert "data:image/jpeg" not in html
    assert "Images are left out of this page: boxes are on blank frames." in page.text
    assert len(page.all("figure", "frame")) == 2
    boxes = [element for element in page.all("g", "false") if "data-copy" not in element.attributes]
    assert len(boxes) == 2
