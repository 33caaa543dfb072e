"""A realistic run for the tests of the page: all five verdicts, pictures, gaps in the scores."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
from PIL import Image, ImageDraw

from pytest_detgate.evidence import (
    Bar,
    BarChart,
    ByThreshold,
    ClipLine,
    ClipMap,
    Evidence,
    Frame,
    FrameBox,
    Histogram,
    LineChart,
    Mark,
    Matrix,
    Pair,
    Panel,
    Series,
    Side,
)
from pytest_detgate.findings import Finding, Interval, Measurement, Table, Verdict
from pytest_detgate.record.report import (
    ClassScoreRecord,
    ConfigRecord,
    DatasetRecord,
    ModelRecord,
    ProbeRecord,
    Report,
    RuleResult,
    ScoreRecord,
    SplitRecord,
)

CLASSES = ["helmet_on_head", "helmet_off_head", "helmet_off_person", "person"]
SIZE = (1280, 720)
PROBE_IMAGES = [f"yt_8dK2_{frame:04d}.jpg" for frame in (118, 240, 365, 490, 611, 733)]


def draw_pictures(root: Path) -> None:
    """Draw six frames of a building site into the folder of the probe `youtube`."""
    folder = root / "probes" / "youtube"
    folder.mkdir(parents=True)
    for number, name in enumerate(PROBE_IMAGES):
        draw_picture(folder / name, seed=number)


def draw_picture(path: Path, *, seed: int, size: tuple[int, int] = SIZE) -> None:
    chance = random.Random(seed)
    width, height = size
    picture = Image.new("RGB", size, (176, 196, 214))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, height * 0.62, width, height), fill=(148, 132, 112))
    for column in range(7):
        x = width * column / 7 + chance.randint(-10, 10)
        top = height * chance.uniform(0.1, 0.45)
        pen.rectangle((x, top, x + width / 11, height * 0.64), fill=(120, 118, 122))
        for floor in range(int(top) + 20, int(height * 0.6), 46):
            pen.rectangle((x + 14, floor, x + width / 11 - 14, floor + 18), fill=(92, 96, 110))
    for x, y, w, h in worker_boxes(seed):
        pen.rectangle((x + w * 0.2, y + h * 0.2, x + w * 0.8, y + h * 0.62), fill=(226, 122, 38))
        pen.rectangle((x + w * 0.28, y + h * 0.62, x + w * 0.72, y + h), fill=(52, 60, 84))
        pen.ellipse((x + w * 0.3, y, x + w * 0.7, y + h * 0.24), fill=(240, 208, 70))
    picture.save(path, quality=85)


def worker_boxes(seed: int) -> list[tuple[float, float, float, float]]:
    chance = random.Random(1000 + seed)
    boxes = []
    for position in range(10 + seed % 2):
        height = chance.uniform(130, 250)
        x = SIZE[0] * position / 11 + chance.uniform(0, 40)
        boxes.append(
            (round(x, 1), round(680 - height, 1), round(height * 0.4, 1), round(height, 1))
        )
    return boxes


def false_boxes() -> list[Finding]:
    findings = []
    for number, image in enumerate(PROBE_IMAGES):
        chance = random.Random(number)
        for box in worker_boxes(number):
            label, score = chance.choice(CLASSES[1:3]), round(chance.uniform(0.31, 0.94), 3)
            findings.append(
                Finding(
                    text=f"{label} {score:.2f}",
                    dataset="youtube",
                    image=image,
                    box=box,
                    label=label,
                    score=score,
                )
            )
    return sorted(findings, key=lambda finding: -(finding.score or 0))


def probe_frames() -> list[Frame]:
    """The six frames: two of three persons are found, all else is false, some of it unsure."""
    false: dict[str, list[FrameBox]] = {name: [] for name in PROBE_IMAGES}
    for finding in false_boxes():
        assert finding.image is not None
        assert finding.box is not None
        false[finding.image].append(
            FrameBox(box=finding.box, label=finding.label or "", score=finding.score, false=True)
        )
    frames = []
    for number, name in enumerate(PROBE_IMAGES):
        chance = random.Random(50 + number)
        boxes = list(false[name])
        for x, y, width, height in worker_boxes(number)[:2]:
            boxes.append(FrameBox(box=(x, y, width, height), label="person", found_at=0.97))
            boxes.append(
                FrameBox(box=(x + 4, y - 3, width, height + 5), label="person", score=0.97)
            )
        for x, y, width, height in worker_boxes(number)[2:8]:
            score = round(chance.uniform(0.05, 0.3), 3)
            boxes.append(
                FrameBox(
                    box=(x + 8, y, width * 0.8, height * 0.3),
                    label="helmet_on_head",
                    score=score,
                    false=True,
                )
            )
        boxes.append(FrameBox(box=(20.0, 20.0, 60.0, 90.0), label="person"))
        frames.append(Frame(dataset="youtube", image=name, boxes=boxes))
    surest = [finding.image for finding in false_boxes()]
    return sorted(frames, key=lambda frame: surest.index(frame.image))


def grid() -> list[float]:
    return [step / 100 for step in range(5, 101)]


def false_over(threshold: float, frames: list[Frame]) -> list[int]:
    """False boxes of each frame."""
    return [
        sum(box.false and box.score is not None and box.score > threshold for box in frame.boxes)
        for frame in frames
    ]


def probe_evidence() -> Evidence:
    frames = probe_frames()
    counts = [false_over(threshold, frames) for threshold in grid()]
    boxes = [sum(count) for count in counts]
    return Evidence(
        charts=[
            LineChart(
                title="False boxes and recall by score threshold",
                about="Each box is a false alarm. The budget of 21 is met from score > 0.74 on, "
                "where the model finds 61% of what it should.",
                label="score threshold",
                panels=[
                    Panel(
                        label="false boxes",
                        series=[Series(name="false boxes", x=grid(), y=list(map(float, boxes)))],
                        marks=[Mark(label="limit 21", at=21, axis="y")],
                    ),
                    Panel(
                        label="recall",
                        series=[
                            Series(
                                name="helmet_off_person",
                                x=grid(),
                                y=[1 - 0.8 * score**3 for score in grid()],
                            )
                        ],
                        span=(0, 1),
                    ),
                ],
                marks=[Mark(label="operating point", at=0.3)],
                span=(0, 1),
                form="step",
                score_axis=True,
            )
        ],
        frames=frames,
        frames_total=6,
        by_threshold=ByThreshold(
            thresholds=grid(),
            values={
                "boxes": list(boxes),
                "images": [sum(entry > 0 for entry in count) for count in counts],
            },
        ),
    )


def clip_map() -> ClipMap:
    return ClipMap(
        title="Clips in both splits",
        about="Three clips stand in train and val. Move each whole clip to one split.",
        splits=["train", "val"],
        clips=[
            ClipLine(
                clip=f"site3_cam{camera}",
                frames={
                    "train": list(range(0, 1800, 5)),
                    "val": list(range(120, 1800, 30)),
                },
            )
            for camera in (2, 5, 7)
        ],
        total=3,
        within=6,
    )


def shared_clips() -> list[Finding]:
    return [
        Finding(
            text=f"clip site3_cam{camera} is in train too: 412 frames there, {30 + camera} here",
            dataset="val",
            image=f"site3_cam{camera}_{frame:06d}.jpg",
        )
        for camera in (2, 5, 7)
        for frame in range(120, 1800, 30)
    ][:150]


def rule(
    rule_id: str,
    verdict: Verdict,
    message: str,
    *measurements: Measurement,
    about: str = "",
    waiver: str | None = None,
    findings: list[Finding] | None = None,
    total: int | None = None,
    tables: dict[str, Table] | None = None,
    evidence: Evidence | None = None,
) -> RuleResult:
    result = findings or []
    return RuleResult(
        id=rule_id,
        code=rule_id.partition("[")[0],
        verdict=verdict,
        message=message,
        measurements=list(measurements),
        findings=result,
        findings_total=len(result) if total is None else total,
        duration_s=0.012,
        waiver=waiver,
        about=about,
        tables=tables or {},
        evidence=evidence or Evidence(),
    )


def rules() -> list[RuleResult]:
    most, least, shown = Measurement.at_most, Measurement.at_least, Measurement.shown
    false = false_boxes()
    about_ap = "AP of this class by the COCO protocol must reach its floor."
    return [
        rule(
            "empty-gt-share[train]",
            "passed",
            "26,855 of 83,005 images have no annotation",
            least("share", 0.3235347268236853, 0.25),
            shown("images", 83005),
            shown("empty", 26855),
            shown("crowd_only", 0),
            about="Enough images must have nothing to detect.",
        ),
        rule(
            "clip-overlap[train-val]",
            "failed",
            "1,204 of 12,660 images of val come from 3 clips that train has too",
            most("share", 0.09510268562401264, 0.0),
            shown("clips_shared", 3),
            shown("clips", 41),
            shown("unparsed", 0),
            about="A clip may be in one split only.",
            findings=shared_clips(),
            total=1204,
            evidence=Evidence(charts=[clip_map()]),
        ),
        rule(
            "frame-distance[train-val]",
            "not-evaluated",
            "frame numbers are unknown: 12 file names of val do not match frame-pattern, "
            "the first is 'IMG 0044 (2).jpg'",
            about="Tested frames may not be neighbours of training frames.",
        ),
        rule(
            "box-bounds[train]",
            "warned",
            "4 boxes reach out of their image by more than 0.5 px",
            most("count", 4, 0),
            shown("wholly", 1),
            about="Boxes must lie inside their image.",
            findings=[
                Finding(
                    text=f"reaches {beyond:.1f} px past the right edge",
                    dataset="train",
                    image=f"site1_cam1_{index:06d}.jpg",
                    box=(1180.0, 300.0 + 40 * index, 100.0 + beyond, 190.0),
                    label=CLASSES[index],
                )
                for index, beyond in enumerate((12.0, 96.4, 3.2, 31.0))
            ],
        ),
        rule(
            "duplicate-boxes[train]",
            "waived",
            "310 boxes are drawn twice",
            most("count", 310, 0),
            shown("two_classes", 12),
            about="One object has one box.",
            waiver="A. Moreau until 2026-12-31: relabelling is under way (issue 218)",
        ),
        rule(
            "probe-fp[youtube]",
            "failed",
            f"{len(false)} boxes on 6 of 6 frames, budget 21",
            most("boxes", len(false), 21),
            most("images", 6, 6),
            shown("images_total", 6),
            shown("max_score", max(finding.score or 0 for finding in false)),
            *(
                shown(f"boxes[{name}]", sum(finding.label == name for finding in false))
                for name in CLASSES
            ),
            shown("boxes_lower", 47.1),
            about="Frames with nothing to detect: each box over the threshold is a false alarm.",
            findings=false,
            evidence=probe_evidence(),
        ),
        rule(
            "absent-class-boxes[youtube]",
            "warned",
            "3 boxes of classes that youtube does not have",
            most("boxes", 3, 0),
            about="A split's detections may only be of its classes.",
            findings=false[:3],
        ),
        rule(
            "duplicate-images[train-youtube]",
            "warned",
            "2 images of youtube are in train too, give or take a few pixels",
            most("count", 2, 0),
            evidence=Evidence(
                pairs=[
                    Pair(
                        one=Side(dataset="youtube", image=PROBE_IMAGES[index]),
                        other=Side(dataset="youtube", image=PROBE_IMAGES[index + 1]),
                        text=f"{index + 2} of 64 bits differ",
                    )
                    for index in (0, 2)
                ],
                pairs_total=2,
            ),
        ),
        rule(
            "probe-fp[new-sample]",
            "passed",
            "9 boxes on 5 of 40 frames, budget 25",
            # the exact bounds of 9 events, and of 5 of 40
            most(
                "boxes",
                9,
                25,
                bound="upper",
                interval=Interval(
                    low=4.69523, high=15.70522, confidence=0.95, method="exact Poisson"
                ),
            ),
            shown(
                "images",
                5,
                Interval(low=2.02281, high=9.80122, confidence=0.95, method="exact binomial"),
            ),
            shown("images_total", 40),
            tables={
                "false boxes by threshold": Table(
                    columns=["threshold", "boxes", "images"],
                    rows=[[0.1, 31, 17], [0.3, 9, 5], [0.5, 2, 2], [0.9, 0, 0]],
                )
            },
        ),
        rule(
            "mean-ap",
            "passed",
            "AP 0.911, floor 0.85",
            least("ap", 0.9108731, 0.85),
            about="AP over all classes must reach its floor.",
        ),
        rule(
            "class-ap[helmet_on_head]",
            "passed",
            "AP 0.934, floor 0.85",
            least("ap", 0.9341, 0.85),
            shown("boxes", 8112),
            about=about_ap,
        ),
        rule(
            "class-ap[helmet_off_head]",
            "failed",
            "AP 0.86998 is under its floor of 0.87",
            least("ap", 0.86998211, 0.87),
            shown("boxes", 3920),
            about=about_ap,
        ),
        rule(
            "class-ap[helmet_off_person]",
            "passed",
            "AP 0.852, floor 0.85",
            least("ap", 0.8520094, 0.85),
            shown("boxes", 3871),
            about=about_ap,
        ),
        rule(
            "class-ap[person]",
            "passed",
            "AP 0.986, floor 0.85",
            least("ap", 0.9862, 0.85),
            shown("boxes", 12094),
            about=about_ap,
        ),
        rule("class-names", "passed", "the model's 4 classes are the data's", most("count", 0, 0)),
        rule(
            "latency",
            "passed",
            "median 18.4 ms an image, limit 25 ms",
            most("median_ms", 18.38, 25.0),
            most("p95_ms", 24.99, 30.0),
            shown("peak_mb", 1322.5),
        ),
    ]


def scores() -> dict[str, ScoreRecord]:
    return {
        "val": ScoreRecord(
            protocol="COCO bbox, maxDets 1/10/100",
            engine="hotcoco 1.3.2",
            AP=0.9108731,
            AP50=0.9948,
            AP75=0.9611,
            AP_small=None,
            AP_medium=0.8702,
            AP_large=0.9377,
            AR1=0.4129,
            AR10=0.9288,
            AR100=0.9361,
            AR_small=None,
            AR_medium=0.901,
            AR_large=0.9583,
            classes={
                "helmet_on_head": ClassScoreRecord(AP=0.9341, AP50=0.9951, AP75=0.98, boxes=8112),
                "helmet_off_head": ClassScoreRecord(
                    AP=0.86998211, AP50=0.9902, AP75=0.951, boxes=3920
                ),
                "helmet_off_person": ClassScoreRecord(
                    AP=0.8520094, AP50=0.989, AP75=0.932, boxes=3871
                ),
                "person": ClassScoreRecord(AP=0.9862, AP50=0.9992, AP75=0.994, boxes=12094),
                "helmet_in_hand": ClassScoreRecord(AP=None, AP50=None, AP75=None, boxes=0),
            },
            charts=[
                BarChart(
                    title="AP by class",
                    about="helmet_off_person is the weakest class; its floor is 0.85.",
                    label="AP",
                    bars=[
                        Bar(name="helmet_on_head", value=0.9341, low=0.92, high=0.95),
                        Bar(
                            name="helmet_off_head",
                            value=0.86998,
                            low=0.84,
                            high=0.9,
                            limit=0.87,
                            passed=False,
                        ),
                        Bar(name="helmet_off_person", value=0.852, low=0.83, high=0.88),
                        Bar(name="person", value=0.9862, low=0.98, high=0.99),
                    ],
                    span=(0, 1),
                ),
                Matrix(
                    title="Confusion matrix",
                    about="A bare head is taken for a helmet 212 times: look at those labels.",
                    row_label="truth",
                    column_label="detected",
                    rows=["on_head", "off_head", "nothing"],
                    columns=["on_head", "off_head", "missed"],
                    counts=[[7801, 99, 212], [212, 3600, 108], [310, 95, 0]],
                ),
            ],
        )
    }


def sample_report() -> Report:
    digest = "9f2c1d07b4e85a36" * 4
    return Report(
        verdict="failed",
        started="2026-11-20T10:00:00Z",
        duration_s=754.2,
        command=["pytest", "--detgate-ckpt=work_dirs/site/epoch_10.pth", "-k", "not slow rules"],
        versions={
            "pytest-detgate": "0.1.0",
            "python": "3.11.7",
            "pytest": "9.2.0",
            "hotcoco": "1.3.2",
            "torch": "2.9.1+cu126",
            "mmdet": "3.5.2",
        },
        config=ConfigRecord(path="detgate.toml", sha256=digest),
        dataset=DatasetRecord(
            splits={
                "train": SplitRecord(
                    annotations="data/train.json",
                    images_dir="data/images",
                    sha256=digest,
                    images=83005,
                    boxes=90211,
                    empty=26855,
                ),
                "val": SplitRecord(
                    annotations="data/val.json",
                    images_dir="data/images",
                    sha256=digest[::-1],
                    images=12660,
                    boxes=27997,
                    empty=0,
                    notes=["No image is without boxes: false alarms cannot show in its AP."],
                ),
            },
            probes={
                "youtube": ProbeRecord(images_dir="probes/youtube", images=6, boxes=0),
                "new-sample": ProbeRecord(
                    images_dir="probes/new_sample",
                    images=40,
                    boxes=18,
                    annotations="probes/new_sample.json",
                    sha256=digest,
                ),
            },
            charts=[
                Histogram(
                    title="Box size",
                    about="Boxes of val are larger than those of train.",
                    label="square root of the area in pixels",
                    counts={"train": [100, 900, 2000, 700, 90], "val": [5, 60, 300, 400, 100]},
                    edges=[0, 16, 32, 64, 128, 256],
                )
            ],
        ),
        rules=rules(),
        model=ModelRecord(
            checkpoint="work_dirs/site/epoch_10.pth",
            sha256=digest,
            classes=CLASSES,
            device="cuda:0 (NVIDIA H100)",
            epoch=10,
            images=12706,
            kept=12660,
        ),
        scores=scores(),
        score_threshold=0.3,
    )


HOSTILE = (
    "\"><script>alert(1)</script><img src=http://evil.example/x>'{{ 7*7 }}&amp;\u202egnp.exe\x00"
    "</svg></style></dialog>-->\u2028" + "W" * 200
)
SHOWN = HOSTILE.replace("\x00", "␀").replace("\u202e", "\ufffd").replace("\u2028", "\ufffd")
_CHOSEN = ("verdict", "relation", "bound", "kind", "form", "axis")
_NAMED = ("splits", "probes", "versions", "scores", "classes", "predictions", "tables", "counts")
_KEYED = ("values", "held", "frames")


def hostile_report() -> Report:
    """A record in which every free text is markup, turned writing and a very long word."""

    def spoil(value: object, key: str = "") -> object:
        if isinstance(value, str):
            return value if key in _CHOSEN else HOSTILE
        if isinstance(value, list):
            return [spoil(entry) for entry in value]
        if isinstance(value, dict):
            spoilt = [
                f"{HOSTILE}{n}" if key in _NAMED else HOSTILE if key in _KEYED else name
                for n, name in enumerate(value)
            ]
            return {
                name: spoil(entry, old)
                for name, (old, entry) in zip(spoilt, value.items(), strict=True)
            }
        return value

    return msgspec.convert(spoil(msgspec.to_builtins(sample_report())), Report)


def long_report() -> Report:
    """A run with a floor for each of 140 classes, of which 30 failed, and a few other rules."""
    floors = [
        rule(
            f"class-ap[class_{number:03d}]",
            "failed" if number < 30 else "passed",
            f"AP {0.8 if number < 30 else 0.9} of class {number}, floor 0.85",
            Measurement.at_least("ap", 0.8 if number < 30 else 0.9, 0.85),
            Measurement.shown("boxes", 100 + number),
            about="AP of this class must reach its floor.",
            findings=[
                Finding(text=f"box {number} not found", dataset="val", image=f"{number}.jpg")
                for number in range(5)
            ],
        )
        for number in range(140)
    ]
    return msgspec.structs.replace(sample_report(), rules=[*rules(), *floors])
