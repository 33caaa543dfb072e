"""Print the share of branches in a JSON report of coverage.py; too small a share ends with 1.

The total that coverage.py itself compares with `fail_under` is one of lines and branches together,
most of which are lines.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code of the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.branches", description=__doc__)
    parser.add_argument("report", type=Path, help="file that `coverage json` wrote")
    parser.add_argument("least", type=float, help="smallest share in percent")
    given = parser.parse_args(arguments)
    totals = json.loads(given.report.read_text(encoding="utf-8"))["totals"]
    covered, branches = totals["covered_branches"], totals["num_branches"]
    share = 100 * covered / max(branches, 1)
    print(f"branches alone: {share:.2f}% ({covered:,} of {branches:,}), at least {given.least:g}%")
    return int(share < given.least)


if __name__ == "__main__":
    raise SystemExit(main())
