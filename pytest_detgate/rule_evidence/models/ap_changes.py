"""How the AP of each class changed from a baseline, as a chart and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_detgate.counts import counted
from pytest_detgate.evidence import BARS, BarChart, left_out
from pytest_detgate.findings import Measurement, Table
from pytest_detgate.inputs.compared.comparable import BaselineAp
from pytest_detgate.rule_evidence.score_charts import bar


def chart_of_changes(
    in_all: Measurement, by_class: Sequence[Measurement], split: str, metric: str
) -> BarChart:
    """The change in all and of each class, the largest drop first."""
    names = {
        id(change): change.name.removeprefix("change[").removesuffix("]") for change in by_class
    }
    falling = sorted(by_class, key=lambda change: change.value)
    worst = falling[0] if falling else in_all
    drops = [change for change in falling if change.value < 0]
    if not drops:
        note = "No class fell. Bars whose bounds reach across 0 may be chance."
    else:
        note = (
            f"{names[id(worst)]} fell most ({worst.value:+.3f}), and {len(drops)} of "
            f"{counted(len(falling), 'class')} fell: "
            + (
                "train with another seed to see how far AP moves by itself."
                if len(drops) == len(falling)
                else "compare what they were trained on with the data of the baseline."
            )
        )
    return BarChart(
        title=f"Change of {metric} on {split} from the baseline",
        about=note + left_out(len(falling), BARS, "that changed for the worst"),
        label=f"change of {metric}",
        bars=[
            bar("all classes", in_all),
            *(bar(names[id(change)], change) for change in falling[:BARS]),
        ],
    )


def table_of_changes(classes: dict[str, float | None], before: BaselineAp) -> Table:
    """AP of each class beside that of the baseline."""
    return Table(
        columns=["class", "ap", "baseline", "change"],
        rows=[
            [name, ap, old, None if ap is None or old is None else ap - old]
            for name, ap in classes.items()
            for old in (before.classes[name],)
        ],
    )


def not_compared(classes: list[str]) -> str:
    """What a message says of classes that have no AP to compare."""
    if not classes:
        return ""
    return f"; without ground truth, so not compared: {', '.join(classes)}"
