"""Tests written by hand, and detectors of the project's own."""

from __future__ import annotations

from tests.campaign.detections import DETECTOR

_LATE = """\
@pytest.fixture
def late(detgate_record):
    detgate_record.at_most("x", 1, 2)
    yield
    {}


def test_it(late, detgate_record):
    pass
"""


def _test(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"def test_it(detgate_record):\n{body}"


_WITHIN_LIMIT = "detgate_record.at_most('x', 1, 2)"
BY_HAND: dict[str, tuple[str, bool]] = {
    "keeps its limit": (_test(_WITHIN_LIMIT), True),
    "breaks its limit": (_test("detgate_record.at_most('x', 3, 2)"), False),
    "breaks its limit in teardown": (_LATE.format("detgate_record.at_most('y', 3, 2)"), False),
    "has no limit": (_test("detgate_record.shown('x', 3)"), False),
    "has an infinite limit": (_test("detgate_record.at_most('x', 3, float('inf'))"), False),
    "holds NaN": (_test("detgate_record.at_most('x', float('nan'), 1)"), False),
    "holds text": (_test("detgate_record.at_most('x', '0', 1)"), False),
    "fails without a record": (
        "def test_it(detgate_dataset):\n    assert detgate_dataset('val') is None\n",
        False,
    ),
    "crashes in teardown": (_LATE.format("raise RuntimeError('late')"), False),
    "is skipped": (_test(_WITHIN_LIMIT, "pytest.skip('no')"), False),
    "holds NumPy values": (
        _test(
            "detgate_record.at_most('x', np.int64(1), np.float32(2))",
            "detgate_record.finding('y', dataset='val', score=np.float32(0.5))",
        ),
        True,
    ),
}
"""Tests, and whether they may pass."""

_LOOP = DETECTOR[DETECTOR.index("        for image in images:") :]
_ROWS = "            rows ="


def _before(line: str, new: str) -> str:
    """The detector with a line before another one."""
    indent = line[: len(line) - len(line.lstrip())]
    return DETECTOR.replace(line, f"{indent}{new}\n{line}")


DETECTORS: dict[str, str] = {
    "one answer too few": DETECTOR.replace("in images:", "in images[1:]:"),
    "one answer too many": DETECTOR + "        yield [], [], []\n",
    "raises": _before(_ROWS, "raise OSError"),
    "NaN scores": DETECTOR.replace("row[4] for", "float('nan') * row[4] for"),
    "scores over 1": DETECTOR.replace("row[4] for", "row[4] + 1 for"),
    "infinite boxes": DETECTOR.replace("row[:4] for", "[*row[:3], float('inf')] for"),
    "nothing found": _before("            yield", "rows = []"),
    "unknown class": DETECTOR.replace("row[5] for", "row[5] + 'x' for"),
    "no answers": DETECTOR.replace(_LOOP, "        return None\n"),
    "answers of None": DETECTOR.replace(_LOOP, "        yield from [None for _ in images]\n"),
    "no classes": DETECTOR.replace('content["classes"], content', "[], content"),
    "cannot be made": _before("        content =", "raise OSError"),
}
"""Detectors that no rule may believe."""
