"""`python -m tests.campaign.mutants`: how many changes of the code that decides no test notices.

mutmut has made and tried them before; this reads what it left, and holds the survivors against
`survivors.md`, which says of each why no test can tell it from the original.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

LEAST = 0.95
REASONS = Path(__file__).with_name("survivors.md")
_KILLED = frozenset({"killed", "timeout", "segfault", "caught by type check"})


def main() -> int:
    """Print the share and the survivors; 1 where the share is too small or a reason is missing.

    What no test can tell from the original counts for nothing; the share with it is printed, too.
    """
    status = _results()
    counts = Counter(status.values())
    tried = sum(count for name, count in counts.items() if name != "skipped")
    killed = sum(counts[name] for name in _KILLED)
    reasons = REASONS.read_text("utf-8")
    survivors = [_change(name) for name in sorted(status) if status[name] not in _KILLED]
    unexplained = [change for change in survivors if change not in reasons]
    print(", ".join(f"{count} {name}" for name, count in counts.most_common()))
    print(f"{killed} of {tried} mutants killed: {killed / max(tried, 1):.2%}")
    told = tried - len(survivors) + len(unexplained)
    print(f"{killed / max(told, 1):.2%} of those that a test can tell from the original")
    print(f"{len(survivors)} survivors, {len(unexplained)} without a reason in {REASONS.name}")
    for change in unexplained:
        print(f"\n{change}")
    return 0 if told and killed / told >= LEAST and not unexplained else 1


def _results() -> dict[str, str]:
    """The status of each mutant by its name."""
    lines = _mutmut("results", "--all", "true").splitlines()
    pairs = [line.strip().rpartition(": ") for line in lines if ": " in line]
    return {name: status for name, _, status in pairs}


def _change(name: str) -> str:
    """A mutant as it is written in the list: its function, and the lines that differ."""
    function = name.partition("__mutmut")[0]
    lines = _mutmut("show", name).splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join([function, *(f"{line[0]} {line[1:].strip()}" for line in changed)])


def _mutmut(*arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
