"""`checkpoint-choice` on epochs whose figures are counted by hand.

Ten boxes, one on each image. Of a model that finds n of them and nothing else, precision is 1 up
to recall n / 10, so AP is that share of COCO's 101 recall points: 81 / 101 for n = 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import LineChart
from pytest_detgate.inputs.compared.other_models import by_number
from pytest_detgate.record.report import RuleResult
from tests.judged import measured
from tests.others import result_files
from tests.rules.comparing import Comparison

VAL: dict[str, list[Any]] = {
    f"site_{number}.jpg": [("helmet_off", 10, 10, 30, 30)] for number in range(10)
}
CALM: dict[str, list[Any]] = {"calm_1.jpg": [], "calm_2.jpg": []}
RULE = "[rules.checkpoint-choice]\ncheckpoints = 'epoch_*.pth'\n"
OF_EIGHT = 81 / 101


@pytest.fixture
def site(tmp_path: Path) -> Comparison:
    return Comparison(tmp_path, {"val": VAL, "calm": CALM, "yard": CALM})


def epoch(
    site: Comparison,
    name: str,
    true: Sequence[float],
    calm: Sequence[float] = (),
    yard: Sequence[float] = (),
) -> Path:
    """A model that finds the first boxes with these scores, and false boxes with those."""
    val = {
        image: [("helmet_off", score, 10, 10, 30, 30)]
        for image, score in zip(VAL, true, strict=False)
    }
    false = {
        probe: {"calm_1.jpg": [("helmet_off", s, 9 * k, 9, 8, 8) for k, s in enumerate(scores)]}
        for probe, scores in (("calm", calm), ("yard", yard))
    }
    return site.model(name, val=val, **false)


def gate(site: Comparison, gated: Path, rule: str = RULE, sweep: str | None = None) -> RuleResult:
    (result,) = site.results(rule, gated, sweep=sweep).values()
    return result


def test_few_boxes_because_it_is_sure_of_nothing(site: Comparison) -> None:
    """The gated epoch has no false box and recall 0.2, the last one has one and recall 0.8. To
    find as much the gated one needs five."""
    gated = epoch(site, "early", [0.35, 0.35, *[0.1] * 6], calm=[0.25] * 3, yard=[0.25] * 2)
    epoch(site, "epoch_9", [*[0.9] * 8, 0.2, 0.2], calm=[0.5])

    result = gate(site, gated)

    assert result.verdict == "failed"
    values = measured(result)
    assert (values["beaten_by"], values["timid"]) == (0, 1)
    assert values["ap"] == pytest.approx(OF_EIGHT)
    assert (values["boxes"], values["boxes_at_equal_recall"]) == (0, 5)
    assert values["ap[epoch_9]"] == pytest.approx(1.0)
    assert (values["boxes[epoch_9]"], values["boxes_at_equal_recall[epoch_9]"]) == (1, 0)
    assert result.message == (
        "ship epoch_9.pth, not the gated result files, whose 0 false boxes at the operating point "
        "come from low confidence: it has 5 at recall 0.800, where epoch_9.pth has 1 "
        "(AP 1.000 against 0.802)"
    )


def test_recall_that_the_gated_epoch_never_reaches(site: Comparison) -> None:
    gated = epoch(site, "early", [0.35, 0.35], yard=[0.25])
    epoch(site, "epoch_9", [0.9] * 10, calm=[0.5])

    result = gate(site, gated)

    assert measured(result)["timid"] == 1
    assert "boxes_at_equal_recall" not in measured(result)
    assert "it cannot reach recall 1.000, where epoch_9.pth has 1" in result.message
    assert result.tables["sweep"].rows[-1][-2:] == [None, None]


def test_epoch_that_fires_at_everything_does_not_hide_the_trap(site: Comparison) -> None:
    """It has the highest recall, which neither of the others reaches, and the least AP."""
    gated = epoch(site, "early", [0.35, 0.35, *[0.1] * 6], calm=[0.25] * 5)
    epoch(site, "epoch_9", [0.9] * 8 + [0.2], calm=[0.5])
    false = [("helmet_off", 0.9, 60, 10 * k, 9, 9) for k in range(9)]
    site.model(
        "epoch_1",
        val={image: [("helmet_off", 0.4, 10, 10, 30, 30), *false] for image in VAL},
        calm={"calm_1.jpg": false},
    )

    result = gate(site, gated)

    assert measured(result)["ap[epoch_1]"] == pytest.approx(0.1)  # precision 10 / 100
    assert measured(result)["timid"] == 1
    assert measured(result)["boxes_at_equal_recall"] == 5
    assert result.message.startswith("ship epoch_9.pth")


def test_beaten_on_both(site: Comparison) -> None:
    gated = epoch(site, "last", [0.9] * 8, calm=[0.5], yard=[0.5])
    epoch(site, "epoch_1", [0.9] * 7)
    epoch(site, "epoch_5", [0.9] * 10, calm=[0.5])
    epoch(site, "epoch_6", [0.9] * 9, calm=[])

    result = gate(site, gated)

    assert result.verdict == "failed"
    assert (measured(result)["beaten_by"], measured(result)["timid"]) == (2, 0)
    assert result.message == (
        "ship epoch_5.pth, not the gated result files: AP 1.000 against 0.802, and 1 false box "
        "against 2"
    )
    assert gate(site, gated, f"{RULE}noise = 0.25").verdict == "passed"


def test_fewer_boxes_at_equal_recall_is_a_choice(site: Comparison) -> None:
    """Less AP, but surer of what it finds than the other, whose false boxes score highest."""
    gated = epoch(site, "sure", [0.9] * 8)
    epoch(site, "epoch_9", [*[0.8] * 8, 0.2, 0.2], calm=[0.95] * 3)

    result = gate(site, gated)

    assert result.verdict == "passed"
    assert measured(result)["boxes_at_equal_recall[epoch_9]"] == 3
    assert result.message == (
        "of 2 checkpoints none is better than the gated result files in AP (0.802) and in false "
        "boxes (0)"
    )


def test_as_many_boxes_at_equal_recall_are_not_timid(site: Comparison) -> None:
    """Recall 0.2 and no false box; for the other's recall of 0.8 it needs two, as the other does,
    and a third one more would be too many."""
    epoch(site, "epoch_9", [*[0.9] * 8, 0.2, 0.2], calm=[0.5] * 2)
    for false, timid in ((2, 0), (3, 1)):
        gated = epoch(site, "early", [0.35, 0.35, *[0.1] * 6], yard=[0.25] * false)

        assert measured(gate(site, gated))["timid"] == timid


def test_table_has_every_figure_in_the_order_of_the_epochs(site: Comparison) -> None:
    gated = epoch(site, "epoch_10", [0.9] * 10, calm=[0.5], yard=[0.4, 0.2])
    gated.write_bytes(result_files(gated)["val"].read_bytes())  # told by its SHA-256
    epoch(site, "epoch_2", [0.6] * 8)
    (site.folder / "epoch_2_copy.pth").write_bytes((site.folder / "epoch_2.pth").read_bytes())

    result = gate(site, gated)

    table = result.tables["sweep"]
    assert table.columns == [
        *("checkpoint", "epoch", "gated", "ap", "recall", "boxes", "boxes[calm]", "boxes[yard]"),
        *("threshold_at_equal_recall", "boxes_at_equal_recall"),
    ]
    first, second = table.rows
    assert first == ["epoch_2.pth", None, False, pytest.approx(OF_EIGHT), 0.8, 0, 0, 0, None, None]
    assert second[:3] == ["epoch_10.pth", None, True]
    assert second[3:8] == [pytest.approx(1.0), 1.0, 2, 1, 1]
    assert second[8] == pytest.approx(0.9)
    assert second[9] == 0
    (chart,) = result.evidence.charts
    assert isinstance(chart, LineChart)
    curves = {
        series.name: (series.x, series.y) for panel in chart.panels for series in panel.series
    }
    assert curves == {
        "AP": ([1, 2], [pytest.approx(OF_EIGHT, rel=1e-5), pytest.approx(1.0)]),
        "at score > 0.3": ([1, 2], [0, 2]),
        "at recall 1.000": ([1, 2], [None, 0]),
    }
    assert [(mark.label, mark.at) for mark in chart.marks] == [("gated: epoch_10", 2)]
    assert chart.about.startswith(
        "epoch_10 has the highest AP (1.000); at equal recall (1.000) epoch_10 has the fewest "
        "false boxes (0)."
    )


def test_epoch_that_finds_nothing_is_the_worst(site: Comparison) -> None:
    gated = epoch(site, "last", [0.9] * 8, calm=[0.5])
    epoch(site, "epoch_1", [])

    result = gate(site, gated)

    assert result.verdict == "passed"
    assert measured(result)["ap[epoch_1]"] == 0


def test_gated_model_that_finds_nothing_is_not_evaluated(site: Comparison) -> None:
    epoch(site, "epoch_1", [0.9] * 8)

    result = gate(site, epoch(site, "last", []))

    assert result.verdict == "not-evaluated"
    assert "the detector finds nothing, at any score, on the 10 images of val" in result.message


def test_epoch_that_cannot_be_read_is_no_pass(site: Comparison) -> None:
    broken = epoch(site, "epoch_1", [0.9] * 8)
    result_files(broken)["yard"].write_text("[{")

    result = gate(site, epoch(site, "last", [0.9] * 9))

    assert result.verdict == "not-evaluated"
    assert "epoch_1/yard.json" in result.message


def test_pattern_of_the_command_line_wins(site: Comparison) -> None:
    gated = epoch(site, "last", [0.9] * 8)
    epoch(site, "epoch_1", [0.9] * 7)
    epoch(site, "other_1", [0.9] * 6)

    result = gate(site, gated, sweep=str(site.folder / "other_*.pth"))

    assert [row[0] for row in result.tables["sweep"].rows] == [
        "other_1.pth",
        "the gated result files",
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("[rules.checkpoint-choice]", "name them with --detgate-sweep, or with checkpoints in"),
        ("[rules.checkpoint-choice]\ncheckpoints = 'e_*.pth'", "e_*.pth: there are no such"),
        ("[rules.checkpoint-choice]\ncheckpoints = 'la*.pth'", "is the only checkpoint"),
    ],
)
def test_nothing_to_choose_from_is_no_pass(site: Comparison, rule: str, expected: str) -> None:
    gated = epoch(site, "last", [0.9] * 8)
    gated.write_bytes(result_files(gated)["val"].read_bytes())

    result = gate(site, gated, rule)

    assert result.verdict == "not-evaluated"
    assert expected in result.message


def test_without_a_probe_is_a_mistake(tmp_path: Path) -> None:
    site = Comparison(tmp_path, {"val": VAL})

    with pytest.raises(ConfigError, match="there is no probe; add a table"):
        gate(site, site.model("last"))


def test_names_with_odd_digits_are_sorted() -> None:
    """A superscript is a digit to Python, and no number."""
    assert sorted(["e1²2.pth", "e1²1.pth", "e10.pth", "e2.pth"], key=by_number) == [
        *("e1²1.pth", "e1²2.pth", "e2.pth", "e10.pth")
    ]
