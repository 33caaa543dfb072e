"""The audit page, beside that of pytest-html with as many items and pictures.

Run with no arguments, it makes pages of

- every record that the examples have left (`examples/*/detgate-report/**/report.json`),
- a made run of 5,000 items with 100,000 findings, 4,000 of whose items are of one rule,

and says for each how large the page is, how long it takes to make, and how long a browser takes
to open it: until its load event, until something can be seen, and until it has come to rest.
`--pictures` names a folder of pictures for the made run, which has none of its own.
pytest-html gets a test for every item, and the pictures of our page as extras; its time is what a
run with `--html` takes more than one without.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from pytest_detgate.atomic_file import write_whole
from pytest_detgate.evidence import ByThreshold, Evidence, Frame, FrameBox
from pytest_detgate.findings import Finding, Measurement, Verdict
from pytest_detgate.record.report import (
    ConfigRecord,
    DatasetRecord,
    ProbeRecord,
    Report,
    RuleResult,
)
from pytest_detgate.record.report_file import read_report
from pytest_detgate.report.page.page import render_page

HERE = Path(__file__).resolve().parent
ITEMS, FINDINGS = 5000, 20
# 80 of 100 items are of one rule, as where every class has a floor.
CODES = ("class-ap", "class-ap", "class-ap", "class-ap", "recall")
REPEATS = 5
KEPT = 200

PEER = """
import base64, json, pathlib

import pytest
from pytest_html import extras as kinds

HERE = pathlib.Path(__file__).parent
CASES = json.loads(HERE.joinpath("cases.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_rule(case, extras):
    for path in case["pictures"]:
        extras.append(kinds.jpg(base64.b64encode(HERE.joinpath(path).read_bytes()).decode()))
    print("\\n".join(case["lines"]))
    assert case["passed"], case["message"]
"""


@dataclass(frozen=True)
class Case:
    """A record, and the folder its paths are relative to."""

    name: str
    report: Report
    root: Path


@dataclass(frozen=True)
class Opened:
    """Milliseconds from the start of navigation; the median of several fresh visits."""

    load: float
    paint: float
    rest: float


def made_run(pictures: Path | None) -> Case:
    """5,000 items, one in fifty of which failed, with 20 findings each; frames for the failed."""
    chance = random.Random(0)
    names = sorted(path.name for path in pictures.iterdir()) if pictures else ["a.jpg", "b.jpg"]
    rules = []
    for number in range(ITEMS):
        verdict: Verdict = chance.choices(("failed", "warned", "passed"), (2, 3, 95))[0]
        code, label = CODES[number % len(CODES)], f"class_{number:04d}"
        value = chance.uniform(0.86, 0.99) if verdict == "passed" else chance.uniform(0.2, 0.84)
        findings = [_finding(chance, names, label) for _ in range(FINDINGS)]
        rules.append(
            RuleResult(
                id=f"{code}[{label}]",
                code=code,
                verdict=verdict,
                message=f"{code} {value:.3f} on val, floor 0.85",
                measurements=[
                    Measurement.at_least("ap", value, 0.85),
                    Measurement.shown("boxes", chance.randint(10, 9000)),
                ],
                findings=findings,
                findings_total=FINDINGS,
                about="This class must reach its floor.",
                evidence=_evidence(chance, names, label) if verdict == "failed" else Evidence(),
            )
        )
    failed = any(rule.verdict == "failed" for rule in rules)
    report = Report(
        verdict="failed" if failed else "passed",
        started="2026-11-21T10:00:00Z",
        duration_s=600.0,
        command=["pytest", "detgate.toml"],
        versions={"pytest-detgate": "made"},
        config=ConfigRecord(path="detgate.toml", sha256="0" * 64),
        dataset=DatasetRecord(
            probes={"val": ProbeRecord(images_dir=".", images=len(names), boxes=0)}
        ),
        rules=rules,
        score_threshold=0.3,
    )
    return Case("made run of 5,000 items", report, pictures or HERE / "nowhere")


def _finding(chance: random.Random, names: list[str], label: str) -> Finding:
    score = round(chance.uniform(0.3, 1.0), 3)
    return Finding(
        text=f"{label} {score:.2f} matches no box",
        dataset="val",
        image=chance.choice(names),
        box=_box(chance),
        label=label,
        score=score,
    )


def _box(chance: random.Random) -> tuple[float, float, float, float]:
    return (
        chance.uniform(0, 400), chance.uniform(0, 400),
        chance.uniform(20, 200), chance.uniform(20, 200),
    )  # fmt: skip


def _evidence(chance: random.Random, names: list[str], label: str) -> Evidence:
    frames = [
        Frame(
            dataset="val",
            image=name,
            boxes=[
                FrameBox(box=_box(chance), label=label, score=round(chance.random(), 3), false=True)
                for _ in range(10)
            ],
        )
        for name in chance.sample(names, min(8, len(names)))
    ]
    grid = [step / 100 for step in range(101)]
    return Evidence(
        frames=frames,
        frames_total=40,
        by_threshold=ByThreshold(thresholds=grid, values={"ap": [1 - at**2 for at in grid]}),
    )


def left_by_examples() -> list[Case]:
    """The records of earlier runs of the examples."""
    cases = []
    for path in sorted((HERE.parent / "examples").glob("*/detgate-report/**/report.json")):
        example = path.relative_to(HERE.parent / "examples").parts[0]
        root = HERE.parent / "examples" / example
        cases.append(Case(str(path.parent.relative_to(HERE.parent)), read_report(path), root))
    return cases


def peer_page(case: Case, pictures: list[bytes], folder: Path, *, html: bool) -> float:
    """Run pytest with a test for each item, the first of which show the pictures; give the
    seconds it took."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        (folder / f"{number}.jpg").write_bytes(picture)
    rules = case.report.rules
    cases = [
        {
            "id": rule.id,
            "passed": rule.verdict == "passed",
            "message": rule.message,
            "lines": [finding.text for finding in rule.findings[:KEPT]],
            "pictures": [f"{at}.jpg" for at in range(number, len(pictures), len(rules))],
        }
        for number, rule in enumerate(rules)
    ]
    (folder / "cases.json").write_text(json.dumps(cases), "utf-8")
    (folder / "test_cases.py").write_text(PEER, "utf-8")
    more = ["--html=peer.html", "--self-contained-html"] if html else []
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:detgate", *more],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - started


def opened(page: Path) -> Opened | None:
    """Open a page in a headless browser, several times afresh; None without a browser."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if executable is None:
        return None
    visits = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for _ in range(REPEATS):
            tab = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            tab.goto(page.as_uri(), wait_until="load")
            visits.append(tab.evaluate(MOMENTS))
            tab.context.close()
        browser.close()
    return Opened(*(statistics.median(visit[at] for visit in visits) for at in range(3)))


PICTURE = re.compile(r'href="data:image/jpeg;base64,([^"]+)"')
MOMENTS = """() => new Promise(done => requestAnimationFrame(() => setTimeout(() => {
    const load = performance.getEntriesByType("navigation")[0].loadEventEnd;
    const rest = performance.now();
    new PerformanceObserver(list => {
        const seen = list.getEntriesByName("first-contentful-paint")[0];
        if (seen) done([load, seen.startTime, rest]);
    }).observe({ type: "paint", buffered: true });
}, 0)))"""


def tell(name: str, size: int, seconds: float, moments: Opened | None) -> None:
    said = f"  {name:12s} {size / 1e6:8.2f} MB, made in {seconds:6.2f} s"
    if moments is not None:
        said += (
            f", loaded after {moments.load:5.0f} ms, seen after {moments.paint:5.0f} ms, "
            f"at rest after {moments.rest:5.0f} ms"
        )
    print(said, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="pictures for the made run")
    parser.add_argument(
        "--record", type=Path, nargs=2, action="append", default=[], metavar=("JSON", "ROOT"),
        help="a further record, and the folder its paths are relative to",
    )  # fmt: skip
    chosen = parser.parse_args()
    given = [Case(str(path), read_report(path), root) for path, root in chosen.record]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, case in enumerate([*left_by_examples(), *given, made_run(chosen.pictures)]):
            rules = case.report.rules
            findings = sum(max(rule.findings_total, len(rule.findings)) for rule in rules)
            render_page(replace(case.report, rules=rules[:1]), case.root)  # what is imported once
            started = time.perf_counter()
            html = render_page(case.report, case.root)
            seconds = time.perf_counter() - started
            shown = len(PICTURE.findall(html))
            print(
                f"{case.name}: {len(rules):,} items, {findings:,} findings, {shown:,} pictures",
                flush=True,
            )
            page = folder / f"{number}.html"
            write_whole(page, html.encode())
            tell("this page", page.stat().st_size, seconds, opened(page))
            try:
                import pytest_html  # noqa: F401
            except ImportError:
                continue
            peer = folder / f"peer-{number}"
            pictures = [base64.b64decode(found) for found in PICTURE.findall(html)]
            with_html = peer_page(case, pictures, peer, html=True)
            seconds = with_html - peer_page(case, pictures, peer, html=False)
            page = peer / "peer.html"
            tell("pytest-html", page.stat().st_size, seconds, opened(page))


if __name__ == "__main__":
    main()
