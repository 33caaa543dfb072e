"""Draws the data and gates the two models of `onnx/`, one that is blocked and one that passes.

Needs the core and the extra `onnx`: no torch, no MMDetection, no compiler. Exits with 0 if in both
gates the right rules failed, with values as the example is meant to show.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time

from demo import FEW, HERE, MANY, Gate, Value, end, start

WIDTH = 79
GATES = (
    Gate(
        "trained on violations only",
        (),
        "onnx/violations_only.toml",
        "detgate-report/quick_violations_only",
        failed={
            "empty-gt-share[train]": Value("share", 0, 0),
            "probe-fp[same-sites]": Value("boxes", *MANY),
            "probe-fp[other-style]": Value("boxes", *MANY),
        },
        passed={
            "class-ap[helmet_off_head]": Value("ap", 0.6, 1),
            "recall[helmet_off_head]": Value("recall", 0.9, 1),
        },
    ),
    Gate(
        "trained with compliant frames",
        (),
        "onnx/with_compliant.toml",
        "detgate-report/quick_with_compliant",
        failed={},
        passed={
            "empty-gt-share[train]": Value("share", 0.25, 0.5),
            "probe-fp[same-sites]": Value("boxes", *FEW),
            "probe-fp[other-style]": Value("boxes", *FEW),
            "class-ap[helmet_off_head]": Value("ap", 0.8, 1),
        },
    ),
)


def main() -> int:
    """Run the example."""
    started = time.monotonic()
    subprocess.run([sys.executable, "make_data.py"], cwd=HERE, check=True)
    running = [start(gate, share=len(GATES)) for gate in GATES]
    told = [end(gate, process) for gate, process in zip(GATES, running, strict=True)]
    print(f"{'=' * 79}\n")
    print("\n\n".join(wrapped(text) for text, _ in told))
    print(f"\n{time.monotonic() - started:.0f} s in all")
    return 0 if all(as_expected for _, as_expected in told) else 1


def wrapped(text: str) -> str:
    """The same lines, none longer than a terminal is wide."""
    lines = (textwrap.wrap(one, WIDTH, subsequent_indent="    ") for one in text.splitlines())
    return "\n".join(part for line in lines for part in line)


if __name__ == "__main__":
    sys.exit(main())
