"""Draws the data, trains both models, gates both, and says what came of it.

Both gates run at once, each on half of the cores. Then an early epoch of the good model is gated,
which has no false box because it finds nothing, and its last one is compared with the bad model.
A second run is quick: training and detections are kept. Exits with 0 if in every gate the right
rules failed, with values as the example is meant to show.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.errors import DetgateError
from pytest_detgate.record.report import Report
from pytest_detgate.record.report_file import read_report

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Value:
    """A measured value by its name and the range that it is expected in, ends included.

    Training gives other numbers on another machine; the ranges are wide enough for those.
    """

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Gate:
    """One model: what is gated, its configuration file and its report folder.

    `failed` are all items that fail, each with a value, `passed` some of those that pass.
    """

    title: str
    gated: tuple[str, ...]
    config: str
    report: str
    failed: Mapping[str, Value]
    passed: Mapping[str, Value]

    @property
    def exit_code(self) -> int:
        return 1 if self.failed else 0


FEW, MANY = (0, 75), (100, 400)
TRAINED = (
    Gate(
        "violations only",
        ("--detgate-train",),
        "detgate.toml",
        "detgate-report/violations_only",
        failed={
            "empty-gt-share[train]": Value("share", 0, 0),
            "training-view": Value("effective_empty_share", 0, 0),
            "probe-fp[same-sites]": Value("boxes", *MANY),
            "probe-fp[other-style]": Value("boxes", *MANY),
            "operating-point": Value("recall[helmet_off_head]", 0, 0.9),
        },
        passed={
            "mean-ap": Value("ap", 0.6, 0.9),
            "recall[helmet_off_head]": Value("recall", 0.9, 1),
        },
    ),
    Gate(
        "with compliant frames",
        ("--detgate-train",),
        "detgate-mended.toml",
        "detgate-report/with_compliant",
        failed={},
        passed={
            "probe-fp[same-sites]": Value("boxes", *FEW),
            "probe-fp[other-style]": Value("boxes", *FEW),
            "mean-ap": Value("ap", 0.8, 1),
        },
    ),
)
THEN = (
    Gate(
        "its second epoch, with hardly a false box",
        ("--detgate-ckpt=work_dirs/with_compliant/epoch_2.pth",),
        "detgate-mended.toml",
        "detgate-report/early_epoch",
        failed={
            "recall[helmet_off_head]": Value("recall", 0, 0.5),
            "recall[helmet_off_person]": Value("recall", 0, 0.5),
            "class-ap[helmet_off_head]": Value("ap", 0, 0.5),
            "class-ap[helmet_off_person]": Value("ap", 0, 0.5),
            "mean-ap": Value("ap", 0, 0.5),
            "operating-point": Value("recall[helmet_off_head]", 0, 0.5),
            "checkpoint-choice": Value("timid", 1, 6),
        },
        passed={
            "probe-fp[same-sites]": Value("boxes", *FEW),
            "probe-fp[other-style]": Value("boxes", *FEW),
        },
    ),
    Gate(
        "its last epoch, compared with the first model",
        (
            "--detgate-ckpt=work_dirs/with_compliant/epoch_14.pth",
            "--detgate-baseline=work_dirs/violations_only/epoch_14.pth",
        ),
        "detgate-mended.toml",
        "detgate-report/compared",
        failed={},
        passed={
            "fp-regression[same-sites]": Value("baseline", *MANY),
            "fp-regression[other-style]": Value("baseline", *MANY),
            "ap-regression": Value("change", 0.05, 0.6),
        },
    ),
)


def main() -> int:
    """Run the example."""
    started = time.monotonic()
    subprocess.run([sys.executable, "make_data.py"], cwd=HERE, check=True)
    print("Training and gating both models, some minutes the first time ...", flush=True)
    running = [start(gate, share=len(TRAINED)) for gate in TRAINED]
    told = [end(gate, process) for gate, process in zip(TRAINED, running, strict=True)]
    told += [end(gate, start(gate)) for gate in THEN]
    print(f"{'=' * 79}\n")
    print("\n\n".join(text for text, _ in told))
    print(f"\n{time.monotonic() - started:.0f} s in all; a second run uses what is kept.")
    return 0 if all(as_expected for _, as_expected in told) else 1


def arguments(gate: Gate) -> list[str]:
    """The command line of a gate; it trains only where no finished run has these inputs."""
    return [
        *("pytest", *gate.gated, "--detgate-config", gate.config),
        *("--detgate-report", gate.report, "-q", "--tb=no"),
    ]


def start(gate: Gate, share: int = 1) -> subprocess.Popen[str]:
    """Start a gate beside others that share the cores; its output is for later."""
    threads = max(1, (os.cpu_count() or 1) // share)
    return subprocess.Popen(
        [sys.executable, "-m", *arguments(gate)],
        cwd=HERE,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(gate: Gate, process: subprocess.Popen[str]) -> tuple[str, bool]:
    """Wait for a gate and print what it said; then as `told_of`."""
    output, _ = process.communicate()
    print(f"\n--- {gate.title}: {shlex.join(arguments(gate))}\n{output}", flush=True)
    return told_of(gate, process.returncode)


def told_of(gate: Gate, code: int) -> tuple[str, bool]:
    """What to say of a gate that ended with `code`, and whether it ended as it should."""
    page = Path(os.path.relpath(HERE / gate.report / "index.html"))
    try:
        report = read_report(HERE / gate.report / "report.json")
    except DetgateError as error:
        return f"{gate.title}: no verdict (exit code {code}): {error}", False
    word = {0: "PASSED", 1: "BLOCKED"}.get(code, f"exit code {code}")
    lines = [f"{gate.title}: {word}", *reasons(gate, report), f"  page: {page}"]
    wrong = [*surprises(gate, report)]
    if code != gate.exit_code:
        wrong.append(f"the exit code is {code}, expected {gate.exit_code}")
    lines += [f"  NOT AS EXPECTED: {one}" for one in wrong]
    return "\n".join(lines), not wrong


def reasons(gate: Gate, report: Report) -> list[str]:
    """One line for each rule that blocked; for a model that passed, what the gate is to tell."""
    blocking = [rule for rule in report.rules if rule.verdict in ("failed", "not-evaluated")]
    told = blocking or [rule for rule in report.rules if rule.id in gate.passed]
    return [f"  {rule.id}: {rule.message}" for rule in told]


def surprises(gate: Gate, report: Report) -> Iterator[str]:
    """What a gate says that it is not meant to say."""
    rules = {rule.id: rule for rule in report.rules}
    for item, rule in rules.items():
        allowed = ("failed",) if item in gate.failed else ("passed", "waived")
        if rule.verdict not in allowed:
            yield f"{item} is {rule.verdict}, expected {' or '.join(allowed)}"
    for item, expected in {**gate.failed, **gate.passed}.items():
        if item not in rules:
            yield f"{item} is missing from the report"
            continue
        values = {one.name: one.value for one in rules[item].measurements}
        value = values.get(expected.name)
        if value is None or not expected.low <= value <= expected.high:
            yield (
                f"{item} has {expected.name} {value}, expected {expected.low} to {expected.high}"
            )


if __name__ == "__main__":
    sys.exit(main())
