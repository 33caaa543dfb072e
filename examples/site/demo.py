"""Draws the data, trains both models, gates both, and says what came of it.

Both gates run at once, each on half of the cores. Then an early epoch of the good model is gated,
which has no false box because it finds nothing, and its last one is compared with the bad model.
A second run is quick: training and detections are kept. Exits with 0 if every gate ended as the
example is meant to show.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pytest_detgate.audit.record import Report, read_report
from pytest_detgate.errors import DetgateError

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Gate:
    """One model: what is gated, its configuration file, its report folder, the exit code it should
    give, and the rules to tell of where none blocks."""

    title: str
    gated: tuple[str, ...]
    config: str
    report: str
    expected: int
    told: tuple[str, ...] = ("probe-fp", "mean-ap")


TRAINED = (
    Gate(
        "violations only",
        ("--detgate-train",),
        "detgate.toml",
        "detgate-report/violations_only",
        1,
    ),
    Gate(
        "with compliant frames",
        ("--detgate-train",),
        "detgate-mended.toml",
        "detgate-report/with_compliant",
        0,
    ),
)
THEN = (
    Gate(
        "its second epoch, with hardly a false box",
        ("--detgate-ckpt=work_dirs/with_compliant/epoch_2.pth",),
        "detgate-mended.toml",
        "detgate-report/early_epoch",
        1,
    ),
    Gate(
        "its last epoch, compared with the first model",
        (
            "--detgate-ckpt=work_dirs/with_compliant/epoch_14.pth",
            "--detgate-baseline=work_dirs/violations_only/epoch_14.pth",
        ),
        "detgate-mended.toml",
        "detgate-report/compared",
        0,
        ("fp-regression", "ap-regression"),
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
    if code != gate.expected:
        lines.append(f"  The example is meant to end with exit code {gate.expected} here.")
    return "\n".join(lines), code == gate.expected


def reasons(gate: Gate, report: Report) -> list[str]:
    """One line for each rule that blocked; for a model that passed, what the gate is to tell."""
    blocking = [rule for rule in report.rules if rule.verdict in ("failed", "not-evaluated")]
    told = blocking or [rule for rule in report.rules if rule.code in gate.told]
    return [f"  {rule.id}: {rule.message}" for rule in told]


if __name__ == "__main__":
    sys.exit(main())
