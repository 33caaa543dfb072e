"""What may not be seen: absolute paths always, the rest where it is asked for."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_detgate.evidence import Evidence, Frame, FrameBox
from pytest_detgate.findings import Finding, Measurement
from pytest_detgate.record.redaction.redaction import Redaction
from pytest_detgate.record.report import DatasetRecord, Report, SplitRecord
from tests.report.sample import rule, sample_report

ROOT = Path("/home/ada/work/site")
HOME = Path("/home/ada")


def redaction(
    *patterns: str, paths: bool = False, hosts: bool = False, named_folders: tuple[str, ...] = ()
) -> Redaction:
    return Redaction(
        ROOT,
        folders=map(Path, named_folders),
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
        ("/mnt/acme [old]/x.json: gone", "…/x.json: gone"),
        ("/mnt/acme (2024) {b}/val.json", "…/val.json"),
        ("read /mnt/data[1]/a(2)/x.json, then", "read …/x.json, then"),
        ("(see /mnt/acme/x.json) or a/b", "(see …/x.json) or a/b"),
        ("/mnt/my big disk/val.json: gone", "…/val.json: gone"),
        ("/mnt/it's/acme,inc/val.json", "…/val.json"),
        ("from //nas/share/acme/x.json", "from …/x.json"),
        ("'//nas/share/my disk/x.json' is gone", "'…/x.json' is gone"),
        (r"from \\\\nas7\\share\\a [b]\\val.json", "from …/val.json"),
        (r"\\?\C:\Users\ada\val.json", "…/val.json"),
        (r"[\\nas7\share\acme\val.json]", "[…/val.json]"),
        (r"D:\acme (old)\x.json: gone", "…/x.json: gone"),
        ("D:/acme [old]/x.json", "…/x.json"),
        ("file://nas/share/acme/val.json", "…/val.json"),
        ("FILE:/mnt/acme/val.json", "…/val.json"),
        ("'file:///mnt/my disk/val.json'", "'…/val.json'"),
        ("PATH=/mnt/a/bin:/mnt/b/bin", "PATH=…/bin:…/bin"),
        ("link->/mnt/acme/x.json", "link->…/x.json"),
        ("../../../../mnt/acme [old]/val.json", "…/val.json"),
        ("in </mnt/acme/x.json>", "in <…/x.json>"),
        ("/m/acme/x.json", "…/x.json"),
        ("/home/ada/work/site (old)/x.json", "~/work/site (old)/x.json"),
        ("/home/ada (old)/x.json", "…/x.json"),
        ("/home/ada/work/site@2/x.json", "~/work/site@2/x.json"),
        ("nothing in /home/ada/work/site (see a/b)", "nothing in . (see a/b)"),
        ("https://h.org/x?file=/mnt/acme/x.json", "https://h.org/x?file=…/x.json"),
        # what is no absolute path stays
        ("../shared/val.json", "../shared/val.json"),
        ("val/roof_1.jpg: 3 of 4 and/or 35.2/s, 1/2 of them", None),
        ("https://example.org/a/b and s3://bucket/key", None),
        ("</script><img src=x>", None),
        ("the class 'n/a' / none", None),
        ("(?P<clip>[^/]+)_(?P<frame>\\d+)\\.jpg$", None),
        ("(/|^)[^/]+/(?P<frame>\\d+)", None),
        ("http://h.org/a(b)/c&/d/-/e", None),
        ("1 / 2 or a // b", None),
    ],
)
def test_absolute_paths_are_never_shown(text: str, shown: str | None) -> None:
    assert redaction().text(text) == (text if shown is None else shown)


# Names of folders with what people and systems put into them, each unlike any other text here.
_SIGNS = " ()[]{}<>,;:!#$%&+=@^~.'-_é日"
_NAMES = st.tuples(
    st.text("QXZ", min_size=3, max_size=4),
    st.text(_SIGNS, max_size=3),
    st.text("QXZ", min_size=3, max_size=4),
).map("".join)
# Where nothing says where a path ends, a blank may end it.
_PLAIN_NAMES = _NAMES.filter(lambda name: " " not in name)
_STARTS = ("/mnt", "//nas", "/", r"\\\\nas", "C:", "d:", "file:///mnt", "file://nas")
_QUOTES = ("'{}'", '"{}"', "`{}`", "open('{}')")
_CONTEXTS = (
    *("{}", "{}: gone", "({})", "see {}", "path={}", "[{}]", "a, {}; b", "{} and a/b"),
    *("--x={}", "|{}|", "->{}", "{}:12: error", "{},{}"),
)


def path_of(start: str, parents: list[str]) -> str:
    """A path to a file `val.json` in some folders, as a system writes it."""
    separator = "\\" if start.startswith(("\\", "C:")) else "/"
    return separator.join([start.rstrip("/"), *parents, "val.json"])


@given(
    start=st.sampled_from(_STARTS),
    parents=st.lists(_NAMES, min_size=1, max_size=4),
    context=st.sampled_from(_QUOTES),
)
@settings(max_examples=100, deadline=None)
def test_no_name_of_a_folder_is_left_of_a_quoted_path(
    start: str, parents: list[str], context: str
) -> None:
    path = path_of(start, parents)
    if context.startswith("'") or "('" in context:
        path = path.replace("'", "\\'")

    shown = redaction().text(context.replace("{}", path))

    assert not re.search("[QXZ]{3}", shown)
    assert "val.json" in shown


@given(
    start=st.sampled_from(_STARTS),
    parents=st.lists(_PLAIN_NAMES, min_size=1, max_size=4),
    context=st.sampled_from(_CONTEXTS),
)
@settings(max_examples=200, deadline=None)
def test_no_name_of_a_folder_is_left_of_a_path_in_a_sentence(
    start: str, parents: list[str], context: str
) -> None:
    path = path_of(start, parents)

    shown = redaction().text(context.replace("{}", path))

    assert not re.search("[QXZ]{3}", shown)
    assert "val.json" in shown


@given(
    start=st.sampled_from(("/mnt", "//nas", "/home/ada")),
    parents=st.lists(_NAMES, min_size=1, max_size=4),
    context=st.sampled_from(_CONTEXTS),
)
@settings(max_examples=100, deadline=None)
def test_no_folder_name_is_left_of_a_named_place(
    start: str, parents: list[str], context: str
) -> None:
    """No name of a folder is left of a place that the project names."""
    path = path_of(start, parents)
    hides = redaction(paths=True, named_folders=(path,))

    assert not re.search("[QXZ]{3}", hides.text(context.replace("{}", path)))
    for argument in (f"--detgate-predictions=val={path}", f"--rootdir={path}", path):
        assert not re.search("[QXZ]{3}", hides.argument(argument))
    assert hides.path_text(path) == "…/val.json"


def test_a_named_place_with_blanks_is_known_in_any_text() -> None:
    """A place with blanks that the project names is known in any text."""
    hides = redaction(named_folders=("/mnt/acme data (old)/val images",))

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


def test_paths_leaves_the_last_part_of_named_places() -> None:
    """Paths leaves the last part of every place that was named."""
    hides = redaction(
        paths=True, named_folders=("/home/ada/work/site/acme/val.json", "/mnt/x/images")
    )

    assert hides.path_text("acme/val.json") == "…/val.json"
    assert hides.path_text("val.json") == "val.json"
    assert hides.text("acme/val.json: not JSON") == "…/val.json: not JSON"
    assert hides.text("/home/ada/work/site/acme/val.json: gone") == "…/val.json: gone"
    assert hides.argument("--detgate-ckpt=acme/run 7/epoch_1.pth") == (
        "--detgate-ckpt=…/epoch_1.pth"
    )


def test_addresses_and_paths_of_windows_among_named_places() -> None:
    hides = redaction()

    assert hides.path_text("s3://bucket/val.json") == "s3://bucket/val.json"
    assert hides.path_text("") == ""
    assert hides.path_text(r"D:\acme\val.json") == "…/val.json"


def test_a_root_that_is_the_top_hides_no_less() -> None:
    """Nothing is shown as if it lay in the project, which begins where all paths do."""
    hides = Redaction(Path("/"), home=Path("/home/ada"))

    assert hides.text("/mnt/acme/x.json and /home/ada/y.json") == "…/x.json and ~/y.json"
    assert hides.path_text("/mnt/acme/x.json") == "mnt/acme/x.json"


def test_a_machine_without_a_name_hides_no_localhost() -> None:
    hides = Redaction(Path("/srv"), hosts=True, home=Path("/home/ada"), host="localhost")

    assert hides.text("on localhost, not 10.0.0.7") == "on localhost, not [host]"


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
    finding = Finding(text="in /mnt/acme/a.jpg", dataset="acme", image="acme/cam7_1.jpg")
    failed = rule(
        "probe-fp[acme]",
        "failed",
        "see /home/ada/x.txt",
        Measurement.at_most("boxes[acme]", 1, 0),
        findings=[finding],
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


def report_of_classes(*classes: str) -> Report:
    """A record in which these classes are wherever a class may be."""
    rules = [
        rule(
            f"class-ap.ap[{name}]",
            "failed",
            f"AP of {name} is 0.1, '{name}' (not {name}).",
            Measurement.at_least(f"ap[{name}]", 0.1, 0.2),
            findings=[Finding(text=f"a box of {name}", label=name)],
            evidence=Evidence(
                frames=[
                    Frame(
                        dataset="val",
                        image="a.jpg",
                        boxes=[FrameBox(box=(0, 0, 1, 1), label=name)],
                    )
                ]
            ),
        )
        for name in classes
    ]
    sample = sample_report()
    assert sample.model is not None
    of_class = next(iter(sample.scores["val"].classes.values()))
    return replace(
        sample,
        model=replace(sample.model, classes=list(classes)),
        scores={"val": replace(sample.scores["val"], classes=dict.fromkeys(classes, of_class))},
        rules=rules,
        not_selected=[f"probe-fp[{name}]" for name in classes],
    )


@pytest.mark.parametrize(
    "classes",
    [
        ("/a/x", "/b/x"),
        ("/m/01g317", "/m/0"),
        ("//nas/share/x", "C:\\acme\\x"),
        ("../x", "../../x"),
        ("/home/ada/work/site/x", "/home/ada/x", "x"),
    ],
)
def test_classes_like_paths_keep_their_names(classes: tuple[str, ...]) -> None:
    report = report_of_classes(*classes)

    shown = redaction().report(report)

    assert shown.model == report.model
    assert shown.scores == report.scores
    assert shown.not_selected == report.not_selected
    for was, now in zip(report.rules, shown.rules, strict=True):
        assert (now.id, now.measurements, now.evidence) == (was.id, was.measurements, was.evidence)
        assert [finding.label for finding in now.findings] == [was.findings[0].label]


def test_texts_keep_the_names_of_classes_that_are_known() -> None:
    report = report_of_classes("/a/x", "/b/x")

    shown = redaction().report(report)

    assert [rule.message for rule in shown.rules] == [rule.message for rule in report.rules]
    assert shown.rules[0].findings == report.rules[0].findings


def test_a_path_that_begins_like_a_class_is_none() -> None:
    hides = redaction()
    hides.report(report_of_classes("/mnt/acme", "/mnt"))

    assert hides.text("in /mnt/acme/cam7/x.json") == "in …/x.json"
    assert hides.text("'/mnt/acme/x.json' and /mnt/other") == "'…/x.json' and …/other"


def test_patterns_and_hosts_hide_names_of_classes_too() -> None:
    report = report_of_classes("/acme/x", "/b/gpu7.lab.example")

    shown = redaction("acme", hosts=True).report(report)

    assert shown.model is not None
    assert shown.model.classes == ["/[redacted]/x", "/b/[host]"]
    assert shown.rules[0].measurements[0].name == "ap[/[redacted]/x]"


def test_the_id_of_a_test_begins_with_a_path() -> None:
    """It may lie outside the root, and a parameter of it may be a path."""
    node_id = "../../../bob/tests/test_a.py::test_b[/home/ada/x.json]"
    report = replace(sample_report(), rules=[rule(node_id, "failed", "")], not_selected=[node_id])

    shown = redaction().report(report)

    assert "bob" not in shown.rules[0].id
    assert "/home" not in shown.rules[0].id
    assert shown.not_selected == [shown.rules[0].id]


def test_verdicts_and_digests_are_no_texts() -> None:
    """A pattern that matches a word of the format must leave a record that can be read."""
    hidden = redaction("failed", "a", "<=", "point").report(sample_report())

    read = msgspec.json.decode(msgspec.json.encode(hidden), type=Report)
    assert [rule.verdict for rule in read.rules] == [rule.verdict for rule in sample_report().rules]
    assert read.config.sha256 == sample_report().config.sha256


def test_a_record_without_secrets_stays_as_it_is() -> None:
    assert redaction(hosts=True).report(sample_report()) == sample_report()
