"""`python -m pytest_detgate plan`: what each rule needs, before and after there is data."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from scipy import stats

from pytest_detgate.__main__ import main
from pytest_detgate.testing import coco_content, result_content
from tests.content import write_json

HEAD = """\
[dataset]
frame-pattern = '(?P<clip>c\\d+)_(?P<frame>\\d+)\\.jpg$'
fps = 25
[dataset.splits.val]
annotations = "val.json"
images = "images"
[probes.calm]
annotations = "calm.json"
images = "images"
"""
BOX = ("worker", 10.0, 10.0, 40.0, 40.0)
HIT = ("worker", 0.9, 10.0, 10.0, 40.0, 40.0)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_data(clips: int, frames: int = 5) -> list[str]:
    """A split with a worker on each frame, and a probe of the same names."""
    names = [f"c{clip}_{frame}.jpg" for clip in range(clips) for frame in range(frames)]
    write_json(Path("val.json"), coco_content({name: [BOX] for name in names}, ["worker"]))
    write_json(Path("calm.json"), coco_content(dict.fromkeys(names, ()), ["worker"]))
    return names


def plan(
    capsys: pytest.CaptureFixture[str], rules: str, *arguments: object, head: str = HEAD
) -> str:
    """What the command prints, on one line."""
    Path("detgate.toml").write_text(head + textwrap.dedent(rules), encoding="utf-8")
    assert main(["plan", *map(str, arguments)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) < 80
    return " ".join(" ".join(lines).split())


UPPER = '[rules.probe-fp]\nmax-image-share = 0.05\nbound = "upper"\n'


def test_from_limits_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """There is no file yet. 59 clean clips show 5%; the others as the binomial test says."""
    printed = plan(capsys, UPPER + "[rules.duplicate-ids]")

    assert printed.startswith(
        "probe-fp[calm] at most 5% of frames with a false box (its bound at 95% decides) there are "
        "no data yet the least that shows it: no false box on 59 clips a model with a true share "
        "of 0.025 passes in 80% with 361 clips a model with a true share of 0.01 passes in 87% "
        "with 124 clips a model with a true share of 0.005 passes in 92% with 93 clips"
    )
    assert printed.endswith("more data does not make these limits surer: duplicate-ids")


def test_from_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Twelve clips of five frames, so 0.2 s a clip."""
    write_data(12)
    printed = plan(capsys, UPPER, "--true", 0.01)

    assert "there are 12 clips, 60 frames, 0.000667 h" in printed
    assert "no false box on 59 clips (295 frames, 0.003 h) so 47 clips more" in printed
    assert "alike to 1 (assumed: a clip is good or bad as a whole)" in printed
    assert (
        "a model with a true share of 0.01 passes now in 0%, in 87% with 124 clips (620 frames, "
        "0.007 h): 112 new clips"
    ) in printed


def test_only_clips_with_the_class_count(capsys: pytest.CaptureFixture[str]) -> None:
    """Of six clips of five frames at 25 a second, two have a worker: ten frames, 0.4 s."""
    names = [f"c{clip}_{frame}.jpg" for clip in range(6) for frame in range(5)]
    boxes = {name: [BOX] if name in ("c0_1.jpg", "c3_2.jpg") else [] for name in names}
    write_json(Path("val.json"), coco_content(boxes, ["worker", "ladder"]))
    rule = '[rules.recall]\nmin = 0.5\nbound = "lower"\n'
    text = plan(capsys, rule)

    worker, _, ladder = text.partition("recall[ladder]")
    assert "there are 2 clips, 10 frames, 0.000111 h; 4 other clips have none" in worker
    assert "there are 0 clips, 0 frames, 0 h; 6 other clips have none" in ladder
    assert "found on 5 clips so 5 clips more" in ladder


def test_from_detections_with_the_spread_that_was_seen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each clip fires on its first frame alone: its frames are as different as they can be."""
    names = write_data(12)
    fires = {name: [HIT] for name in names if name.endswith("_0.jpg")}
    truth = dict.fromkeys(names, ())
    write_json(Path("found.json"), result_content(truth, fires, ["worker"]))
    printed = plan(capsys, UPPER, "--predictions", "calm=found.json", "--true", 0.01)

    assert "alike to 0 (seen on these clips)" in printed
    needed = int(printed.partition("% with ")[2].split()[0])
    assert 59 < needed < 100


def test_hours_without_clips_that_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    rule = '[rules.alarm-rate]\nmax-per-hour = 1\nbound = "upper"\n'
    before = plan(capsys, rule, "--true", 0.5, "--true", 0.2)
    write_data(2, 90_000 // 2)
    after = plan(capsys, rule, "--true", 0.5)

    assert "the least that shows it: no false alarm in 3 h" in before
    assert (
        "the least with alarms, rounded: 1 in 4.74 h, 2 in 6.3 h, 3 in 7.75 h, 5 in 10.5 h, "
        "10 in 17 h alarms"
    ) in before
    assert (
        "a model with a true rate of 0.5 an hour passes in 82% with 19.5 h and at most 12 alarms"
    ) in before
    assert "0.2 an hour passes in 87% with 6.3 h and at most 2 alarms" in before
    assert "there are 2 clips, 90,000 frames, 1 h" in after
    assert "no false alarm in 3 h, 2 h more" in after
    assert "passes now in 0%, in 82% with 19.5 h and at most 12 alarms (18.5 h more)" in after


def test_hours_of_clips_too_short_for_an_alarm_are_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Of 0.15 h at 25 frames a second, 0.05 h is on clips of two frames."""
    names = [f"c0_{n}.jpg" for n in range(9_000)]
    names += [f"c{clip}_{n}.jpg" for clip in range(1, 2_251) for n in range(2)]
    write_json(Path("val.json"), coco_content({names[0]: [BOX]}, ["worker"]))
    write_json(Path("calm.json"), coco_content(dict.fromkeys(names, ()), ["worker"]))

    printed = plan(capsys, '[rules.alarm-rate]\nmax-per-hour = 1\nbound = "upper"\n')

    assert "13,500 frames, 0.1 h" in printed
    assert "no false alarm in 3 h, 2.9 h more" in printed


def test_hours_of_the_published_table(capsys: pytest.CaptureFixture[str]) -> None:
    """To pass with 80% at a limit of 1 an hour; 9.154 and 4.744 h are rounded up."""
    rule = '[rules.alarm-rate]\nmax-per-hour = 1\nbound = "upper"\n'
    rates = [word for rate in (0.5, 0.33, 0.2, 0.1, 0.99) for word in ("--true", rate)]
    printed = plan(capsys, rule, *rates)

    for rate, hours, alarms in (
        (0.5, 19.5, "12 alarms"),
        (0.33, 9.16, "4 alarms"),
        (0.2, 6.3, "2 alarms"),
        (0.1, 4.75, "1 alarm"),
    ):
        _, _, rest = printed.partition(f"a true rate of {rate} an hour passes in ")
        assert rest.partition("% with ")[2].startswith(f"{hours} h and at most {alarms}")
    assert "a true rate of 0.99 an hour passes in no time with up to 2,000 alarms in 80%" in printed


@pytest.mark.parametrize(("share", "clips"), [(0.05, 59), (0.01, 299)])
def test_clips_of_the_published_table(
    share: float, clips: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = f'[rules.probe-fp]\nmax-image-share = {share}\nbound = "upper"\n'

    assert f"the least that shows it: no false box on {clips} clips" in plan(capsys, rule)


def test_three_clips_never_show_a_fall(capsys: pytest.CaptureFixture[str]) -> None:
    """0.5^4 is over 5%, and 0.5^5 is not; 0.5^7 is the first under 1%."""
    write_data(3)
    printed = plan(
        capsys,
        """
        [rules.ap-regression]
        min-p-value = 0.05
        [rules.lost-objects]
        min-p-value = 0.01
        """,
    )
    fall, _, lost = printed.partition("lost-objects[val] ")

    assert "5 clips (25 frames, 0.000278 h); fewer can never show it so 2 clips more" in fall
    assert "a p-value under 0.01 (an exact test over clips decides)" in lost
    assert "7 clips (35 frames, 0.000389 h); fewer can never show it so 4 clips more" in lost


def test_a_value_alone_is_luck(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten clips that are found or missed whole, floor 0.9: one may be missed."""
    write_data(10)
    printed = plan(capsys, "[rules.recall]\nmin = 0.9\n", "--true", 0.95)

    assert "recall of worker at least 0.9 (the value itself decides)" in printed
    assert "everything found on 29 clips" in printed
    assert "a model with a true recall of 0.95 passes now in 91%" in printed
    assert (
        "a model with a true recall of 0.8 passes now in 38%" in printed
    )  # 0.8^10 + 10 × 0.2 × 0.8^9


def test_frames_that_no_clip_joins(capsys: pytest.CaptureFixture[str]) -> None:
    """As many frames as there would be clips: each is one by itself."""
    write_data(12)
    printed = plan(capsys, UPPER, "--true", 0.01, head=HEAD[HEAD.index("[dataset.splits") :])

    assert "there are 60 frames the least that shows it: no false box on 59 frames" in printed
    assert "in 87% with 124 frames: 64 new frames" in printed
    assert "alike" not in printed


def test_a_rate_by_its_value_lets_few_hours_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """Nearly an hour with one alarm an hour: two or fewer in exp(-1) × (1 + 1 + 1/2) of cases. With
    twice the limit, in exp(-5) × (1 + 5 + 25/2)."""
    rule = '[rules.alarm-rate]\nmax-per-hour = 2.5\nbound = "point"\n'
    before = plan(capsys, rule, "--true", 1)
    write_data(2, 90_000 // 2)
    printed = plan(capsys, rule, "--true", 1)

    assert before.endswith("a value of a few hours is luck; to be sure, let its bound decide")
    assert "a model with a true rate of 1 an hour passes now in 92%" in printed
    assert "a model with a true rate of 5 an hour passes now in 12%" in printed
    assert "the least with alarms" not in printed


def test_no_chance_is_known_of_several_boxes_a_frame(capsys: pytest.CaptureFixture[str]) -> None:
    """Sixty frames: a budget of 59 boxes is less than one a frame, one of 60 is not."""
    write_data(12)
    less, as_many = (plan(capsys, f"[rules.probe-fp]\nmax-boxes = {most}\n") for most in (59, 60))

    assert "not known" not in less
    assert "boxes a frame passes now" in less
    assert as_many.endswith("how often a model passes is not known for one box a frame or more")


def test_a_chance_of_nearly_none_is_not_said_to_be_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At twice the misses that are allowed, 12 or fewer of 120 clips are missed in 0.3%."""
    write_data(120, 1)
    printed = plan(capsys, "[rules.recall]\nmin = 0.9\n")

    assert 0 < stats.binom.cdf(12, 120, 0.2) < 0.005
    assert printed.endswith("a model with a true recall of 0.8 passes now in under 1%")


def test_the_frames_of_a_clip_that_are_to_come(capsys: pytest.CaptureFixture[str]) -> None:
    """Where all frames of a clip are alike their number changes nothing."""
    printed = plan(capsys, UPPER, "--clip-frames", 5, "--correlation", 1, "--true", 0.01)

    assert "two frames of a clip are alike to 1 (as given)" in printed
    assert "a model with a true share of 0.01 passes in 87% with 124 clips" in printed


def test_clips_with_events_and_all_boxes(capsys: pytest.CaptureFixture[str]) -> None:
    write_data(12)
    printed = plan(
        capsys,
        """
        [rules.mean-ap]
        min = 0.95
        bound = "lower"
        [rules.alarm-recall]
        min = 0.95
        bound = "lower"
        """,
    )
    mean, _, events = printed.partition("alarm-recall[worker] ")

    for part in (mean, events):
        assert "there are 12 clips, 60 frames" in part
        assert "on 59 clips (295 frames" in part
    assert "AP is taken to behave like a recall" in mean


def test_limits_that_a_rule_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Of 60 frames three are 5%; 0.05 false boxes a frame are three on 60."""
    write_data(12)
    printed = plan(
        capsys,
        """
        [rules.probe-fp]
        max-mean-boxes-per-image = 0.05
        bound = "upper"
        [rules.operating-point]
        max-images = 3
        max-boxes = 6
        classes = { worker = 0.9 }
        certify = 0.95
        [rules.ap-regression]
        max-drop = 0.02
        [rules.lost-objects]
        max-new-false = 3
        """,
    )

    assert "at most 0.05 false boxes a frame" in printed
    assert "at most 3 of 60 frames with a false box, certified" in printed
    assert "at most 6 false boxes on 60 frames, certified" in printed
    assert "recall of worker, certified, at least 0.9" in printed
    assert "a fall of at most 0.023, noise and all" in printed
    assert "p-value" not in printed


def test_every_rule_that_estimates(capsys: pytest.CaptureFixture[str]) -> None:
    printed = plan(
        capsys,
        """
        [rules.mean-ap]
        min = 0.9
        bound = "lower"
        [rules.class-ap]
        min = 0.9
        bound = "lower"
        [rules.size-ap]
        small = 0.5
        [rules.slice-ap]
        by = "clip"
        min = 0.5
        [rules.ap-regression]
        max-drop = 0.01
        min-p-value = 0.05
        bound = "lower"
        noise = 0
        [rules.alarm-recall]
        min = 0.95
        bound = "lower"
        [rules.operating-point]
        max-clip-share = 0.05
        min-recall = 0.9
        certify = 0.95
        """,
    )

    assert "AP at least 0.9 (its bound at 95% decides)" in printed
    assert "AP of each class at least 0.9" in printed
    assert "AP is taken to behave like a recall of the same value" in printed
    assert "a fall of at most 0.01, noise and all" in printed
    assert "the same AP on 299 clips" in printed
    assert "a p-value under 0.05 (an exact test over clips decides)" in printed
    assert "the least that shows it: 5 clips; fewer can never show it" in printed
    assert "alarms for at least 0.95 of the events of each class" in printed
    assert "at most 5% of clips with a false box, certified (its bound at 97.5% decides)" in printed
    assert "no false box on 72 clips" in printed
    assert "recall of each class, certified, at least 0.9" in printed


def test_counts_are_shares_of_the_frames(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of 60 frames are 5%; without data nobody can say."""
    rule = '[rules.probe-fp]\nmax-images = 3\nmax-boxes = 6\nbound = "upper"\n'
    before = plan(capsys, rule)
    write_data(12)
    after = plan(capsys, rule)

    assert before == "probe-fp[calm] cannot be planned further: calm.json: no such file"
    assert "at most 3 of 60 frames with a false box" in after
    assert "no false box on 59 clips" in after
    assert "at most 6 false boxes on 60 frames" in after
    assert "no false box on 30 clips" in after


def test_one_item_or_all_of_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    rules = UPPER + "[rules.recall]\nmin = 0.9\n"
    write_data(5)

    assert plan(capsys, rules, "recall").startswith("recall[worker] ")
    assert plan(capsys, rules, "recall[worker]").startswith("recall[worker] ")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["recal"], "no item 'recal'; did you mean 'recall'?"),
        (["--power", "1"], "--power: expected a number between 0 and 1, found 1"),
        (["--true", "-1"], "--true: expected 0 or more, found -1"),
        (["--correlation", "2"], "--correlation: expected 0 to 1, found 2"),
        (["--clip-frames", "0"], "--clip-frames: expected 1 or more, found 0"),
        (["--tries", "0"], "--tries: expected 1 to 10,000, found 0"),
        (["--predictions", "calm=x.json", "--predictions", "calm=y.json"], "'calm' is given twice"),
        (["--predictions", "calm"], "--predictions: expected NAME=FILE, found 'calm'"),
        (["--predictions", "clam=x.json"], "--predictions: no split or probe 'clam'; did you mean"),
        (["--config", "gone.toml"], "gone.toml: no such file"),
    ],
)
def test_mistakes(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("detgate.toml").write_text(f"{HEAD}[rules.recall]\nmin = 0.9\n", encoding="utf-8")

    assert main(["plan", *arguments]) == 4
    assert text in capsys.readouterr().err


def test_ceilings_and_watched_alarms(capsys: pytest.CaptureFixture[str]) -> None:
    write_data(4)
    text = plan(
        capsys,
        """\
        [rules.olrp]
        max = 0.05
        bound = "upper"
        [rules.alarm-rate]
        max-per-hour = 1
        bound = "upper"
        watched = true
        """,
    )

    assert "olrp[worker] oLRP of worker at most 0.05 (its bound at 95% decides)" in text
    assert "the least that shows it: everything found on 59 clips" in text
    assert "no false alarm in 4.75 h" in text
    assert "the least with alarms, rounded: 1 in 7.21 h," in text


def test_planned_looks_take_more(capsys: pytest.CaptureFixture[str]) -> None:
    """(0.05 / 20)^(1 / n) is 0.95 for n = 116.8, and -ln(0.05 / 20) is 5.99."""
    write_data(4)
    text = plan(
        capsys,
        """\
        [evidence]
        looks = 20
        [rules.probe-fp]
        max-image-share = 0.05
        bound = "upper"
        [rules.alarm-rate]
        max-per-hour = 1
        bound = "upper"
        """,
    )

    assert "its bound at 99.75% decides" in text
    assert "no false box on 117 clips" in text
    assert "no false alarm in 6 h" in text


@pytest.mark.parametrize(
    ("evidence", "arguments", "message"),
    [
        (
            "",
            [],
            "a bound at 95% passes a model just at its limit in up to 5%, and one or more of 20 "
            "such models in up to 64%; with looks = 20 under [evidence] it would be up to 5%",
        ),
        (
            "[evidence]\nlooks = 20\n",
            [],
            "a bound at 95% passes a model just at its limit in up to 5%, and one or more of 20 "
            "such models in up to 64%; with looks = 20 under [evidence] it is up to 5%",
        ),
        ("", ["--tries", 5], "one or more of 5 such models in up to 23%; with looks = 5 under"),
        (
            "[evidence]\nlooks = 20\n",
            ["--tries", 10],
            "one or more of 10 such models in up to 40%; with looks = 20 under [evidence] it is "
            "up to 2.5%",
        ),
        (
            "[evidence]\nlooks = 20\n",
            ["--tries", 50],
            "one or more of 50 such models in up to 92%; with looks = 20 under [evidence] it is "
            "up to 5%",
        ),
        (
            "[evidence]\nlooks = 4\nadaptive = true\n",
            ["--tries", 3],
            "one or more of 3 such models in up to 14%; with looks = 4 under [evidence] it is up "
            "to 5%",
        ),
    ],
)
def test_what_trying_again_does(
    evidence: str, arguments: list[object], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 - 0.95^20 is 64%, and 23, 40, 92 and 14% with 5, 10, 50 and 3; each of 20 looks has an
    error of 0.25%, so 10 of them 2.5%. Any of adaptive ones may take it all."""
    text = plan(capsys, evidence + UPPER, *arguments)

    assert text.endswith(
        message if message.endswith("%") else f"{message} [evidence] it would be up to 5%"
    )


def test_each_confidence_is_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    """1 - 0.99^20 is 18%. A value without a bound and a p-value have no looks."""
    rules = """
        [rules.probe-fp]
        max-image-share = 0.05
        bound = "upper"
        [rules.alarm-rate]
        max-per-hour = 1
        bound = "upper"
        confidence = 0.99
        """
    text = plan(capsys, rules)
    values = "[rules.recall]\nmin = 0.9\n[rules.ap-regression]\nmin-p-value = 0.05\n"

    assert "a bound at 95% passes a model just at its limit in up to 5%" in text
    assert "a bound at 99% passes a model just at its limit in up to 1%" in text
    assert "one or more of 20 such models in up to 18%" in text
    assert "such models" not in plan(capsys, values)


def test_sealed_probe_is_planned_from_data_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """How alike the frames of its clips are would be told by the detections."""
    names = write_data(12)
    results = result_content(dict.fromkeys(names, ()), {names[0]: [HIT]}, ["worker"])
    write_json(Path("found.json"), results)
    rules = '[rules.probe-fp]\nmax-image-share = 0.05\nbound = "upper"\n'
    planned = {}
    for seal in ("", "sealed = true\n"):
        Path("detgate.toml").write_text(f"{HEAD}{seal}{rules}", encoding="utf-8")
        for arguments in ([], ["--predictions", "calm=found.json"]):
            assert main(["plan", *arguments]) == 0
            planned[seal, len(arguments)] = capsys.readouterr().out

    open_alone, open_seen, alone, seen = planned.values()
    assert open_alone != open_seen
    assert open_alone == alone == seen
