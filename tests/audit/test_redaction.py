"""What may not be seen: absolute paths always, the rest where it is asked for."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from pytest_detgate.audit.record import DatasetRecord, Report, SplitRecord
from pytest_detgate.audit.redaction import Redaction
from pytest_detgate.findings import Finding, Measurement

from .sample import rule, sample_report

ROOT = Path("/home/ada/work/site")
HOME = Path("/home/ada")


def redaction(
    *patterns: str, paths: bool = False, hosts: bool = False, places: tuple[str, ...] = ()
) -> Redaction:
    return Redaction(
        ROOT,
        places=map(Path, places),
        paths=paths,
        hosts=hosts,
        patterns=map(re.compile, patterns),
        home=HOME,
        host="gpu7.lab.example",
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/work/site/data/val.json: not JSON", "data/val.json: not JSON"),
        ("nothing in /home/ada/work/site", "nothing in ."),
        ("/home/ada/work/site2/x.json", "~/work/site2/x.json"),
        ("/home/ada/.cache/torch/x.pth is gone", "~/.cache/torch/x.pth is gone"),
        ("/home/adam/x.json", "…/x.json"),
        ("cannot open '/mnt/my disk/val.json'", "cannot open '…/val.json'"),
        ("copied /mnt/my disk/val.json to data/val.json", "copied …/val.json to data/val.json"),
        ("--rootdir=/srv/ci/build-7", "--rootdir=…/build-7"),
        ("crashed (/usr/lib/python3/site-packages/x/y.py:12)", "crashed (…/y.py:12)"),
        ("file:///mnt/acme/val.json", "…/val.json"),
        (r"C:\Users\ada\val.json: gone", "…/val.json: gone"),
        (r"from \\nas7\share\val.json", "from …/val.json"),
        ("../../../../mnt/acme/val.json", "…/val.json"),
        ("../../../bob/data/val.json", "…/val.json"),
        ("the folder /data holds nothing", "the folder …/data holds nothing"),
        ("https://ada:secret@example.org/x/y", "https://[redacted]@example.org/x/y"),
        # what is no absolute path stays
        ("../shared/val.json", "../shared/val.json"),
        ("val/roof_1.jpg: 3 of 4 and/or 35.2/s, 1/2 of them", None),
        ("https://example.org/a/b and s3://bucket/key", None),
        ("</script><img src=x>", None),
        ("the class 'n/a' / none", None),
        ("(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$", None),
    ],
)
def test_absolute_paths_are_never_shown(text: str, shown: str | None) -> None:
    assert redaction().text(text) == (text if shown is None else shown)


def test_a_place_with_blanks_that_the_project_names_is_known_in_any_text() -> None:
    hides = redaction(places=("/mnt/acme data (old)/val images",))

    text = hides.text("/mnt/acme data (old)/val images/clip 1/a.jpg cannot be read")

    assert text == "…/val images/clip 1/a.jpg cannot be read"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("-n 2 --tx ssh=ada@gpu9//python=python3", "-n 2 --tx ssh=ada@[host]//python=python3"),
        ("--tx=socket=gpu9.lab:8888", "--tx=socket=[host]:8888"),
        ("ray://gpu9:10001", "ray://[host]:10001"),
        ("tcp://[fe80::1]:5555", "tcp://[host]:5555"),
        ("--address=10.0.0.7:6379", "--address=[host]:6379"),
        ("https://minio.lab.example/bucket/key", "https://[host]/bucket/key"),
        ("on gpu7, and on GPU7.lab.example too", "on [host], and on [host] too"),
        ("worker at 192.168.1.40 died", "worker at [host] died"),
        ("cuda:0 (NVIDIA H100)", None),
        ("version 1.2.3.4.5, 1.2.3", None),
        ("gpu70", None),
    ],
)
def test_hosts_are_hidden_where_that_is_asked_for(text: str, shown: str | None) -> None:
    assert redaction(hosts=True).text(text) == (text if shown is None else shown)
    assert redaction().text(text) == text


def test_paths_leaves_the_last_part_of_every_place_that_was_named() -> None:
    hides = redaction(paths=True, places=("/home/ada/work/site/acme/val.json", "/mnt/x/images"))

    assert hides.place("acme/val.json") == "…/val.json"
    assert hides.place("val.json") == "val.json"
    assert hides.text("acme/val.json: not JSON") == "…/val.json: not JSON"
    assert hides.text("/home/ada/work/site/acme/val.json: gone") == "…/val.json: gone"
    assert hides.argument("--detgate-ckpt=acme/run 7/epoch_1.pth") == (
        "--detgate-ckpt=…/epoch_1.pth"
    )


def test_patterns_hide_anything_anywhere() -> None:
    report = private_report()

    hidden = redaction("(?i)acme", r"cam\d+").report(report)
    text = msgspec.json.encode(hidden).decode()

    assert "acme" not in text.lower()
    assert not re.search(r"cam\d", text)
    assert hidden.rules[0].findings[0].image == "[redacted]/[redacted]_1.jpg"
    assert list(hidden.dataset.splits) == ["[redacted]", "[redacted] (2)"]


def private_report() -> Report:
    split = SplitRecord(
        annotations="../../../../mnt/acme/val.json",
        images_dir="/mnt/acme/images",
        sha256="aca" * 20 + "cafe",
        images=1,
        boxes=0,
        empty=1,
    )
    found = Finding(text="in /mnt/acme/a.jpg", dataset="acme", image="acme/cam7_1.jpg")
    failed = rule(
        "probe-fp[acme]",
        "failed",
        "see /home/ada/x.txt",
        Measurement.at_most("boxes[acme]", 1, 0),
        findings=[found],
    )
    return replace(
        sample_report(),
        command=["pytest", "--detgate-ckpt=/mnt/acme disk/epoch_1.pth", "/srv/ci/tests"],
        rules=[failed],
        dataset=DatasetRecord(splits={"acme": split, "Acme": split}, probes={}),
    )


def test_no_part_of_a_record_has_an_absolute_path() -> None:
    hidden = redaction().report(private_report())
    text = msgspec.json.encode(hidden).decode()

    for secret in ("/mnt", "/home", "/srv", "disk"):
        assert secret not in text
    assert hidden.command == ["pytest", "--detgate-ckpt=…/epoch_1.pth", "…/tests"]
    assert hidden.rules[0].message == "see ~/x.txt"
    assert hidden.rules[0].findings[0].image == "acme/cam7_1.jpg"
    assert hidden.dataset.splits["acme"].images_dir == "…/images"
    assert hidden.dataset.splits["acme"].sha256 == "aca" * 20 + "cafe"


def test_verdicts_and_digests_are_no_texts() -> None:
    """A pattern that matches a word of the format must leave a record that can be read."""
    hidden = redaction("failed", "a", "<=", "point").report(sample_report())

    read = msgspec.json.decode(msgspec.json.encode(hidden), type=Report)
    assert [rule.verdict for rule in read.rules] == [rule.verdict for rule in sample_report().rules]
    assert read.config.sha256 == sample_report().config.sha256


def test_a_record_without_secrets_stays_as_it_is() -> None:
    assert redaction(hosts=True).report(sample_report()) == sample_report()
