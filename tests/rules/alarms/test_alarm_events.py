"""`alarm-recall` and `alarm-delay` on clips made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import Histogram, Timeline
from pytest_detgate.record.report import RuleResult
from tests.judged import finding_lines, measured
from tests.rules.clips import HEAD, Signs, evaluate

FPS = HEAD + "fps = 10\n"
ALARMS = "[alarms]\ncooldown-s = 0.5\nbefore-s = 0\nafter-s = 0.3\n"
# Events of helmet_off: yard 2-9 and 20-24, roof 0-11, gate 15-19, which its end cuts.
TRUTH = {
    "yard": "..xxxxxxxx..........xxxxx.....",
    "roof": "xxxxxxxxxxxx..................",
    "gate": "...............xxxxx",
}
# Alarms: yard raised at 5 (2, 3, 5), nothing for 20; roof at 4; gate has two hits before its end.
DETECTIONS = {
    "yard": "..xx.xx.............x...x.....",
    "roof": "..xxx.........................",
    "gate": "..................xx",
}
RECALL = "[rules.alarm-recall]\n"
DELAY = "[rules.alarm-delay]\n"


def result(
    folder: Path,
    rule: str,
    *,
    truth: Signs = TRUTH,
    signs: Signs = DETECTIONS,
    alarms: str = ALARMS,
    of_split: str = "",
) -> RuleResult:
    """The item of helmet_off."""
    results = evaluate(folder, alarms + rule, split=truth, signs=signs, head=FPS, of_split=of_split)
    return next(result for name, result in results.items() if name.endswith("[helmet_off]"))


def test_recall_counts_events_with_an_alarm_in_time(tmp_path: Path) -> None:
    """2 of 4; the bounds are no narrower than the exact ones of independent events."""
    actual = result(tmp_path, RECALL + "min = 0.6")

    assert actual.verdict == "failed"
    values = measured(actual)
    assert (values["recall"], values["with_alarm"], values["events"]) == (0.5, 2, 4)
    assert (values["clips"], values["missed_at_clip_end"]) == (3, 1)
    (recall,) = [measurement for measurement in actual.measurements if measurement.name == "recall"]
    assert recall.interval is not None
    assert recall.interval.low <= stats.beta.ppf(0.05, 2, 3) + 1e-9
    assert recall.interval.high >= stats.beta.ppf(0.95, 3, 2) - 1e-9
    assert finding_lines(actual) == [
        "gate_15.jpg: no alarm for helmet_off, clip gate, 1.50 to 1.90 s",
        "yard_20.jpg: no alarm for helmet_off, clip yard, 2.00 to 2.40 s",
    ]
    assert "1 of the 2 without one run into the end of their clip" in actual.message


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("min = 0.5", "passed"),
        ("min = 0.51", "failed"),
        ("classes = {helmet_off = 0.5}", "passed"),
        ("min = 0.9\nclasses = {helmet_off = 0.5}", "passed"),
        ("min = 0.2\nbound = 'lower'", "failed"),
        ("min = 0.5\nmin-events = 4", "passed"),
        ("min = 0.5\nmin-events = 5", "not-evaluated"),
        ("min = 0.5\nmin-events = 5\ntoo-little = 'warn'", "warned"),
    ],
)
def test_each_limit_of_recall_is_compared(tmp_path: Path, rule: str, verdict: str) -> None:
    assert result(tmp_path, RECALL + rule).verdict == verdict


@pytest.mark.parametrize(
    ("hits", "of", "expected"), [(1, 1, 4), (2, 3, 3), (2, 5, 4), (3, 5, 2), (5, 5, 0)]
)
def test_debounce_costs_recall(tmp_path: Path, hits: int, of: int, expected: int) -> None:
    """Frames 20 and 24 of yard are two of five, and not of three."""
    alarms = f"{ALARMS}hits = {hits}\nof = {of}\n"

    assert measured(result(tmp_path, RECALL + "min = 0.5", alarms=alarms))["with_alarm"] == expected


def test_delay_is_the_time_from_the_start_of_an_event(tmp_path: Path) -> None:
    """0.3 s for yard, 0.4 s for roof, which its clip shows from the first frame on; 2 have none:
    half have theirs within 0.4 s, and 95% never."""
    actual = result(tmp_path, DELAY + "max-median-s = 0.4")

    assert actual.verdict == "passed"
    values = measured(actual)
    assert values["median_s"] == pytest.approx(0.4)
    assert "p95_s" not in values
    assert (values["events"], values["missed"], values["begun_before_clip"]) == (4, 2, 1)
    assert result(tmp_path, DELAY + "max-median-s = 0.39").verdict == "failed"
    assert finding_lines(actual)[2:] == [
        "roof_0.jpg: alarm after 0.40 s for helmet_off, clip roof, 0.00 to 1.10 s",
        "yard_2.jpg: alarm after 0.30 s for helmet_off, clip yard, 0.20 to 0.90 s",
    ]


def test_a_delay_that_many_events_never_have_is_not_evaluated(tmp_path: Path) -> None:
    actual = result(tmp_path, DELAY + "max-p95-s = 60")

    assert actual.verdict == "not-evaluated"
    assert "2 of 4 events of helmet_off have no alarm" in actual.message
    assert result(tmp_path, DELAY + "max-p95-s = 60", signs=TRUTH).verdict == "passed"


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_a_broken_limit_fails_beside_a_missing_number(tmp_path: Path, severity: str) -> None:
    """`median_s` is 0.4; 2 of 4 events have no alarm, so there is no `p95_s`."""
    limits = f"max-median-s = 0.39\nmax-p95-s = 60\nseverity = '{severity}'"
    actual = result(tmp_path, DELAY + limits)

    assert actual.verdict == ("failed" if severity == "error" else "not-evaluated")
    assert "2 of 4 events of helmet_off have no alarm" in actual.message
    assert "(p95_s)" in actual.message
    judged = result(tmp_path, DELAY + limits.replace("0.39", "0.4"))
    assert judged.verdict == "not-evaluated"


def test_a_class_without_events_is_not_evaluated(tmp_path: Path) -> None:
    results = evaluate(
        tmp_path, ALARMS + RECALL + "min = 0.5", split=TRUTH, signs=DETECTIONS, head=FPS
    )

    assert results["alarm-recall[no_vest]"].verdict == "not-evaluated"
    assert "no event of class 'no_vest'" in results["alarm-recall[no_vest]"].message


def test_an_alarm_of_another_class_does_not_count(tmp_path: Path) -> None:
    listed = {clip: signs.replace("x", "v") for clip, signs in TRUTH.items()}

    assert measured(result(tmp_path, RECALL + "min = 0.5", signs=listed))["with_alarm"] == 0


def test_two_objects_at_once_are_one_event(tmp_path: Path) -> None:
    truth = {"yard": "..222222xxx...", "roof": "." * 14}
    values = measured(result(tmp_path, RECALL + "min = 0.5", truth=truth, signs=truth))

    assert (values["events"], values["with_alarm"]) == (1, 1)
    apart = ALARMS.replace("cooldown-s = 0.5", "cooldown-s = 0")
    values = measured(
        result(tmp_path, RECALL + "min = 0.5", truth=truth, signs=truth, alarms=apart)
    )
    assert (values["events"], values["with_alarm"]) == (2, 2)


def test_events_may_come_from_a_file(tmp_path: Path) -> None:
    """One event of each clip; that of roof began before the clip, which shows it from 0 s on."""
    (tmp_path / "events.csv").write_text(
        "clip,class,start_s,end_s\nyard,helmet_off,0.1,0.9\nroof,helmet_off,-5,1.1\n",
        encoding="utf-8",
    )
    actual = result(tmp_path, DELAY + "max-p95-s = 0.4", of_split="events = 'events.csv'\n")
    values = measured(actual)

    assert actual.verdict == "passed"
    assert (values["events"], values["begun_before_clip"]) == (2, 1)
    assert values["median_s"] == pytest.approx(0.4)
    assert values["p95_s"] == pytest.approx(0.4)


def test_a_probe_of_some_clips_has_the_events_of_its_split(tmp_path: Path) -> None:
    """The probe is the clip yard: its alarm at 0.5 s is in the window of the event of the file,
    and the event of roof, which the probe does not have, is left out. Its frame rate is that of
    the split."""
    (tmp_path / "events.csv").write_text(
        "clip,class,start_s,end_s\nyard,helmet_off,0.4,0.9\nroof,helmet_off,0,1.1\n",
        encoding="utf-8",
    )
    results = evaluate(
        tmp_path,
        f"[probes.yard]\nsplit = 'val'\nwhere = \"clip == 'yard'\"\n{ALARMS}"
        "[rules.alarm-rate]\nmax-alarms = 0\n",
        split={"yard": "." * 30, "roof": "x" + "." * 29},
        signs=DETECTIONS,
        head=HEAD,
        of_split="fps = 10\nevents = 'events.csv'\n",
    )

    assert results["alarm-rate[yard]"].verdict == "passed", results["alarm-rate[yard]"].message
    assert measured(results["alarm-rate[yard]"])["hours"] == pytest.approx(3 / 3600)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("yrad,helmet_off,0,1", "line 2: no clip 'yrad'; did you mean 'yard'"),
        ("yard,helmet_on,0,1", "line 2: no class 'helmet_on'"),
        ("yard,helmet_off,8,9", "line 2: no frame of clip 'yard' was taken from 8 to 9 s"),
    ],
)
def test_an_event_that_nothing_shows_is_refused(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "events.csv").write_text(f"clip,class,start_s,end_s\n{row}\n", encoding="utf-8")
    actual = result(tmp_path, RECALL + "min = 0.5", of_split="events = 'events.csv'\n")

    assert actual.verdict == "not-evaluated"
    assert message in actual.message


def test_missing_frames_leave_an_event_open(tmp_path: Path) -> None:
    truth = {**TRUTH, "yard": ".. xxxxxxx..........xxxxx....."}
    listed = {**DETECTIONS, "yard": ".. x.xx.............x...x....."}
    missing = result(tmp_path, RECALL + "min = 0.1", truth=truth, signs=listed)

    assert missing.verdict == "not-evaluated"
    assert "1 frame is missing in clips: yard (1)" in missing.message


def test_another_split_may_have_the_clips(tmp_path: Path) -> None:
    """`[alarms] split` names it; the evaluated split needs no frame rate then."""
    with pytest.raises(ConfigError, match="no split 'clips'"):
        result(tmp_path, RECALL + "min = 0.5", alarms=f"{ALARMS}split = 'clips'\n")
    actual = result(tmp_path, RECALL + "min = 0.5", alarms=f"{ALARMS}split = 'val'\n")
    assert actual.verdict == "passed"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (RECALL, "sets no limit, so it could never fail; give min or classes"),
        (DELAY, "give max-median-s or max-p95-s or classes"),
        (RECALL + "classes = {helmet = 0.5}", "no class 'helmet'; did you mean 'helmet_off'"),
        (DELAY + "classes = {helmet_off = {}}", "give max-median-s or max-p95-s"),
    ],
)
def test_limits_that_make_no_sense_are_refused(tmp_path: Path, rule: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        result(tmp_path, rule)


def test_the_page_shows_clips_delays_and_other_settings(tmp_path: Path) -> None:
    actual = result(tmp_path, DELAY + "max-median-s = 1")
    timeline, delays = actual.evidence.charts

    assert isinstance(timeline, Timeline)
    yard = next(clip for clip in timeline.clips if clip.clip == "yard")
    assert yard.events == [(0.2, 0.9), (2.0, 2.4)]
    assert yard.alarms == [(0.5, 0.6)]
    assert isinstance(delays, Histogram)
    assert sum(delays.counts["helmet_off"]) == 2
    rows = {row[0]: row[1:] for row in actual.tables["What debounce alone would do"].rows}
    assert rows["3 of 5"] == [2, 0.5, 0.4, None, 0]
    assert rows["1 of 1"] == [4, 1, 0, 0.3, 0]
