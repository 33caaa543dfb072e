"""`alarm-rate` on clips made by hand: what is an alarm, how long was looked at, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import LineChart, Timeline
from pytest_detgate.record.report import RuleResult
from tests.judged import finding_lines, judged, measured
from tests.rules.clips import HEAD, Signs, evaluate

FPS = HEAD + "fps = 10\n"
SEEN = {"gate": "xxxxx"}
# 20 frames a clip at 10 a second. By frames: 12 fire, in 5 stretches.
CALM = {"yard": "." * 20, "roof": "." * 20}
FLICKER = {"yard": "x....xxxx....x......", "roof": "xx.......x.x.x......"}
ALARMS = "[alarms]\ncooldown-s = 0.5\n"


def rate(
    folder: Path,
    rule: str = "max-alarms = 1",
    *,
    probe: Signs = CALM,
    signs: Signs = FLICKER,
    alarms: str = ALARMS,
    head: str = FPS,
    **options: object,
) -> RuleResult:
    """The result of the only item of `alarm-rate`."""
    results = evaluate(
        folder,
        f"{alarms}[rules.alarm-rate]\n{rule}\n",
        split=SEEN,
        signs=SEEN,
        probe=probe,
        on_probe=signs,
        head=head,
        **options,  # type: ignore[arg-type]
    )
    return results["alarm-rate[calm]"]


def test_only_what_lasts_raises_an_alarm(tmp_path: Path) -> None:
    """3 of 5: frames 5 to 8 of yard, raised at 7; frames 9, 11, 13 of roof, raised at 13."""
    result = rate(tmp_path)

    assert result.verdict == "failed"
    values = measured(result)
    assert values["alarms"] == 2
    assert values["hours"] == pytest.approx(4 / 3600)
    assert values["per_hour"] == pytest.approx(1800)
    assert values["per_camera_day"] == pytest.approx(43200)
    assert (values["clips"], values["clips_total"]) == (2, 2)
    assert values["alarms[helmet_off]"] == 2
    assert finding_lines(result) == [
        "yard_7.jpg: alarm of helmet_off, clip yard, 0.70 to 0.80 s, best score 0.90",
        "roof_13.jpg: alarm of helmet_off, clip roof, 1.30 to 1.30 s, best score 0.90",
    ]


@pytest.mark.parametrize(
    ("hits", "of", "cooldown_s", "expected"),
    [
        (1, 1, 0, 7),  # yard 0, 5-8, 13; roof 0-1, 9, 11, 13
        (1, 1, 0.21, 5),  # roof 9, 11, 13 are 0.2 s apart
        (2, 3, 0, 3),  # yard 5-8; roof 0-1, 9-11-13
        (3, 5, 0, 2),
        (4, 5, 0, 1),
        (5, 8, 0, 0),
    ],
)
def test_debounce_changes_the_number_of_alarms(
    tmp_path: Path, hits: int, of: int, cooldown_s: float, expected: int
) -> None:
    alarms = f"[alarms]\nhits = {hits}\nof = {of}\ncooldown-s = {cooldown_s}\n"

    assert measured(rate(tmp_path, alarms=alarms))["alarms"] == expected


def test_clips_on_which_no_alarm_can_begin_prove_nothing(tmp_path: Path) -> None:
    """On clips of two frames nothing fires three times; each frame of them fires."""
    result = rate(tmp_path, probe={"yard": "..", "roof": ".."}, signs={"yard": "xx", "roof": "xx"})

    assert result.verdict == "not-evaluated"
    assert "no clip of calm is long enough for an alarm, which needs 3 frames within 5" in (
        result.message
    )
    assert (result.looked_at, result.to_look_at) == (0, 2)


def test_hours_of_clips_too_short_for_an_alarm_do_not_count(tmp_path: Path) -> None:
    """20 frames at 10 a second are 2 s; those of roof hold no three frames within five."""
    result = rate(tmp_path, probe={"yard": "." * 20, "roof": ".."}, signs={"roof": "xx"})

    values = measured(result)
    assert result.verdict == "passed"
    assert values["hours"] == pytest.approx(2 / 3600)
    assert (values["clips_total"], values["clips_too_short"]) == (1, 1)
    assert result.message.endswith("1 clip too short for an alarm")


def test_each_debounce_has_the_hours_on_which_it_can_fire(tmp_path: Path) -> None:
    """20 frames are 2 s. On roof, which is 0.4 s, there are three frames within five, but no five
    within eight."""
    probe = {"yard": "." * 20, "roof": "...."}
    result = rate(tmp_path, "max-alarms = 9", probe=probe, signs={"yard": "x" * 20})

    (table,) = result.tables.values()
    per_hour: dict[Any, Any] = {row[0]: (row[1], row[2]) for row in table.rows}
    assert per_hour == {
        "1 of 1": (1, pytest.approx(3600 / 2.4)),
        "2 of 3": (1, pytest.approx(3600 / 2.4)),
        "3 of 5": (1, pytest.approx(3600 / 2.4)),
        "5 of 8": (1, pytest.approx(3600 / 2.0)),
    }


def test_debounce_on_which_no_clip_can_fire_has_no_rate(tmp_path: Path) -> None:
    probe = {"yard": "....", "roof": "...."}
    result = rate(tmp_path, "max-alarms = 9", probe=probe, signs={"yard": "xxxx"})

    (table,) = result.tables.values()
    assert [row[0] for row in table.rows] == ["1 of 1", "2 of 3", "3 of 5"]


@pytest.mark.parametrize("fps", ["1e300", "1e-300", "0", "inf", "nan"])
def test_impossible_frame_rates_are_refused(tmp_path: Path, fps: str) -> None:
    with pytest.raises(ConfigError, match="fps"):
        rate(tmp_path, head=f"{HEAD}fps = {fps}\n")


@pytest.mark.parametrize("fps", ["1e-5", "240"])
def test_slow_and_fast_cameras_are_taken(tmp_path: Path, fps: str) -> None:
    values = measured(rate(tmp_path, "max-alarms = 9", head=f"{HEAD}fps = {fps}\n"))

    assert values["hours"] == pytest.approx(40 / float(fps) / 3600)


def test_a_score_at_the_threshold_does_not_fire(tmp_path: Path) -> None:
    assert measured(rate(tmp_path, "max-alarms = 1\nscore-threshold = 0.9"))["alarms"] == 0
    assert measured(rate(tmp_path, "max-alarms = 1\nscore-threshold = 0.89"))["alarms"] == 2


def test_an_alarm_of_an_allowed_box_is_not_false(tmp_path: Path) -> None:
    """The probe allows a box on frame 8 of roof: alarms from 6 on belong to it."""
    alarms = ALARMS + "before-s = 0.2\nafter-s = 0.4\n"
    probe = {"yard": "." * 20, "roof": "........x..........."}

    assert measured(rate(tmp_path, probe=probe, alarms=alarms))["alarms"] == 2
    alarms = ALARMS + "before-s = 0.2\nafter-s = 0.5\n"
    assert measured(rate(tmp_path, probe=probe, alarms=alarms))["alarms"] == 1


def test_an_allowed_interval_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "allowed.csv").write_text(
        "clip,class,start_s,end_s\nyard,helmet_off,0.5,0.9\nroof,no_vest,0,2\n", encoding="utf-8"
    )
    head = FPS + "[probes.calm]\nevents = 'allowed.csv'\n"
    head += 'annotations = "calm.json"\nimages = "images"\n'
    evaluate(
        tmp_path, "[rules.image-files]\n", split=SEEN, signs=SEEN, probe=CALM, on_probe=FLICKER
    )
    config = (
        head + '[dataset.splits.val]\nannotations = "val.json"\nimages = "images"\n'
        f"{ALARMS}[rules.alarm-rate]\nmax-alarms = 1\n"
    )
    files = {name: tmp_path / f"{name}_found.json" for name in ("val", "calm")}
    result = judged(tmp_path, config, files)["alarm-rate[calm]"]

    assert result.verdict == "passed"
    assert [finding.image for finding in result.findings] == ["roof_13.jpg"]


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("max-per-hour = 1800", "passed"),
        ("max-per-hour = 1799", "failed"),
        ("max-per-camera-day = 43200", "passed"),
        ("max-per-camera-day = 43199", "failed"),
        ("max-alarms = 2", "passed"),
        ("max-alarms = 6\nbound = 'upper'", "failed"),
        ("max-alarms = 7\nbound = 'upper'", "passed"),
    ],
)
def test_each_limit_is_compared(tmp_path: Path, rule: str, verdict: str) -> None:
    """The upper bound of 2 alarms is 6.30."""
    assert rate(tmp_path, rule).verdict == verdict


def test_the_bound_is_that_of_poisson_over_the_hours(tmp_path: Path) -> None:
    result = rate(tmp_path, "max-per-hour = 9999\nbound = 'upper'\nconfidence = 0.9")
    (per_hour,) = [
        measurement for measurement in result.measurements if measurement.name == "per_hour"
    ]

    assert per_hour.interval is not None
    assert per_hour.interval.high == pytest.approx(stats.chi2.ppf(0.9, 6) / 2 / (4 / 3600))
    assert per_hour.interval.method == "exact Poisson over the hours"


def test_a_frame_that_is_missing_is_not_looked_at(tmp_path: Path) -> None:
    """Frame 4 of yard is not there: its alarm might have come there."""
    probe = {"yard": ".... " + "." * 15, "roof": "." * 20}
    result = rate(tmp_path, "max-alarms = 9", probe=probe)

    assert result.verdict == "not-evaluated"
    assert "1 of 40 images of calm was not looked at" in result.message
    assert "1 frame is missing in clips: yard (1)" in result.message
    allowed = rate(tmp_path, "max-alarms = 9\nmax-missing-frames = 1", probe=probe)
    assert allowed.verdict == "passed"
    assert measured(allowed)["hours"] == pytest.approx(3.9 / 3600)


def test_a_clip_that_is_cut_misses_no_frame(tmp_path: Path) -> None:
    """It begins at frame 6 and so has no window of five before the first hits."""
    probe = {"yard": "      " + "." * 14}
    result = rate(tmp_path, probe=probe, signs={"yard": "      xxx..........."})

    assert measured(result)["alarms"] == 1
    assert "missing_frames" not in measured(result)


def test_images_outside_of_clips_are_not_looked_at(tmp_path: Path) -> None:
    probe = {"yard": "." * 20, "PHOTO": "."}
    result = rate(tmp_path, "max-alarms = 9", probe=probe)

    assert result.verdict == "not-evaluated"
    assert "1 image without clip or time: PHOTO_0.jpg" in result.message
    assert rate(tmp_path, "max-alarms = 9\nmax-untimed = 1", probe=probe).verdict == "passed"


def test_without_a_frame_rate_nothing_is_evaluated(tmp_path: Path) -> None:
    result = rate(tmp_path, head=HEAD)

    assert result.verdict == "not-evaluated"
    assert "give fps or time-field under [probes.calm] or [dataset]" in result.message


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "the clips of calm are not known: give [dataset] frame-pattern"),
        ("frame-pattern = '(?P<clip>[a-z]+)'\n", "frame numbers of calm are not known"),
        ("frame-pattern = '(?P<clip>NONE)_(?P<frame>.)'\n", "calm has no clips: of none of its 40"),
    ],
)
def test_without_clips_nothing_is_evaluated(tmp_path: Path, pattern: str, message: str) -> None:
    result = rate(tmp_path, head=f"[dataset]\n{pattern}fps = 10\n")

    assert result.verdict == "not-evaluated"
    assert message in result.message


def test_detections_of_all_images_are_needed(tmp_path: Path) -> None:
    """A result file that lists its images, and not all of them."""
    results = evaluate(
        tmp_path,
        f"{ALARMS}[rules.alarm-rate]\nmax-alarms = 9\n",
        split=SEEN,
        signs=SEEN,
        probe={**CALM, "gate": "...."},
        on_probe=FLICKER,
        head=FPS,
        listed=CALM,
    )

    assert results["alarm-rate[calm]"].verdict == "not-evaluated"
    assert "4 images" in results["alarm-rate[calm]"].message


def test_the_frame_rate_of_a_probe_is_its_own(tmp_path: Path) -> None:
    """At 5 a second the clips last twice as long as at the 10 of [dataset]."""
    config = f"{ALARMS}[rules.alarm-rate]\nmax-alarms = 9\n"
    results = evaluate(
        tmp_path,
        config,
        split=SEEN,
        signs=SEEN,
        probe=CALM,
        on_probe=FLICKER,
        head=FPS,
        of_probe="fps = 5\n",
    )

    assert measured(results["alarm-rate[calm]"])["hours"] == pytest.approx(8 / 3600)


def test_time_stamps_may_come_from_the_file_name(tmp_path: Path) -> None:
    """Stamps in milliseconds in place of numbers, 1 ms apart: 20 of them are 0.02 s."""
    head = HEAD.replace("frame>", "time>") + 'time-field = "time"\ntime-unit = "ms"\n'
    result = rate(tmp_path, head=head)

    assert measured(result)["hours"] == pytest.approx(0.04 / 3600)
    assert measured(result)["alarms"] == 2


def test_time_stamps_may_come_from_a_field(tmp_path: Path) -> None:
    """Frames 0 to 9 of yard at 0.1 s, then a pause of a minute that nobody looked at."""
    stamps = {
        f"{clip}_{number}.jpg": {"taken": number / 10 + (60 if number > 9 else 0)}
        for clip in CALM
        for number in range(20)
    }
    head = HEAD.replace("frame>", "frames>") + 'time-field = "taken"\n'
    result = rate(tmp_path, head=head, images=stamps)

    assert measured(result)["hours"] == pytest.approx(4 / 3600)
    assert measured(result)["pauses"] == 2
    # The pause parts frames 9 and 11 of roof: no alarm there.
    assert [finding.image for finding in result.findings] == ["yard_7.jpg"]


def test_too_few_hours_prove_nothing(tmp_path: Path) -> None:
    result = rate(tmp_path, "max-alarms = 9\nmin-hours = 1")

    assert result.verdict == "not-evaluated"
    assert "min-hours asks for 1" in result.message
    warned = rate(tmp_path, "max-alarms = 9\nmin-hours = 1\ntoo-little = 'warn'")
    assert warned.verdict == "warned"


def test_the_page_shows_clips_strips_and_other_settings(tmp_path: Path) -> None:
    result = evaluate(
        tmp_path,
        f"{ALARMS}[rules.alarm-rate]\nmax-alarms = 1\n[rules.alarm-recall]\nmin = 0.5\n",
        split=SEEN,
        signs=SEEN,
        probe=CALM,
        on_probe=FLICKER,
        head=FPS,
    )["alarm-rate[calm]"]
    timeline, trade_off, thresholds = result.evidence.charts

    assert isinstance(timeline, Timeline)
    roof, yard = sorted(timeline.clips, key=lambda clip: clip.clip)
    assert (roof.clip, roof.seconds, yard.seconds) == ("roof", 2.0, 2.0)
    assert yard.fires == [(0, 0.1), (0.5, 0.9), (1.3, 1.4)]
    assert (yard.false, roof.false) == ([(0.7, 0.8)], [(1.3, 1.3)])
    assert isinstance(trade_off, LineChart)
    assert {mark.label for mark in trade_off.panels[0].marks} == {
        "set: recall 1.000",
        "set: 1,800 an hour",
    }
    assert isinstance(thresholds, LineChart)
    assert [series.name for series in thresholds.panels[0].series] == [
        *("1 of 1", "2 of 3", "3 of 5, set", "5 of 8")
    ]
    first = result.evidence.strips[0]
    assert [frame.image for frame in first.frames] == [
        f"yard_{number}.jpg" for number in range(5, 9)
    ]
    assert [frame.text for frame in first.frames if "alarm" in frame.text] == ["0.70 s, alarm"]
    table = result.tables["What debounce alone would do"]
    assert [row[:2] for row in table.rows] == [
        *(["1 of 1", 5], ["2 of 3", 3], ["3 of 5", 2], ["5 of 8", 0])
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[alarms]\nhits = 4\nof = 3\n", "hits = 4 is above of = 3"),
        ("[alarms]\nsplit = 'vall'\n", "no split 'vall'; did you mean 'val'"),
        ("[alarms]\nhit = 4\n", "did you mean 'hits'"),
        ("[rules.alarm-rate]\n", "probe 'calm' has no budget"),
        ("[rules.alarm-rate]\nmax-alarms = 1\non = ['clam']\n", "no probe 'clam'"),
        ("[dataset]\nfps = 5\ntime-field = 't'\n", "a frame rate or time stamps, not both"),
        ("[dataset]\ntime-unit = 'ms'\n", "only applies together with time-field"),
        ("[dataset]\nframe-step = 5\n", "only applies together with fps or time-field"),
        ("[dataset]\nfps = 0\n", "expected a number between"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, config: str, message: str) -> None:
    rule = "" if "[rules" in config else "[rules.alarm-rate]\nmax-alarms = 1\n"
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        evaluate(
            tmp_path, config + rule, split=SEEN, signs=SEEN, probe=CALM, on_probe=CALM, head=""
        )


def test_other_probes_need_no_budget_and_no_clips(tmp_path: Path) -> None:
    """`on` names the probes of clips; one of photos is left to other rules."""
    results = evaluate(
        tmp_path,
        '[probes.photos]\nimages = "photos"\n'
        f"{ALARMS}[rules.alarm-rate]\non = ['calm']\nmax-alarms = 9\n",
        split=SEEN,
        signs=SEEN,
        probe=CALM,
        on_probe=FLICKER,
        head=FPS,
    )

    assert list(results) == ["alarm-rate[calm]"]


@pytest.mark.parametrize(
    ("hours", "signs", "verdict", "needs"),
    [
        (4.73, {}, "failed", "no false alarm in 4.75 h would show at most 1 an hour; 4.73 h were"),
        (4.75, {}, "passed", None),
        (7.20, FLICKER["yard"], "failed", " like these would show at most 1 an hour; 7.2 h were"),
        (7.22, FLICKER["yard"], "passed", None),
    ],
)
def test_watched_alarms_take_more_hours(
    tmp_path: Path, hours: float, signs: Signs | str, verdict: str, needs: str | None
) -> None:
    """With no alarm and with one, as Howard et al. 2021 gives it for a = b = 1."""
    fps = 40 / (3600 * hours)
    on_probe = {"yard": signs} if isinstance(signs, str) else {}
    rule = 'max-per-hour = 1\nbound = "upper"\nwatched = true'

    result = rate(
        tmp_path,
        rule,
        signs={**CALM, **on_probe},
        alarms="[alarms]\ncooldown-s = 1e6\n",
        head=f"{HEAD}fps = {fps:.12f}\n",
    )

    assert measured(result)["alarms"] == len(on_probe)
    assert result.verdict == verdict
    assert (needs or "") in (result.needs or "")
    (per_hour,) = [
        measurement for measurement in result.measurements if measurement.name == "per_hour"
    ]
    assert per_hour.interval is not None
    assert per_hour.interval.method == "gamma-Poisson mixture, at every moment"


def test_watched_needs_a_limit_on_a_rate(tmp_path: Path) -> None:
    for rule in ("max-alarms = 1", "max-per-hour = 0", "max-alarms = 1\nmax-per-camera-day = 0"):
        with pytest.raises(ConfigError, match="watched = true needs a limit on a rate above 0"):
            rate(tmp_path, f"{rule}\nwatched = true")
