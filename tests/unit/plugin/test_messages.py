"""What processes tell the reporter: only what is new, and nothing that is known better."""

from __future__ import annotations

from msgspec.structs import replace

from pytest_detgate.dataset.contents import SplitContents
from pytest_detgate.plugin.results.messages import Facts, add_data
from pytest_detgate.record.report import DatasetRecord, ModelRecord, ProbeRecord, SplitRecord

TRAIN = SplitRecord(
    annotations="train.json", images_dir="train", sha256="0", images=4, boxes=9, empty=1
)
PROBE = ProbeRecord(images_dir="probe", images=2, boxes=0)
CONTENTS = SplitContents(classes={"cat": 9}, sizes=[], boxes_per_image=[])
MODEL = ModelRecord(checkpoint="a.pth", sha256="1", classes=["cat"], device="cpu", images=4)


def facts(
    splits: dict[str, SplitRecord], probes: dict[str, ProbeRecord], model: ModelRecord | None = None
) -> Facts:
    contents = dict.fromkeys(splits, CONTENTS)
    dataset = DatasetRecord(splits=splits, probes=probes)
    return Facts(dataset=dataset, model=model, predictions={}, scores={}, contents=contents)


def test_a_message_has_what_the_last_one_had_not() -> None:
    val = replace(TRAIN, annotations="val.json")
    first = facts({"train": TRAIN}, {})
    later = facts({"train": TRAIN, "val": val}, {"p": PROBE}, MODEL)

    assert first.since(None) == first
    assert first.since(first) == facts({}, {})
    news = later.since(first)
    assert (news.dataset.splits, news.dataset.probes) == ({"val": val}, {"p": PROBE})
    assert news.contents == {"val": CONTENTS}
    assert news.model == MODEL


def test_a_split_that_changed_is_sent_again() -> None:
    judged = replace(TRAIN, images_sha256="2")

    news = facts({"train": judged}, {}).since(facts({"train": TRAIN}, {}))

    assert news.dataset.splits == {"train": judged}


def test_digests_of_one_process_are_not_lost_to_another() -> None:
    judged = replace(TRAIN, images_sha256="2")

    for messages in ([{"train": judged}, {"train": TRAIN}], [{"train": TRAIN}, {"train": judged}]):
        known: dict[str, SplitRecord] = {}
        for news in messages:
            add_data(known, news)
        assert known == {"train": judged}
