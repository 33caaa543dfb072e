"""What the items of the rule `robustness` say of AP and of probes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from pytest_detgate.evidence import Chart, Evidence, LineChart, Mark, Panel, Series
from pytest_detgate.findings import Finding, Interval, Measurement, Table
from pytest_detgate.gaps import Extent
from pytest_detgate.image_changes.corruptions.corruption import Corruption
from pytest_detgate.inputs.inputs import Inputs
from pytest_detgate.record.formatting import bounds_text, counted
from pytest_detgate.rule_evidence.changed_images.robustness import (
    CreatedBoxes,
    MeasuredDrop,
    created_boxes,
)
from pytest_detgate.rule_evidence.findings import detection_findings
from pytest_detgate.rules.false_boxes.probe_limits import Bound
from pytest_detgate.rules.metrics.field_metric import interval_of_rest
from pytest_detgate.rules.rule import Outcome
from pytest_detgate.scoring.comparison.robustness import RelativeDrop


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessPart:
    """What was measured on some images.

    `images` were looked at of the `planned` ones; the model ran on `inferences` corrupted images
    of `planned_inferences`.
    """

    message: str
    measurements: list[Measurement]
    tables: dict[str, Table]
    images: int
    planned: int
    inferences: int
    planned_inferences: int
    charts: list[Chart] = field(default_factory=list)
    created: list[CreatedBoxes] = field(default_factory=list)


def part_of_drop(
    measured_drop: MeasuredDrop,
    changes: Sequence[Corruption],
    split: str,
    metric: str,
    limit: float,
    bound: Bound,
) -> RobustnessPart:
    """Return what an item on one corruption says of AP."""
    drop = measured_drop.drop
    severities = ", ".join(str(change.severity) for change in changes)
    name = changes[0].name
    return RobustnessPart(
        message=(
            f"{metric} {drop.clean:.3f} on clean images, {drop.mpc:.3f} with {name} (severity "
            f"{severities}): {drop.value:.1%} lost{_percent_bounds(measured_drop.interval)}, "
            f"{_looked_at(measured_drop, split)}"
        ),
        measurements=[
            Measurement.at_most(
                "relative_drop", drop.value, limit, bound=bound, interval=measured_drop.interval
            ),
            Measurement.shown("ap", drop.mpc),
            Measurement.shown("clean_ap", drop.clean),
        ],
        tables={
            f"{metric} by severity": Table(
                columns=["severity", metric, "relative drop"],
                rows=[
                    [change.severity, change_ap.retained * drop.clean, 1 - change_ap.retained]
                    for change, change_ap in zip(changes, drop.corrupted, strict=True)
                ],
            )
        },
        charts=[_chart(drop, changes, split, metric, limit)],
        images=measured_drop.images,
        planned=measured_drop.planned,
        inferences=measured_drop.images * len(changes),
        planned_inferences=measured_drop.planned * len(changes),
    )


def part_of_mean(
    measured_drop: MeasuredDrop,
    changes: Sequence[Corruption],
    split: str,
    metric: str,
    least: float,
    bound: Bound,
) -> RobustnessPart:
    """Return what the item on all corruptions together says of AP."""
    drop = measured_drop.drop
    by_name: dict[str, list[float]] = {}
    for change, change_ap in zip(changes, drop.corrupted, strict=True):
        by_name.setdefault(change.name, []).append(change_ap.retained)
    means = {name: drop.clean * math.fsum(ap) / len(ap) for name, ap in by_name.items()}
    worst = min(means, key=lambda name: means[name])
    rpc = drop.rpc
    interval = None if measured_drop.interval is None else interval_of_rest(measured_drop.interval)
    return RobustnessPart(
        message=(
            f"rPC {rpc:.3f}{bounds_text(interval)}: {metric} {drop.clean:.3f} on clean images, "
            f"{drop.mpc:.3f} over {counted(len(means), 'corruption')}, worst {worst} "
            f"({means[worst]:.3f}), {_looked_at(measured_drop, split)}"
        ),
        measurements=[
            Measurement.at_least(
                "rpc", rpc, least, bound="lower" if bound == "upper" else "point", interval=interval
            ),
            Measurement.shown("mpc", drop.mpc),
            Measurement.shown("clean_ap", drop.clean),
        ],
        tables={
            f"{metric} by corruption": Table(
                columns=["corruption", metric, "relative drop"],
                rows=[[name, ap, 1 - ap / drop.clean] for name, ap in means.items()],
            )
        },
        images=measured_drop.images,
        planned=measured_drop.planned,
        inferences=measured_drop.images * len(changes),
        planned_inferences=measured_drop.planned * len(changes),
    )


def part_of_probes(
    inputs: Inputs,
    probes: Sequence[str],
    changes: Sequence[Corruption],
    threshold: float,
    images: int,
    limit: int,
) -> RobustnessPart:
    """Return what an item on one corruption says of probes: the highest severity comes first, and
    no more are looked at as soon as one is over the limit."""
    created: list[CreatedBoxes] = []
    counts: dict[int, int] = {}
    for change in sorted(changes, key=lambda change: -change.severity):
        created += [created_boxes(inputs, probe, change, threshold, images) for probe in probes]
        counts[change.severity] = sum(
            len(boxes.rows) for boxes in created if boxes.change.severity == change.severity
        )
        if counts[change.severity] > limit:
            break
    worst = max(counts, key=lambda severity: (counts[severity], severity))
    of_probes = sum(boxes.images for boxes in created[: len(probes)])
    of_worst = {
        boxes.probe: len(boxes.rows)
        for boxes in created
        if boxes.change.severity == worst and len(boxes.rows)
    }
    return RobustnessPart(
        message=(
            f"{counted(counts[worst], 'false box')} created at severity {worst} on "
            f"{counted(of_probes, 'image')} of {' and '.join(probes)}, at most {limit:,} allowed"
        ),
        measurements=[
            Measurement.at_most("created", counts[worst], limit),
            *(Measurement.shown(f"created[{probe}]", count) for probe, count in of_worst.items()),
        ],
        tables={
            "Created false boxes by severity": Table(
                columns=["severity", "probe", "images", "created"],
                rows=[
                    [boxes.change.severity, boxes.probe, boxes.images, len(boxes.rows)]
                    for boxes in created
                ],
            )
        },
        images=of_probes,
        planned=of_probes,
        inferences=of_probes * len(counts),
        planned_inferences=of_probes * len(changes),
        created=created,
    )


def outcome_of_parts(parts: Sequence[RobustnessPart], inputs: Inputs) -> Outcome:
    """Return the outcome of an item of one part or two."""
    used = sum(part.inferences for part in parts)
    planned = sum(part.planned_inferences for part in parts)
    looked_at, to_look_at = (sum(getattr(part, name) for part in parts) for name in _IMAGES)
    saved = f"; {planned - used:,} of {planned:,} inferences saved" if used < planned else ""
    return Outcome(
        message="; ".join(part.message for part in parts) + saved,
        measurements=[
            *(measured for part in parts for measured in part.measurements),
            Measurement.shown("images", looked_at),
            Measurement.shown("inferences", used),
            Measurement.shown("inferences_saved", planned - used),
        ],
        findings=_findings(parts, inputs),
        findings_total=sum(len(boxes.rows) for part in parts for boxes in part.created),
        tables={title: table for part in parts for title, table in part.tables.items()},
        evidence=Evidence(charts=[chart for part in parts for chart in part.charts]),
        # What bounds have decided need not be looked at any further.
        extent=Extent(
            unit="images",
            to_look_at=to_look_at,
            looked_at=looked_at,
            allowed=to_look_at - looked_at,
            of_data=False,
        ),
    )


_IMAGES = ("images", "planned")


def _findings(parts: Sequence[RobustnessPart], inputs: Inputs) -> Iterator[Finding]:
    """Created boxes, the surest first."""
    findings = []
    for boxes in (boxes for part in parts for boxes in part.created):
        dataset, table = inputs.dataset(boxes.probe), boxes.detections
        for finding in detection_findings(dataset, table, boxes.rows.tolist()):
            text = (
                f"{finding.text} only with {boxes.change.name} of severity {boxes.change.severity}"
            )
            findings.append(replace(finding, text=text))
    yield from sorted(findings, key=lambda finding: -(finding.score or 0))


def _looked_at(drop: MeasuredDrop, split: str) -> str:
    if drop.is_early:
        return f"decided on {drop.images:,} of {counted(drop.planned, 'image')} of {split}"
    return f"{counted(drop.images, 'image')} of {split}"


def _percent_bounds(interval: Interval | None) -> str:
    return "" if interval is None else bounds_text(interval, ".1%")


def _chart(
    drop: RelativeDrop,
    changes: Sequence[Corruption],
    split: str,
    metric: str,
    limit: float,
) -> LineChart:
    return LineChart(
        title=f"{metric} by severity of {changes[0].name}",
        about=f"Severity 0 are the clean images of {split}. The mark is the mean that the limit "
        "allows.",
        label="severity",
        panels=[
            Panel(
                label=metric,
                series=[
                    Series(
                        name=metric,
                        x=[0.0, *(float(change.severity) for change in changes)],
                        y=[drop.clean, *(ap.retained * drop.clean for ap in drop.corrupted)],
                    )
                ],
                marks=[Mark(label="limit", at=drop.clean * (1 - limit))],
                span=(0.0, 1.0),
            )
        ],
        span=(0.0, 5.0),
    )
