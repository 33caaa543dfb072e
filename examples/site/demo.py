"""Draws the data, trains both models, gates both, and says what came of it.

Both gates run at once, each on half of the cores. A second run is quick: training and detections
are kept. Exits with 0 if the first model was blocked and the second was let through, as the
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
    """One model: its configuration file, its report folder and the exit code it should give."""

    title: str
    config: str
    report: str
    expected: int


GATES = (
    Gate("violations only", "detgate.toml", "detgate-report/violations_only", 1),
    Gate("with compliant frames", "detgate-mended.toml", "detgate-report/with_compliant", 0),
)


def main() -> int:
    """Run the example."""
    started = time.monotonic()
    subprocess.run([sys.executable, "make_data.py"], cwd=HERE, check=True)
    print("Training and gating both models, some minutes the first time ...", flush=True)
    running = [start(gate) for gate in GATES]
    told = []
    for gate, process in zip(GATES, running, strict=True):
        output, _ = process.communicate()
        print(f"\n--- {gate.title}: {shlex.join(arguments(gate))}\n{output}", flush=True)
        told.append(told_of(gate, process.returncode))
    print(f"{'=' * 79}\n")
    print("\n\n".join(text for text, _ in told))
    print(f"\n{time.monotonic() - started:.0f} s in all; a second run uses what is kept.")
    return 0 if all(as_expected for _, as_expected in told) else 1


def arguments(gate: Gate) -> list[str]:
    """The command line of a gate that trains, where no finished run has these inputs."""
    return [
        *("pytest", "--detgate-train", "--detgate-config", gate.config),
        *("--detgate-report", gate.report, "-q", "--tb=no"),
    ]


def start(gate: Gate) -> subprocess.Popen[str]:
    """Start a gate; its output is for later."""
    threads = max(1, (os.cpu_count() or 1) // len(GATES))
    return subprocess.Popen(
        [sys.executable, "-m", *arguments(gate)],
        cwd=HERE,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def told_of(gate: Gate, code: int) -> tuple[str, bool]:
    """What to say of a gate that ended with `code`, and whether it ended as it should."""
    page = Path(os.path.relpath(HERE / gate.report / "index.html"))
    try:
        report = read_report(HERE / gate.report / "report.json")
    except DetgateError as error:
        return f"{gate.title}: no verdict (exit code {code}): {error}", False
    word = {0: "PASSED", 1: "BLOCKED"}.get(code, f"exit code {code}")
    lines = [f"{gate.title}: {word}", *reasons(report), f"  page: {page}"]
    if code != gate.expected:
        lines.append(f"  The example is meant to end with exit code {gate.expected} here.")
    return "\n".join(lines), code == gate.expected


def reasons(report: Report) -> list[str]:
    """One line for each rule that blocked; for a model that passed, its AP and false boxes."""
    blocking = [rule for rule in report.rules if rule.verdict in ("failed", "not-evaluated")]
    told = blocking or [rule for rule in report.rules if rule.code in ("probe-fp", "mean-ap")]
    return [f"  {rule.id}: {rule.message}" for rule in told]


if __name__ == "__main__":
    sys.exit(main())
