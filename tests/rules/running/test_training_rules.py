"""Options of the rules on training, and what they say of runs and seeds, without MMDetection."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pytest_detgate.detector.protocol import ModelSource
from pytest_detgate.errors import ConfigError
from pytest_detgate.evidence import LineChart
from pytest_detgate.record.report import RuleResult
from pytest_detgate.training import fed_data
from pytest_detgate.training.experiment import experiment_of
from pytest_detgate.training.fed_data import FedBox, FedData, FedImage, FedPart
from pytest_detgate.training.record import TrainingRecord, write_record
from tests.content import write_json
from tests.judged import found_by_model, judged, measured, split_tables

TRAIN = '[train]\nconfig = "train.py"\nwork-dir = "work"\n'
MODEL = '[model]\nconfig = "train.py"\n'


def only(folder: Path, config: str) -> RuleResult:
    (result,) = judged(folder, config).values()
    return result


def write_log(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "work" / "20260102_000000" / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def losses(count: int, **further: Any) -> list[dict[str, Any]]:
    return [{"loss": 1.0, "epoch": 1, "iter": number, **further} for number in range(1, count + 1)]


def finish(folder: Path, scalars: str | None, *, sha256: str = "") -> None:
    """Leave what the gate leaves of a run that it finished with the seed 7."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    (work / "epoch_1.pth").write_bytes(b"")
    record = TrainingRecord(
        config="train.py", seed=7, device="cpu", randomness={"seed": 7}, files={},
        environment={}, versions={}, settled=True, checkpoint="epoch_1.pth", sha256=sha256,
        scalars=scalars,
    )  # fmt: skip
    write_record(record, work)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("[rules.training-seed]", "there is no training configuration to look at"),
        ("[rules.training-view]\nmax-dropped = 0", "there is no training configuration to look at"),
        (TRAIN + "[rules.training-view]", "sets no limit on what is dropped"),
        (TRAIN + "[rules.training-view]\nmax-mislabelled = 0", "sets no limit on what is dropped"),
        (TRAIN + "[rules.training-view]\nmin = 0.5\nmax = 0.25", "min = 0.5 is above max = 0.25"),
        (
            TRAIN + "[rules.training-view.reasons]\nfilter_empty = 0",
            "no reason 'filter_empty'; did you mean 'filter_empty_gt'?",
        ),
        ("[rules.training-curve]", "there is no run to look at"),
        (MODEL + "[rules.training-curve]", "there is no run to look at"),
        (
            TRAIN + '[rules.training-curve]\nvalidation = false\nmetric = "mAP"',
            "metric: is given, and yet validation = false",
        ),
        (
            TRAIN + "[rules.training-curve]\nvalidation = false\nplateau-validations = 2",
            "plateau-validations: is given, and yet validation = false",
        ),
        (TRAIN + "[rules.training-curve]\nspike = 1", "spike"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, config: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        judged(tmp_path, config)
    assert reason in str(caught.value)


def view_of(*parts: FedPart, sampler: str = "DefaultSampler") -> Any:
    """What stands for the process that builds the training data set."""
    return lambda config, progress, cache: FedData(parts=list(parts), sampler=sampler)


def fed_part(path: Path, *images: FedImage, **settings: Any) -> FedPart:
    given: dict[str, Any] = {"classes": ["hat", "vest"], "filter_empty_gt": False, "min_size": 0}
    given |= {"is_subset": False, "refuses_empty": None, **settings}
    return FedPart(annotations=str(path), images=list(images), **given)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two files: a hat and a vest on image 1, nothing on image 2; and one with image 1 alone."""
    (tmp_path / "train.py").write_text("")
    images = [
        {"id": number, "file_name": f"{number}.jpg", "width": 100, "height": 100}
        for number in (1, 2)
    ]
    boxes = [
        {"id": kind, "image_id": 1, "category_id": kind, "bbox": [10, 10, 20, 20], "area": 400}
        for kind in (1, 2)
    ]
    categories = [{"id": 1, "name": "hat"}, {"id": 2, "name": "vest"}]
    content = {"images": images, "annotations": boxes, "categories": categories}
    first = write_json(tmp_path / "train.json", content)
    return first, write_json(tmp_path / "more.json", {**content, "images": images[:1]})


VIEW = TRAIN + split_tables(train="images") + "[rules.training-view]\n"


def test_what_is_fed_of_two_files_is_told(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first feeds its vest as a hat, and drops its empty image; the second drops its vest."""
    hat = FedBox(10, 10, 30, 30, 0, False)
    first = fed_part(files[0], FedImage(1, "", 1, [hat, hat]), filter_empty_gt=True)
    second = fed_part(files[1], FedImage(1, "", 1, [hat]), classes=["hat"])
    monkeypatch.setattr(fed_data, "read_fed_data", view_of(first, second, sampler="OwnSampler"))

    result = only(tmp_path, VIEW + "max = 0.5\nmax-dropped = 1")

    assert result.verdict == "failed"
    assert result.message == (
        "filter_empty_gt drops 1 of 3 images; of what is left none is empty; 1 box fed as another "
        "class; no split has the annotation file that is trained on (more.json); the OwnSampler "
        "decides further what is fed"
    )
    values = measured(result)
    assert (values["dropped"], values["mislabelled"], values["boxes_dropped"]) == (1, 1, 1)
    limits = {
        measurement.name: (measurement.relation, measurement.limit)
        for measurement in result.measurements
    }
    assert limits["effective_empty_share"] == ("<=", 0.5)
    assert [(finding.dataset, finding.image, finding.text) for finding in result.findings] == [
        ("train", "2.jpg", "filter_empty_gt drops it: nothing is annotated on it"),
        ("train", "1.jpg", "vest is fed as hat"),
        (None, "1.jpg", "vest is not fed: of a class that the configuration does not name"),
    ]
    table = result.tables["what training is fed"]
    assert [row[:3] for row in table.rows] == [["train.json", 2, 1], ["more.json", 1, 1]]
    assert any("fed as another class" in getattr(chart, "counts", {}) for chart in
               result.evidence.charts)  # fmt: skip


def test_training_that_is_fed_nothing_is_not_evaluated(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, reason in (
        (fed_part(files[0], min_size=200), "training is fed nothing of 2 images: min_size 2"),
        (fed_part(write_json(tmp_path / "none.json", {"images": [], "annotations": [],
                                                      "categories": []})),
         "the training data set lists no image (none.json)"),
    ):  # fmt: skip
        monkeypatch.setattr(fed_data, "read_fed_data", view_of(part))
        result = only(tmp_path, VIEW + "min = 0.1")

        assert (result.verdict, result.message) == ("not-evaluated", reason)


def test_both_ends_of_a_share_are_limits(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two images is empty, as often as the other."""
    boxes = [FedBox(10, 10, 30, 30, kind, False) for kind in (0, 1)]
    whole = fed_part(files[0], FedImage(1, "", 1, boxes), FedImage(2, "", 1, []))
    monkeypatch.setattr(fed_data, "read_fed_data", view_of(whole))

    result = only(tmp_path, VIEW + "min = 0.25\nmax = 0.75")

    assert (result.verdict, result.message) == (
        "passed", "training drops none of 2 images; of what is left 50.0% are empty",
    )  # fmt: skip
    ends = [
        measurement
        for measurement in result.measurements
        if measurement.name == "effective_empty_share"
    ]
    assert [(end.relation, end.limit, end.value) for end in ends] == [
        (">=", 0.25, 0.5), ("<=", 0.75, 0.5),
    ]  # fmt: skip


def test_the_seed_of_train_counts_where_it_is_written_down(tmp_path: Path) -> None:
    result = only(tmp_path, TRAIN + "seed = 3\n[rules.training-seed]")

    assert (result.verdict, result.message) == ("passed", "seed 3, seed of [train]")
    assert measured(result) == {"fixed": 1, "seed": 3}


def test_a_seed_by_default_is_not_written_down(tmp_path: Path) -> None:
    # The configuration is asked then, and there is none here.
    result = only(tmp_path, TRAIN + "[rules.training-seed]")

    assert result.verdict == "not-evaluated"
    assert result.message == "train.py: there is no such configuration file to train with"


def test_the_seed_of_a_finished_run_comes_first(tmp_path: Path) -> None:
    finish(tmp_path, None)
    result = only(tmp_path, TRAIN + "seed = 3\n[rules.training-seed]")

    assert (result.verdict, result.message) == ("passed", "seed 7, the finished run in work")


def test_a_curve_is_told_in_a_sentence_and_a_chart(tmp_path: Path) -> None:
    rows = losses(3, lr=0.5)
    rows += [{"loss": float("nan"), "epoch": 2, "iter": 4, "lr": 0.25}]
    rows += [{"coco/bbox_mAP": 0.5, "coco/bbox_mAP_50": 0.75, "step": 1}]
    rows += [{"coco/bbox_mAP": 0.25, "coco/bbox_mAP_50": 0.75, "step": 2}]
    write_log(tmp_path, rows)
    result = only(tmp_path, TRAIN + "[rules.training-curve]")

    assert result.verdict == "failed"
    assert result.message == (
        "1 not finite, 1 fallen in 4 iterations of 2 epochs; coco/bbox_mAP 0.5 at best, epoch 1, "
        "and 0.25 at last (work/20260102_000000/vis_data/scalars.json)"
    )
    assert measured(result) == {
        **{"count": 2, "non_finite": 1, "spikes": 0, "fallen": 1, "plateau": 0, "too_short": 0},
        **{"epochs": 2, "iterations": 4, "last_loss": 1.0, "best": 0.5, "last": 0.25},
    }
    assert [finding.text for finding in result.findings] == [
        "epoch 2, iteration 4: loss is nan",
        "coco/bbox_mAP fell by 0.25: 0.5 at epoch 1, 0.25 at epoch 2, the last",
    ]
    (chart,) = result.evidence.charts
    assert isinstance(chart, LineChart)
    loss, validation, rate = chart.panels
    assert [(line.name, line.x, line.y) for line in loss.series] == [
        ("loss", [1, 2, 3, 4], [1, 1, 1, None])
    ]
    assert [(mark.label, mark.at) for mark in loss.marks] == [("not finite", 4)]
    assert [(line.name, line.x, line.y) for line in validation.series] == [
        ("coco/bbox_mAP", [3, 4], [0.5, 0.25]),
        ("coco/bbox_mAP_50", [3, 4], [0.75, 0.75]),
    ]
    assert [(mark.label, mark.at) for mark in chart.marks] == [("best, epoch 1", 3)]
    assert rate.series[0].y == [0.5, 0.5, 0.5, 0.25]
    assert chart.about == (
        "The loss over 4 iterations, and the validation metrics: coco/bbox_mAP is best at epoch 1, "
        "0.5, and 0.25 at the end. Take the best epoch. The loss spikes or is not finite at 1 "
        "logged iteration: lower the learning rate, warm up longer, or clip gradients."
    )
    assert result.tables == {}

    allowed = only(tmp_path, TRAIN + "[rules.training-curve]\nmax = 2")
    assert allowed.verdict == "passed"
    other = only(tmp_path, TRAIN + '[rules.training-curve]\nmetric = "coco/bbox_mAP_50"')
    assert measured(other)["fallen"] == 0


def test_a_long_curve_is_thinned(tmp_path: Path) -> None:
    write_log(tmp_path, losses(1234))
    result = only(tmp_path, TRAIN + "[rules.training-curve]\nvalidation = false")

    (chart,) = result.evidence.charts
    assert isinstance(chart, LineChart)
    (panel,) = chart.panels
    (series,) = panel.series
    assert (len(series.x), series.x[0], series.x[-1]) == (500, 1, 1234)
    assert len(set(series.x)) == 500
    assert chart.about == "The loss over 1,234 iterations."
    assert measured(result)["iterations"] == 1234


def test_the_run_that_the_gate_finished_comes_before_the_newest(tmp_path: Path) -> None:
    write_log(tmp_path, losses(2))
    earlier = tmp_path / "work" / "20250101_000000" / "vis_data" / "scalars.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text(json.dumps(losses(9)[-1]) + "\n", encoding="utf-8")
    rule = TRAIN + "[rules.training-curve]\nvalidation = false"

    assert measured(only(tmp_path, rule))["iterations"] == 2
    finish(tmp_path, "20250101_000000/vis_data/scalars.json")
    assert measured(only(tmp_path, rule))["iterations"] == 9


@pytest.mark.parametrize(
    ("rows", "option", "reason"),
    [
        (None, "", "work: no such folder"),
        ([{"mAP": 0.5, "step": 1}], "", "has no loss"),
        (losses(2), "", "the run was not validated while it trained"),
        ([*losses(2), {"recall": 0.5, "step": 1}], "", "has only recall"),
        ([*losses(2), {"mAP": 0.5, "step": 1}], 'metric = "AP"', "no validation metric 'AP'"),
        ([*losses(2), {"mAP": -1, "step": 1}], "", "mAP is -1 at epoch 1: it is undefined"),
        ([*losses(2), {"mAP": 0.5, "step": 1}], 'path = "no.json"', "no.json: no such file"),
    ],
)
def test_what_cannot_be_told_is_not_evaluated(
    tmp_path: Path, rows: list[dict[str, Any]] | None, option: str, reason: str
) -> None:
    if rows is not None:
        write_log(tmp_path, rows)
    result = only(tmp_path, f"{TRAIN}[rules.training-curve]\n{option}")

    assert result.verdict == "not-evaluated"
    assert reason in result.message


def test_a_loss_that_is_nan_fails_beside_a_missing_metric(tmp_path: Path) -> None:
    write_log(tmp_path, [*losses(2), {"loss": float("nan"), "epoch": 1, "iter": 3}])
    result = only(tmp_path, f"{TRAIN}[rules.training-curve]\n")

    assert result.verdict == "failed"
    assert "the run was not validated while it trained" in result.message


def test_a_loss_that_was_never_a_number_has_no_last_value(tmp_path: Path) -> None:
    """A log of iterations without epochs."""
    write_log(tmp_path, [{"loss": float("nan"), "iter": number} for number in (1, 2)])
    result = only(tmp_path, f"{TRAIN}[rules.training-curve]\nvalidation = false\n")

    assert result.verdict == "failed"
    assert result.message.startswith("2 not finite in 2 iterations (work/")
    assert "last_loss" not in measured(result)


@pytest.mark.parametrize(("last", "count"), [(0.5, 1), (0.6, 0)])
def test_validations_that_gain_nothing_are_a_plateau(
    tmp_path: Path, last: float, count: int
) -> None:
    """The best of the last two gains nothing on those before, or a tenth."""
    values = [0.3, 0.5, 0.5, last]
    write_log(tmp_path, [*losses(2), *({"mAP": v, "step": n} for n, v in enumerate(values, 1))])
    rule = f"{TRAIN}[rules.training-curve]\nplateau-validations = 2\nplateau-gain = 0.01\n"

    assert measured(only(tmp_path, rule))["plateau"] == count


# --- The model that is gated ----------------------------------------------------------------------


def checkpoint(folder: Path, experiment: str | None) -> Path:
    """A checkpoint as torch writes it, of a run with that name: its weights are left out."""
    meta = {} if experiment is None else {"epoch": 3, "experiment_name": experiment}
    with zipfile.ZipFile(folder / "gated.pth", "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({"meta": meta}, protocol=2))
    return folder / "gated.pth"


def both(folder: Path, gated: Path) -> dict[str, RuleResult]:
    rules = "[rules.training-seed]\n[rules.training-curve]\nvalidation = false\n"
    return judged(folder, TRAIN + rules, found_by_model(ModelSource(gated), folder / "store"))


SCALARS = "20260102_000000/vis_data/scalars.json"


def test_the_last_checkpoint_of_the_finished_run(tmp_path: Path) -> None:
    write_log(tmp_path, losses(2))
    gated = checkpoint(tmp_path, None)
    finish(tmp_path, SCALARS, sha256=hashlib.sha256(gated.read_bytes()).hexdigest())

    results = both(tmp_path, gated)

    assert {result.verdict for result in results.values()} == {"passed"}


def test_another_epoch_of_the_finished_run(tmp_path: Path) -> None:
    write_log(tmp_path, losses(2))
    finish(tmp_path, SCALARS)

    results = both(tmp_path, checkpoint(tmp_path, "site_20260102_000000"))

    assert {result.verdict for result in results.values()} == {"passed"}


@pytest.mark.parametrize("is_finished", [True, False])
@pytest.mark.parametrize(
    ("experiment", "why"),
    [
        ("site_20250101_000000", "it says that the run site_20250101_000000 made it"),
        (None, "it is unknown which run made it"),
    ],
)
def test_a_checkpoint_that_the_run_did_not_make(
    tmp_path: Path, experiment: str | None, why: str, *, is_finished: bool
) -> None:
    write_log(tmp_path, losses(2))
    if is_finished:
        finish(tmp_path, SCALARS)

    results = both(tmp_path, checkpoint(tmp_path, experiment))

    wrong = ["training-curve", *(["training-seed"] if is_finished else [])]
    for item in wrong:
        assert results[item].verdict == "not-evaluated"
        assert results[item].message.startswith("gated.pth is gated, and it is no checkpoint of ")
        assert why in results[item].message


def test_a_gated_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    write_log(tmp_path, losses(2))
    finish(tmp_path, SCALARS)

    results = both(tmp_path, tmp_path / "gone.pth")

    for result in results.values():
        assert result.verdict == "not-evaluated"
        assert "gone.pth: there is no such checkpoint" in result.message


@pytest.mark.parametrize(
    "content", [b"", b"not a zip", b"PK\x03\x04 cut off", pickle.dumps({"experiment_name": "x"})]
)
def test_a_file_that_does_not_tell_its_run(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.pth"
    path.write_bytes(content)

    assert experiment_of(path) is None


def test_the_name_of_a_run_is_read_as_data(tmp_path: Path) -> None:
    """What is pickled is not run."""

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "was-run",)

    with zipfile.ZipFile(tmp_path / "x.pth", "w") as file:
        content = {"before": Hostile(), "experiment_name": "site_1", "after": Hostile()}
        file.writestr("x/data.pkl", pickle.dumps(content))

    assert experiment_of(tmp_path / "x.pth") == "site_1"
    assert not (tmp_path / "was-run").exists()
